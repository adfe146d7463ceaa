/* SPDX-License-Identifier: MIT */
/*
 * The percentile spectrum as text, as the plotters of HdrHistogram read it
 * (hdrhistogram.github.io/HdrHistogram/plotFiles.html): four columns, the last
 * of the last line being infinite, and three lines of comment.  Values are in
 * microseconds, with three decimals: nanoseconds.
 */
#include "config.h"

#include "echoping/export_file.h"
#include "echoping/export_spectrum.h"

#include <inttypes.h>

/* What the footer tells of the histogram: see histogram.h. */
#define BUCKETS	   32
#define SUBBUCKETS 2048

static double usec(double nsec)
{
	return nsec / (double)NSEC_PER_USEC;
}

static void write_points(FILE *file, const struct histogram *histogram)
{
	struct spectrum_point point;
	struct spectrum spectrum;

	fprintf(file, "%12s %14s %10s %14s\n\n", "Value", "Percentile",
		"TotalCount", "1/(1-Percentile)");
	spectrum_start(&spectrum, histogram);
	while (spectrum_next(&spectrum, &point)) {
		fprintf(file, "%12.3f %14.12f %10" PRIu64,
			usec((double)point.value), point.fraction, point.count);
		if (point.fraction < 1)
			fprintf(file, " %14.2f\n", 1 / (1 - point.fraction));
		else
			fprintf(file, " %14s\n", "inf");
	}
}

static void write_footer(FILE *file, const struct histogram *histogram)
{
	fprintf(file, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n",
		usec(histogram_mean(histogram)),
		usec(histogram_deviation(histogram)));
	fprintf(file, "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n",
		usec((double)histogram->max), histogram->total);
	fprintf(file, "#[Buckets = %12d, SubBuckets     = %12d]\n", BUCKETS,
		SUBBUCKETS);
	fprintf(file, "#[Unit    = microseconds]\n");
}

int export_write_hdr(FILE *file, const struct export_series *series,
		     size_t count)
{
	struct histogram all;
	int error = histogram_init(&all);

	if (error < 0)
		return error;
	for (size_t i = 0; i < count; i++)
		histogram_add(&all, series[i].latency);
	write_points(file, &all);
	write_footer(file, &all);
	histogram_deinit(&all);
	return 0;
}
