/* SPDX-License-Identifier: MIT */
/*
 * Spinning before blocking.  That epoll_wait(2) never waits here makes each
 * wait short.
 */
#include "config.h"

#include "unit/faults.h"
#include "unit/reactor.h"

#include <errno.h>
#include <sys/epoll.h>

/* Longer than any test takes, and not at all. */
#define LONG_SPAN (3600 * USEC_PER_SEC)
#define NO_SPAN	  0

static void on_expiry(struct reactor_timer *timer)
{
	(void)timer;
	note_call('t');
}

START_TEST(without_busy_poll_it_looks_once)
{
	reactor_set_busy_poll(&reactor, NO_SPAN);
	turn();
	ck_assert_uint_eq(fault_count(FAULT_EPOLL_WAIT), 1);
	ck_assert_int_eq(fault_seen().timeout, -1);
}
END_TEST

START_TEST(it_looks_again_and_again_before_it_blocks)
{
	reactor_set_busy_poll(&reactor, 20 * USEC_PER_MSEC);
	turn();
	ck_assert_uint_gt(fault_count(FAULT_EPOLL_WAIT), 2);
	ck_assert_int_eq(fault_seen().timeout, -1);
	expect_calls("");
}
END_TEST

START_TEST(what_is_ready_is_seen_without_blocking)
{
	reactor_set_busy_poll(&reactor, LONG_SPAN);
	probe_signal(&b);
	turn();
	expect_calls("b");
	ck_assert_uint_eq(fault_count(FAULT_EPOLL_WAIT), 1);
	ck_assert_int_eq(fault_seen().timeout, 0);
	ck_assert_uint_eq(reactor.spin.useless, 0);
}
END_TEST

START_TEST(it_does_not_spin_while_a_source_is_ready)
{
	reactor_set_busy_poll(&reactor, LONG_SPAN);
	event_source_raise(&a.source, EPOLLIN);
	turn();
	expect_calls("a");
	ck_assert_uint_eq(fault_count(FAULT_EPOLL_WAIT), 1);
}
END_TEST

START_TEST(it_blocks_at_once_while_spinning_is_useless)
{
	reactor_set_busy_poll(&reactor, LONG_SPAN);
	reactor.spin.useless = SPIN_PATIENCE;
	probe_signal(&c);
	turn();
	expect_calls("c");
	ck_assert_uint_eq(fault_count(FAULT_EPOLL_WAIT), 1);
	ck_assert_int_eq(fault_seen().timeout, -1);
	/* That came soon: spinning would have been of use. */
	ck_assert_uint_eq(reactor.spin.useless, 0);
}
END_TEST

/* In memory that was something else. */
START_TEST(a_new_reactor_has_learnt_nothing)
{
	struct reactor other = { .spin = { LONG_SPAN, SPIN_PATIENCE } };

	ck_assert_int_eq(reactor_init(&other), 0);
	ck_assert_uint_eq(other.spin.span, NO_SPAN);
	ck_assert_uint_eq(other.spin.useless, 0);
	reactor_deinit(&other);
}
END_TEST

/* It would not end otherwise. */
START_TEST(a_timer_ends_it)
{
	struct reactor_timer timer;

	reactor_set_busy_poll(&reactor, USEC_INFINITY);
	reactor_timer_init(&timer, on_expiry);
	reactor_timer_start(&reactor, &timer,
			    reactor_clock() + 2 * USEC_PER_MSEC);
	while (list_is_linked(&timer.link))
		turn();
	expect_calls("t");
	ck_assert_uint_gt(fault_count(FAULT_EPOLL_WAIT), 2);
}
END_TEST

START_TEST(a_failure_while_spinning_is_told)
{
	reactor_set_busy_poll(&reactor, LONG_SPAN);
	fault_fail(FAULT_EPOLL_WAIT, EBADF);
	ck_assert_int_eq(reactor_poll(&reactor), -EBADF);
}
END_TEST

START_TEST(an_interruption_while_spinning_is_none)
{
	reactor_set_busy_poll(&reactor, LONG_SPAN);
	probe_signal(&a);
	fault_fail(FAULT_EPOLL_WAIT, EINTR);
	turn();
	expect_calls("a");
}
END_TEST

TCase *reactor_spin_case(void)
{
	TCase *tcase = tcase_create("reactor_spin");

	tcase_add_checked_fixture(tcase, reactor_setup, reactor_teardown);
	tcase_add_test(tcase, without_busy_poll_it_looks_once);
	tcase_add_test(tcase, it_looks_again_and_again_before_it_blocks);
	tcase_add_test(tcase, what_is_ready_is_seen_without_blocking);
	tcase_add_test(tcase, it_does_not_spin_while_a_source_is_ready);
	tcase_add_test(tcase, it_blocks_at_once_while_spinning_is_useless);
	tcase_add_test(tcase, a_new_reactor_has_learnt_nothing);
	tcase_add_test(tcase, a_timer_ends_it);
	tcase_add_test(tcase, a_failure_while_spinning_is_told);
	tcase_add_test(tcase, an_interruption_while_spinning_is_none);
	return tcase;
}
