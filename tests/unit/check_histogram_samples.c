/* SPDX-License-Identifier: MIT */
/*
 * The histogram against what it stands for: the same samples, sorted.
 */
#include "config.h"

#include "common/histogram.h"
#include "unit/harness.h"

#include <inttypes.h>
#include <stdlib.h>

#define SAMPLES 10000
#define PARTS	3
#define PERCENT (HISTOGRAM_WHOLE / 100)

/* The largest deviation allowed, as 1/TOLERANCE of the value: 0.1 %. */
#define TOLERANCE 1000

struct distribution {
	const char *name;
	uint64_t (*sample)(uint64_t i);
};

static struct histogram histogram, parts[PARTS];
static uint64_t samples[SAMPLES];

/* Xorshift: the same numbers in each run. */
static uint64_t draw(uint64_t limit)
{
	static uint64_t state = UINT64_C(88172645463325252);

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % limit;
}

static uint64_t uniform(uint64_t i UNUSED)
{
	return draw(10000000);
}

/* Half as many in each 100 us as in those before. */
static uint64_t exponential(uint64_t i UNUSED)
{
	uint64_t halvings = 0;

	while (draw(2) > 0)
		halvings++;
	return 100000 * halvings + draw(100000);
}

static uint64_t bimodal(uint64_t i)
{
	return i % 10 > 0 ? 20000 + draw(1000) : 40000000 + draw(1000000);
}

static uint64_t logarithmic(uint64_t i)
{
	return draw(HISTOGRAM_VALUE_MAX + 1) >> i % 42;
}

static uint64_t beside_powers_of_two(uint64_t i)
{
	return (UINT64_C(1) << i % 42) + i / 42 % 3 - 1;
}

static uint64_t each_once(uint64_t i)
{
	return 1 + i;
}

static uint64_t close_together(uint64_t i)
{
	return 1000000 + i % 3;
}

static uint64_t constant(uint64_t i UNUSED)
{
	return 123456789;
}

static uint64_t extreme(uint64_t i)
{
	const uint64_t extremes[] = { 0, 1, HISTOGRAM_VALUE_MAX,
				      HISTOGRAM_VALUE_MAX - 1 };

	return extremes[i % ARRAY_SIZE(extremes)];
}

static const struct distribution distributions[] = {
	{ "uniform", uniform },
	{ "exponential", exponential },
	{ "bimodal", bimodal },
	{ "logarithmic", logarithmic },
	{ "beside powers of two", beside_powers_of_two },
	{ "each once", each_once },
	{ "close together", close_together },
	{ "constant", constant },
	{ "extreme", extreme },
};

static void setup(void)
{
	ck_assert_int_eq(histogram_init(&histogram), 0);
	for (size_t i = 0; i < PARTS; i++)
		ck_assert_int_eq(histogram_init(&parts[i]), 0);
}

static void teardown(void)
{
	histogram_deinit(&histogram);
	for (size_t i = 0; i < PARTS; i++)
		histogram_deinit(&parts[i]);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Record SAMPLES of a distribution, and each in one of the parts; sort them. */
static void record(const struct distribution *distribution)
{
	for (uint64_t i = 0; i < SAMPLES; i++) {
		samples[i] = distribution->sample(i);
		histogram_record(&histogram, samples[i]);
		histogram_record(&parts[draw(PARTS)], samples[i]);
	}
	qsort(samples, SAMPLES, sizeof(samples[0]), compare);
}

/* By more than the rounding of doubles, or because one is not a number. */
static bool differ(double a, double b)
{
	double difference = a < b ? b - a : a - b;

	return !(difference <= 1e-9 * b);
}

/* Each bucket counts as many samples as there are within its bounds. */
static void assert_holds_samples(const struct histogram *some)
{
	struct histogram_bucket bucket;
	size_t cursor = 0, i = 0, first;

	while (histogram_next(some, &cursor, &bucket)) {
		first = i;
		while (i < SAMPLES && samples[i] >= bucket.lower &&
		       samples[i] <= bucket.upper)
			i++;
		ck_assert_uint_gt(bucket.count, 0);
		ck_assert_uint_eq(bucket.count, i - first);
	}
	ck_assert_uint_eq(i, SAMPLES);
	ck_assert_uint_eq(some->total, SAMPLES);
	ck_assert_uint_eq(some->min, samples[0]);
	ck_assert_uint_eq(some->max, samples[SAMPLES - 1]);
}

START_TEST(percentiles_are_near_the_sorted_samples)
{
	uint64_t step, rank, exact, value;

	record(&distributions[_i]);
	for (uint64_t q = 0; q <= HISTOGRAM_WHOLE; q += step) {
		step = q < 99 * PERCENT ? PERCENT / 10 : PERCENT / 500;
		rank = (q * SAMPLES + HISTOGRAM_WHOLE - 1) / HISTOGRAM_WHOLE;
		exact = samples[rank - (rank > 0)];
		value = histogram_value_at(&histogram, q);
		ck_assert_msg(value >= exact &&
				      (value - exact) * TOLERANCE <= exact,
			      "%s: %" PRIu64 ", not %" PRIu64 " at %" PRIu64,
			      distributions[_i].name, value, exact, q);
	}
	ck_assert_uint_eq(histogram_value_at(&histogram, 0), samples[0]);
	ck_assert_uint_eq(histogram_value_at(&histogram, 1), samples[0]);
	ck_assert_uint_eq(histogram_value_at(&histogram, HISTOGRAM_WHOLE),
			  samples[SAMPLES - 1]);
}
END_TEST

START_TEST(sums_are_exact)
{
	double mean = 0, variance = 0, deviation;

	record(&distributions[_i]);
	for (size_t i = 0; i < SAMPLES; i++)
		mean += (double)(samples[i] - samples[0]) / SAMPLES;
	for (size_t i = 0; i < SAMPLES; i++) {
		deviation = (double)(samples[i] - samples[0]) - mean;
		variance += deviation * deviation / SAMPLES;
	}
	deviation = histogram_deviation(&histogram);
	ck_assert_msg(
		!differ(histogram_mean(&histogram), mean + (double)samples[0]),
		"%s: mean %f", distributions[_i].name,
		histogram_mean(&histogram));
	ck_assert_msg(!differ(deviation * deviation, variance),
		      "%s: deviation %f", distributions[_i].name, deviation);
}
END_TEST

START_TEST(buckets_hold_all_samples)
{
	record(&distributions[_i]);
	assert_holds_samples(&histogram);
	ck_assert_uint_eq(histogram_overflows(&histogram), 0);
}
END_TEST

START_TEST(parts_add_up_to_the_whole)
{
	record(&distributions[_i]);
	for (size_t i = 1; i < PARTS; i++)
		histogram_add(&parts[0], &parts[i]);
	assert_holds_samples(&parts[0]);
	ck_assert(
		!differ(histogram_mean(&parts[0]), histogram_mean(&histogram)));
	ck_assert(!differ(histogram_deviation(&parts[0]),
			  histogram_deviation(&histogram)));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("histogram_samples");
	TCase *each = tcase_create("each distribution");
	const int count = ARRAY_SIZE(distributions);

	tcase_add_checked_fixture(each, setup, teardown);
	tcase_add_loop_test(each, percentiles_are_near_the_sorted_samples, 0,
			    count);
	tcase_add_loop_test(each, sums_are_exact, 0, count);
	tcase_add_loop_test(each, buckets_hold_all_samples, 0, count);
	tcase_add_loop_test(each, parts_add_up_to_the_whole, 0, count);
	suite_add_tcase(suite, each);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
