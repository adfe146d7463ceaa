/* SPDX-License-Identifier: MIT */
/*
 * How often each latency was seen, in constant memory.
 *
 * Log-linear, as HdrHistogram is: below 2048 ns each value, 0 too, has a bucket
 * of its own; above, each power of two is cut into 1024 buckets, so that none
 * is wider than 1/1024 of its lowest value: three significant digits.  33421
 * counters (261 KiB, of which only pages that are counted in are ever touched)
 * reach up to 1 h; whatever is longer is in one more bucket, the last.
 *
 * Buckets blur values by less than 0.1 %.  All else is exact: the number of
 * samples, the smallest, the largest, and the sums behind mean and deviation.
 *
 * Quantiles are integers from 0 to HISTOGRAM_WHOLE, so that ranks are exact.
 * Not synchronized: give each thread one, and add them up.
 */
#ifndef ECHOD_COMMON_HISTOGRAM_H
#define ECHOD_COMMON_HISTOGRAM_H

#include "common/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_VALUE_MAX UINT64_C(3600000000000) /* 1 h in ns */
#define HISTOGRAM_WHOLE	    UINT64_C(1000000000)    /* the quantile 1 */

/* Exact for any run; on machines without such a type, of many digits. */
#ifdef __SIZEOF_INT128__
typedef unsigned __int128 histogram_sum;
#else
typedef long double histogram_sum;
#endif

/* To be read: total, min and max.  While empty min is UINT64_MAX, max 0. */
struct histogram {
	uint64_t total, min, max;
	histogram_sum sum, squares;
	uint64_t *counts;
};

/* The values from lower to upper, both included. */
struct histogram_bucket {
	uint64_t lower, upper, count;
};

/* 0 or -ENOMEM. */
int histogram_init(struct histogram *histogram) MUST_CHECK;

/* Also of one that is zeroed, or ended already; all else needs an init. */
void histogram_deinit(struct histogram *histogram);

/* Forget all samples; neither frees nor allocates. */
void histogram_reset(struct histogram *histogram);

void histogram_record(struct histogram *histogram, uint64_t value);

/* The same value so many times, at least once. */
void histogram_record_many(struct histogram *histogram, uint64_t value,
			   uint64_t count);

/* As if all samples of `from`, another histogram, were recorded here too. */
void histogram_add(struct histogram *histogram, const struct histogram *from);

/* How many samples are above HISTOGRAM_VALUE_MAX. */
uint64_t histogram_overflows(const struct histogram *histogram);

/* 0 while empty.  The deviation is the standard deviation of all samples. */
double histogram_mean(const struct histogram *histogram);
double histogram_deviation(const struct histogram *histogram);

/*
 * The percentile by nearest rank: the ceil(quantile * total)-th smallest sample
 * or, if that is known only by its bucket, the highest value of the bucket: at
 * least so many samples are not above the answer, which is never too low, by
 * less than 0.1 % too high, never above max, and min for the first sample.  For
 * samples above 1 h it is max.  0 while empty.
 */
uint64_t histogram_value_at(const struct histogram *histogram,
			    uint64_t quantile);

/*
 * Are there enough samples, total * (1 - quantile) >= 1, for this percentile to
 * tell more than the largest sample does?  For HISTOGRAM_WHOLE there never are.
 */
bool histogram_percentile_is_known(const struct histogram *histogram,
				   uint64_t quantile);

/*
 * The buckets that are not empty, from the lowest to the highest: start with a
 * cursor of 0; false after the last.  The bucket of overflows ends with max.
 */
bool histogram_next(const struct histogram *histogram, size_t *cursor,
		    struct histogram_bucket *bucket);

#endif
