/* SPDX-License-Identifier: MIT */
/*
 * Rounds: each ready source once, in turn; handlers may change who is in it.
 */
#include "config.h"

#include "unit/faults.h"
#include "unit/reactor.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>

static void signal_all(void)
{
	probe_signal(&a);
	probe_signal(&b);
	probe_signal(&c);
	ck_assert_int_eq(reactor_poll(&reactor), 0);
}

START_TEST(unfinished_sources_take_turns)
{
	signal_all();
	reactor_dispatch(&reactor);
	expect_calls("abc");
	for (int i = 0; i < 3; i++)
		turn();
	ck_assert_int_eq(fault_seen().timeout, 0);
	expect_calls("abcabcabc");
}
END_TEST

START_TEST(newcomer_queues_behind_the_unfinished)
{
	probe_signal(&b);
	turn();
	probe_signal(&a);
	turn();
	turn();
	expect_calls("bbaba");
}
END_TEST

START_TEST(finished_source_leaves_the_turn)
{
	signal_all();
	b.consumes = EPOLLIN;
	reactor_dispatch(&reactor);
	turn();
	expect_calls("abcac");
}
END_TEST

static void raise_self(struct probe *probe)
{
	event_source_consume(&probe->source, EPOLLIN);
	event_source_raise(&probe->source, EPOLLIN);
}

static void raise_other(struct probe *probe)
{
	event_source_raise(&probe->other->source, EPOLLIN);
}

START_TEST(source_raised_by_its_handler_waits_for_the_next_round)
{
	a.act = raise_self;
	event_source_raise(&a.source, EPOLLIN);
	turn();
	expect_calls("a");
	turn();
	expect_calls("a");
}
END_TEST

START_TEST(source_raised_by_another_waits_for_the_next_round)
{
	a.act = raise_other;
	a.other = &b;
	a.consumes = EPOLLIN;
	event_source_raise(&a.source, EPOLLIN);
	turn();
	expect_calls("a");
	turn();
	expect_calls("b");
}
END_TEST

static void remove_other(struct probe *probe)
{
	event_source_remove(&probe->other->source);
}

static void remove_self(struct probe *probe)
{
	event_source_remove(&probe->source);
}

START_TEST(handler_removes_one_that_waits_in_the_round)
{
	signal_all();
	a.act = remove_other;
	a.other = &b;
	reactor_dispatch(&reactor);
	expect_calls("ac");
	turn();
	expect_calls("ac");
}
END_TEST

START_TEST(handler_removes_the_last_of_the_round)
{
	signal_all();
	b.act = remove_other;
	b.other = &c;
	reactor_dispatch(&reactor);
	expect_calls("ab");
}
END_TEST

START_TEST(handler_removes_one_that_was_called_before)
{
	signal_all();
	c.act = remove_other;
	c.other = &a;
	reactor_dispatch(&reactor);
	expect_calls("abc");
	turn();
	expect_calls("bc");
}
END_TEST

START_TEST(handler_removes_itself)
{
	signal_all();
	b.act = remove_self;
	reactor_dispatch(&reactor);
	turn();
	expect_calls("abcac");
}
END_TEST

static void free_self(struct probe *probe)
{
	probe_close(probe);
	free(probe);
}

/*
 * One more source, freed by a handler as connections are: a late access to it
 * would be seen by the address sanitizer.
 */
static struct probe *probe_new(void)
{
	struct probe *probe = malloc(sizeof(*probe));

	ck_assert_ptr_nonnull(probe);
	probe_open(probe, 'p', eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
	ck_assert_int_eq(
		reactor_add(&reactor, &probe->source, EPOLLIN, EPOLLIN), 0);
	return probe;
}

START_TEST(handler_frees_itself)
{
	struct probe *probe = probe_new();

	probe->act = free_self;
	probe_signal(&a);
	probe_signal(probe);
	probe_signal(&b);
	turn();
	turn();
	expect_calls("apbab");
}
END_TEST

static void free_other(struct probe *probe)
{
	if (probe->other)
		free_self(probe->other);
	probe->other = NULL;
}

START_TEST(handler_frees_one_that_waits_in_the_round)
{
	a.act = free_other;
	a.other = probe_new();
	probe_signal(&a);
	probe_signal(a.other);
	probe_signal(&b);
	turn();
	turn();
	expect_calls("abab");
}
END_TEST

static void unwant_other(struct probe *probe)
{
	event_source_want(&probe->other->source, 0);
}

static void consume_other(struct probe *probe)
{
	event_source_consume(&probe->other->source, EPOLLIN);
}

START_TEST(handler_unwants_or_consumes_for_one_in_the_round)
{
	signal_all();
	a.act = unwant_other;
	a.other = &b;
	reactor_dispatch(&reactor);
	expect_calls("ac");
	a.act = consume_other;
	a.other = &c;
	reactor_dispatch(&reactor);
	expect_calls("a");
	ck_assert_uint_eq(b.source.ready, EPOLLIN);
	ck_assert_uint_eq(c.source.ready, 0);
}
END_TEST

static unsigned int rounds_left;

static void stop_after_rounds(struct probe *probe UNUSED)
{
	if (--rounds_left == 0)
		reactor_stop(&reactor);
}

START_TEST(run_goes_on_until_stopped_and_ends_its_round)
{
	signal_all();
	a.act = stop_after_rounds;
	rounds_left = 3;
	ck_assert_int_eq(reactor_run(&reactor), 0);
	expect_calls("abcabcabc");
	/* And once stopped, it does not begin. */
	ck_assert_int_eq(reactor_run(&reactor), 0);
	expect_calls("");
}
END_TEST

START_TEST(run_ends_when_epoll_wait_fails)
{
	probe_signal(&a);
	fault_pass(FAULT_EPOLL_WAIT);
	fault_fail(FAULT_EPOLL_WAIT, EBADF);
	ck_assert_int_eq(reactor_run(&reactor), -EBADF);
	expect_calls("a");
	ck_assert_uint_eq(fault_count(FAULT_EPOLL_WAIT), 2);
}
END_TEST

TCase *reactor_round_case(void)
{
	TCase *tcase = tcase_create("round");

	tcase_add_checked_fixture(tcase, reactor_setup, reactor_teardown);
	tcase_add_test(tcase, unfinished_sources_take_turns);
	tcase_add_test(tcase, newcomer_queues_behind_the_unfinished);
	tcase_add_test(tcase, finished_source_leaves_the_turn);
	tcase_add_test(tcase,
		       source_raised_by_its_handler_waits_for_the_next_round);
	tcase_add_test(tcase,
		       source_raised_by_another_waits_for_the_next_round);
	tcase_add_test(tcase, handler_removes_one_that_waits_in_the_round);
	tcase_add_test(tcase, handler_removes_the_last_of_the_round);
	tcase_add_test(tcase, handler_removes_one_that_was_called_before);
	tcase_add_test(tcase, handler_removes_itself);
	tcase_add_test(tcase, handler_frees_itself);
	tcase_add_test(tcase, handler_frees_one_that_waits_in_the_round);
	tcase_add_test(tcase, handler_unwants_or_consumes_for_one_in_the_round);
	tcase_add_test(tcase, run_goes_on_until_stopped_and_ends_its_round);
	tcase_add_test(tcase, run_ends_when_epoll_wait_fails);
	return tcase;
}
