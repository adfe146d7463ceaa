/* SPDX-License-Identifier: MIT */
/*
 * The families of metrics, and the samples collected for them.  Private to
 * report_metrics.c and report_openmetrics.c.
 */
#ifndef ECHOPING_REPORT_METRICS_H
#define ECHOPING_REPORT_METRICS_H

#include "echoping/report.h"

enum metrics_family {
	METRICS_TARGET,
	METRICS_UNDER_WAY,
	METRICS_LOSS,
	METRICS_ELAPSED,
	METRICS_RTT,
	METRICS_RTT_MIN,
	METRICS_RTT_MAX,
	METRICS_INTENDED,
	METRICS_LAG,
	METRICS_CONNECT,
	METRICS_BYTES,
	METRICS_DROPS,
	METRICS_CPU,
	METRICS_LIMITED,
};
#define METRICS_COUNT 14

/* What every run has: all about the tally, and which target it is. */
void metrics_add_tally(const struct target *target, const struct tally *tally);

/* A sample of a counter, of a gauge, of either in seconds, of a summary. */
void metrics_add_count(enum metrics_family family, const struct target *target,
		       uint64_t count);
void metrics_add_number(enum metrics_family family, const struct target *target,
			double number);
void metrics_add_seconds(enum metrics_family family,
			 const struct target *target, const char *suffix,
			 const char *labels, uint64_t nsec);
void metrics_add_latency(enum metrics_family family,
			 const struct target *target,
			 const struct histogram *latency);

/* All that was collected, and the end; nothing is left afterwards. */
void metrics_print(void);

#endif
