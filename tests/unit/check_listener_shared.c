/* SPDX-License-Identifier: MIT */
/*
 * A listener that several workers share: it takes little at a time, and gets in
 * line again behind the others.  (That they take turns indeed needs threads
 * that wait: tests/functional/test_workers.py.)
 */
#include "config.h"

#include "echod/listener.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/rig.h"

#include <unistd.h>

/* As in listener.c. */
#define ACCEPT_BUDGET_SHARED 2

#define CROWD 5

static struct {
	unsigned added, deleted;
} calls; /* of the listener to epoll_ctl() */

static struct rig rig;
static struct listener listener;
static int listening;

static struct fault epoll_ctl_fault; /* of calls about the listener */
WRAPPED(int, epoll_ctl,
	(int epoll_fd, int operation, int fd, struct epoll_event *event));

int __wrap_epoll_ctl(int epoll_fd, int operation, int fd,
		     struct epoll_event *event)
{
	if (fd == listening && fault_strikes(&epoll_ctl_fault))
		return -1;
	calls.added += fd == listening && operation == EPOLL_CTL_ADD;
	calls.deleted += fd == listening && operation == EPOLL_CTL_DEL;
	return __real_epoll_ctl(epoll_fd, operation, fd, event);
}

static void setup(void)
{
	rig_init(&rig);
	listener.passed = false;
	listener.origin = (struct connection_origin){
		.name = "tcp:test",
		.tcp = true,
	};
	listening = tcp_listener(0);
	ck_assert_int_eq(listener_open(&listener, &rig.worker, listening, true),
			 0);
	calls.added = calls.deleted = 0;
}

static void teardown(void)
{
	worker_post(&rig.worker, WORKER_ABORT);
	RIG_AWAIT(&rig, rig.worker.reactor.stopping);
	ck_assert_uint_eq(rig.policy.connections, 0);
	rig_deinit(&rig);
}

START_TEST(it_gets_in_line_after_each_turn)
{
	int client = tcp_connect(listening);

	rig_expect_echo(&rig, client, "first");
	ck_assert_uint_eq(calls.deleted, 1);
	ck_assert_uint_eq(calls.added, 1);
	/* What was accepted has nothing to do with it any more. */
	rig_expect_echo(&rig, client, "second");
	ck_assert_uint_eq(calls.added, 1);
	rig_expect_echo(&rig, tcp_connect(listening), "another");
	ck_assert_uint_eq(calls.added, 2);
}
END_TEST

START_TEST(a_turn_accepts_few)
{
	for (int i = 0; i < CROWD; i++)
		(void)tcp_connect(listening);
	AWAIT(tcp_backlog(listening) == CROWD);
	rig_turn(&rig);
	ck_assert_uint_eq(tcp_backlog(listening), CROWD - ACCEPT_BUDGET_SHARED);
	/* Nobody else takes the rest here. */
	RIG_AWAIT(&rig, tcp_backlog(listening) == 0);
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_accepted), CROWD);
}
END_TEST

/* Deleting is a call, too; then adding fails. */
static void lose_the_place(unsigned failures)
{
	epoll_ctl_fault =
		(struct fault){ .skip = 1, .times = failures, .error = ENOMEM };
	rig_expect_echo(&rig, tcp_connect(listening), "before");
	ck_assert_ptr_null(listener.source.reactor);
	ck_assert_uint_eq(RIG_COUNT(&rig, accept_starved), 1);
}

/* The retry timer expires now. */
static void retry(void)
{
	ck_assert(list_is_linked(&rig.worker.retry.link));
	reactor_timer_start(&rig.worker.reactor, &rig.worker.retry, 0);
	rig_turn(&rig);
}

START_TEST(without_a_place_in_line_it_tries_again)
{
	int client;

	lose_the_place(2);
	client = tcp_connect(listening);
	AWAIT(tcp_backlog(listening) == 1);
	rig_turn_often(&rig);
	ck_assert_uint_eq(tcp_backlog(listening), 1);
	retry();
	ck_assert_ptr_null(listener.source.reactor);
	ck_assert_uint_eq(tcp_backlog(listening), 1);
	retry();
	ck_assert_ptr_nonnull(listener.source.reactor);
	rig_expect_echo(&rig, client, "after");
	ck_assert_uint_eq(RIG_COUNT(&rig, accept_starved), 1);
}
END_TEST

START_TEST(without_a_place_in_line_it_ends_in_order)
{
	lose_the_place(1);
	listener_close(&listener);
	ck_assert(!list_is_linked(&listener.waiter.link));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("listener_shared");
	TCase *tcase = tcase_create("shared");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, it_gets_in_line_after_each_turn);
	tcase_add_test(tcase, a_turn_accepts_few);
	tcase_add_test(tcase, without_a_place_in_line_it_tries_again);
	tcase_add_test(tcase, without_a_place_in_line_it_ends_in_order);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
