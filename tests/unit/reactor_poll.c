/* SPDX-License-Identifier: MIT */
/*
 * What epoll_wait(2) brings, and how long it may wait.
 */
#include "config.h"

#include "unit/faults.h"
#include "unit/reactor.h"
#include "unit/sockets.h"

#include <errno.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* More than one epoll_wait(2) brings. */
#define CROWD 300

static const struct {
	uint32_t reported, ready;
} event_cases[] = {
	{ EPOLLIN, EPOLLIN },
	{ EPOLLOUT, EPOLLOUT },
	{ EPOLLPRI, EPOLLPRI },
	{ EPOLLRDHUP, EPOLLRDHUP },
	{ EPOLLIN | EPOLLRDHUP, EPOLLIN | EPOLLRDHUP },
	{ EPOLLERR, EPOLLERR | EPOLLIN | EPOLLOUT },
	{ EPOLLHUP, EPOLLHUP | EPOLLIN | EPOLLOUT },
	{ EPOLLIN | EPOLLERR | EPOLLHUP,
	  EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP },
};

/* An error is found out by receiving or by sending, whichever is wanted. */
START_TEST(error_and_hang_up_are_ready_for_everything)
{
	uint32_t ready = event_cases[_i].ready;
	struct epoll_event event = { .events = event_cases[_i].reported,
				     .data.ptr = &a.source };

	fault_epoll_bring(&event, 1);
	ck_assert_int_eq(reactor_poll(&reactor), 0);
	ck_assert_uint_eq(a.source.ready, ready);
	reactor_dispatch(&reactor);
	expect_calls(ready & EPOLLIN ? "a" : "");
	event_source_want(&a.source, EPOLLOUT);
	reactor_dispatch(&reactor);
	expect_calls(ready & EPOLLOUT ? "a" : "");
}
END_TEST

START_TEST(hang_up_of_a_peer_wakes_who_waits_to_write)
{
	struct probe probe;
	int fds[2];

	unix_pair(SOCK_STREAM, fds);
	probe_open(&probe, 'p', fds[0]);
	ck_assert_int_eq(
		reactor_add(&reactor, &probe.source, EPOLLIN, EPOLLOUT), 0);
	turn();
	expect_calls("");
	ck_assert_int_eq(close(fds[1]), 0);
	turn();
	expect_calls("p");
	probe_close(&probe);
}
END_TEST

/* As by a SIGSTOP and a SIGCONT: what came in the meantime is seen at once. */
START_TEST(interrupted_wait_is_no_error)
{
	reactor.now = 0;
	probe_signal(&b);
	event_source_raise(&a.source, EPOLLIN);
	fault_fail(FAULT_EPOLL_WAIT, EINTR);
	turn();
	expect_calls("ab");
	ck_assert_uint_gt(reactor.now, 0);
}
END_TEST

START_TEST(wait_interrupted_twice_is_no_error_either)
{
	probe_signal(&b);
	event_source_raise(&a.source, EPOLLIN);
	fault_fail(FAULT_EPOLL_WAIT, EINTR);
	fault_fail(FAULT_EPOLL_WAIT, EINTR);
	turn();
	expect_calls("a");
	turn();
	expect_calls("ab");
}
END_TEST

START_TEST(interrupted_wait_does_not_wait_again)
{
	fault_fail(FAULT_EPOLL_WAIT, EINTR);
	ck_assert_int_eq(reactor_poll(&reactor), 0);
	ck_assert_uint_eq(fault_count(FAULT_EPOLL_WAIT), 2);
	ck_assert_int_eq(fault_seen().timeout, 0);
	fault_fail(FAULT_EPOLL_WAIT, EINTR);
	fault_fail(FAULT_EPOLL_WAIT, EINTR);
	turn();
	expect_calls("");
	fault_fail(FAULT_EPOLL_WAIT, EINTR);
	fault_fail(FAULT_EPOLL_WAIT, EBADF);
	ck_assert_int_eq(reactor_poll(&reactor), -EBADF);
}
END_TEST

START_TEST(failed_wait_is_reported)
{
	static const int errors[] = { EBADF, EINVAL, EFAULT };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		fault_fail(FAULT_EPOLL_WAIT, errors[i]);
		ck_assert_int_eq(reactor_poll(&reactor), -errors[i]);
	}
}
END_TEST

START_TEST(crowd_comes_in_several_polls)
{
	static struct probe crowd[CROWD];

	for (size_t i = 0; i < CROWD; i++) {
		probe_open(&crowd[i], 'p', eventfd(1, EFD_NONBLOCK));
		crowd[i].consumes = EPOLLIN;
		ck_assert_int_eq(reactor_add(&reactor, &crowd[i].source,
					     EPOLLIN, EPOLLIN),
				 0);
	}
	turn();
	ck_assert_int_gt(fault_seen().count, 0);
	ck_assert_int_lt(fault_seen().count, CROWD);
	turn();
	for (size_t i = 0; i < CROWD; i++) {
		event_source_raise(&crowd[i].source, EPOLLOUT);
		ck_assert_uint_eq(crowd[i].source.ready, EPOLLOUT);
		probe_close(&crowd[i]);
	}
	turn();
	ck_assert_int_eq(fault_seen().count, 0);
}
END_TEST

START_TEST(clock_is_monotonic_microseconds)
{
	struct timespec begin, end;
	uint64_t now;

	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &begin), 0);
	now = reactor_clock();
	ck_assert_int_eq(reactor_poll(&reactor), 0);
	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &end), 0);
	ck_assert_uint_ge(now, (uint64_t)begin.tv_sec * 1000000 +
				       (uint64_t)begin.tv_nsec / 1000);
	ck_assert_uint_ge(reactor.now, now);
	ck_assert_uint_le(reactor.now, (uint64_t)end.tv_sec * 1000000 +
					       (uint64_t)end.tv_nsec / 1000);
}
END_TEST

#define NOW UINT64_C(1000000000)

static const struct {
	uint64_t deadline;
	int timeout; /* ms */
} timeout_cases[] = {
	{ 0, 0 },
	{ NOW - 2000, 0 },
	{ NOW - 1, 0 },
	{ NOW, 0 },
	{ NOW + 1, 1 },
	{ NOW + 999, 1 },
	{ NOW + 1000, 1 },
	{ NOW + 1001, 2 },
	{ NOW + 5000000, 5000 },
	{ NOW + (uint64_t)INT_MAX * 1000, INT_MAX },
	{ NOW + ((uint64_t)INT_MAX + 1) * 1000, INT_MAX },
	{ UINT64_MAX - 1, INT_MAX },
	{ USEC_INFINITY, -1 },
};

static void unexpected(struct reactor_timer *timer UNUSED)
{
	ck_abort_msg("nothing was dispatched");
}

static int timeout_at(uint64_t now)
{
	reactor.now = now;
	ck_assert_int_eq(reactor_poll(&reactor), 0);
	return fault_seen().timeout;
}

START_TEST(timeout_is_rounded_up_to_the_deadline)
{
	struct reactor_timer timer;

	ck_assert_int_eq(timeout_at(NOW), -1);
	reactor_timer_init(&timer, unexpected);
	ck_assert_int_eq(timeout_at(NOW), -1);
	reactor_timer_start(&reactor, &timer, timeout_cases[_i].deadline);
	ck_assert_int_eq(timeout_at(NOW), timeout_cases[_i].timeout);
	reactor_timer_stop(&timer);
	ck_assert_int_eq(timeout_at(NOW), -1);
}
END_TEST

START_TEST(timeout_is_that_of_the_earliest_timer)
{
	struct reactor_timer timers[3];
	static const uint64_t deadlines[] = { NOW + 9000, NOW + 2000,
					      NOW + 5000 };

	for (size_t i = 0; i < ARRAY_SIZE(timers); i++) {
		reactor_timer_init(&timers[i], unexpected);
		reactor_timer_start(&reactor, &timers[i], deadlines[i]);
	}
	ck_assert_int_eq(timeout_at(NOW), 2);
	reactor_timer_stop(&timers[1]);
	ck_assert_int_eq(timeout_at(NOW), 5);
	reactor_timer_stop(&timers[2]);
	ck_assert_int_eq(timeout_at(NOW), 9);
	/* Whoever is ready does not wait for a timer. */
	event_source_raise(&a.source, EPOLLIN);
	ck_assert_int_eq(timeout_at(NOW), 0);
	event_source_consume(&a.source, EPOLLIN);
	ck_assert_int_eq(timeout_at(NOW), 9);
}
END_TEST

TCase *reactor_poll_case(void)
{
	TCase *tcase = tcase_create("poll");

	tcase_add_checked_fixture(tcase, reactor_setup, reactor_teardown);
	tcase_add_loop_test(tcase, error_and_hang_up_are_ready_for_everything,
			    0, ARRAY_SIZE(event_cases));
	tcase_add_test(tcase, hang_up_of_a_peer_wakes_who_waits_to_write);
	tcase_add_test(tcase, interrupted_wait_is_no_error);
	tcase_add_test(tcase, wait_interrupted_twice_is_no_error_either);
	tcase_add_test(tcase, interrupted_wait_does_not_wait_again);
	tcase_add_test(tcase, failed_wait_is_reported);
	tcase_add_test(tcase, crowd_comes_in_several_polls);
	tcase_add_test(tcase, clock_is_monotonic_microseconds);
	tcase_add_loop_test(tcase, timeout_is_rounded_up_to_the_deadline, 0,
			    ARRAY_SIZE(timeout_cases));
	tcase_add_test(tcase, timeout_is_that_of_the_earliest_timer);
	return tcase;
}
