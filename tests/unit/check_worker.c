/* SPDX-License-Identifier: MIT */
/*
 * The worker: being built, being asked, being a thread.
 */
#include "config.h"

#include "unit/faults.h"
#include "unit/sockets.h"
#include "unit/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct worker worker;
struct worker_policy policy;

static struct stats stats;
static unsigned int asked, answers;

/* To post from within the handler, the worker being asked once more. */
static unsigned int to_post;

static void on_idle(struct idle_entry *entry UNUSED)
{
	ck_abort_msg("nobody is idle here");
}

static void on_request(struct worker *asked_worker, unsigned int requests)
{
	ck_assert_ptr_eq(asked_worker, &worker);
	asked = requests;
	if (requests & WORKER_ABORT)
		worker_finish(asked_worker);
	if (to_post)
		worker_post(asked_worker, to_post);
	to_post = 0;
}

static void on_answer(void *context)
{
	ck_assert_ptr_eq(context, &policy);
	answers++;
}

static int init(void)
{
	return worker_init(&worker, &policy, &stats, on_idle, on_request,
			   on_answer, &policy);
}

void worker_setup(void)
{
	policy.idle_timeout = USEC_INFINITY;
	policy.max_connections = 2;
	ck_assert_int_eq(init(), 0);
	fault_epoll_poll();
}

void worker_teardown(void)
{
	worker_deinit(&worker);
	worker_deinit(&worker);
}

static void turn(void)
{
	ck_assert_int_eq(reactor_poll(&worker.reactor), 0);
	reactor_dispatch(&worker.reactor);
}

static const struct {
	enum fault_call call;
	int error;
} init_failures[] = {
	{ FAULT_EPOLL_CREATE1, EMFILE }, { FAULT_EPOLL_CREATE1, ENOMEM },
	{ FAULT_MALLOC, ENOMEM },	 { FAULT_EVENTFD, EMFILE },
	{ FAULT_EVENTFD, ENFILE },	 { FAULT_EPOLL_CTL, ENOSPC },
	{ FAULT_EPOLL_CTL, ENOMEM },
};

START_TEST(init_that_fails_leaves_nothing)
{
	int fd = lowest_free_fd();

	memset(&worker, 0xff, sizeof(worker));
	fault_fail(init_failures[_i].call, init_failures[_i].error);
	ck_assert_int_eq(init(), -init_failures[_i].error);
	/* Whoever ends a worker looks for what it serves. */
	ck_assert(list_is_empty(&worker.connections.entries));
	ck_assert(list_is_empty(&worker.listeners));
	ck_assert(list_is_empty(&worker.datagrams));
	worker_deinit(&worker);
	worker_deinit(&worker);
	ck_assert_int_eq(lowest_free_fd(), fd);
}
END_TEST

START_TEST(new_worker_has_counted_and_held_nothing)
{
	int fd = lowest_free_fd();
	struct stats_snapshot sum = { 0 }, nothing = { 0 };

	memset(&worker, 0xff, sizeof(worker));
	ck_assert_int_eq(init(), 0);
	stats_collect(worker.stats, &sum);
	ck_assert_ptr_eq(worker.stats, &stats);
	ck_assert(!stats_differ(&sum, &nothing));
	ck_assert_uint_eq(worker.held.bytes, 0);
	ck_assert(!worker.started);
	ck_assert(!worker_has_answered(&worker, WORKER_ANSWER));
	ck_assert_ptr_eq(worker_of(&worker.wake), &worker);
	memset(worker.scratch, 0x55, WORKER_SCRATCH_SIZE);
	worker_deinit(&worker);
	ck_assert_int_eq(lowest_free_fd(), fd);
}
END_TEST

START_TEST(deinit_closes_once)
{
	int epoll_fd, wake_fd;

	ck_assert_int_eq(init(), 0);
	epoll_fd = worker.reactor.epoll_fd;
	wake_fd = worker.wake_fd;
	worker_deinit(&worker);
	ck_assert_int_eq(fcntl(epoll_fd, F_GETFD), -1);
	ck_assert_int_eq(fcntl(wake_fd, F_GETFD), -1);
	/* Had they been closed twice, these would be gone. */
	ck_assert_int_eq(dup2(STDERR_FILENO, epoll_fd), epoll_fd);
	ck_assert_int_eq(dup2(STDERR_FILENO, wake_fd), wake_fd);
	worker_deinit(&worker);
	ck_assert_int_eq(close(epoll_fd), 0);
	ck_assert_int_eq(close(wake_fd), 0);
}
END_TEST

START_TEST(posted_request_is_handled_and_answered)
{
	worker_post(&worker, WORKER_PAUSE);
	ck_assert(!worker_has_answered(&worker, WORKER_PAUSE));
	ck_assert_uint_eq(asked, 0);
	turn();
	ck_assert_uint_eq(asked, WORKER_PAUSE);
	ck_assert_uint_eq(answers, 1);
	ck_assert(worker_has_answered(&worker, WORKER_PAUSE));
	ck_assert(!worker_has_answered(&worker, WORKER_PAUSE | WORKER_RESUME));
	turn();
	ck_assert_uint_eq(answers, 1);
}
END_TEST

START_TEST(posts_add_up_until_they_are_seen)
{
	worker_post(&worker, WORKER_PAUSE);
	worker_post(&worker, WORKER_ANSWER);
	worker_post(&worker, WORKER_DRAIN | WORKER_ANSWER);
	turn();
	ck_assert_uint_eq(asked, WORKER_PAUSE | WORKER_ANSWER | WORKER_DRAIN);
	ck_assert_uint_eq(answers, 1);
	ck_assert(worker_has_answered(&worker, asked));
	worker_post(&worker, WORKER_RESUME);
	turn();
	ck_assert_uint_eq(asked, WORKER_RESUME);
}
END_TEST

START_TEST(posting_anew_forgets_only_that_answer)
{
	worker_post(&worker, WORKER_ANSWER | WORKER_PAUSE);
	turn();
	worker_post(&worker, WORKER_ANSWER);
	ck_assert(!worker_has_answered(&worker, WORKER_ANSWER));
	ck_assert(worker_has_answered(&worker, WORKER_PAUSE));
	turn();
	ck_assert(worker_has_answered(&worker, WORKER_ANSWER | WORKER_PAUSE));
}
END_TEST

START_TEST(request_that_comes_meanwhile_is_not_lost)
{
	to_post = WORKER_RESUME;
	worker_post(&worker, WORKER_PAUSE);
	turn();
	ck_assert_uint_eq(asked, WORKER_PAUSE);
	ck_assert(!worker_has_answered(&worker, WORKER_RESUME));
	turn();
	ck_assert_uint_eq(asked, WORKER_RESUME);
	ck_assert(worker_has_answered(&worker, WORKER_RESUME));
	ck_assert_uint_eq(answers, 2);
}
END_TEST

/* Then write(2) fails, but the worker is to be woken already. */
START_TEST(counter_that_would_overflow_loses_nothing)
{
	ck_assert_int_eq(eventfd_write(worker.wake_fd, UINT64_MAX - 1), 0);
	worker_post(&worker, WORKER_PAUSE);
	turn();
	ck_assert_uint_eq(asked, WORKER_PAUSE);
	worker_post(&worker, WORKER_RESUME);
	turn();
	ck_assert_uint_eq(asked, WORKER_RESUME);
}
END_TEST

START_TEST(wake_up_that_was_lost)
{
	uint64_t count;

	worker_post(&worker, WORKER_PAUSE);
	ck_assert_int_eq(read(worker.wake_fd, &count, sizeof(count)),
			 sizeof(count));
	turn();
	ck_assert_uint_eq(asked, 0);
	worker_remind(&worker);
	turn();
	ck_assert_uint_eq(asked, WORKER_PAUSE);
	/* It has seen it: there is nothing to be reminded of. */
	worker_remind(&worker);
	ck_assert_int_eq(read(worker.wake_fd, &count, sizeof(count)), -1);
}
END_TEST

START_TEST(thread_answers_and_ends)
{
	ck_assert_int_eq(worker_start(&worker), 0);
	ck_assert(worker.started);
	worker_post(&worker, WORKER_ANSWER);
	AWAIT(worker_has_answered(&worker, WORKER_ANSWER));
	ck_assert(!worker_has_answered(&worker, WORKER_ABORT));
	worker_post(&worker, WORKER_ABORT);
	worker_join(&worker);
	ck_assert(!worker.started);
	worker_join(&worker);
	ck_assert(atomic_load(&worker.finished));
	ck_assert_uint_eq(asked, WORKER_ABORT);
	/* Two requests and the end. */
	ck_assert_uint_eq(answers, 3);
	/* Whoever is gone keeps nobody waiting. */
	worker_post(&worker, WORKER_DRAIN);
	ck_assert(worker_has_answered(&worker, WORKER_DRAIN));
}
END_TEST

START_TEST(thread_that_cannot_start)
{
	fault_fail(FAULT_PTHREAD_CREATE, EAGAIN);
	ck_assert_int_eq(worker_start(&worker), -EAGAIN);
	ck_assert(!worker.started);
	worker_join(&worker);
}
END_TEST

/* Peers are told, unless they may have another instance. */
START_TEST(thread_without_its_reactor_aborts)
{
	policy.preserve = _i;
	fault_fail(FAULT_EPOLL_WAIT, EBADF);
	fault_fail(FAULT_ABORT, 1);
	ck_assert_int_eq(worker_start(&worker), 0);
	worker_join(&worker);
	ck_assert_uint_eq(fault_count(FAULT_ABORT), 1);
	ck_assert(!atomic_load(&worker.finished));
	ck_assert_uint_eq(asked, _i ? 0 : WORKER_ABORT);
	ck_assert_uint_eq(answers, 0);
}
END_TEST

static TCase *build_case(void)
{
	TCase *tcase = tcase_create("build");

	tcase_add_loop_test(tcase, init_that_fails_leaves_nothing, 0,
			    ARRAY_SIZE(init_failures));
	tcase_add_test(tcase, new_worker_has_counted_and_held_nothing);
	tcase_add_test(tcase, deinit_closes_once);
	return tcase;
}

static TCase *request_case(void)
{
	TCase *tcase = tcase_create("request");

	tcase_add_checked_fixture(tcase, worker_setup, worker_teardown);
	tcase_add_test(tcase, posted_request_is_handled_and_answered);
	tcase_add_test(tcase, wake_up_that_was_lost);
	tcase_add_test(tcase, posts_add_up_until_they_are_seen);
	tcase_add_test(tcase, posting_anew_forgets_only_that_answer);
	tcase_add_test(tcase, request_that_comes_meanwhile_is_not_lost);
	tcase_add_test(tcase, counter_that_would_overflow_loses_nothing);
	return tcase;
}

/* The thread may poll without pause: it has little to do. */
static TCase *thread_case(void)
{
	TCase *tcase = tcase_create("thread");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, worker_setup, worker_teardown);
	tcase_add_test(tcase, thread_answers_and_ends);
	tcase_add_test(tcase, thread_that_cannot_start);
	tcase_add_loop_test(tcase, thread_without_its_reactor_aborts, 0, 2);
	return tcase;
}

static Suite *make_suite(void)
{
	Suite *suite = suite_create("worker");

	suite_add_tcase(suite, build_case());
	suite_add_tcase(suite, request_case());
	suite_add_tcase(suite, thread_case());
	suite_add_tcase(suite, worker_capacity_case());
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
