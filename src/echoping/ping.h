/* SPDX-License-Identifier: MIT */
/*
 * Ping mode: a probe to each target every so often, told one by one, and a
 * summary.
 */
#ifndef ECHOPING_PING_H
#define ECHOPING_PING_H

#include "echoping/flow.h"

struct ping_target {
	struct target *target;
	struct flow *flows; /* of the ping's; probes go to them in turn */
	unsigned flow_count;
	uint64_t sent; /* probes so far */
	uint64_t due;  /* when the next one is, ns CLOCK_MONOTONIC */
};

struct ping {
	struct flow_context context;
	struct ping_target *targets;
	size_t target_count;
	struct flow *flows;    /* of all targets, one after the other */
	uint64_t started, end; /* ns, CLOCK_MONOTONIC */
	bool interrupted;      /* by SIGINT or SIGTERM */
	int signal_fd, timer_fd;
};

/* Runs until all is done, or a signal ends it. */
enum exit_status ping_run(const struct settings *settings,
			  struct target *targets,
			  const struct source *source) MUST_CHECK;

#endif
