/* SPDX-License-Identifier: MIT */
/*
 * The axes of a plot: which latencies and percentiles it spans, where they are
 * drawn, and the ticks.  Private to the export module.
 */
#ifndef ECHOPING_EXPORT_AXIS_H
#define ECHOPING_EXPORT_AXIS_H

#include "echoping/export.h"

#define AXIS_TEXT_MAX 32
#define AXIS_BEGIN    (-1.0) /* before the first tick */

struct axis {
	bool logarithmic;
	double low, high; /* values at its ends */
	double step;	  /* between ticks, if it is linear */
};

/* From the shortest to the longest latency, in ns; linear from 0 on. */
void axis_of_latency(struct axis *axis, const struct export_series *series,
		     size_t count);

/*
 * Of 1 / (1 - fraction), logarithmic: 1 is 0 %, 10 is 90 %, 100 is 99 %, up to
 * the percentile of the last point that is drawn.
 */
void axis_of_percentile(struct axis *axis, const struct export_series *series,
			size_t count);

/* Where on the axis a value is: 0 is its low end, 1 its high end. */
double axis_place(const struct axis *axis, double value);

/* The ticks from low to high: start at AXIS_BEGIN; false after the last. */
bool axis_next_latency(const struct axis *axis, double *tick,
		       char text[AXIS_TEXT_MAX]);
bool axis_next_percentile(const struct axis *axis, double *tick,
			  char text[AXIS_TEXT_MAX]);

#endif
