/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/load_plan.h"

#include "echoping/message.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/* For standard streams, epoll, what the C library opens; of each thread. */
#define DESCRIPTOR_RESERVE 24

/*
 * Of the ports for outgoing connections so many are used up before another
 * address is: connect(2) looks at every other port first, and at all of these
 * again for each connection when they are used up.
 */
#define PORTS_USED(ports) ((ports) / 10 * 4)

/* What cannot be with this target, and the remedy; or NULL. */
static const char *find_conflict(const struct settings *settings,
				 const struct target *target)
{
	bool stream = target_type(target) == SOCK_STREAM;
	enum load_kind kind = settings->load;
	const struct {
		bool wrong;
		const char *what;
	} conflicts[] = {
		{ kind == LOAD_CONNECT && !stream,
		  "--connect needs a stream (such as tcp:HOST:PORT)" },
		{ kind == LOAD_BULK && !stream,
		  "--bulk needs a stream (such as tcp:HOST:PORT)" },
		{ kind == LOAD_HOLD && !stream,
		  "--hold needs a stream (such as tcp:HOST:PORT)" },
		{ kind != LOAD_MESSAGES && settings->pipeline > 1,
		  "--pipeline is for messages (leave --connect, --bulk, --hold "
		  "out)" },
		{ settings->rate > 0 &&
			  (kind == LOAD_BULK || kind == LOAD_HOLD),
		  "--rate is for messages (leave --bulk and --hold out)" },
		{ settings->gso && !target_is_udp(target),
		  "--gso is for datagrams (use -u or udp:HOST:PORT)" },
		{ stream && settings->size == 0 && kind != LOAD_BULK,
		  "a stream has no empty messages (use --size=1 or more)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(conflicts); i++) {
		if (conflicts[i].wrong)
			return conflicts[i].what;
	}
	return NULL;
}

static unsigned count_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1; /* more CPUs than fit into a set */
	return (unsigned)CPU_COUNT(&set);
}

/* The descriptors that we may have, after taking all that are allowed. */
static uint64_t raise_descriptor_limit(void)
{
	struct rlimit limit = { 0 };

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur;
}

static bool descriptors_suffice(const struct load_plan *plan)
{
	uint64_t limit = raise_descriptor_limit();
	uint64_t reserve = DESCRIPTOR_RESERVE + 2 * (uint64_t)plan->threads;
	uint64_t rest = limit > reserve ? limit - reserve : 0;

	if (plan->settings->connections <= rest)
		return true;
	report_trouble(plan->target,
		       "--connections=%" PRIu32
		       " needs more descriptors than the limit of %" PRIu64
		       " (use at most %" PRIu64 ", or raise it: ulimit -Hn)",
		       plan->settings->connections, limit, rest);
	return false;
}

/* How many ports there are for connections from one address to one target. */
static uint32_t count_ports(void)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	char line[64] = "";
	unsigned long first, last;
	char *end;

	if (file) {
		if (!fgets(line, sizeof(line), file))
			line[0] = '\0';
		(void)fclose(file);
	}
	first = strtoul(line, &end, 10);
	last = strtoul(end, NULL, 10);
	return last > first && last <= UINT16_MAX ? (uint32_t)(last - first + 1)
						  : 28232; /* Linux's default */
}

static bool is_loopback(const struct target *target)
{
	const struct address *address = &target->endpoint.address;

	return address->any.sa_family == AF_INET &&
	       ntohl(address->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

bool load_plan_init(struct load_plan *plan, const struct settings *settings,
		    const struct target *target, const struct source *source)
{
	const char *conflict = find_conflict(settings, target);
	uint32_t ports = PORTS_USED(count_ports());

	*plan = (struct load_plan){
		.settings = settings,
		.target = target,
		.source = source,
		.cpus = count_cpus(),
		.nonce = message_nonce(),
	};
	while (plan->ring_mask + 1 < settings->pipeline)
		plan->ring_mask = 2 * plan->ring_mask + 1;
	plan->threads = settings->threads > 0 ? settings->threads : plan->cpus;
	plan->threads = MIN(plan->threads, settings->connections);
	plan->threads = MIN(plan->threads, THREADS_MAX);
	if (is_loopback(target) && !source->text &&
	    settings->connections > ports)
		plan->per_source = ports;
	if (conflict) {
		report_trouble(target, "%s", conflict);
		return false;
	}
	if (settings->size > target_size_max(target)) {
		report_trouble(target,
			       "--size=%" PRIu32
			       " is too long for it (at most %zu)",
			       settings->size, target_size_max(target));
		return false;
	}
	return descriptors_suffice(plan);
}

void load_plan_source(const struct load_plan *plan, uint32_t number,
		      struct source *source)
{
	*source = *plan->source;
	if (plan->per_source == 0)
		return;
	source->address.length = sizeof(source->address.in);
	source->address.in = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr =
			htonl(INADDR_LOOPBACK + number / plan->per_source),
	};
}

bool load_plan_tells(struct load_plan *plan, enum load_trouble trouble)
{
	return !atomic_exchange_explicit(&plan->told[trouble], true,
					 memory_order_relaxed);
}
