/* SPDX-License-Identifier: MIT */
/*
 * Counters: by name and by place, added up, and what they say of loss.
 *
 * Link with -Wl,--wrap=mmap.
 */
#include "config.h"

#include "echoping/tally.h"
#include "unit/harness.h"
#include "unit/injection.h"

#include <string.h>
#include <sys/mman.h>

INJECTED(void *, MAP_FAILED, mmap,
	 (void *address, size_t size, int protection, int flags, int fd,
	  off_t offset),
	 (address, size, protection, flags, fd, offset))

static struct tally tally, other;

/* Over whatever was there before. */
static void setup(void)
{
	memset(&tally, 0xff, sizeof(tally));
	memset(&other, 0xff, sizeof(other));
	ck_assert_int_eq(tally_init(&tally), 0);
	ck_assert_int_eq(tally_init(&other), 0);
}

static void teardown(void)
{
	tally_deinit(&tally);
	tally_deinit(&tally);
	ck_assert_ptr_null(tally.rtt.counts);
	tally_deinit(&other);
}

START_TEST(a_tally_begins_with_nothing)
{
	for (size_t i = 0; i < TALLY_COUNTER_COUNT; i++)
		ck_assert_uint_eq(tally_value(&tally, i), 0);
	ck_assert_uint_eq(tally.kernel_clock, 0);
	ck_assert_uint_eq(tally.rtt.total, 0);
	ck_assert_uint_eq(tally.rtt.min, UINT64_MAX);
}
END_TEST

START_TEST(without_memory_there_is_none)
{
	struct tally failed;

	memset(&failed, 0xff, sizeof(failed));
	mmap_fault = (struct fault){ .times = 1, .error = ENOMEM };
	ck_assert_int_eq(tally_init(&failed), -ENOMEM);
	ck_assert_uint_eq(failed.sent, 0);
	tally_deinit(&failed);
}
END_TEST

START_TEST(a_zeroed_tally_can_be_ended)
{
	struct tally zeroed = { 0 };

	tally_deinit(&zeroed);
	tally_deinit(&zeroed);
}
END_TEST

static const struct {
	const char *name, *text;
	size_t offset;
} counters[] = {
	{ "sent", "sent", offsetof(struct tally, sent) },
	{ "received", "received", offsetof(struct tally, received) },
	{ "lost", "lost", offsetof(struct tally, lost) },
	{ "late", "late", offsetof(struct tally, late) },
	{ "duplicate", "duplicate", offsetof(struct tally, duplicate) },
	{ "reordered", "reordered", offsetof(struct tally, reordered) },
	{ "corrupt", "corrupt", offsetof(struct tally, corrupt) },
	{ "truncated", "truncated", offsetof(struct tally, truncated) },
	{ "misaddressed", "from another address",
	  offsetof(struct tally, misaddressed) },
	{ "foreign", "foreign", offsetof(struct tally, foreign) },
	{ "errors", "errors", offsetof(struct tally, errors) },
};
_Static_assert(ARRAY_SIZE(counters) == TALLY_COUNTER_COUNT, "all of them");

START_TEST(a_counter_has_a_name_a_place_and_a_value)
{
	const struct tally_counter *counter = &tally_counters[_i];
	uint64_t value = 1000 + (uint64_t)_i;
	size_t length;

	ck_assert_str_eq(counter->name, counters[_i].name);
	ck_assert_str_eq(counter->text, counters[_i].text);
	ck_assert_uint_eq(counter->offset, counters[_i].offset);
	/* A sentence, as OpenMetrics wants it. */
	length = strlen(counter->help);
	ck_assert_uint_gt(length, 10);
	ck_assert_int_eq(counter->help[length - 1], '.');
	memcpy((char *)&tally + counters[_i].offset, &value, sizeof(value));
	for (size_t i = 0; i < TALLY_COUNTER_COUNT; i++)
		ck_assert_uint_eq(tally_value(&tally, i),
				  i == (size_t)_i ? value : 0);
}
END_TEST

/* Counter i is factor * 3^i. */
static void count(struct tally *into, uint64_t factor)
{
	for (size_t i = 0; i < TALLY_COUNTER_COUNT; i++, factor *= 3)
		memcpy((char *)into + tally_counters[i].offset, &factor,
		       sizeof(factor));
	into->kernel_clock = factor;
	histogram_record(&into->rtt, factor);
}

START_TEST(all_of_another_tally_is_added)
{
	uint64_t value = 6;

	count(&tally, 1);
	count(&other, 5);
	tally_add(&tally, &other);
	for (size_t i = 0; i < TALLY_COUNTER_COUNT; i++, value *= 3) {
		ck_assert_uint_eq(tally_value(&tally, i), value);
		ck_assert_uint_eq(tally_value(&other, i), value / 6 * 5);
	}
	ck_assert_uint_eq(tally.kernel_clock, value);
	ck_assert_uint_eq(tally.rtt.total, 2);
	ck_assert_uint_eq(tally.rtt.min, value / 6);
	ck_assert_uint_eq(tally.rtt.max, value / 6 * 5);
}
END_TEST

START_TEST(nothing_added_changes_nothing)
{
	count(&tally, 1);
	tally_add(&tally, &other);
	ck_assert_uint_eq(tally.sent, 1);
	ck_assert_uint_eq(tally.errors, 59049);
	ck_assert_uint_eq(tally.rtt.total, 1);
}
END_TEST

/* In thousandths of a percent.  What is under way, or late, is neither. */
static const struct {
	uint64_t sent, received, lost, loss;
} losses[] = {
	{ 0, 0, 0, 0 },
	{ 1, 0, 0, 0 },
	{ 1, 1, 0, 0 },
	{ 1, 0, 1, 100000 },
	{ 9, 1, 1, 50000 },
	{ 3, 2, 1, 33333 },
	{ 3, 1, 2, 66666 },
	{ 1000, 999, 1, 100 },
	{ UINT64_C(3) << 60, UINT64_C(1) << 60, UINT64_C(1) << 60, 50000 },
};

START_TEST(loss_is_of_what_is_decided)
{
	tally.sent = losses[_i].sent;
	tally.received = losses[_i].received;
	tally.lost = losses[_i].lost;
	tally.late = 7;
	ck_assert_uint_eq((uint64_t)(tally_loss(&tally) * 1000 + 1e-6),
			  losses[_i].loss);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("tally");
	TCase *tcase = tcase_create("tally");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_tally_begins_with_nothing);
	tcase_add_test(tcase, without_memory_there_is_none);
	tcase_add_test(tcase, a_zeroed_tally_can_be_ended);
	tcase_add_loop_test(tcase, a_counter_has_a_name_a_place_and_a_value, 0,
			    ARRAY_SIZE(counters));
	tcase_add_test(tcase, all_of_another_tally_is_added);
	tcase_add_test(tcase, nothing_added_changes_nothing);
	tcase_add_loop_test(tcase, loss_is_of_what_is_decided, 0,
			    ARRAY_SIZE(losses));
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
