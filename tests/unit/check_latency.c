/* SPDX-License-Identifier: MIT */
/*
 * Latencies as text, on both sides of every rounding.
 */
#include "config.h"

#include "echoping/latency.h"
#include "unit/harness.h"

#include <stdlib.h>
#include <string.h>

#define GUARD 0x5a

static const struct {
	uint64_t nsec;
	const char *text;
} latencies[] = {
	{ 0, "0 ns" },
	{ 1, "1 ns" },
	{ 640, "640 ns" },
	{ 999, "999 ns" },
	/* Microseconds: 2 digits behind the point, 1, none. */
	{ 1000, "1.00 us" },
	{ 1004, "1.00 us" },
	{ 1006, "1.01 us" },
	{ 9994, "9.99 us" },
	{ 9995, "10.0 us" },
	{ 9999, "10.0 us" },
	{ 10000, "10.0 us" },
	{ 84100, "84.1 us" },
	{ 99949, "99.9 us" },
	{ 99950, "100 us" },
	{ 100000, "100 us" },
	{ 999499, "999 us" },
	{ 999500, "1.00 ms" },
	{ 999999, "1.00 ms" },
	{ 1000000, "1.00 ms" },
	{ 1230000, "1.23 ms" },
	{ 9994999, "9.99 ms" },
	{ 9995000, "10.0 ms" },
	{ 99949999, "99.9 ms" },
	{ 99950000, "100 ms" },
	{ 999499999, "999 ms" },
	{ 999500000, "1.00 s" },
	{ 1000000000, "1.00 s" },
	{ 2000000000, "2.00 s" },
	{ UINT64_C(9994999999), "9.99 s" },
	{ UINT64_C(9995000000), "10.0 s" },
	{ UINT64_C(99949999999), "99.9 s" },
	{ UINT64_C(99950000000), "100 s" },
	{ UINT64_C(999500000000), "1000 s" },
	{ UINT64_C(3600000000000), "3600 s" },
	{ UINT64_MAX, "18446744074 s" },
};

START_TEST(a_latency_has_three_digits_and_a_unit)
{
	char text[LATENCY_TEXT_MAX + 1];

	memset(text, GUARD, sizeof(text));
	latency_format(latencies[_i].nsec, text);
	ck_assert_str_eq(text, latencies[_i].text);
	ck_assert_int_eq(text[LATENCY_TEXT_MAX], GUARD);
}
END_TEST

static uint64_t unit_of(const char *unit)
{
	static const struct {
		const char *name;
		uint64_t nsec;
	} units[] = {
		{ " ns", 1 },
		{ " us", 1000 },
		{ " ms", 1000000 },
		{ " s", 1000000000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strcmp(unit, units[i].name) == 0)
			return units[i].nsec;
	ck_abort_msg("'%s' is no unit", unit);
}

/* Over the whole range what is written is off by less than half a digit. */
START_TEST(a_latency_is_never_rounded_by_more_than_its_last_digit)
{
	char text[LATENCY_TEXT_MAX], *unit;

	for (uint64_t nsec = 1; nsec < UINT64_C(1) << 50;
	     nsec += nsec / 997 + 1) {
		double value;

		latency_format(nsec, text);
		value = strtod(text, &unit) * (double)unit_of(unit);
		ck_assert_msg(value >= (double)nsec * 0.99499 &&
				      value <= (double)nsec * 1.00501,
			      "%ju ns is no %s", (uintmax_t)nsec, text);
		ck_assert_msg(nsec < 1000 || unit - text >= 3, "%s", text);
	}
}
END_TEST

static const struct {
	const char *name, *key;
	uint64_t quantile;
} expected[PERCENTILE_COUNT] = {
	{ "p50", "p50", 500000000 },	 { "p90", "p90", 900000000 },
	{ "p95", "p95", 950000000 },	 { "p99", "p99", 990000000 },
	{ "p99.9", "p99_9", 999000000 },
};

START_TEST(percentiles_are_named_by_what_they_are)
{
	for (size_t i = 0; i < PERCENTILE_COUNT; i++) {
		ck_assert_str_eq(percentiles[i].name, expected[i].name);
		ck_assert_str_eq(percentiles[i].key, expected[i].key);
		ck_assert_uint_eq(percentiles[i].quantile,
				  expected[i].quantile);
	}
}
END_TEST

/* Known from 1 / (1 - quantile) samples on. */
static const size_t needed[PERCENTILE_COUNT] = { 2, 10, 20, 100, 1000 };

START_TEST(a_percentile_of_too_few_samples_is_a_dash)
{
	const struct percentile *percentile = &percentiles[_i];
	char text[LATENCY_TEXT_MAX];
	struct histogram histogram;

	ck_assert_int_eq(histogram_init(&histogram), 0);
	for (size_t i = 0; i < needed[_i]; i++) {
		latency_format_percentile(&histogram, percentile->quantile,
					  text);
		ck_assert_str_eq(text, "-");
		histogram_record(&histogram, 1000 + i / 10);
	}
	latency_format_percentile(&histogram, percentile->quantile, text);
	ck_assert_str_ne(text, "-");
	ck_assert_str_eq(text + strlen(text) - 3, " us");
	histogram_deinit(&histogram);
}
END_TEST

START_TEST(a_percentile_is_that_of_the_histogram)
{
	char text[LATENCY_TEXT_MAX];
	struct histogram histogram;

	ck_assert_int_eq(histogram_init(&histogram), 0);
	for (uint64_t i = 1; i <= 100; i++)
		histogram_record(&histogram, i);
	latency_format_percentile(&histogram, percentiles[0].quantile, text);
	ck_assert_str_eq(text, "50 ns");
	latency_format_percentile(&histogram, percentiles[3].quantile, text);
	ck_assert_str_eq(text, "99 ns");
	latency_format_percentile(&histogram, percentiles[4].quantile, text);
	ck_assert_str_eq(text, "-");
	histogram_deinit(&histogram);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("latency");
	TCase *tcase = tcase_create("latency");

	tcase_add_loop_test(tcase, a_latency_has_three_digits_and_a_unit, 0,
			    ARRAY_SIZE(latencies));
	tcase_add_test(tcase,
		       a_latency_is_never_rounded_by_more_than_its_last_digit);
	tcase_add_test(tcase, percentiles_are_named_by_what_they_are);
	tcase_add_loop_test(tcase, a_percentile_of_too_few_samples_is_a_dash, 0,
			    PERCENTILE_COUNT);
	tcase_add_test(tcase, a_percentile_is_that_of_the_histogram);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
