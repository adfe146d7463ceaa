/* SPDX-License-Identifier: MIT */
/*
 * The crew while it is made: the limits that all have in common, and what is
 * left when it cannot be made.
 */
#include "config.h"

#include "echod/crew.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/rig.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>

static struct fault pthread_create_fault;
INJECTED(void *, NULL, malloc, (size_t size), (size))
INJECTED(void *, NULL, calloc, (size_t count, size_t size), (count, size))
INJECTED(void *, NULL, aligned_alloc, (size_t alignment, size_t size),
	 (alignment, size))
INJECTED(int, -1, epoll_create1, (int flags), (flags))
INJECTED(int, -1, eventfd, (unsigned count, int flags), (count, flags))
INJECTED(int, -1, sched_getaffinity, (pid_t pid, size_t size, cpu_set_t *set),
	 (pid, size, set))
INJECTED(int, -1, epoll_ctl,
	 (int epoll_fd, int operation, int fd, struct epoll_event *event),
	 (epoll_fd, operation, fd, event))
WRAPPED(int, pthread_create,
	(pthread_t * thread, const pthread_attr_t *attributes,
	 void *(*run)(void *), void *argument));
WRAPPED(int, getrlimit, (int resource, struct rlimit *limit));

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*run)(void *), void *argument)
{
	if (fault_strikes(&pthread_create_fault))
		return pthread_create_fault.error;
	return __real_pthread_create(thread, attributes, run, argument);
}

static struct rlimit limits;

/* Not an assertion, for Check allocates, and that may be made to fail. */
static void expect_descriptors(int resource)
{
	if (resource != RLIMIT_NOFILE)
		ck_abort_msg("another limit than that of descriptors");
}

int __wrap_getrlimit(int resource, struct rlimit *limit)
{
	expect_descriptors(resource);
	*limit = limits;
	return 0;
}

static struct options options;
static struct intake intake;
static struct crew crew;
static struct stats stats[3];

static void on_answer(void *context)
{
	(void)context;
}

static void setup(void)
{
	log_catch();
	options = (struct options){
		.idle_timeout = USEC_INFINITY,
		.drain_timeout = USEC_PER_SEC,
		.buffer_limit = 64 << 20,
	};
	limits = (struct rlimit){ .rlim_cur = 1000, .rlim_max = 1000 };
}

static void teardown(void)
{
	crew_deinit(&crew);
	crew_deinit(&crew);
	intake_close(&intake);
}

static void listen_on(const char *text)
{
	const char *reason;

	ck_assert_int_eq(options_add_listen(&options, text, &reason), 0);
}

static int make_crew(size_t count)
{
	crew_set_policy(&crew, &options, &intake, count);
	return crew_init(&crew, &intake, stats, count, on_answer, &crew);
}

static void open_intake(size_t workers)
{
	ck_assert_int_eq(intake_open(&intake, &options, (int)workers), 0);
}

static const struct {
	struct fault *fault;
	unsigned skip;
	int error;
} obstacles[] = {
	{ &aligned_alloc_fault, 0, ENOMEM },
	{ &aligned_alloc_fault, 1, ENOMEM },
	{ &calloc_fault, 0, ENOMEM },
	{ &epoll_create1_fault, 0, EMFILE },
	{ &epoll_create1_fault, 1, EMFILE },
	{ &malloc_fault, 0, ENOMEM },
	{ &malloc_fault, 1, ENOMEM },
	{ &malloc_fault, 2, ENOMEM },
	{ &eventfd_fault, 0, EMFILE },
	{ &eventfd_fault, 1, EMFILE },
	{ &epoll_ctl_fault, 0, ENOSPC },
	{ &epoll_ctl_fault, 2, ENOSPC },
	{ &epoll_ctl_fault, 3, ENOSPC },
	{ &epoll_ctl_fault, 4, ENOSPC },
	{ &epoll_ctl_fault, 5, ENOSPC },
};

START_TEST(a_crew_that_cannot_be_made_leaves_nothing)
{
	int free_fd, result;

	listen_on("127.0.0.1:0");
	open_intake(2);
	free_fd = lowest_free_fd();
	*obstacles[_i].fault = (struct fault){
		.skip = obstacles[_i].skip,
		.times = 1,
		.error = obstacles[_i].error,
	};
	result = make_crew(2);
	ck_assert_int_eq(result, -obstacles[_i].error);
	crew_deinit(&crew);
	ck_assert_int_eq(lowest_free_fd(), free_fd);
	ck_assert_int_eq(make_crew(2), 0);
}
END_TEST

/* Of IPv6 a socket knows which peers are none of this host. */
START_TEST(without_memory_for_a_screen_there_is_no_crew)
{
	int free_fd;

	if (!ipv6_is_available())
		return;
	listen_on("udp:[::1]:0");
	open_intake(1);
	free_fd = lowest_free_fd();
	calloc_fault = (struct fault){ .skip = 1, .times = 1, .error = ENOMEM };
	ck_assert_int_eq(make_crew(1), -ENOMEM);
	crew_deinit(&crew);
	ck_assert_int_eq(lowest_free_fd(), free_fd);
}
END_TEST

START_TEST(threads_that_ran_are_joined)
{
	listen_on("127.0.0.1:0");
	open_intake(2);
	ck_assert_int_eq(make_crew(2), 0);
	pthread_create_fault = (struct fault){ .skip = (unsigned)_i,
					       .times = 1,
					       .error = EAGAIN };
	ck_assert_int_eq(crew_start(&crew), -EAGAIN);
	crew_deinit(&crew);
	ck_assert_uint_eq(crew.worker_count, 0);
}
END_TEST

/* And no other is tried. */
START_TEST(a_worker_that_cannot_be_pinned_is_an_error)
{
	listen_on("127.0.0.1:0");
	open_intake(2);
	ck_assert_int_eq(make_crew(2), 0);
	options.affinity.kind = AFFINITY_AUTO;
	sched_getaffinity_fault = (struct fault){ .times = 1, .error = EPERM };
	ck_assert_int_eq(crew_pin(&crew, &options), -EPERM);
	ck_assert_uint_eq(sched_getaffinity_fault.calls, 1);
	log_await("cannot find out which CPUs may be used: Operation not "
		  "permitted");
}
END_TEST

START_TEST(all_cpus_are_counted)
{
	cpu_set_t set;

	ck_assert_int_eq(__real_sched_getaffinity(0, sizeof(set), &set), 0);
	ck_assert_uint_eq(crew_cpu_count(), (unsigned)CPU_COUNT(&set));
	stay_on_one_cpu();
	ck_assert_uint_eq(crew_cpu_count(), 1);
	sched_getaffinity_fault = (struct fault){ .times = 1, .error = EINVAL };
	ck_assert_uint_eq(crew_cpu_count(), CPU_SETSIZE);
}
END_TEST

static const struct {
	rlim_t limit;
	uint32_t wanted, allowed;
	bool warning;
} limit_cases[] = {
	/* Less 32 for all else, 5 sockets and 5 for each of 3 workers. */
	{ 100, 0, 48, false }, { 100, 48, 48, false },
	{ 100, 49, 48, true }, { 100, 3, 3, false },
	{ 50, 0, 1, false },   { 49, 0, 1, false },
	{ 20, 0, 1, false },   { RLIM_INFINITY, 0, INT32_MAX, false },
};

START_TEST(descriptors_limit_connections)
{
	limits.rlim_cur = limit_cases[_i].limit;
	options.max_connections = limit_cases[_i].wanted;
	intake.count = 5;
	crew_set_policy(&crew, &options, &intake, 3);
	intake.count = 0;
	ck_assert_uint_eq(crew.policy.max_connections, limit_cases[_i].allowed);
	ck_assert(log_has("echod: --max-connections=49 is more than the limit "
			  "on descriptors allows, which is 48 (") ==
		  limit_cases[_i].warning);
}
END_TEST

START_TEST(the_policy_is_what_was_asked_for)
{
	options.log_connections = true;
	options.idle_timeout = 12;
	crew_set_policy(&crew, &options, &intake, 4);
	ck_assert_uint_eq(crew.policy.hold_limit, 16 << 20);
	ck_assert_uint_eq(crew.policy.idle_timeout, 12);
	ck_assert_uint_eq(crew.policy.drain_timeout, USEC_PER_SEC);
	ck_assert(crew.policy.log_connections);
	ck_assert_uint_eq(crew_connections(&crew), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("crew_making");
	TCase *tcase = tcase_create("crew_making");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, a_crew_that_cannot_be_made_leaves_nothing, 0,
			    ARRAY_SIZE(obstacles));
	tcase_add_test(tcase, without_memory_for_a_screen_there_is_no_crew);
	tcase_add_loop_test(tcase, threads_that_ran_are_joined, 0, 2);
	tcase_add_test(tcase, a_worker_that_cannot_be_pinned_is_an_error);
	tcase_add_test(tcase, all_cpus_are_counted);
	tcase_add_loop_test(tcase, descriptors_limit_connections, 0,
			    ARRAY_SIZE(limit_cases));
	tcase_add_test(tcase, the_policy_is_what_was_asked_for);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
