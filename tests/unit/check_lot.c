/* SPDX-License-Identifier: MIT */
/*
 * A parking lot: what is in its queue is what its account says.
 */
#include "config.h"

#include "unit/lot.h"
#include "unit/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

START_TEST(parked_ones_lie_in_one_message)
{
	park_members(3);
	ck_assert(list_is_empty(&waiting));
	ck_assert_uint_eq(lot.message_count, 1);
	ck_assert_uint_eq(lot.live, 3);
	expect_exact();
}
END_TEST

START_TEST(nobody_is_no_message)
{
	ck_assert_int_eq(lot_park(&lot, &waiting), 0);
	ck_assert_uint_eq(lot.message_count, 0);
	expect_exact();
}
END_TEST

START_TEST(message_takes_so_many)
{
	add_members(LOT_BATCH + 47);
	ck_assert_int_eq(lot_park(&lot, &waiting), 0);
	ck_assert_uint_eq(lot.live, LOT_BATCH);
	ck_assert_ptr_eq(waiting.next, &members[LOT_BATCH].place);
	ck_assert_int_eq(lot_park(&lot, &waiting), 0);
	ck_assert(list_is_empty(&waiting));
	ck_assert_uint_eq(lot.message_count, 2);
	expect_exact();
}
END_TEST

START_TEST(newest_are_those_parked_last)
{
	struct list_node *place;
	size_t next = 5;

	park_members(5);
	park_members(3);
	list_for_each (place, lot_newest(&lot))
		ck_assert_ptr_eq(place, &members[next++].place);
	ck_assert_uint_eq(next, 8);
}
END_TEST

START_TEST(dead_are_no_concern_until_there_are_many)
{
	park_members(5);
	leave(&members[0]);
	leave(&members[4]);
	ck_assert_uint_eq(lot.live, 3);
	ck_assert_uint_eq(lot.parked, 5);
	expect_exact();
}
END_TEST

/* That is what it is for. */
START_TEST(queue_outlives_the_lot)
{
	int entrance = fcntl(lot.entrance, F_DUPFD_CLOEXEC, 0);

	park_members(LOT_BATCH + 1);
	lot_deinit(&lot);
	ck_assert_int_eq(lot.entrance, -1);
	ck_assert_int_eq(lot.exit, -1);
	expect_no_gap();
	ck_assert_int_eq(close(entrance), 0);
	expect_no_gap();
}
END_TEST

START_TEST(deinit_closes_both_ends_once)
{
	int entrance = lot.entrance, exit = lot.exit;

	park_members(2);
	lot_deinit(&lot);
	ck_assert_int_lt(fcntl(entrance, F_GETFD), 0);
	ck_assert_int_lt(fcntl(exit, F_GETFD), 0);
	ck_assert(!list_is_linked(&members[0].place));
	ck_assert_int_eq(dup2(exit_end, exit), exit);
	lot_deinit(&lot);
	ck_assert_int_ge(fcntl(exit, F_GETFD), 0);
}
END_TEST

START_TEST(ends_are_not_inherited_and_do_not_block)
{
	const int ends[] = { lot.entrance, lot.exit };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		ck_assert_int_eq(fcntl(ends[i], F_GETFD), FD_CLOEXEC);
		ck_assert_int_ne(fcntl(ends[i], F_GETFL) & O_NONBLOCK, 0);
	}
}
END_TEST

START_TEST(who_dies_after_the_lot_does_so_without_it)
{
	park_members(2);
	lot_deinit(&lot);
	leave(&members[0]);
	ck_assert_uint_eq(lot.live, 0);
	ck_assert_uint_eq(lot.parked, 0);
}
END_TEST

static TCase *lot_case(void)
{
	TCase *tcase = tcase_create("lot");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, lot_setup, lot_teardown);
	tcase_add_test(tcase, parked_ones_lie_in_one_message);
	tcase_add_test(tcase, nobody_is_no_message);
	tcase_add_test(tcase, message_takes_so_many);
	tcase_add_test(tcase, newest_are_those_parked_last);
	tcase_add_test(tcase, dead_are_no_concern_until_there_are_many);
	tcase_add_test(tcase, queue_outlives_the_lot);
	tcase_add_test(tcase, deinit_closes_both_ends_once);
	tcase_add_test(tcase, ends_are_not_inherited_and_do_not_block);
	tcase_add_test(tcase, who_dies_after_the_lot_does_so_without_it);
	return tcase;
}

static Suite *make_suite(void)
{
	Suite *suite = suite_create("lot");

	suite_add_tcase(suite, lot_case());
	suite_add_tcase(suite, lot_rotation_case());
	suite_add_tcase(suite, lot_failure_case());
	suite_add_tcase(suite, lot_failure_limit_case());
	suite_add_tcase(suite, lot_message_case());
	suite_add_tcase(suite, lot_message_limit_case());
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
