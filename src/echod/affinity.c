/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/affinity.h"

#include "echod/log.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* systemd takes either, and any number of them. */
#define SEPARATORS ", \t\n"

/* CPUs from `first` to `last`; the next part of the list is at `rest`. */
struct range {
	unsigned long first, last;
	const char *rest;
};

static bool read_cpu(const char **text, unsigned long *cpu)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	*cpu = strtoul(*text, &end, 10);
	*text = end;
	return *cpu < CPU_SETSIZE;
}

enum range_outcome {
	RANGE_FOUND,
	RANGE_END, /* there is none left */
	RANGE_WRONG,
};

static enum range_outcome range_read(struct range *range)
{
	const char *text = range->rest + strspn(range->rest, SEPARATORS);

	if (*text == '\0')
		return RANGE_END;
	if (!read_cpu(&text, &range->first))
		return RANGE_WRONG;
	range->last = range->first;
	if (*text == '-') {
		text++;
		if (!read_cpu(&text, &range->last))
			return RANGE_WRONG;
	}
	range->rest = text;
	return range->first <= range->last &&
			       (*text == '\0' || strchr(SEPARATORS, *text))
		       ? RANGE_FOUND
		       : RANGE_WRONG;
}

/* How many the list has; 0 if it is none. */
static size_t list_count(const char *list)
{
	struct range range = { .rest = list };
	enum range_outcome outcome = range_read(&range);
	size_t count = 0;

	for (; outcome == RANGE_FOUND; outcome = range_read(&range))
		count += range.last - range.first + 1;
	return outcome == RANGE_END ? count : 0;
}

static int list_cpu(const char *list, size_t index)
{
	struct range range = { .rest = list };
	size_t count = list_count(list);
	size_t left = count > 0 ? index % count : 0;

	while (range_read(&range) == RANGE_FOUND &&
	       left > range.last - range.first)
		left -= range.last - range.first + 1;
	return (int)(range.first + left);
}

/* Of those that the calling thread may use; -errno. */
static int allowed_cpu(size_t index)
{
	cpu_set_t set;
	size_t left;
	int cpu = -1;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return -errno;
	left = index % (size_t)CPU_COUNT(&set) + 1;
	while (left > 0) {
		if (CPU_ISSET((size_t)++cpu, &set))
			left--;
	}
	return cpu;
}

int affinity_parse(struct affinity *affinity, const char *text,
		   const char **reason)
{
	*affinity = (struct affinity){ .kind = AFFINITY_LIST, .list = text };
	*reason = "is neither 'no', 'auto' nor a list of CPUs (such as 0-3,8)";
	if (strcmp(text, "no") == 0)
		affinity->kind = AFFINITY_FREE;
	else if (strcmp(text, "auto") == 0)
		affinity->kind = AFFINITY_AUTO;
	else if (list_count(text) == 0)
		return -EINVAL;
	return 0;
}

static const char *remedy(int error)
{
	return error == EINVAL
		       ? "name CPUs that are online, and in the process's "
			 "cpuset: see lscpu, and AllowedCPUs= of the service"
		       : "a service needs SystemCallFilter=sched_setaffinity";
}

int affinity_pin(const struct affinity *affinity, pthread_t thread,
		 size_t index)
{
	cpu_set_t set;
	int cpu, error;

	if (affinity->kind == AFFINITY_FREE)
		return 0;
	cpu = affinity->kind == AFFINITY_AUTO ? allowed_cpu(index)
					      : list_cpu(affinity->list, index);
	if (cpu < 0) {
		log_message(LOG_ERR, MESSAGE_FAILED,
			    "cannot find out which CPUs may be used: %s "
			    "(give --cpu-affinity= a list of them)",
			    strerrordesc_np(-cpu));
		return cpu;
	}
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	error = pthread_setaffinity_np(thread, sizeof(set), &set);
	if (error != 0)
		log_message(LOG_ERR, MESSAGE_FAILED,
			    "cannot keep worker %zu on CPU %d: %s (%s)",
			    index + 1, cpu, strerrordesc_np(error),
			    remedy(error));
	return -error;
}
