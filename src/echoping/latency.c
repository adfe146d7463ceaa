/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/latency.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct percentile percentiles[PERCENTILE_COUNT] = {
	{ "p50", "p50", HISTOGRAM_WHOLE / 2 },
	{ "p90", "p90", HISTOGRAM_WHOLE / 10 * 9 },
	{ "p95", "p95", HISTOGRAM_WHOLE / 100 * 95 },
	{ "p99", "p99", HISTOGRAM_WHOLE / 100 * 99 },
	{ "p99.9", "p99_9", HISTOGRAM_WHOLE / 1000 * 999 },
};

void latency_format(uint64_t nsec, char text[LATENCY_TEXT_MAX])
{
	static const struct {
		uint64_t size;
		const char *name;
	} units[] = {
		{ UINT64_C(1000000000), "s" },
		{ UINT64_C(1000000), "ms" },
		{ UINT64_C(1000), "us" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		/* What would be rounded up to 1000 of a unit is 1 of the next.
		 */
		if (nsec < units[i].size - units[i].size / 2000)
			continue;
		double value = (double)nsec / (double)units[i].size;

		snprintf(text, LATENCY_TEXT_MAX, "%.*f %s",
			 value < 9.995	 ? 2
			 : value < 99.95 ? 1
					 : 0,
			 value, units[i].name);
		return;
	}
	snprintf(text, LATENCY_TEXT_MAX, "%" PRIu64 " ns", nsec);
}

void latency_format_percentile(const struct histogram *histogram,
			       uint64_t quantile, char text[LATENCY_TEXT_MAX])
{
	if (histogram_percentile_is_known(histogram, quantile))
		latency_format(histogram_value_at(histogram, quantile), text);
	else
		snprintf(text, LATENCY_TEXT_MAX, "-");
}

void latency_format_min(const struct histogram *histogram,
			char text[LATENCY_TEXT_MAX])
{
	if (histogram->total > 0)
		latency_format(histogram->min, text);
	else
		snprintf(text, LATENCY_TEXT_MAX, "-");
}

void latency_format_max(const struct histogram *histogram,
			char text[LATENCY_TEXT_MAX])
{
	if (histogram->total > 0)
		latency_format(histogram->max, text);
	else
		snprintf(text, LATENCY_TEXT_MAX, "-");
}

void percent_format(double percent, char text[PERCENT_TEXT_MAX])
{
	double rest = MIN(percent, 100 - percent);
	int digits = rest <= 0 || rest >= 0.1 ? 1 : rest >= 0.001 ? 4 : 7;
	int end = snprintf(text, PERCENT_TEXT_MAX - 2, "%.*f", digits, percent);

	while (text[end - 1] == '0' && text[end - 2] != '.')
		end--;
	memcpy(text + end, " %", sizeof(" %"));
}
