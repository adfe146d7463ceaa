/* SPDX-License-Identifier: MIT */
/*
 * Nothing that is counted may be forgotten when slices are added and reset.
 */
#include "config.h"

#include "echoping/load_counts.h"
#include "unit/harness.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

void *__real_mmap(void *address, size_t length, int protection, int flags,
		  int fd, off_t offset);
void *__wrap_mmap(void *address, size_t length, int protection, int flags,
		  int fd, off_t offset);

/* How many succeed before one fails; negative: all. */
static int maps_left = -1;

void *__wrap_mmap(void *address, size_t length, int protection, int flags,
		  int fd, off_t offset)
{
	if (maps_left == 0) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	maps_left -= maps_left > 0;
	return __real_mmap(address, length, protection, flags, fd, offset);
}

static struct load_counts one, sum;

static void setup(void)
{
	ck_assert_int_eq(load_counts_init(&one), 0);
	ck_assert_int_eq(load_counts_init(&sum), 0);
}

static void teardown(void)
{
	load_counts_deinit(&one);
	load_counts_deinit(&sum);
}

static uint64_t *const numbers[] = {
	&one.bytes,	 &one.unsent,	    &one.idle,
	&one.no_port,	 &one.socket_drops, &one.user,
	&one.system,	 &one.tally.sent,   &one.tally.received,
	&one.tally.lost, &one.tally.late,   &one.tally.errors,
};
static struct histogram *const histograms[] = {
	&one.tally.rtt, &one.intended, &one.lag, &one.own_lag, &one.connect,
};

/* The same member of `sum`. */
static void *in_sum(void *member)
{
	return (char *)&sum + ((char *)member - (char *)&one);
}

static void count_everything(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		*numbers[i] += i + 1;
	for (size_t i = 0; i < ARRAY_SIZE(histograms); i++)
		histogram_record(histograms[i], 1000 * (i + 1));
}

START_TEST(all_is_added)
{
	count_everything();
	load_counts_add(&sum, &one);
	load_counts_add(&sum, &one);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		ck_assert_uint_eq(*(uint64_t *)in_sum(numbers[i]), 2 * (i + 1));
	for (size_t i = 0; i < ARRAY_SIZE(histograms); i++) {
		const struct histogram *got = in_sum(histograms[i]);

		ck_assert_uint_eq(got->total, 2);
		ck_assert_uint_eq(got->max, 1000 * (i + 1));
	}
}
END_TEST

START_TEST(all_is_reset_and_counts_again)
{
	count_everything();
	load_counts_reset(&one);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		ck_assert_uint_eq(*numbers[i], 0);
	for (size_t i = 0; i < ARRAY_SIZE(histograms); i++)
		ck_assert_uint_eq(histograms[i]->total, 0);
	count_everything();
	ck_assert_uint_eq(one.connect.total, 1);
}
END_TEST

START_TEST(messages_are_reset_alone)
{
	count_everything();
	load_counts_reset_messages(&one);
	ck_assert_uint_eq(one.tally.sent + one.tally.received, 0);
	ck_assert_uint_eq(one.tally.lost + one.tally.corrupt, 0);
	ck_assert_uint_eq(one.tally.rtt.total + one.bytes, 0);
	ck_assert_uint_gt(one.tally.errors, 0);
	ck_assert_uint_eq(one.connect.total, 1);
}
END_TEST

START_TEST(lack_of_memory_leaves_nothing)
{
	struct load_counts counts;

	maps_left = _i;
	ck_assert_int_eq(load_counts_init(&counts), -ENOMEM);
	maps_left = -1;
	load_counts_deinit(&counts);
	ck_assert_ptr_null(counts.tally.rtt.counts);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("load_counts");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, all_is_added);
	tcase_add_test(all, all_is_reset_and_counts_again);
	tcase_add_test(all, messages_are_reset_alone);
	tcase_add_loop_test(all, lack_of_memory_leaves_nothing, 0, 5);
	suite_add_tcase(suite, all);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
