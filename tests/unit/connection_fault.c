/* SPDX-License-Identifier: MIT */
/*
 * What the kernel refuses.
 */
#include "config.h"

#include "unit/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <unistd.h>

static const struct {
	int error;
	uint64_t resets; /* counted: it is not the peer's or network's doing */
} errors[] = {
	{ ECONNRESET, 0 },   { EPIPE, 0 },    { ETIMEDOUT, 0 },
	{ EHOSTUNREACH, 0 }, { EIO, 1 },      { ENOBUFS, 1 },
	{ ENOMEM, 1 },	     { EMSGSIZE, 1 }, { EBADF, 1 },
};

static bool told;

static void on_capacity(struct worker_waiter *waiter UNUSED)
{
	told = true;
}

static struct worker_waiter waiter = { LIST_INIT(waiter.link), on_capacity };

/* Serve what was delivered, with a failure planned; then for the next. */
static void expect_failure(uint64_t resets)
{
	uint64_t before = counted(COUNTER_connections_reset);

	serve();
	ck_assert_uint_eq(connections(), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_reset), before + resets);
	expect_reset();
	ck_assert_int_eq(close(fds[CLIENT]), 0);
	fds[CLIENT] = -1;
}

START_TEST(receive_that_fails)
{
	for (int kind = KIND_TCP; kind < KIND_COUNT; kind++) {
		if (!open_connection((enum kind)kind))
			continue;
		deliver("hello");
		fault_fail(FAULT_RECV, errors[_i].error);
		expect_failure(errors[_i].resets);
	}
	ck_assert_uint_eq(counted(COUNTER_bytes_received), 0);
}
END_TEST

START_TEST(send_that_fails)
{
	for (int kind = KIND_TCP; kind < KIND_COUNT; kind++) {
		if (!open_connection((enum kind)kind))
			continue;
		deliver("hello");
		fault_fail(FAULT_SEND, errors[_i].error);
		expect_failure(errors[_i].resets);
	}
	ck_assert_uint_eq(counted(COUNTER_bytes_sent), 0);
}
END_TEST

/* It was sent, and would be sent once more. */
START_TEST(consuming_that_fails)
{
	hold_at_most(0);
	if (!open_connection((enum kind)_i))
		return;
	deliver("hello");
	fault_pass(FAULT_RECV);
	fault_fail(FAULT_RECV, EIO);
	serve();
	ck_assert_uint_eq(connections(), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_reset), 1);
	AWAIT(events_now(fds[CLIENT], 0) & POLLERR);
}
END_TEST

START_TEST(interrupted_calls_are_repeated)
{
	if (!open_connection((enum kind)_i))
		return;
	deliver("hello");
	fault_fail(FAULT_RECV, EINTR);
	fault_fail(FAULT_RECV, EINTR);
	fault_fail(FAULT_SEND, EINTR);
	fault_fail(FAULT_EPOLL_WAIT, EINTR);
	serve();
	serve();
	ck_assert(!fault_is_pending(FAULT_RECV));
	ck_assert(!fault_is_pending(FAULT_SEND));
	ck_assert_uint_eq(fd_inq(fds[SERVER]), 0);
	expect_text(fds[CLIENT], "hello");
	expect_counted(5, 5, 0);
}
END_TEST

START_TEST(nothing_there_after_all)
{
	if (!open_connection((enum kind)_i))
		return;
	deliver("hello");
	fault_fail(FAULT_RECV, EAGAIN);
	serve();
	expect_counted(0, 0, 0);
	ck_assert_uint_eq(connections(), 1);
	ck_assert(list_is_empty(&worker.reactor.ready));
	fault_renew_edges();
	serve();
	expect_text(fds[CLIENT], "hello");
}
END_TEST

static const struct {
	enum fault_call call;
	int error;
} open_failures[] = {
	{ FAULT_MALLOC, ENOMEM },
	{ FAULT_EPOLL_CTL, ENOSPC },
	{ FAULT_EPOLL_CTL, ENOMEM },
};

START_TEST(open_that_fails_ends_the_socket)
{
	struct connection_origin origin = { .name = "tcp:7", .tcp = true };
	int error = open_failures[_i].error;

	open_pair(KIND_TCP);
	worker_await_capacity(&worker, &waiter);
	ck_assert(worker_reserve_connection(&worker));
	fault_fail(open_failures[_i].call, error);
	ck_assert_int_eq(connection_open(&worker, fds[SERVER], &origin, NULL),
			 -error);
	ck_assert_int_eq(fcntl(fds[SERVER], F_GETFD), -1);
	ck_assert_uint_eq(connections(), 0);
	/* It never was: nobody is told that there is room again. */
	ck_assert(!told);
	ck_assert_uint_eq(counted(COUNTER_connections_accepted), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_closed), 0);
	/* It may have sent something, which is not to be taken for echoed. */
	expect_reset();
	list_remove(&waiter.link);
}
END_TEST

/* A duplicate elsewhere keeps what could not be removed, and its events. */
START_TEST(event_after_the_end)
{
	static void *left; /* lest it is told to be leaked */
	int duplicate;

	/* Whoever uses what was freed comes to harm; a sanitizer sees to it. */
	(void)mallopt(M_PERTURB, 0x5a);
	open_connection(KIND_TCP);
	duplicate = dup(fds[SERVER]);
	left = the_connection();
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	fault_fail(FAULT_EPOLL_CTL, ENOMEM);
	SERVE_UNTIL(connections() == 0);
	ck_assert(!fault_is_pending(FAULT_EPOLL_CTL));
	ck_assert_int_eq(shutdown(duplicate, SHUT_WR), 0);
	expect_fin();
	serve();
	ck_assert_ptr_nonnull(left);
	ck_assert_int_eq(close(duplicate), 0);
}
END_TEST

/* It may lie in a lot of an earlier instance that the manager still has. */
START_TEST(event_after_the_end_of_an_adopted_one)
{
	const struct connection_origin origin = {
		.name = "unix:/run/echo",
		.sole = true,
		.adopted = true,
	};
	int duplicate;

	(void)mallopt(M_PERTURB, 0x5a);
	open_pair(KIND_UNIX);
	duplicate = dup(fds[SERVER]);
	ck_assert(worker_reserve_connection(&worker));
	ck_assert_int_eq(connection_open(&worker, fds[SERVER], &origin, NULL),
			 0);
	deliver("hello");
	fault_fail(FAULT_RECV, ENOBUFS);
	SERVE_UNTIL(connections() == 0);
	send_text(fds[CLIENT], "again");
	serve();
	ck_assert_int_eq(close(duplicate), 0);
}
END_TEST

START_TEST(waiters_are_told_of_every_end)
{
	open_connection(KIND_TCP);
	worker_await_capacity(&worker, &waiter);
	/* However slow this is: it is not told because time has passed. */
	reactor_timer_stop(&worker.retry);
	say_and_expect("hello");
	ck_assert(!told);
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	expect_fin();
	ck_assert(told);
}
END_TEST

START_TEST(peer_resets)
{
	open_connection(KIND_TCP);
	say_and_expect("hello");
	reset_by_client();
	SERVE_UNTIL(connections() == 0);
	expect_counted(5, 5, 0);
}
END_TEST

/* A peer that is gone without having read answers the echo with a reset. */
START_TEST(peer_closes_before_it_gets_its_echo)
{
	if (!open_connection((enum kind)_i))
		return;
	deliver("hello");
	ck_assert_int_eq(close(fds[CLIENT]), 0);
	fds[CLIENT] = -1;
	SERVE_UNTIL(connections() == 0);
	ck_assert_uint_eq(counted(COUNTER_connections_reset), 0);
}
END_TEST

TCase *connection_fault_case(void)
{
	TCase *tcase = tcase_create("fault");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, connection_setup, connection_teardown);
	tcase_add_loop_test(tcase, receive_that_fails, 0, ARRAY_SIZE(errors));
	tcase_add_loop_test(tcase, send_that_fails, 0, ARRAY_SIZE(errors));
	tcase_add_loop_test(tcase, consuming_that_fails, 0, KIND_COUNT);
	tcase_add_loop_test(tcase, interrupted_calls_are_repeated, 0,
			    KIND_COUNT);
	tcase_add_loop_test(tcase, nothing_there_after_all, 0, KIND_COUNT);
	tcase_add_loop_test(tcase, open_that_fails_ends_the_socket, 0,
			    ARRAY_SIZE(open_failures));
	tcase_add_test(tcase, event_after_the_end);
	tcase_add_test(tcase, event_after_the_end_of_an_adopted_one);
	tcase_add_test(tcase, waiters_are_told_of_every_end);
	tcase_add_test(tcase, peer_resets);
	tcase_add_loop_test(tcase, peer_closes_before_it_gets_its_echo, 0,
			    KIND_COUNT);
	return tcase;
}
