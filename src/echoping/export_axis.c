/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/export_axis.h"

#include "echoping/export_spectrum.h"

#include <math.h>

/* Latencies that differ more are drawn on a logarithmic scale. */
#define LINEAR_RATIO_MAX 20

#define LINEAR_TICKS_MAX 8

/* A scale with more decades than that has no room for ticks between them. */
#define DENSE_DECADES_MAX 4

/* The largest of 1, 2, 5, 10, 20, 50, ... that is not above the value. */
static double round_down(double value)
{
	static const double digits[] = { 5, 2, 1 };
	double decade = pow(10, floor(log10(value)));

	for (size_t i = 0; i < ARRAY_SIZE(digits); i++) {
		/* The tolerance is for what logarithms lose. */
		if (digits[i] * decade <= value * (1 + 1e-9))
			return digits[i] * decade;
	}
	return decade / 2;
}

/* The next in that row. */
static double next_round(double value)
{
	double leading = value / pow(10, floor(log10(value) + 1e-9));

	return leading > 1.5 && leading < 3 ? value * 2.5 : value * 2;
}

static double round_up(double value)
{
	double round = round_down(value);

	return round >= value * (1 - 1e-9) ? round : next_round(round);
}

void axis_of_latency(struct axis *axis, const struct export_series *series,
		     size_t count)
{
	double min = HUGE_VAL, max = 1;

	for (size_t i = 0; i < count; i++) {
		const struct histogram *latency = series[i].latency;

		if (latency->total == 0)
			continue;
		min = fmin(min, fmax((double)latency->min, 1));
		max = fmax(max, (double)latency->max);
	}
	axis->logarithmic = max > min * LINEAR_RATIO_MAX;
	axis->step = round_up(max / LINEAR_TICKS_MAX);
	axis->low = axis->logarithmic ? round_down(min) : 0;
	axis->high = axis->logarithmic ? round_up(max)
				       : ceil(max / axis->step) * axis->step;
}

void axis_of_percentile(struct axis *axis, const struct export_series *series,
			size_t count)
{
	double last = 1;

	for (size_t i = 0; i < count; i++) {
		struct spectrum_point point;
		struct spectrum spectrum;

		spectrum_start(&spectrum, series[i].latency);
		while (spectrum_next(&spectrum, &point)) {
			if (point.fraction < 1)
				last = fmax(last, 1 / (1 - point.fraction));
		}
	}
	axis->logarithmic = true;
	axis->step = 0;
	axis->low = 1;
	axis->high = pow(10, fmax(1, ceil(log10(last) - 1e-9)));
}

double axis_place(const struct axis *axis, double value)
{
	value = fmin(fmax(value, axis->low), axis->high);
	if (!axis->logarithmic)
		return (value - axis->low) / (axis->high - axis->low);
	return log10(value / axis->low) / log10(axis->high / axis->low);
}

/* All of a linear axis in one unit; each of a logarithmic one in its own. */
static void format_latency(const struct axis *axis, double value,
			   char text[AXIS_TEXT_MAX])
{
	static const struct {
		double size;
		const char *name;
	} units[] = { { 1e9, "s" },
		      { 1e6, "ms" },
		      { 1e3, "\302\265s" }, /* micro */
		      { 1, "ns" } };
	double scale = axis->logarithmic ? value : axis->high;
	size_t i = 0;

	while (i < ARRAY_SIZE(units) - 1 && scale < units[i].size * (1 - 1e-9))
		i++;
	snprintf(text, AXIS_TEXT_MAX, "%.6g %s", value / units[i].size,
		 units[i].name);
}

static double next_tick(const struct axis *axis, double tick)
{
	bool dense = axis->high / axis->low <
		     pow(10, DENSE_DECADES_MAX) * (1 + 1e-9);

	if (dense)
		return next_round(tick);
	/* The first decade that is not below, then each. */
	return tick > axis->low * (1 + 1e-9)
		       ? tick * 10
		       : pow(10, floor(log10(tick) + 1e-9) + 1);
}

bool axis_next_latency(const struct axis *axis, double *tick,
		       char text[AXIS_TEXT_MAX])
{
	if (*tick < 0)
		*tick = axis->low;
	else if (!axis->logarithmic)
		*tick += axis->step;
	else
		*tick = next_tick(axis, *tick);
	format_latency(axis, *tick, text);
	return *tick <= axis->high * (1 + 1e-9);
}

/* 0 and 50, then where only another tenth, hundredth, ... is left. */
bool axis_next_percentile(const struct axis *axis, double *tick,
			  char text[AXIS_TEXT_MAX])
{
	int nines;

	if (*tick < 0)
		*tick = 1;
	else if (*tick < 1.5)
		*tick = 2;
	else
		*tick = *tick < 3 ? 10 : *tick * 10;
	nines = (int)lround(log10(*tick));
	snprintf(text, AXIS_TEXT_MAX, "%.*f %%", nines > 2 ? nines - 2 : 0,
		 100 - 100 / *tick);
	return *tick <= axis->high * (1 + 1e-9);
}
