/* SPDX-License-Identifier: MIT */
/*
 * What the operator is told of the counters.
 */
#ifndef ECHOD_REPORT_H
#define ECHOD_REPORT_H

#include "echod/stats.h"

#include <stdint.h>

#define REPORT_STATUS_MAX 128

struct report {
	char status[REPORT_STATUS_MAX]; /* as last told */
	struct stats_snapshot told;	/* what the log has heard of */
	uint64_t told_at;		/* µs; 0: never */
};

/* What was counted `before`, by earlier instances, has been logged already. */
void report_init(struct report *report, const struct stats_snapshot *before);

/*
 * Once a second or so: tell the service manager the status if it changed
 * ("3 connections, 12 datagrams echoed, 0 refused"), and the log, in one line
 * every 10 s at most, what was refused, lost or waited for.  `now` in µs.
 */
void report_tick(struct report *report, const struct stats_snapshot *snapshot,
		 unsigned connections, uint64_t now);

/* Log all counters, as fields and as text. */
void report_counters(const struct stats_snapshot *snapshot,
		     unsigned connections);

#endif
