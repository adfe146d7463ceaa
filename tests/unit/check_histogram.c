/* SPDX-License-Identifier: MIT */
/*
 * The histogram at its edges: of buckets, ranges, counts and memory.
 *
 * Link with -Wl,--wrap=mmap: it can fail, tells how large the counters are, and
 * lets nobody read beyond them.  What maps a file is none of ours: a compiler's
 * runtime, which writes down what was executed.
 */
#include "config.h"

#include "common/histogram.h"
#include "unit/harness.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PERCENT (HISTOGRAM_WHOLE / 100)

/* The largest deviation allowed, as 1/TOLERANCE of the value: 0.1 %. */
#define TOLERANCE 1000

static struct histogram histogram, other;
static bool mmap_fails;
static size_t mapped, page_size;

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd,
		  off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd,
		  off_t offset);

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd,
		  off_t offset)
{
	char *memory;

	if (fd >= 0)
		return __real_mmap(address, size, protection, flags, fd,
				   offset);
	if (mmap_fails) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	mapped = (size + page_size - 1) / page_size * page_size;
	memory = __real_mmap(address, mapped + page_size, protection, flags, fd,
			     offset);
	ck_assert_ptr_ne(memory, MAP_FAILED);
	ck_assert_int_eq(mprotect(memory + mapped, page_size, PROT_NONE), 0);
	return memory;
}

/* Of the samples 1, 2, 3 and so on. */
static const struct {
	uint64_t samples, quantile, value;
	bool known;
} ranks[] = {
	{ 0, 0, 0, false },
	{ 0, HISTOGRAM_WHOLE, 0, false },
	{ 1, 0, 1, true },
	{ 1, 50 * PERCENT, 1, false },
	{ 1, HISTOGRAM_WHOLE, 1, false },
	{ 2, 50 * PERCENT, 1, true },
	{ 2, 50 * PERCENT + 1, 2, false },
	{ 3, 50 * PERCENT, 2, true },
	{ 10, 1, 1, true },
	{ 10, 10 * PERCENT, 1, true },
	{ 10, 10 * PERCENT + 1, 2, true },
	{ 10, 90 * PERCENT, 9, true },
	{ 10, 90 * PERCENT + 1, 10, false },
	{ 99, 99 * PERCENT, 99, false },
	{ 100, 99 * PERCENT, 99, true },
	{ 999, 999 * PERCENT / 10, 999, false },
	{ 1000, 999 * PERCENT / 10, 999, true },
	{ 1000, 9999 * PERCENT / 100, 1000, false },
	{ 1000, HISTOGRAM_WHOLE, 1000, false },
};

static void setup(void)
{
	page_size = (size_t)sysconf(_SC_PAGESIZE);
	ck_assert_int_eq(histogram_init(&histogram), 0);
	ck_assert_int_eq(histogram_init(&other), 0);
}

static void teardown(void)
{
	histogram_deinit(&histogram);
	histogram_deinit(&other);
}

/* By more than the rounding of doubles, or because one is not a number. */
static bool differ(double a, double b)
{
	double difference = a < b ? b - a : a - b;

	return !(difference <= 1e-9 * b);
}

/* The next bucket is this one. */
static void assert_bucket(size_t *cursor, uint64_t lower, uint64_t upper,
			  uint64_t count)
{
	struct histogram_bucket bucket;

	ck_assert(histogram_next(&histogram, cursor, &bucket));
	ck_assert_uint_eq(bucket.lower, lower);
	ck_assert_uint_eq(bucket.upper, upper);
	ck_assert_uint_eq(bucket.count, count);
}

static void assert_no_bucket(size_t *cursor)
{
	struct histogram_bucket bucket;

	ck_assert(!histogram_next(&histogram, cursor, &bucket));
	ck_assert(!histogram_next(&histogram, cursor, &bucket));
}

/* From 0 to 1 h without a gap, each asked for its lowest and highest value. */
START_TEST(buckets_are_narrow_and_adjoin)
{
	struct histogram_bucket bucket;
	uint64_t lower = 0;
	size_t cursor;

	while (lower <= HISTOGRAM_VALUE_MAX) {
		cursor = 0;
		histogram_record(&histogram, lower);
		ck_assert(histogram_next(&histogram, &cursor, &bucket));
		ck_assert_uint_eq(bucket.lower, lower);
		ck_assert_uint_ge(bucket.upper, lower);
		ck_assert_uint_le((bucket.upper - lower) * TOLERANCE, lower);
		histogram_record(&histogram, bucket.upper);
		cursor = 0;
		assert_bucket(&cursor, lower, bucket.upper, 2);
		assert_no_bucket(&cursor);
		lower = bucket.upper + 1;
		histogram_reset(&histogram);
	}
	ck_assert_uint_eq(lower, HISTOGRAM_VALUE_MAX + 1);
}
END_TEST

START_TEST(overflows_are_counted_in_the_last_bucket)
{
	size_t cursor = 0;

	histogram_record(&histogram, HISTOGRAM_VALUE_MAX + 1);
	histogram_record(&histogram, 0);
	histogram_record(&histogram, 0);
	histogram_record(&histogram, UINT64_MAX - 1);
	ck_assert_uint_eq(histogram_overflows(&histogram), 2);
	ck_assert_uint_eq(histogram_value_at(&histogram, 50 * PERCENT), 0);
	ck_assert_uint_eq(histogram_value_at(&histogram, 51 * PERCENT),
			  UINT64_MAX - 1);
	assert_bucket(&cursor, 0, 0, 2);
	assert_bucket(&cursor, HISTOGRAM_VALUE_MAX + 1, UINT64_MAX - 1, 2);
	assert_no_bucket(&cursor);
	histogram_add(&other, &histogram);
	ck_assert_uint_eq(histogram_overflows(&other), 2);
	histogram_reset(&histogram);
	ck_assert_uint_eq(histogram_overflows(&histogram), 0);
}
END_TEST

START_TEST(ranks_are_nearest_and_known_when_samples_suffice)
{
	uint64_t quantile = ranks[_i].quantile;

	for (uint64_t value = 1; value <= ranks[_i].samples; value++)
		histogram_record(&histogram, value);
	ck_assert_uint_eq(histogram_value_at(&histogram, quantile),
			  ranks[_i].value);
	ck_assert_int_eq(histogram_percentile_is_known(&histogram, quantile),
			 ranks[_i].known);
	ck_assert(
		!differ(histogram_mean(&histogram) * 2,
			(double)(ranks[_i].samples + (ranks[_i].samples > 0))));
}
END_TEST

/* Neither total * quantile nor the sums fit 64 bits. */
START_TEST(nothing_overflows_with_many_samples)
{
	const uint64_t third = HISTOGRAM_WHOLE / 3, wraps = 1 << 24;

	histogram_record(&histogram, 1);
	histogram_record(&histogram, 2);
	histogram_record(&histogram, HISTOGRAM_VALUE_MAX);
	for (int i = 0; i < 40; i++) {
		histogram_reset(&other);
		histogram_add(&other, &histogram);
		histogram_add(&histogram, &other);
	}
	ck_assert_uint_eq(histogram.total, UINT64_C(3) << 40);
	ck_assert_uint_eq(histogram_value_at(&histogram, third), 1);
	ck_assert_uint_eq(histogram_value_at(&histogram, third + 1), 2);
	ck_assert_uint_eq(histogram_value_at(&histogram, 2 * third), 2);
	ck_assert_uint_eq(histogram_value_at(&histogram, 2 * third + 1),
			  HISTOGRAM_VALUE_MAX);
	ck_assert(
		histogram_percentile_is_known(&histogram, HISTOGRAM_WHOLE - 1));
	ck_assert(histogram_percentile_is_known(&histogram,
						HISTOGRAM_WHOLE - wraps));
	ck_assert(!histogram_percentile_is_known(&histogram, HISTOGRAM_WHOLE));
	histogram_record(&histogram, 3);
	ck_assert(!differ(histogram_mean(&histogram), 1200000000001));
	/* The hour less 1.5 ns, which is the mean of the others, times sqrt(2)
	 * / 3. */
	ck_assert(!differ(histogram_deviation(&histogram), 1697056274847.007));
}
END_TEST

START_TEST(many_at_once_are_as_many_one_by_one)
{
	const uint64_t values[] = { 5000, 3, HISTOGRAM_VALUE_MAX + 1 };
	struct histogram_bucket bucket;
	size_t at = 0, cursor = 0;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		histogram_record_many(&histogram, values[i], 7);
		for (int n = 0; n < 7; n++)
			histogram_record(&other, values[i]);
	}
	ck_assert_uint_eq(histogram.total, 21);
	ck_assert_uint_eq(histogram.min, other.min);
	ck_assert_uint_eq(histogram.max, other.max);
	ck_assert(histogram.sum == other.sum);
	ck_assert(histogram.squares == other.squares);
	while (histogram_next(&other, &at, &bucket))
		assert_bucket(&cursor, bucket.lower, bucket.upper, 7);
	assert_no_bucket(&cursor);
}
END_TEST

START_TEST(empty_until_recorded_and_when_reset)
{
	size_t cursor = 0;

	for (int round = 0; round < 2; round++) {
		ck_assert_uint_eq(histogram.total, 0);
		ck_assert_uint_eq(histogram.min, UINT64_MAX);
		ck_assert_uint_eq(histogram.max, 0);
		ck_assert_uint_eq(histogram_value_at(&histogram, 0), 0);
		ck_assert(!differ(histogram_mean(&histogram), 0));
		ck_assert(!differ(histogram_deviation(&histogram), 0));
		assert_no_bucket(&cursor);
		histogram_add(&other, &histogram);
		histogram_record(&histogram, 5);
		histogram_record(&histogram, UINT64_MAX);
		histogram_reset(&histogram);
		cursor = 0;
	}
	ck_assert_uint_eq(other.total, 0);
}
END_TEST

START_TEST(deinit_unmaps_once)
{
	void *memory = other.counts;
	unsigned char here;

	histogram_deinit(&other);
	ck_assert_ptr_null(other.counts);
	ck_assert_int_eq(mincore(memory, 1, &here), -1);
	ck_assert_int_eq(errno, ENOMEM);
	histogram_deinit(&other);
}
END_TEST

START_TEST(init_reports_lack_of_memory)
{
	histogram_deinit(&other);
	mmap_fails = true;
	ck_assert_int_eq(histogram_init(&other), -ENOMEM);
	ck_assert_ptr_null(other.counts);
	histogram_deinit(&other);
	mmap_fails = false;
	ck_assert_int_eq(histogram_init(&other), 0);
	histogram_record(&other, 1);
}
END_TEST

/* Make the pages read-only that are not resident; returns how many others. */
static size_t seal_untouched_pages(void)
{
	char *memory = (char *)histogram.counts;
	size_t resident = 0;
	unsigned char here;

	for (char *page = memory; page < memory + mapped; page += page_size) {
		ck_assert_int_eq(mincore(page, page_size, &here), 0);
		resident += here & 1;
		if (!(here & 1))
			ck_assert_int_eq(mprotect(page, page_size, PROT_READ),
					 0);
	}
	return resident;
}

/* 50 us and 40 ms are not on one page, however large. */
START_TEST(only_pages_that_are_counted_in_are_touched)
{
	ck_assert_int_eq(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
	histogram_deinit(&histogram);
	ck_assert_int_eq(histogram_init(&histogram), 0);
	ck_assert_uint_le(mapped, 300000);
	histogram_record(&histogram, 50000);
	histogram_record(&histogram, 40000000);
	ck_assert_uint_eq(seal_untouched_pages(), 2);
	histogram_add(&other, &histogram);
	histogram_add(&histogram, &other);
	histogram_reset(&histogram);
	ck_assert_uint_eq(histogram.total, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("histogram");
	TCase *edges = tcase_create("edges");

	tcase_add_checked_fixture(edges, setup, teardown);
	tcase_add_test(edges, buckets_are_narrow_and_adjoin);
	tcase_add_test(edges, overflows_are_counted_in_the_last_bucket);
	tcase_add_loop_test(edges,
			    ranks_are_nearest_and_known_when_samples_suffice, 0,
			    ARRAY_SIZE(ranks));
	tcase_add_test(edges, nothing_overflows_with_many_samples);
	tcase_add_test(edges, many_at_once_are_as_many_one_by_one);
	tcase_add_test(edges, empty_until_recorded_and_when_reset);
	tcase_add_test(edges, deinit_unmaps_once);
	tcase_add_test(edges, init_reports_lack_of_memory);
	tcase_add_test(edges, only_pages_that_are_counted_in_are_touched);
	suite_add_tcase(suite, edges);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
