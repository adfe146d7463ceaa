/* SPDX-License-Identifier: MIT */
/*
 * The daemon that cannot start, or cannot go on: it says why, and nothing is
 * left of it.
 */
#include "config.h"

#include "echod/crew.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/server_rig.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

static struct fault pthread_create_fault, privilege_drop_fault;
static atomic_bool main_thread_fails;
static atomic_uint main_thread_turns;
static const char *dropped_to;

INJECTED(int, -1, epoll_create1, (int flags), (flags))
INJECTED(int, -1, eventfd, (unsigned count, int flags), (count, flags))
INJECTED(int, -1, signalfd, (int fd, const sigset_t *signals, int flags),
	 (fd, signals, flags))
INJECTED(void *, NULL, aligned_alloc, (size_t alignment, size_t size),
	 (alignment, size))
INJECTED(void *, MAP_FAILED, mmap,
	 (void *address, size_t length, int protection, int flags, int fd,
	  off_t offset),
	 (address, length, protection, flags, fd, offset))
INJECTED(ssize_t, -1, getrandom, (void *bytes, size_t size, unsigned flags),
	 (bytes, size, flags))
INJECTED(int, -1, bind,
	 (int fd, const struct sockaddr *address, socklen_t length),
	 (fd, address, length))
INJECTED(int, -1, epoll_ctl,
	 (int epoll_fd, int operation, int fd, struct epoll_event *event),
	 (epoll_fd, operation, fd, event))
INJECTED(int, -errno, crew_pin,
	 (struct crew * crew, const struct options *pinning), (crew, pinning))
WRAPPED(int, epoll_wait,
	(int epoll_fd, struct epoll_event *events, int count, int timeout));
WRAPPED(int, pthread_create,
	(pthread_t * thread, const pthread_attr_t *attributes,
	 void *(*run)(void *), void *argument));
WRAPPED(int, privilege_drop, (const char *user));

int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int count,
		      int timeout)
{
	if (pthread_equal(pthread_self(), server_thread)) {
		atomic_fetch_add(&main_thread_turns, 1);
		if (atomic_load(&main_thread_fails)) {
			errno = EINVAL;
			return -1;
		}
	}
	return __real_epoll_wait(epoll_fd, events, count, timeout);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*run)(void *), void *argument)
{
	if (fault_strikes(&pthread_create_fault))
		return pthread_create_fault.error;
	return __real_pthread_create(thread, attributes, run, argument);
}

int __wrap_privilege_drop(const char *user)
{
	dropped_to = user;
	/* What is bound needs no privileges any more. */
	ck_assert_uint_gt(bind_fault.calls, 0);
	return fault_strikes(&privilege_drop_fault) ? -errno : 0;
}

/* Events that are lost: of the main thread if `mine`, of workers otherwise. */
static struct {
	atomic_bool mine;
	atomic_uint reads, writes;
} lost;

static bool is_lost(atomic_uint *left, size_t size, size_t wanted)
{
	bool mine = pthread_equal(pthread_self(), server_thread);

	if (size != wanted || mine != atomic_load(&lost.mine) ||
	    atomic_load(left) == 0)
		return false;
	atomic_fetch_sub(left, 1);
	errno = EIO;
	return true;
}

WRAPPED(ssize_t, read, (int fd, void *bytes, size_t size));
WRAPPED(ssize_t, write, (int fd, const void *bytes, size_t size));

ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
	if (is_lost(&lost.reads, size, sizeof(struct signalfd_siginfo)))
		return -1;
	return __real_read(fd, bytes, size);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
	if (is_lost(&lost.writes, size, sizeof(uint64_t)))
		return -1;
	return __real_write(fd, bytes, size);
}

static const struct {
	struct fault *fault;
	unsigned skip, times;
	int error;  /* injected */
	int result; /* returned */
	const char *line;
} obstacles[] = {
	{ &epoll_create1_fault, 0, 1, EMFILE, EMFILE,
	  "cannot set up the main thread: Too many open files (raise the " },
	{ &eventfd_fault, 0, 1, EMFILE, EMFILE,
	  "cannot set up the main thread: Too many open files (raise the " },
	{ &signalfd_fault, 0, 1, EMFILE, EMFILE,
	  "cannot set up the main thread: Too many open files (raise the " },
	{ &epoll_ctl_fault, 0, 1, ENOSPC, ENOSPC,
	  "cannot set up the main thread: No space left on device (raise " },
	{ &epoll_ctl_fault, 1, 1, ENOSPC, ENOSPC,
	  "cannot set up the main thread: No space left on device (raise " },
	/* A memfd, and memory of its own instead. */
	{ &mmap_fault, 0, 2, ENOMEM, ENOMEM,
	  "cannot keep counters and rates of sources: Cannot allocate memory "
	  "(raise the limits, or use --udp-rate=0)" },
	{ &getrandom_fault, 0, 1, ENOSYS, ENOSYS,
	  "cannot keep counters and rates of sources: Function not " },
	/* A second time for the hash of sources that have connections. */
	{ &getrandom_fault, 1, 1, ENOSYS, ENOSYS,
	  "cannot start 1 worker: Function not implemented (try fewer " },
	/* What it is to hold, behind the counters and two tables of sources. */
	{ &mmap_fault, 3, 1, ENOMEM, ENOMEM,
	  "cannot start 1 worker: Cannot allocate memory (try fewer " },
	{ &bind_fault, 0, 1, EACCES, EACCES,
	  "cannot listen on tcp:127.0.0.1:0: Permission denied (ports below " },
	{ &bind_fault, 1, 1, EADDRNOTAVAIL, EADDRNOTAVAIL,
	  "cannot listen on udp" },
	{ &aligned_alloc_fault, 0, 1, ENOMEM, ENOMEM,
	  "cannot start 1 worker: Cannot allocate memory (try fewer "
	  "--workers" },
	{ &epoll_create1_fault, 1, 1, EMFILE, EMFILE,
	  "cannot start 1 worker: Too many open files (try fewer --workers" },
	/* The first thread is the test's own. */
	{ &pthread_create_fault, 1, 1, EAGAIN, EAGAIN,
	  "cannot start 1 worker: Resource temporarily unavailable (try " },
	{ &privilege_drop_fault, 0, 1, EPERM, EPERM, "" },
	{ &crew_pin_fault, 0, 1, EINVAL, EINVAL, "" },
};

START_TEST(what_cannot_start_says_why_and_leaves_nothing)
{
	int free_fd = lowest_free_fd();

	options.user = "nobody";
	listen_on("127.0.0.1:0");
	*obstacles[_i].fault = (struct fault){
		.skip = obstacles[_i].skip,
		.times = obstacles[_i].times,
		.error = obstacles[_i].error,
	};
	server_rig_run();
	ck_assert_int_eq(server_rig_join(), -obstacles[_i].result);
	ck_assert_msg(log_has(obstacles[_i].line), "%s", log_after("echod: "));
	ck_assert(!log_has("stopped"));
	ck_assert_uint_eq(notify_count("READY=1"), 0);
	ck_assert_int_eq(lowest_free_fd(), free_fd);
}
END_TEST

/* Nothing is served out of it. */
START_TEST(without_its_sandbox_it_does_not_start)
{
	int free_fd = lowest_free_fd();

	if (_i == 0)
		sandbox_failure.files = -EPERM;
	else
		sandbox_failure.calls = -EINVAL;
	listen_on("127.0.0.1:0");
	server_rig_run();
	ck_assert_int_eq(server_rig_join(), _i == 0 ? -EPERM : -EINVAL);
	ck_assert(!log_has("ready"));
	ck_assert_uint_eq(notify_count("READY=1"), 0);
	ck_assert_int_eq(lowest_free_fd(), free_fd);
}
END_TEST

START_TEST(of_two_threads_the_first_is_ended)
{
	options.workers = 2;
	listen_on("127.0.0.1:0");
	pthread_create_fault =
		(struct fault){ .skip = 2, .times = 1, .error = EAGAIN };
	server_rig_run();
	ck_assert_int_eq(server_rig_join(), -EAGAIN);
	log_await("echod: cannot start 2 workers: ");
}
END_TEST

START_TEST(privileges_are_dropped_if_asked_for)
{
	options.user = _i == 0 ? "nobody" : NULL;
	listen_on("127.0.0.1:0");
	server_rig_start();
	send_signal(SIGTERM);
	ck_assert_int_eq(server_rig_join(), 0);
	ck_assert_ptr_eq(dropped_to, options.user);
}
END_TEST

START_TEST(a_main_thread_that_fails_ends_the_workers)
{
	int client;

	options.workers = 2;
	listen_on("127.0.0.1:0");
	server_rig_start();
	client = server_rig_connect();
	expect_echo(client, "hello");
	atomic_store(&main_thread_fails, true);
	send_signal(SIGUSR1);
	ck_assert_int_eq(server_rig_join(), -EINVAL);
	log_await("echod: the main thread failed: Invalid argument (please ");
	ck_assert(stream_ends_clean(client));
	ck_assert(!log_has("stopped"));
}
END_TEST

/* A few turns for the signal and the next tick, not as many as there can be. */
START_TEST(a_signal_is_dealt_with_once)
{
	listen_on("127.0.0.1:0");
	server_rig_start();
	expect_echo(server_rig_connect(), "hello");
	send_signal(SIGUSR1);
	log_await("echod: counters: ");
	notify_await("STATUS=1 connection");
	ck_assert_uint_lt(atomic_load(&main_thread_turns), 30);
	ck_assert_uint_eq(log_count("echod: counters: "), 1);
	send_signal(SIGTERM);
	ck_assert_int_eq(server_rig_join(), 0);
}
END_TEST

static const struct {
	bool mine;
	unsigned reads, writes;
} losses[] = {
	{ true, 1, 0 },	 /* the signal itself */
	{ true, 0, 1 },	 /* what workers are asked for */
	{ false, 0, 2 }, /* their answers */
};

START_TEST(it_stops_though_an_event_was_lost)
{
	listen_on("127.0.0.1:0");
	server_rig_start();
	atomic_store(&lost.mine, losses[_i].mine);
	atomic_store(&lost.reads, losses[_i].reads);
	atomic_store(&lost.writes, losses[_i].writes);
	send_signal(SIGTERM);
	ck_assert_int_eq(server_rig_join(), 0);
	ck_assert_uint_eq(atomic_load(&lost.reads), 0);
	ck_assert_uint_eq(atomic_load(&lost.writes), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("server_failure");
	TCase *tcase = tcase_create("server_failure");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, server_rig_setup, NULL);
	tcase_add_loop_test(tcase,
			    what_cannot_start_says_why_and_leaves_nothing, 0,
			    ARRAY_SIZE(obstacles));
	tcase_add_loop_test(tcase, without_its_sandbox_it_does_not_start, 0, 2);
	tcase_add_test(tcase, of_two_threads_the_first_is_ended);
	tcase_add_loop_test(tcase, privileges_are_dropped_if_asked_for, 0, 2);
	tcase_add_test(tcase, a_signal_is_dealt_with_once);
	tcase_add_loop_test(tcase, it_stops_though_an_event_was_lost, 0,
			    ARRAY_SIZE(losses));
	tcase_add_test(tcase, a_main_thread_that_fails_ends_the_workers);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
