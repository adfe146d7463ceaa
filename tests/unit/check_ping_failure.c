/* SPDX-License-Identifier: MIT */
/*
 * Runs that cannot begin: one line says why, and nothing is left open.
 *
 * Link with -Wl,--wrap=calloc, epoll_create1, epoll_ctl, malloc, signalfd and
 * timerfd_create.
 */
#include "config.h"

#include "echoping/ping.h"
#include "unit/capture.h"
#include "unit/flow_rig.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/sockets.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

INJECTED(void *, NULL, calloc, (size_t count, size_t size), (count, size))
INJECTED(int, -1, epoll_create1, (int flags), (flags))
INJECTED(int, -1, epoll_ctl,
	 (int epoll_fd, int op, int fd, struct epoll_event *event),
	 (epoll_fd, op, fd, event))
INJECTED(void *, NULL, malloc, (size_t size), (size))
INJECTED(int, -1, signalfd, (int fd, const sigset_t *mask, int flags),
	 (fd, mask, flags))
INJECTED(int, -1, timerfd_create, (clockid_t clock, int flags), (clock, flags))

static struct settings settings;
static struct target targets[2];
static struct source source;
static int server;

static void set_up(void)
{
	struct address address = ipv4_address("127.0.0.1", 0);

	settings = (struct settings){
		.size = 64,
		.count = 3,
		.flows = 1,
		.interval = NSEC_PER_MSEC,
		.timeout = 30 * NSEC_PER_SEC,
		.deadline = NSEC_INFINITY,
		.priority = -1,
		.tos = -1,
		.max_loss = 101,
		.max_rtt_p99 = NSEC_INFINITY,
	};
	server = udp_socket(&address);
	settings.target_count = 1;
	resolve_to(&targets[0], &settings, "udp", server);
}

static enum exit_status run(void)
{
	return ping_run(&settings, targets, &source);
}

/* Fail each call of this kind in turn, until none is left to fail. */
static void fail_each(struct fault *fault, unsigned calls)
{
	int errors = stderr_capture();
	int lowest = lowest_free_fd();

	for (unsigned call = 0; call < calls; call++) {
		*fault = (struct fault){ .skip = call,
					 .times = 1,
					 .error = ENOMEM };
		ck_assert_int_eq(run(), EXIT_STATUS_ERROR);
		ck_assert_ptr_nonnull(strstr(stderr_line(errors),
					     ": cannot start: Cannot "
					     "allocate memory"));
		stderr_expect_nothing(errors);
		ck_assert_int_eq(lowest_free_fd(), lowest);
	}
}

START_TEST(cannot_start_without_what_it_needs)
{
	settings.flows = 2;
	switch (_i) {
	case 0:
		fail_each(&malloc_fault, 2);
		break;
	case 1: /* targets; flows; a ring for each */
		fail_each(&calloc_fault, 4);
		break;
	case 2:
		fail_each(&epoll_create1_fault, 1);
		break;
	case 3:
		fail_each(&epoll_ctl_fault, 2);
		break;
	case 4:
		fail_each(&signalfd_fault, 1);
		break;
	default:
		fail_each(&timerfd_create_fault, 1);
	}
}
END_TEST

START_TEST(says_what_is_impossible)
{
	int errors = stderr_capture();

	settings.size = 65508;
	ck_assert_int_eq(run(), EXIT_STATUS_ERROR);
	ck_assert_ptr_nonnull(strstr(stderr_line(errors), "--size"));
	stderr_expect_nothing(errors);
}
END_TEST

static Suite *ping_failure_suite(void)
{
	Suite *suite = suite_create("ping_failure");
	TCase *failure = tcase_create("failure");

	tcase_set_timeout(failure, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(failure, set_up, NULL);
	tcase_add_loop_test(failure, cannot_start_without_what_it_needs, 0, 6);
	tcase_add_test(failure, says_what_is_impossible);
	suite_add_tcase(suite, failure);
	return suite;
}

int main(void)
{
	return harness_run(ping_failure_suite());
}
