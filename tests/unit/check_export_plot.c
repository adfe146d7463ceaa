/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/export_axis.h"
#include "echoping/export_file.h"
#include "unit/export_rig.h"
#include "unit/harness.h"

#include <stdlib.h>
#include <string.h>

static char *text;

static char *draw(const struct export_series *series, size_t count)
{
	size_t size;
	char *drawn;
	FILE *file = open_memstream(&drawn, &size);

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(export_write_plot(file, series, count), 0);
	ck_assert_int_eq(fclose(file), 0);
	return drawn;
}

static void teardown(void)
{
	free(text);
	export_rig_deinit();
}

static size_t occurrences(const char *part)
{
	size_t count = 0;

	for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
		count++;
	return count;
}

START_TEST(each_series_with_samples_is_a_curve_and_a_dot)
{
	text = draw(export_rig.series, 3);
	ck_assert_uint_eq(occurrences("<circle "), 2);
	ck_assert_uint_eq(occurrences("<path class=\"curve curve0\""), 2);
	ck_assert_uint_eq(occurrences("<path class=\"curve curve1\""), 2);
	ck_assert_uint_eq(occurrences("<path class=\"curve curve2\""), 1);
	ck_assert_uint_eq(
		occurrences(">p50 50.0 us, p99 -, max 100 us, 10 samples<"), 1);
	ck_assert_uint_eq(occurrences(">p50 -, p99 -, max -, 0 samples<"), 1);
}
END_TEST

START_TEST(what_is_drawn_is_always_the_same)
{
	char *again = draw(export_rig.series, 3);

	text = draw(export_rig.series, 3);
	ck_assert_str_eq(text, again);
	free(again);
}
END_TEST

START_TEST(dark_viewers_have_other_colors)
{
	text = draw(export_rig.series, 1);
	ck_assert_uint_eq(occurrences("prefers-color-scheme: dark"), 1);
	ck_assert_uint_eq(occurrences(".ground { fill: #ffffff }"), 1);
	ck_assert_uint_eq(occurrences(".ground { fill: #16191d }"), 1);
}
END_TEST

START_TEST(names_are_escaped_and_cut)
{
	char name[101];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	export_rig.series[0].name = "<a&b>\"\x01|\xff";
	export_rig.series[1].name = name;
	text = draw(export_rig.series, 2);
	ck_assert_uint_eq(occurrences(">&lt;a&amp;b&gt;\"?|?<"), 1);
	name[52] = '\0';
	ck_assert_uint_eq(occurrences(name), 1);
	name[52] = 'x';
	name[53] = '\0';
	ck_assert_uint_eq(occurrences(name), 0);
}
END_TEST

START_TEST(many_series_are_told_apart_by_dashes)
{
	struct export_series series[7];

	for (size_t i = 0; i < 7; i++)
		series[i] = export_rig.series[0];
	text = draw(series, 7);
	ck_assert_uint_eq(occurrences("curve0\" stroke-dasharray=\"none\""), 2);
	ck_assert_uint_eq(occurrences("curve0\" stroke-dasharray=\"7 3\""), 2);
}
END_TEST

/* All ticks of an axis, "0 us|5 us|". */
static const char *ticks(const struct axis *axis,
			 bool (*next)(const struct axis *axis, double *tick,
				      char *tick_text))
{
	static char all[512];
	char one[AXIS_TEXT_MAX];
	double tick = AXIS_BEGIN;

	all[0] = '\0';
	while (next(axis, &tick, one)) {
		strcat(all, one);
		strcat(all, "|");
		ck_assert_uint_lt(strlen(all), sizeof(all) - AXIS_TEXT_MAX);
	}
	return all;
}

static const struct {
	uint64_t min, max;
	const char *ticks;
} ranges[] = {
	{ 30000, 39100,
	  "0 \302\265s|5 \302\265s|10 \302\265s|15 \302\265s|20 \302\265s|"
	  "25 \302\265s|30 \302\265s|35 \302\265s|40 \302\265s|" },
	{ 600000, 1200000, "0 ms|0.2 ms|0.4 ms|0.6 ms|0.8 ms|1 ms|1.2 ms|" },
	{ 0, 7, "0 ns|1 ns|2 ns|3 ns|4 ns|5 ns|6 ns|7 ns|" },
	{ 0, 0, "0 ns|0.2 ns|0.4 ns|0.6 ns|0.8 ns|1 ns|" },
	{ 30000, 1500000,
	  "20 \302\265s|50 \302\265s|100 \302\265s|200 \302\265s|500 "
	  "\302\265s|1 ms|2 ms|" },
	{ 500, UINT64_C(4000000000),
	  "500 ns|1 \302\265s|10 \302\265s|100 \302\265s|1 ms|10 ms|100 ms|"
	  "1 s|" },
	{ 1000, UINT64_C(1000000000000),
	  "1 \302\265s|10 \302\265s|100 \302\265s|1 ms|10 ms|100 ms|1 s|10 s|"
	  "100 s|1000 s|" },
};

START_TEST(latencies_have_round_ticks)
{
	struct axis axis;

	histogram_reset(&export_rig.histograms[0]);
	histogram_record(&export_rig.histograms[0], ranges[_i].min);
	histogram_record(&export_rig.histograms[0], ranges[_i].max);
	axis_of_latency(&axis, export_rig.series, 1);
	ck_assert_str_eq(ticks(&axis, axis_next_latency), ranges[_i].ticks);
	ck_assert_double_le(axis.low, (double)MAX(ranges[_i].min, 1));
	ck_assert_double_ge(axis.high, (double)ranges[_i].max);
}
END_TEST

START_TEST(percentiles_have_a_tick_for_each_nine)
{
	struct axis axis;

	axis_of_percentile(&axis, export_rig.series, 1);
	ck_assert_str_eq(ticks(&axis, axis_next_percentile),
			 "0 %|50 %|90 %|99 %|");
	axis_of_percentile(&axis, export_rig.series, 2);
	ck_assert_str_eq(ticks(&axis, axis_next_percentile),
			 "0 %|50 %|90 %|99 %|99.9 %|99.99 %|");
	axis_of_percentile(&axis, &export_rig.series[2], 1);
	ck_assert_str_eq(ticks(&axis, axis_next_percentile), "0 %|50 %|90 %|");
}
END_TEST

START_TEST(places_are_within_the_axis)
{
	struct axis logarithmic = { .logarithmic = true,
				    .low = 10,
				    .high = 1000 };
	struct axis linear = { .low = 0, .high = 8 };

	ck_assert_double_eq_tol(axis_place(&logarithmic, 100), 0.5, 1e-9);
	ck_assert_double_eq_tol(axis_place(&logarithmic, 0), 0, 1e-9);
	ck_assert_double_eq_tol(axis_place(&logarithmic, 1e9), 1, 1e-9);
	ck_assert_double_eq_tol(axis_place(&linear, 2), 0.25, 1e-9);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("export_plot");
	TCase *tcase = tcase_create("export_plot");

	tcase_add_checked_fixture(tcase, export_rig_init, teardown);
	tcase_add_test(tcase, each_series_with_samples_is_a_curve_and_a_dot);
	tcase_add_test(tcase, what_is_drawn_is_always_the_same);
	tcase_add_test(tcase, dark_viewers_have_other_colors);
	tcase_add_test(tcase, names_are_escaped_and_cut);
	tcase_add_test(tcase, many_series_are_told_apart_by_dashes);
	tcase_add_loop_test(tcase, latencies_have_round_ticks, 0,
			    ARRAY_SIZE(ranges));
	tcase_add_test(tcase, percentiles_have_a_tick_for_each_nine);
	tcase_add_test(tcase, places_are_within_the_axis);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
