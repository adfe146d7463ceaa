/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/export_file.h"
#include "echoping/export_spectrum.h"
#include "unit/export_rig.h"
#include "unit/harness.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What is written of so many series. */
static char *text;

static void write_series(size_t count)
{
	size_t size;
	FILE *file;

	free(text);
	file = open_memstream(&text, &size);
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(export_write_hdr(file, export_rig.series, count), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static void teardown(void)
{
	free(text);
	export_rig_deinit();
}

START_TEST(a_small_run_is_told_to_the_last_sample)
{
	write_series(1);
	ck_assert_str_eq(
		text,
		"       Value     Percentile TotalCount 1/(1-Percentile)\n"
		"\n"
		"      10.007 0.000000000000          1           1.00\n"
		"      10.007 0.100000000000          1           1.11\n"
		"      20.015 0.200000000000          2           1.25\n"
		"      30.015 0.300000000000          3           1.43\n"
		"      40.031 0.400000000000          4           1.67\n"
		"      50.015 0.500000000000          5           2.00\n"
		"      60.031 0.550000000000          6           2.22\n"
		"      60.031 0.600000000000          6           2.50\n"
		"      70.015 0.650000000000          7           2.86\n"
		"      70.015 0.700000000000          7           3.33\n"
		"      80.063 0.750000000000          8           4.00\n"
		"      80.063 0.775000000000          8           4.44\n"
		"      80.063 0.800000000000          8           5.00\n"
		"      90.047 0.825000000000          9           5.71\n"
		"      90.047 0.850000000000          9           6.67\n"
		"      90.047 0.875000000000          9           8.00\n"
		"      90.047 0.887500000000          9           8.89\n"
		"      90.047 0.900000000000          9          10.00\n"
		"     100.000 0.912500000000         10          11.43\n"
		"     100.000 1.000000000000         10            inf\n"
		"#[Mean    =       55.000, StdDeviation   =       28.723]\n"
		"#[Max     =      100.000, Total count    =           10]\n"
		"#[Buckets =           32, SubBuckets     =         2048]\n"
		"#[Unit    = microseconds]\n");
}
END_TEST

START_TEST(all_series_are_together)
{
	write_series(EXPORT_RIG_SERIES);
	ck_assert_ptr_nonnull(strstr(text, "Total count    =         1010]"));
	ck_assert_ptr_nonnull(strstr(text, "#[Max     =     1000.000, "));
}
END_TEST

START_TEST(nothing_is_a_footer)
{
	export_rig.series[0] = export_rig.series[2];
	write_series(1);
	ck_assert_ptr_nonnull(strstr(text, "\n\n#[Mean    =        0.000, "));
	ck_assert_ptr_nonnull(strstr(text, "Total count    =            0]"));
}
END_TEST

/* Each point is what histogram_value_at() says, and they never go back. */
START_TEST(the_spectrum_agrees_with_the_percentiles)
{
	const struct histogram *histogram = &export_rig.histograms[1];
	struct spectrum_point point, before = { 0 };
	struct spectrum spectrum;
	size_t count = 0;

	spectrum_start(&spectrum, histogram);
	while (spectrum_next(&spectrum, &point)) {
		double quantile = point.fraction * (double)HISTOGRAM_WHOLE;

		ck_assert(count == 0 || point.fraction > before.fraction);
		ck_assert_uint_ge(point.value, before.value);
		ck_assert_uint_ge(point.count, before.count);
		ck_assert_double_ge((double)point.count,
				    point.fraction * 1000 - 1e-6);
		if (count > 0)
			ck_assert_uint_eq(
				point.value,
				histogram_value_at(histogram,
						   (uint64_t)quantile));
		before = point;
		count++;
	}
	ck_assert_double_eq(before.fraction, 1);
	ck_assert_uint_eq(before.value, 1000000);
	ck_assert_uint_eq(before.count, 1000);
	ck_assert_uint_gt(count, 40);
	ck_assert(!spectrum_next(&spectrum, &point));
}
END_TEST

START_TEST(no_run_is_too_long)
{
	struct histogram *histogram = &export_rig.histograms[2];
	struct spectrum_point point;
	struct spectrum spectrum;
	size_t count = 0;

	histogram_record_many(histogram, 1000, UINT64_C(1) << 62);
	histogram_record(histogram, 2000000);
	spectrum_start(&spectrum, histogram);
	while (spectrum_next(&spectrum, &point))
		ck_assert_uint_lt(count++, 400);
	ck_assert_uint_eq(point.value, 2000000);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("export_hdr");
	TCase *tcase = tcase_create("export_hdr");

	tcase_add_checked_fixture(tcase, export_rig_init, teardown);
	tcase_add_test(tcase, a_small_run_is_told_to_the_last_sample);
	tcase_add_test(tcase, all_series_are_together);
	tcase_add_test(tcase, nothing_is_a_footer);
	tcase_add_test(tcase, the_spectrum_agrees_with_the_percentiles);
	tcase_add_test(tcase, no_run_is_too_long);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
