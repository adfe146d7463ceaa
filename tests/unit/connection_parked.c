/* SPDX-License-Identifier: MIT */
/*
 * Connections of which somebody else has a duplicate, in a parking lot:
 * close(2) would end nothing.  They end as all others do.
 */
#include "config.h"

#include "unit/connection.h"
#include "unit/injection.h"

#include "echod/connection_state.h"
#include "echod/parking.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

/* Parked by us; or adopted, and still in the lot of an earlier instance. */
enum {
	PARKED,
	ADOPTED,
	WAYS
};

static int duplicate; /* of an adopted one */

/* What arrives just before the next socket_shut_down(), or NULL. */
static const char *late;

WRAPPED(void, socket_shut_down, (int fd));

void __wrap_socket_shut_down(int fd)
{
	const char *text = late;

	late = NULL;
	if (text)
		deliver(text);
	__real_socket_shut_down(fd);
}

static void setup(void)
{
	connection_setup();
	duplicate = -1;
	late = NULL;
	preserve_connections();
}

static void teardown(void)
{
	while (!list_is_empty(&worker.connections.entries))
		connection_abort(the_connection());
	ck_assert_uint_eq(worker.lot.live, 0);
	ck_assert(list_is_empty(&worker.young.entries));
	if (duplicate >= 0)
		ck_assert_int_eq(close(duplicate), 0);
	connection_teardown();
}

static void serve_as(int way, bool tcp)
{
	const struct connection_origin origin = {
		.name = "test",
		.tcp = tcp,
		.sole = true,
		.adopted = way == ADOPTED,
	};

	ck_assert(worker_reserve_connection(&worker));
	ck_assert_int_eq(connection_open(&worker, fds[SERVER], &origin, NULL),
			 0);
}

static void open_duplicated(int way)
{
	open_pair(KIND_TCP);
	if (way == ADOPTED) {
		policy.preserve = false;
		duplicate = fcntl(fds[SERVER], F_DUPFD_CLOEXEC, 0);
		ck_assert_int_ge(duplicate, 0);
	}
	serve_as(way, true);
	if (way == ADOPTED)
		return;
	park_connections();
	ck_assert_uint_eq(worker.lot.live, 1);
}

/* Of 5 bytes 2 are sent, and 3 are left with the kernel. */
static void leave_some(void)
{
	deliver("hello");
	fault_shorten(FAULT_SEND, 2);
	serve();
	expect_text(fds[CLIENT], "he");
}

static void expect_ended(uint64_t resets)
{
	ck_assert_uint_eq(connections(), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_closed), 1);
	ck_assert_uint_eq(counted(COUNTER_connections_reset), resets);
	if (resets > 0)
		expect_reset();
	else
		expect_fin();
}

START_TEST(end_of_the_peer_is_answered)
{
	open_duplicated(_i);
	deliver("hello");
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	AWAIT(events_now(fds[SERVER], POLLRDHUP) & POLLRDHUP);
	SERVE_UNTIL(connections() == 0);
	expect_text(fds[CLIENT], "hello");
	expect_ended(0);
}
END_TEST

START_TEST(reset_by_the_peer_is_an_end)
{
	open_duplicated(_i);
	say_and_expect("hello");
	reset_by_client();
	SERVE_UNTIL(connections() == 0);
	ck_assert_uint_eq(counted(COUNTER_connections_reset), 0);
}
END_TEST

START_TEST(broken_one_is_reset)
{
	open_duplicated(_i);
	deliver("hello");
	fault_fail(FAULT_RECV, ENOBUFS);
	serve();
	expect_ended(1);
}
END_TEST

START_TEST(idle_one_gets_a_fin)
{
	open_duplicated(_i);
	say_and_expect("hello");
	let_time_pass(policy.idle_timeout);
	ck_assert_uint_eq(counted(COUNTER_connections_idled), 1);
	expect_ended(0);
}
END_TEST

/* Between the question whether anything is unread and the end. */
START_TEST(idle_one_to_which_bytes_come_then_is_reset)
{
	int error;

	open_duplicated(_i);
	say_and_expect("hello");
	late = "late";
	let_time_pass(policy.idle_timeout);
	ck_assert_ptr_null(late);
	ck_assert_uint_eq(connections(), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_reset), 1);
	AWAIT(events_now(fds[CLIENT], POLLERR) & POLLERR);
	error = fd_option(fds[CLIENT], SOL_SOCKET, SO_ERROR);
	ck_assert_msg(error == EPIPE || error == ECONNRESET, "%d", error);
}
END_TEST

START_TEST(idle_one_that_left_bytes_is_reset)
{
	hold_at_most(0);
	open_duplicated(_i);
	leave_some();
	let_time_pass(policy.idle_timeout);
	ck_assert_uint_eq(counted(COUNTER_connections_idled), 1);
	expect_ended(1);
}
END_TEST

START_TEST(drained_one_gets_its_echo_and_a_fin)
{
	open_duplicated(_i);
	deliver("hello");
	connection_drain(the_connection());
	serve();
	expect_text(fds[CLIENT], "hello");
	AWAIT((serve(), connections() == 0 ||
				(connection_settle(the_connection()), false)));
	expect_ended(0);
}
END_TEST

START_TEST(aborted_one_gets_a_fin)
{
	open_duplicated(_i);
	say_and_expect("hello");
	connection_abort(the_connection());
	expect_ended(0);
}
END_TEST

START_TEST(aborted_one_with_unread_bytes_is_reset)
{
	open_duplicated(_i);
	deliver("hello");
	connection_abort(the_connection());
	expect_ended(1);
}
END_TEST

START_TEST(aborted_one_with_unsent_bytes_is_reset)
{
	hold_at_most(0);
	open_duplicated(_i);
	leave_some();
	connection_abort(the_connection());
	expect_ended(1);
}
END_TEST

/* The registration would outlive the descriptor. */
START_TEST(nothing_is_heard_of_it_again)
{
	unsigned calls;

	open_duplicated(_i);
	say_and_expect("hello");
	calls = fault_count(FAULT_EPOLL_CTL);
	connection_abort(the_connection());
	ck_assert_uint_eq(fault_count(FAULT_EPOLL_CTL), calls + 1);
	ck_assert_int_eq(close(fds[CLIENT]), 0);
	fds[CLIENT] = -1;
	ck_assert_int_eq(reactor_poll(&worker.reactor), 0);
	ck_assert_int_eq(fault_seen().count, 0);
}
END_TEST

/* It was not opened after all; and is not to wait for one that serves it. */
START_TEST(one_that_cannot_be_opened_ends)
{
	const struct connection_origin origin = {
		.name = "test",
		.tcp = true,
		.sole = true,
		.adopted = true,
	};
	int error;

	open_pair(KIND_TCP);
	duplicate = fcntl(fds[SERVER], F_DUPFD_CLOEXEC, 0);
	ck_assert(worker_reserve_connection(&worker));
	if (_i == 0)
		fault_fail(FAULT_MALLOC, ENOMEM);
	else
		fault_fail(FAULT_EPOLL_CTL, ENOSPC);
	error = connection_open(&worker, fds[SERVER], &origin, NULL);
	ck_assert_int_eq(error, _i == 0 ? -ENOMEM : -ENOSPC);
	ck_assert_uint_eq(connections(), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_adopted), 0);
	AWAIT(events_now(fds[CLIENT], 0) & POLLERR);
}
END_TEST

START_TEST(one_that_is_handed_over_lives_on)
{
	open_duplicated(PARKED);
	say_and_expect("hello");
	duplicate = fcntl(fds[SERVER], F_DUPFD_CLOEXEC, 0);
	lot_deinit(&worker.lot);
	connection_hand_over(the_connection());
	ck_assert_uint_eq(connections(), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_closed), 0);
	send_text(duplicate, "next");
	expect_text(fds[CLIENT], "next");
	handed_over = 1;
}
END_TEST

START_TEST(one_that_is_not_parked_is_not_handed_over)
{
	open_pair(KIND_TCP);
	serve_as(PARKED, true);
	connection_hand_over(the_connection());
	ck_assert_uint_eq(connections(), 1);
	say_and_expect("hello");
}
END_TEST

START_TEST(unix_stream_that_is_given_up_ends)
{
	open_pair(KIND_UNIX);
	duplicate = fcntl(fds[SERVER], F_DUPFD_CLOEXEC, 0);
	serve_as(ADOPTED, false);
	say_and_expect("hello");
	ck_assert(!list_is_empty(&worker.late));
	connection_give_up(worker.late.next);
	ck_assert(list_is_empty(&worker.late));
	expect_ended(0);
}
END_TEST

/* Bytes are left with the kernel: user space owns none. */
START_TEST(nothing_is_held)
{
	open_duplicated(PARKED);
	leave_some();
	ck_assert_uint_eq(worker.held.bytes, 0);
	ck_assert_uint_eq(fd_inq(fds[SERVER]), 3);
	ck_assert_uint_eq(counted(COUNTER_buffer_limited), 0);
	fault_renew_edges();
	serve();
	expect_text(fds[CLIENT], "llo");
}
END_TEST

/* README says what an idle connection takes, beside malloc(3)'s own word. */
START_TEST(memory_is_bounded)
{
	ck_assert_uint_le(sizeof(struct connection), 104);
	ck_assert_uint_le(sizeof(struct connection) + sizeof(struct idle_entry),
			  128);
}
END_TEST

/* Others have it, too: a kill does not close it. */
START_TEST(a_kill_resets_no_duplicate)
{
	struct linger linger;
	socklen_t length = sizeof(linger);

	open_duplicated(_i);
	ck_assert_int_eq(getsockopt(fds[SERVER], SOL_SOCKET, SO_LINGER, &linger,
				    &length),
			 0);
	ck_assert_int_eq(linger.l_onoff, 0);
}
END_TEST

TCase *connection_parked_case(void)
{
	TCase *tcase = tcase_create("parked");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, end_of_the_peer_is_answered, 0, WAYS);
	tcase_add_loop_test(tcase, reset_by_the_peer_is_an_end, 0, WAYS);
	tcase_add_loop_test(tcase, broken_one_is_reset, 0, WAYS);
	tcase_add_loop_test(tcase, idle_one_gets_a_fin, 0, WAYS);
	tcase_add_loop_test(tcase, idle_one_to_which_bytes_come_then_is_reset,
			    0, WAYS);
	tcase_add_loop_test(tcase, idle_one_that_left_bytes_is_reset, 0, WAYS);
	tcase_add_loop_test(tcase, drained_one_gets_its_echo_and_a_fin, 0,
			    WAYS);
	tcase_add_loop_test(tcase, aborted_one_gets_a_fin, 0, WAYS);
	tcase_add_loop_test(tcase, aborted_one_with_unread_bytes_is_reset, 0,
			    WAYS);
	tcase_add_loop_test(tcase, aborted_one_with_unsent_bytes_is_reset, 0,
			    WAYS);
	tcase_add_loop_test(tcase, nothing_is_heard_of_it_again, 0, WAYS);
	tcase_add_loop_test(tcase, one_that_cannot_be_opened_ends, 0, 2);
	tcase_add_test(tcase, one_that_is_handed_over_lives_on);
	tcase_add_test(tcase, one_that_is_not_parked_is_not_handed_over);
	tcase_add_test(tcase, unix_stream_that_is_given_up_ends);
	tcase_add_test(tcase, nothing_is_held);
	tcase_add_test(tcase, memory_is_bounded);
	tcase_add_loop_test(tcase, a_kill_resets_no_duplicate, 0, WAYS);
	return tcase;
}
