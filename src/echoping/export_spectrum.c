/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/export_spectrum.h"

/* Then comes the last point: no run has so many samples. */
#define HALVES_MAX 48

void spectrum_start(struct spectrum *spectrum,
		    const struct histogram *histogram)
{
	*spectrum = (struct spectrum){
		.histogram = histogram,
		.ended = histogram->total == 0,
	};
}

/* What is left to 1 before this half is 2^-half. */
static double next_fraction(const struct spectrum *spectrum)
{
	double left = 1.0 / (double)(UINT64_C(1) << spectrum->half);

	return 1 - left + left / 2 * spectrum->tick / SPECTRUM_TICKS;
}

static void advance(struct spectrum *spectrum)
{
	spectrum->tick++;
	if (spectrum->tick == SPECTRUM_TICKS) {
		spectrum->tick = 0;
		spectrum->half++;
	}
}

static bool is_reached(const struct spectrum *spectrum, double fraction)
{
	return spectrum->count > 0 &&
	       (double)spectrum->count >=
		       fraction * (double)spectrum->histogram->total;
}

bool spectrum_next(struct spectrum *spectrum, struct spectrum_point *point)
{
	double fraction = next_fraction(spectrum);

	if (spectrum->ended)
		return false;
	/* The largest sample ends it, however many percentiles it has. */
	if (spectrum->count == spectrum->histogram->total ||
	    spectrum->half == HALVES_MAX) {
		spectrum->ended = true;
		*point = (struct spectrum_point){
			.fraction = 1,
			.value = spectrum->histogram->max,
			.count = spectrum->histogram->total,
		};
		return true;
	}
	while (!is_reached(spectrum, fraction) &&
	       histogram_next(spectrum->histogram, &spectrum->cursor,
			      &spectrum->bucket))
		spectrum->count += spectrum->bucket.count;
	*point = (struct spectrum_point){
		.fraction = fraction,
		.value = MIN(spectrum->bucket.upper, spectrum->histogram->max),
		.count = spectrum->count,
	};
	advance(spectrum);
	return true;
}
