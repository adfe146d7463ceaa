/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/load_crew.h"

#include "echoping/export.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Beyond this the client is the limit: busy so much of the time, or so much of
 * the latency its own lag. */
#define BUSY_LIMIT 0.95
#define LAG_LIMIT  0.1

static const struct load_engine *choose_engine(const struct load_plan *plan)
{
	switch (plan->settings->load) {
	case LOAD_CONNECT:
		return &load_connect;
	case LOAD_BULK:
		return &load_bulk;
	case LOAD_HOLD:
		return &load_hold;
	case LOAD_MESSAGES:
		break;
	}
	return target_type(plan->target) == SOCK_STREAM ? &load_stream
							: &load_datagram;
}

int load_crew_init(struct load_crew *crew)
{
	const struct load_engine *engine = choose_engine(&crew->plan);
	size_t size = crew->plan.threads * sizeof(*crew->workers);
	int error = load_counts_init(&crew->total);

	crew->control.answered_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (crew->control.answered_fd < 0)
		return -errno;
	if (error == 0)
		error = load_counts_init(&crew->interval);
	crew->workers = aligned_alloc(CACHE_LINE, size);
	if (!crew->workers || error < 0)
		return -ENOMEM;
	memset(crew->workers, 0, size);
	while (error == 0 && crew->made < crew->plan.threads) {
		error = load_worker_init(&crew->workers[crew->made],
					 &crew->plan, engine, &crew->control,
					 crew->made);
		crew->made++;
	}
	return error;
}

int load_crew_start(struct load_crew *crew)
{
	int error = 0;

	crew->since = clock_now();
	while (error == 0 && crew->started < crew->made) {
		error = load_worker_start(&crew->workers[crew->started]);
		crew->started += error == 0;
	}
	return error;
}

void load_crew_deinit(struct load_crew *crew)
{
	for (unsigned i = 0; i < crew->made; i++)
		load_worker_deinit(&crew->workers[i]);
	free(crew->workers);
	load_counts_deinit(&crew->interval);
	load_counts_deinit(&crew->total);
	if (crew->control.answered_fd >= 0)
		close(crew->control.answered_fd);
}

bool load_crew_is_ready(const struct load_crew *crew, enum load_phase phase)
{
	for (unsigned i = 0; i < crew->started; i++) {
		if (atomic_load_explicit(&crew->workers[i].ready,
					 memory_order_acquire) <= phase)
			return false;
	}
	return true;
}

bool load_crew_has_ended(const struct load_crew *crew)
{
	for (unsigned i = 0; i < crew->started; i++) {
		if (!atomic_load_explicit(&crew->workers[i].finished,
					  memory_order_acquire))
			return false;
	}
	return true;
}

static bool all_have_turned(const struct load_crew *crew, unsigned turn)
{
	for (unsigned i = 0; i < crew->started; i++) {
		if (atomic_load_explicit(&crew->workers[i].turned,
					 memory_order_acquire) != turn)
			return false;
	}
	return true;
}

uint64_t load_crew_open(const struct load_crew *crew)
{
	uint64_t open = 0;

	for (unsigned i = 0; i < crew->started; i++)
		open += atomic_load_explicit(&crew->workers[i].open_seen,
					     memory_order_relaxed);
	return open;
}

static void add(struct load_crew *crew, struct load_counts *counts)
{
	load_counts_add(&crew->total, counts);
	load_counts_add(&crew->interval, counts);
	load_counts_reset(counts);
}

void load_crew_turn(struct load_crew *crew, enum load_phase phase)
{
	struct load_control *control = &crew->control;
	unsigned turn =
		atomic_load_explicit(&control->turn, memory_order_relaxed) + 1;
	struct pollfd answered = { .fd = control->answered_fd,
				   .events = POLLIN };
	uint64_t count;

	control->phase = phase;
	atomic_store_explicit(&control->turn, turn, memory_order_release);
	for (unsigned i = 0; i < crew->started; i++)
		load_worker_wake(&crew->workers[i]);
	while (!all_have_turned(crew, turn)) {
		(void)poll(&answered, 1, -1);
		(void)!read(control->answered_fd, &count, sizeof(count));
	}
	for (unsigned i = 0; i < crew->started; i++)
		add(crew, load_worker_left(&crew->workers[i]));
	crew->connections =
		crew->plan.settings->load == LOAD_HOLD
			? load_crew_open(crew)
			: MAX(crew->connections, load_crew_open(crew));
}

uint64_t load_crew_turned_at(const struct load_crew *crew)
{
	uint64_t first = crew->workers[0].turned_at, sum = 0;

	/* Modulo 2^64: some are before the first. */
	for (unsigned i = 0; i < crew->made; i++)
		sum += crew->workers[i].turned_at - first;
	return first + (uint64_t)((int64_t)sum / (int64_t)MAX(crew->made, 1));
}

void load_crew_tell_interval(struct load_crew *crew)
{
	const struct load_counts *counts = &crew->interval;
	uint64_t now = load_crew_turned_at(crew);
	struct load_interval interval = {
		.target = crew->plan.target,
		.elapsed = crew->began > 0 ? now - crew->began : 0,
		.length = now - crew->since,
		.messages = counts->tally.received,
		.lost = counts->tally.lost,
		.bytes = counts->bytes,
		.latency = crew->plan.settings->rate > 0 ? &counts->intended
							 : &counts->tally.rtt,
		.connections = load_crew_open(crew),
		.warmup = crew->began == 0,
	};

	crew->reporter->load_interval(crew->plan.settings, &interval);
	load_counts_reset(&crew->interval);
	crew->since = now;
}

void load_crew_abandon(struct load_crew *crew)
{
	atomic_store_explicit(&crew->control.abandon, true,
			      memory_order_relaxed);
	for (unsigned i = 0; i < crew->started; i++)
		load_worker_wake(&crew->workers[i]);
}

void load_crew_join(struct load_crew *crew)
{
	for (unsigned i = 0; i < crew->started; i++)
		load_worker_join(&crew->workers[i]);
	for (unsigned i = 0; i < crew->started; i++) {
		load_counts_add(&crew->total, &crew->workers[i].slices[0]);
		load_counts_add(&crew->total, &crew->workers[i].slices[1]);
	}
	crew->started = 0;
}

static uint64_t p99(const struct histogram *histogram)
{
	return histogram_value_at(histogram, HISTOGRAM_WHOLE / 100 * 99);
}

static double share(const struct load_crew *crew, uint64_t time)
{
	unsigned cpus = MIN(crew->plan.threads, crew->plan.cpus);
	double whole = (double)(crew->ended - crew->began) * cpus;

	return whole > 0 ? (double)time / whole : 0;
}

/* Who never sleeps uses all of a CPU, and is busy only part of the time. */
static double share_busy(const struct load_crew *crew)
{
	const struct load_counts *total = &crew->total;

	return crew->plan.settings->busy_poll
		       ? 1 - share(crew, total->idle)
		       : share(crew, total->user + total->system);
}

/* Why the client was the limit, or NULL. */
static const char *find_limit(const struct load_crew *crew)
{
	const struct load_counts *total = &crew->total;
	const struct settings *settings = crew->plan.settings;

	if (total->no_port > 0)
		return "the client was the limit: it had no free source port "
		       "(use fewer connections, or wider "
		       "net.ipv4.ip_local_port_range)";
	if (settings->load == LOAD_HOLD && settings->busy == 0)
		return NULL;
	if (settings->rate == 0)
		return share_busy(crew) > BUSY_LIMIT
			       ? "the client was the limit: its threads were "
				 "busy all the time (use more CPUs, or several "
				 "machines)"
			       : NULL;
	if (share(crew, total->idle) < 1 - BUSY_LIMIT && total->intended.total)
		return "the client was the limit: its threads were busy all "
		       "the time (use a lower --rate, or more CPUs)";
	if (histogram_percentile_is_known(&total->intended,
					  HISTOGRAM_WHOLE / 100 * 99) &&
	    (double)p99(&total->own_lag) >
		    LAG_LIMIT * (double)p99(&total->intended))
		return "the client was the limit: it sent late though there "
		       "was room (use a lower --rate, or more CPUs)";
	return NULL;
}

enum exit_status load_crew_summarize(struct load_crew *crew)
{
	const struct settings *settings = crew->plan.settings;
	const struct load_counts *total = &crew->total;
	bool open_loop = settings->rate > 0;
	bool connects =
		settings->load == LOAD_CONNECT || settings->load == LOAD_HOLD;
	const struct histogram *latency =
		open_loop ? &total->intended : &total->tally.rtt;
	struct load_summary summary = {
		.target = crew->plan.target,
		.settings = settings,
		.threads = crew->plan.threads,
		.connections = settings->load == LOAD_CONNECT
				       ? settings->connections
				       : crew->connections,
		.elapsed = crew->ended - crew->began,
		.bytes = total->bytes,
		.tally = &total->tally,
		.intended = open_loop ? &total->intended : NULL,
		.lag = open_loop ? &total->lag : NULL,
		.unsent = total->unsent,
		.connect = connects ? &total->connect : NULL,
		.socket_drops = total->socket_drops,
		.user = total->user,
		.system = total->system,
		.client_limited = find_limit(crew),
	};
	struct export_series series = {
		.name = crew->plan.target->text,
		.latency = latency,
	};

	crew->reporter->load_summary(settings, &summary);
	crew->reporter->finish(settings);
	if (export_files(settings, &series, 1) < 0)
		return EXIT_STATUS_ERROR;
	return report_verdict(settings, &total->tally, latency);
}
