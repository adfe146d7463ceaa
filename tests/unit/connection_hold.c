/* SPDX-License-Identifier: MIT */
/*
 * A peer that takes no more: the rest is held back, and nothing is received
 * until it is gone.
 */
#include "config.h"

#include "unit/connection.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

START_TEST(rest_of_a_short_send_is_held)
{
	open_connection(KIND_TCP);
	deliver("hello");
	fault_shorten(FAULT_SEND, 2);
	serve();
	/* Exactly the rest. */
	ck_assert_uint_eq(worker.held.bytes, 3);
	expect_counted(5, 2, 0);
	expect_text(fds[CLIENT], "he");
	fault_renew_edges();
	serve();
	ck_assert_uint_eq(worker.held.bytes, 0);
	expect_text(fds[CLIENT], "llo");
	expect_counted(5, 5, 0);
	ck_assert_uint_eq(counted(COUNTER_buffer_limited), 0);
	say_and_expect("again");
}
END_TEST

START_TEST(all_is_held_when_nothing_was_sent)
{
	open_connection(KIND_TCP);
	deliver("hello");
	fault_fail(FAULT_SEND, EAGAIN);
	serve();
	ck_assert_uint_eq(worker.held.bytes, 5);
	expect_counted(5, 0, 0);
	fault_renew_edges();
	serve();
	expect_text(fds[CLIENT], "hello");
	expect_counted(5, 5, 0);
}
END_TEST

START_TEST(nothing_is_received_while_something_is_held)
{
	unsigned int before;

	open_connection(KIND_TCP);
	deliver("hello");
	fault_shorten(FAULT_SEND, 2);
	serve();
	deliver("world");
	before = fault_count(FAULT_RECV);
	fault_fail(FAULT_SEND, EAGAIN); /* the edge also says: writable */
	serve();
	ck_assert(!fault_is_pending(FAULT_SEND));
	ck_assert_uint_eq(fault_count(FAULT_RECV), before);
	ck_assert_uint_eq(fd_inq(fds[SERVER]), 5);
	/* The edge for it is remembered. */
	fault_renew_edges();
	serve();
	await_inq(fds[CLIENT], 10);
	expect_text(fds[CLIENT], "helloworld");
}
END_TEST

START_TEST(held_bytes_go_out_in_pieces)
{
	open_connection(KIND_TCP);
	deliver("hello");
	fault_shorten(FAULT_SEND, 1);
	serve();
	for (uint64_t sent = 2; sent <= 4; sent++) {
		fault_shorten(FAULT_SEND, 1);
		fault_renew_edges();
		serve();
		expect_counted(5, sent, 0);
		ck_assert_uint_gt(worker.held.bytes, 0);
	}
	fault_renew_edges();
	serve();
	ck_assert_uint_eq(worker.held.bytes, 0);
	await_inq(fds[CLIENT], 5);
	expect_text(fds[CLIENT], "hello");
}
END_TEST

/* A peer that does not take anything is idle. */
START_TEST(only_progress_counts_as_activity)
{
	open_connection(KIND_TCP);
	deliver("hello");
	fault_fail(FAULT_SEND, EAGAIN);
	serve();
	the_connection()->since = 0;
	fault_fail(FAULT_SEND, EAGAIN);
	fault_renew_edges();
	serve();
	ck_assert(!fault_is_pending(FAULT_SEND));
	ck_assert_uint_eq(the_connection()->since, 0);
	fault_shorten(FAULT_SEND, 1);
	fault_renew_edges();
	serve();
	ck_assert_uint_gt(the_connection()->since, 0);
}
END_TEST

START_TEST(peer_that_does_not_read_gets_it_all_later)
{
	size_t total;

	open_pair(KIND_TCP);
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_SNDBUF, 4096);
	fd_set_option(fds[CLIENT], SOL_SOCKET, SO_SNDBUF, 65536);
	fd_set_option(fds[CLIENT], SOL_SOCKET, SO_RCVBUF, 65536);
	serve_pair(KIND_TCP, NULL);
	total = stuff();
	ck_assert_uint_gt(worker.held.bytes, 0);
	ck_assert_uint_lt(counted(COUNTER_bytes_sent), total);
	expect_pattern(total);
	expect_counted(total, total, 0);
	ck_assert_uint_eq(worker.held.bytes, 0);
}
END_TEST

static bool is_reset_by_a_kill(void)
{
	struct linger linger;
	socklen_t length = sizeof(linger);

	ck_assert_int_eq(getsockopt(fds[SERVER], SOL_SOCKET, SO_LINGER, &linger,
				    &length),
			 0);
	ck_assert_int_eq(linger.l_linger, 0);
	return linger.l_onoff != 0;
}

/*
 * Else the kernel would end it with a FIN, as if it had all been echoed.  That
 * bytes were received and not sent is so without a peer that is slow, too,
 * between two system calls.
 */
START_TEST(a_kill_resets_it)
{
	open_connection(KIND_TCP);
	ck_assert(is_reset_by_a_kill());
	deliver("hello");
	fault_shorten(FAULT_SEND, 2);
	serve();
	ck_assert(is_reset_by_a_kill());
	fault_renew_edges();
	serve();
	await_inq(fds[CLIENT], 5);
	expect_text(fds[CLIENT], "hello");
	ck_assert(is_reset_by_a_kill());
}
END_TEST

/* Nothing is lost: what was sent is to reach the peer. */
START_TEST(a_kill_of_who_owns_no_byte_is_a_fin)
{
	policy.preserve = true;
	open_connection(KIND_TCP);
	ck_assert(!is_reset_by_a_kill());
	say_and_expect("hello");
	ck_assert(!is_reset_by_a_kill());
}
END_TEST

START_TEST(several_connections_add_up)
{
	int first;

	open_connection(KIND_TCP);
	deliver("hello");
	fault_shorten(FAULT_SEND, 1);
	serve();
	first = fds[CLIENT];
	open_connection(KIND_TCP);
	deliver("hello");
	fault_shorten(FAULT_SEND, 3);
	serve();
	ck_assert_uint_eq(worker.held.bytes, 4 + 2);
	connection_abort(the_connection());
	ck_assert_uint_eq(worker.held.bytes, 2);
	fault_renew_edges();
	serve();
	ck_assert_uint_eq(worker.held.bytes, 0);
	await_inq(fds[CLIENT], 5);
	expect_text(fds[CLIENT], "hello");
	ck_assert_int_eq(close(first), 0);
}
END_TEST

START_TEST(end_comes_after_what_is_held)
{
	open_connection(KIND_TCP);
	deliver("hello");
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	AWAIT(events_now(fds[SERVER], POLLRDHUP) & POLLRDHUP);
	fault_shorten(FAULT_SEND, 2);
	serve();
	ck_assert_uint_eq(connections(), 1);
	fault_renew_edges();
	serve();
	ck_assert_uint_eq(connections(), 0);
	await_inq(fds[CLIENT], 5);
	expect_text(fds[CLIENT], "hello");
	expect_fin();
	expect_counted(5, 5, 0);
}
END_TEST

static const int errors[] = { ECONNRESET, EPIPE, ETIMEDOUT, EHOSTUNREACH };

START_TEST(send_that_fails_while_holding)
{
	open_connection(KIND_TCP);
	deliver("hello");
	fault_shorten(FAULT_SEND, 2);
	serve();
	fault_fail(FAULT_SEND, errors[_i]);
	fault_renew_edges();
	serve();
	ck_assert_uint_eq(connections(), 0);
	ck_assert_uint_eq(worker.held.bytes, 0);
	/* Not for want of anything here. */
	expect_counted(5, 2, 0);
	expect_text(fds[CLIENT], "he");
	expect_reset();
}
END_TEST

START_TEST(peer_resets_while_something_is_held)
{
	open_connection(KIND_TCP);
	deliver("hello");
	fault_shorten(FAULT_SEND, 2);
	serve();
	reset_by_client();
	SERVE_UNTIL(connections() == 0);
	ck_assert_uint_eq(worker.held.bytes, 0);
	expect_counted(5, 2, 0);
}
END_TEST

TCase *connection_hold_case(void)
{
	TCase *tcase = tcase_create("hold");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, connection_setup, connection_teardown);
	tcase_add_test(tcase, rest_of_a_short_send_is_held);
	tcase_add_test(tcase, all_is_held_when_nothing_was_sent);
	tcase_add_test(tcase, nothing_is_received_while_something_is_held);
	tcase_add_test(tcase, held_bytes_go_out_in_pieces);
	tcase_add_test(tcase, only_progress_counts_as_activity);
	tcase_add_test(tcase, peer_that_does_not_read_gets_it_all_later);
	tcase_add_test(tcase, a_kill_resets_it);
	tcase_add_test(tcase, a_kill_of_who_owns_no_byte_is_a_fin);
	tcase_add_test(tcase, several_connections_add_up);
	tcase_add_test(tcase, end_comes_after_what_is_held);
	tcase_add_loop_test(tcase, send_that_fails_while_holding, 0,
			    ARRAY_SIZE(errors));
	tcase_add_test(tcase, peer_resets_while_something_is_held);
	return tcase;
}
