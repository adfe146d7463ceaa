/* SPDX-License-Identifier: MIT */
/*
 * Latencies and shares as people read them, and the percentiles that are given
 * everywhere.
 */
#ifndef ECHOPING_LATENCY_H
#define ECHOPING_LATENCY_H

#include "common/histogram.h"

#define LATENCY_TEXT_MAX 24
#define PERCENT_TEXT_MAX 24

/* The percentiles of every summary, in order. */
struct percentile {
	const char *name;  /* "p99.9" */
	const char *key;   /* "p99_9": for JSON; "_ns" follows */
	uint64_t quantile; /* of HISTOGRAM_WHOLE */
};
#define PERCENTILE_COUNT 5
extern const struct percentile percentiles[PERCENTILE_COUNT];

/* Three digits at least, of ns what there is: "64 ns", "84.1 us", "2.00 s". */
void latency_format(uint64_t nsec, char text[LATENCY_TEXT_MAX]);

/* The same of a percentile; "-" if there are too few samples to tell it. */
void latency_format_percentile(const struct histogram *histogram,
			       uint64_t quantile, char text[LATENCY_TEXT_MAX]);

/* The smallest or the largest sample; "-" if there is none. */
void latency_format_min(const struct histogram *histogram,
			char text[LATENCY_TEXT_MAX]);
void latency_format_max(const struct histogram *histogram,
			char text[LATENCY_TEXT_MAX]);

/*
 * "0.0 %", "12.5 %"; more digits where one of a million shall not look like
 * none, or all but one like all: "0.0001 %", "99.9999 %".
 */
void percent_format(double percent, char text[PERCENT_TEXT_MAX]);

#endif
