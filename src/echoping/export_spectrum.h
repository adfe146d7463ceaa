/* SPDX-License-Identifier: MIT */
/*
 * The percentile spectrum of a histogram: its values at percentiles that get
 * closer and closer to 100 %, so that the tail is seen.  Private to the export
 * module.
 *
 * Half of what is left to 100 % is covered in SPECTRUM_TICKS steps, then half
 * of the rest, and so on:  0, 10, .. 50, 55, .. 75, 77.5, ..  Percentiles are
 * given as fractions; on the scale of 1 / (1 - fraction) each such half has
 * the same length.  The last point is the largest sample, at 1.
 */
#ifndef ECHOPING_EXPORT_SPECTRUM_H
#define ECHOPING_EXPORT_SPECTRUM_H

#include "common/histogram.h"

#define SPECTRUM_TICKS 5

struct spectrum_point {
	double fraction; /* of all samples ... */
	uint64_t value;	 /* ... that are not above this, in ns */
	uint64_t count;	 /* samples up to this value */
};

struct spectrum {
	const struct histogram *histogram; /* borrowed */
	struct histogram_bucket bucket;
	size_t cursor;
	uint64_t count;	     /* up to this bucket */
	unsigned half, tick; /* the next point */
	bool ended;
};

void spectrum_start(struct spectrum *spectrum,
		    const struct histogram *histogram);

/* The next point; false after the last, at once if there are no samples. */
bool spectrum_next(struct spectrum *spectrum, struct spectrum_point *point);

#endif
