/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/load_schedule.h"
#include "unit/harness.h"

#define SECOND UINT64_C(1000000000)
#define START  (5 * SECOND)

static struct load_schedule schedule;

static void begin(uint64_t rate, unsigned threads, unsigned thread)
{
	load_schedule_init(&schedule, rate, threads, thread);
	schedule.start = START;
}

START_TEST(messages_are_due_evenly)
{
	begin(4, 1, 0);
	ck_assert_uint_eq(load_schedule_due(&schedule, 0), START);
	ck_assert_uint_eq(load_schedule_due(&schedule, 1), START + SECOND / 4);
	schedule.next = 4;
	ck_assert_uint_eq(load_schedule_due(&schedule, 0), START + SECOND);
}
END_TEST

START_TEST(threads_take_turns)
{
	begin(1000, 4, 3);
	ck_assert_uint_eq(load_schedule_due(&schedule, 0), START + 3000000);
	ck_assert_uint_eq(load_schedule_due(&schedule, 1), START + 7000000);
}
END_TEST

/* A day at rates whose products do not fit 64 bits; no error adds up. */
START_TEST(due_times_are_exact_for_long)
{
	begin(999999937, 1, 0);
	schedule.next = 999999937 * UINT64_C(86400);
	ck_assert_uint_eq(load_schedule_due(&schedule, 0),
			  START + 86400 * SECOND);
	begin(3, 1, 0);
	schedule.next = 3 * UINT64_C(86400) + 1;
	ck_assert_uint_eq(load_schedule_due(&schedule, 0),
			  START + 86400 * SECOND + 333333333);
}
END_TEST

/* Counted against the due times themselves. */
START_TEST(due_before_counts_what_is_due)
{
	static const struct {
		uint64_t rate;
		unsigned threads, thread;
	} rows[] = { { 1, 1, 0 },  { 3, 1, 0 },	   { 7, 2, 0 },	 { 7, 2, 1 },
		     { 10, 3, 2 }, { 1000, 7, 5 }, { 999, 1, 0 } };

	begin(rows[_i].rate, rows[_i].threads, rows[_i].thread);
	ck_assert_uint_eq(load_schedule_due_before(&schedule, 0), 0);
	ck_assert_uint_eq(load_schedule_due_before(&schedule, START), 0);
	for (uint64_t n = 0; n < 50; n++) {
		uint64_t due = load_schedule_due(&schedule, n);

		if (due > START)
			ck_assert_uint_eq(
				load_schedule_due_before(&schedule, due), n);
		ck_assert_uint_eq(load_schedule_due_before(&schedule, due + 1),
				  n + 1);
	}
}
END_TEST

START_TEST(who_has_room_takes_turns)
{
	struct list_node a, b;

	begin(1, 1, 0);
	list_init(&a);
	list_init(&b);
	ck_assert_ptr_null(load_schedule_turn(&schedule));
	load_schedule_offer(&schedule, &a, 100);
	load_schedule_offer(&schedule, &b, 200);
	load_schedule_offer(&schedule, &a, 300);
	ck_assert_ptr_eq(load_schedule_turn(&schedule), &a);
	ck_assert_ptr_eq(load_schedule_turn(&schedule), &b);
	ck_assert_ptr_eq(load_schedule_turn(&schedule), &a);
	load_schedule_retire(&b);
	load_schedule_retire(&b);
	ck_assert_ptr_eq(load_schedule_turn(&schedule), &a);
	ck_assert_uint_eq(schedule.room_since, 100);
}
END_TEST

START_TEST(room_counts_from_when_there_is_some_again)
{
	struct list_node a;

	begin(1, 1, 0);
	list_init(&a);
	load_schedule_offer(&schedule, &a, 100);
	load_schedule_retire(&a);
	ck_assert_ptr_null(load_schedule_turn(&schedule));
	load_schedule_offer(&schedule, &a, 400);
	ck_assert_uint_eq(schedule.room_since, 400);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("load_schedule");
	TCase *all = tcase_create("all");

	tcase_add_test(all, messages_are_due_evenly);
	tcase_add_test(all, threads_take_turns);
	tcase_add_test(all, due_times_are_exact_for_long);
	tcase_add_loop_test(all, due_before_counts_what_is_due, 0, 7);
	tcase_add_test(all, who_has_room_takes_turns);
	tcase_add_test(all, room_counts_from_when_there_is_some_again);
	suite_add_tcase(suite, all);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
