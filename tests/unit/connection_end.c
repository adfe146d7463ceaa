/* SPDX-License-Identifier: MIT */
/*
 * Connections that echod ends: a FIN only if nothing is left over.
 */
#include "config.h"

#include "unit/connection.h"

#include <poll.h>
#include <unistd.h>

/* Leave 3 of 5 bytes with echod, or with the kernel if it must. */
static void hold_some(enum kind kind)
{
	open_connection(kind);
	deliver("hello");
	fault_shorten(FAULT_SEND, 2);
	serve();
	expect_text(fds[CLIENT], "he");
}

START_TEST(idle_one_ends_with_a_fin)
{
	if (!open_connection((enum kind)_i))
		return;
	say_and_expect("hello");
	let_time_pass(policy.idle_timeout);
	ck_assert_uint_eq(connections(), 0);
	expect_fin();
	expect_counted(5, 5, 0);
	ck_assert_uint_eq(counted(COUNTER_connections_idled), 1);
}
END_TEST

START_TEST(active_one_is_not_idle)
{
	uint64_t opened;

	open_connection(KIND_TCP);
	opened = worker.reactor.now;
	say_and_expect("hello");
	ck_assert_uint_gt(the_connection()->since, opened);
	worker.reactor.now = opened + policy.idle_timeout;
	reactor_dispatch(&worker.reactor);
	ck_assert_uint_eq(connections(), 1);
	worker.reactor.now = the_connection()->since + policy.idle_timeout;
	reactor_dispatch(&worker.reactor);
	ck_assert_uint_eq(connections(), 0);
	expect_fin();
}
END_TEST

START_TEST(idle_one_that_holds_is_reset)
{
	hold_some((enum kind)_i);
	let_time_pass(policy.idle_timeout);
	ck_assert_uint_eq(connections(), 0);
	ck_assert_uint_eq(worker.held.bytes, 0);
	expect_reset();
	ck_assert_uint_eq(counted(COUNTER_connections_reset), 1);
	ck_assert_uint_eq(counted(COUNTER_connections_idled), 1);
}
END_TEST

START_TEST(idle_one_that_left_bytes_is_reset)
{
	hold_at_most(0);
	hold_some(KIND_TCP);
	let_time_pass(policy.idle_timeout);
	ck_assert_uint_eq(connections(), 0);
	expect_reset();
	expect_counted(2, 2, 1);
}
END_TEST

/* It is not idle but late: we were not run in time to see what came. */
START_TEST(one_with_unread_bytes_is_not_idle)
{
	if (!open_connection((enum kind)_i))
		return;
	deliver("hello");
	let_time_pass(policy.idle_timeout);
	ck_assert_uint_eq(connections(), 1);
	ck_assert_uint_eq(counted(COUNTER_connections_idled), 0);
	serve();
	expect_text(fds[CLIENT], "hello");
	/* The timer was set again from the time that was made up. */
	let_time_pass(2 * policy.idle_timeout);
	ck_assert_uint_eq(connections(), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_idled), 1);
	expect_fin();
}
END_TEST

START_TEST(aborted_one_ends_with_a_fin)
{
	if (!open_connection((enum kind)_i))
		return;
	say_and_expect("hello");
	connection_abort(the_connection());
	ck_assert_uint_eq(connections(), 0);
	expect_fin();
	expect_counted(5, 5, 0);
	ck_assert_uint_eq(counted(COUNTER_connections_idled), 0);
}
END_TEST

/* What the kernel has taken is as good as sent. */
START_TEST(aborted_one_delivers_what_was_sent)
{
	if (!open_connection((enum kind)_i))
		return;
	say("hello");
	connection_abort(the_connection());
	expect_text(fds[CLIENT], "hello");
	expect_fin();
}
END_TEST

START_TEST(aborted_one_that_holds_is_reset)
{
	hold_some((enum kind)_i);
	connection_abort(the_connection());
	ck_assert_uint_eq(connections(), 0);
	ck_assert_uint_eq(worker.held.bytes, 0);
	expect_reset();
	ck_assert_uint_eq(counted(COUNTER_connections_reset), 1);
}
END_TEST

START_TEST(aborted_one_with_unread_bytes_is_reset)
{
	if (!open_connection((enum kind)_i))
		return;
	deliver("hello");
	connection_abort(the_connection());
	ck_assert_uint_eq(connections(), 0);
	expect_reset();
	expect_counted(0, 0, 1);
}
END_TEST

/* Its descriptor lives on elsewhere, and must not be reported any more. */
START_TEST(one_with_a_duplicate_is_not_heard_of_again)
{
	int duplicate;

	open_pair(KIND_TCP);
	duplicate = dup(fds[SERVER]);
	serve_pair(KIND_TCP, NULL);
	serve();
	connection_abort(the_connection());
	send_text(fds[CLIENT], "stale");
	await_readable(duplicate);
	ck_assert_int_eq(reactor_poll(&worker.reactor), 0);
	ck_assert_int_eq(fault_seen().count, 0);
	ck_assert_int_eq(close(duplicate), 0);
}
END_TEST

/* Closing the only descriptor says it all. */
START_TEST(sole_one_ends_without_a_call_for_epoll)
{
	struct connection_origin origin = {
		.name = "test",
		.tcp = true,
		.sole = true,
	};
	unsigned int calls;

	open_pair(KIND_TCP);
	ck_assert(worker_reserve_connection(&worker));
	ck_assert_int_eq(connection_open(&worker, fds[SERVER], &origin, NULL),
			 0);
	say_and_expect("hello");
	calls = fault_count(FAULT_EPOLL_CTL);
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	SERVE_UNTIL(connections() == 0);
	expect_fin();
	ck_assert_uint_eq(fault_count(FAULT_EPOLL_CTL), calls);
}
END_TEST

TCase *connection_end_case(void)
{
	TCase *tcase = tcase_create("end");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, connection_setup, connection_teardown);
	tcase_add_loop_test(tcase, idle_one_ends_with_a_fin, 0, KIND_COUNT);
	tcase_add_test(tcase, active_one_is_not_idle);
	tcase_add_loop_test(tcase, idle_one_that_holds_is_reset, 0,
			    KIND_RECORDS);
	tcase_add_test(tcase, idle_one_that_left_bytes_is_reset);
	tcase_add_loop_test(tcase, one_with_unread_bytes_is_not_idle, 0,
			    KIND_COUNT);
	tcase_add_loop_test(tcase, aborted_one_ends_with_a_fin, 0, KIND_COUNT);
	tcase_add_loop_test(tcase, aborted_one_delivers_what_was_sent, 0,
			    KIND_COUNT);
	tcase_add_loop_test(tcase, aborted_one_that_holds_is_reset, 0,
			    KIND_RECORDS);
	tcase_add_loop_test(tcase, aborted_one_with_unread_bytes_is_reset, 0,
			    KIND_COUNT);
	tcase_add_test(tcase, one_with_a_duplicate_is_not_heard_of_again);
	tcase_add_test(tcase, sole_one_ends_without_a_call_for_epoll);
	return tcase;
}
