/* SPDX-License-Identifier: MIT */
/*
 * A peer that takes no more, and no memory to hold back the rest: it stays
 * with the kernel.
 */
#include "config.h"

#include "unit/connection.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

static bool open_limited(enum kind kind)
{
	hold_at_most(WORKER_SCRATCH_SIZE - 1);
	return open_connection(kind);
}

/* Only TCP holds back in memory otherwise. */
static uint64_t limited(int kind)
{
	return kind == KIND_TCP ? 1 : 0;
}

START_TEST(rest_of_a_short_send_is_left_with_the_kernel)
{
	if (_i == KIND_RECORDS || !open_limited((enum kind)_i))
		return;
	deliver("hello");
	fault_shorten(FAULT_SEND, 2);
	serve();
	ck_assert_uint_eq(worker.held.bytes, 0);
	ck_assert_uint_eq(fd_inq(fds[SERVER]), 3);
	expect_counted(2, 2, 0);
	ck_assert_uint_eq(counted(COUNTER_buffer_limited), limited(_i));
	fault_renew_edges();
	serve();
	await_inq(fds[CLIENT], 5);
	expect_text(fds[CLIENT], "hello");
	expect_counted(5, 5, 0);
	say_and_expect("again");
}
END_TEST

START_TEST(nothing_is_consumed_when_nothing_was_sent)
{
	if (!open_limited((enum kind)_i))
		return;
	deliver("hello");
	fault_fail(FAULT_SEND, EAGAIN);
	serve();
	ck_assert_uint_eq(fd_inq(fds[SERVER]), 5);
	expect_counted(0, 0, 0);
	ck_assert_uint_eq(counted(COUNTER_buffer_limited), limited(_i));
	fault_renew_edges();
	serve();
	expect_text(fds[CLIENT], "hello");
	expect_counted(5, 5, 0);
}
END_TEST

START_TEST(peer_that_does_not_read_gets_it_all_later)
{
	size_t total;

	hold_at_most(0);
	open_pair((enum kind)_i);
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_SNDBUF, 4096);
	fd_set_option(fds[CLIENT], SOL_SOCKET, SO_SNDBUF, 65536);
	fd_set_option(fds[CLIENT], SOL_SOCKET, SO_RCVBUF, 65536);
	serve_pair((enum kind)_i, NULL);
	total = stuff();
	ck_assert_uint_lt(counted(COUNTER_bytes_sent), total);
	ck_assert_uint_eq(counted(COUNTER_bytes_sent),
			  counted(COUNTER_bytes_received));
	ck_assert_uint_eq(worker.held.bytes, 0);
	expect_pattern(total);
	expect_counted(total, total, 0);
	ck_assert(_i == KIND_TCP ? counted(COUNTER_buffer_limited) > 0
				 : counted(COUNTER_buffer_limited) == 0);
}
END_TEST

/* The limit is the worker's, not the connection's. */
START_TEST(limit_is_reached_by_others)
{
	int first;

	hold_at_most(WORKER_SCRATCH_SIZE);
	open_connection(KIND_TCP);
	deliver("hello");
	fault_shorten(FAULT_SEND, 2);
	serve();
	ck_assert_uint_eq(worker.held.bytes, 3);
	first = fds[CLIENT];
	open_connection(KIND_TCP);
	deliver("world");
	fault_shorten(FAULT_SEND, 1);
	serve();
	ck_assert_uint_eq(worker.held.bytes, 3);
	ck_assert_uint_eq(fd_inq(fds[SERVER]), 4);
	ck_assert_uint_eq(counted(COUNTER_buffer_limited), 1);
	fault_renew_edges();
	serve();
	await_inq(first, 5);
	expect_text(first, "hello");
	await_inq(fds[CLIENT], 5);
	expect_text(fds[CLIENT], "world");
	ck_assert_uint_eq(worker.held.bytes, 0);
	ck_assert_int_eq(close(first), 0);
}
END_TEST

START_TEST(end_comes_after_what_was_left)
{
	if (!open_limited((enum kind)_i))
		return;
	deliver("hello");
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	AWAIT(events_now(fds[SERVER], POLLRDHUP) & POLLRDHUP);
	fault_fail(FAULT_SEND, EAGAIN);
	fault_fail(FAULT_SEND, EAGAIN);
	serve();
	fault_renew_edges();
	serve();
	fault_renew_edges();
	serve();
	ck_assert_uint_eq(connections(), 0);
	expect_text(fds[CLIENT], "hello");
	expect_fin();
	expect_counted(5, 5, 0);
}
END_TEST

START_TEST(peer_resets_while_something_is_left)
{
	open_limited(KIND_TCP);
	deliver("hello");
	fault_shorten(FAULT_SEND, 2);
	serve();
	reset_by_client();
	SERVE_UNTIL(connections() == 0);
	expect_counted(2, 2, 0);
}
END_TEST

TCase *connection_peek_case(void)
{
	TCase *tcase = tcase_create("peek");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, connection_setup, connection_teardown);
	tcase_add_loop_test(tcase, rest_of_a_short_send_is_left_with_the_kernel,
			    0, KIND_COUNT);
	tcase_add_loop_test(tcase, nothing_is_consumed_when_nothing_was_sent, 0,
			    KIND_COUNT);
	tcase_add_loop_test(tcase, peer_that_does_not_read_gets_it_all_later, 0,
			    KIND_RECORDS);
	tcase_add_test(tcase, limit_is_reached_by_others);
	tcase_add_loop_test(tcase, end_comes_after_what_was_left, 0,
			    KIND_COUNT);
	tcase_add_test(tcase, peer_resets_while_something_is_left);
	return tcase;
}
