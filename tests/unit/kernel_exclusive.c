/* SPDX-License-Identifier: MIT */
/*
 * One listener in the epoll instances of several workers (EPOLLEXCLUSIVE).
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/kernel.h"
#include "unit/sockets.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SHARED (EPOLLIN | EPOLLET | EPOLLEXCLUSIVE)

/* A thread in epoll_pwait(2) on an instance of its own. */
struct waiter {
	pthread_t thread;
	int epoll_fd;
	atomic_int tid;
	atomic_uint woken;
};

static int add_exclusively(int epoll_fd, int listener, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = listener };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) < 0 ? errno
									: 0;
}

START_TEST(exclusive_and_edge_triggered_go_together)
{
	int listener = tcp_listener(0);
	int epoll_fd = epoll_of(listener, SHARED);

	tcp_connect(listener);
	ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLIN);
	ck_assert_uint_eq(epoll_now(epoll_fd), 0);
}
END_TEST

START_TEST(exclusive_with_rdhup_is_refused)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	ck_assert_int_eq(
		add_exclusively(epoll_fd, tcp_listener(0), SHARED | EPOLLRDHUP),
		EINVAL);
}
END_TEST

START_TEST(exclusive_cannot_be_modified)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int listener = tcp_listener(0);
	int epoll_fd = epoll_of(listener, SHARED);

	ck_assert_int_eq(epoll_ctl(epoll_fd, EPOLL_CTL_MOD, listener, &event),
			 -1);
	ck_assert_int_eq(errno, EINVAL);
	event.events = SHARED;
	ck_assert_int_eq(epoll_ctl(epoll_fd, EPOLL_CTL_MOD, listener, &event),
			 -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(epoll_ctl(epoll_fd, EPOLL_CTL_DEL, listener, &event),
			 0);
}
END_TEST

static void *waiter_main(void *argument)
{
	struct waiter *waiter = argument;
	struct epoll_event event;

	atomic_store(&waiter->tid, (int)syscall(SYS_gettid));
	if (epoll_pwait(waiter->epoll_fd, &event, 1, -1, NULL) == 1)
		atomic_store(&waiter->woken, event.events);
	return NULL;
}

/* -1 while running, else the system call in which the thread sleeps. */
static long sleeps_in(const struct waiter *waiter)
{
	char path[64], line[64] = "";
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/syscall",
		       atomic_load(&waiter->tid));
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (!fgets(line, sizeof(line), file) || line[0] == 'r')
		line[0] = '\0';
	(void)fclose(file);
	return line[0] ? strtol(line, NULL, 10) : -1;
}

static void waiter_start(struct waiter *waiter, int listener)
{
	waiter->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	ck_assert_int_eq(add_exclusively(waiter->epoll_fd, listener, SHARED),
			 0);
	ck_assert_int_eq(
		pthread_create(&waiter->thread, NULL, waiter_main, waiter), 0);
	AWAIT(sleeps_in(waiter) == SYS_epoll_pwait);
}

/* Why a burst is spread by small accept budgets and not by the kernel. */
START_TEST(one_connection_wakes_one_waiter_the_first_registered)
{
	static struct waiter waiters[3];
	int listener = tcp_listener(0);

	for (int i = 0; i < 3; i++)
		waiter_start(&waiters[i], listener);
	for (int i = 0; i < 3; i++) {
		tcp_connect(listener);
		ck_assert_int_eq(pthread_join(waiters[i].thread, NULL), 0);
		ck_assert_uint_eq(atomic_load(&waiters[i].woken), EPOLLIN);
		for (int other = i + 1; other < 3; other++)
			ck_assert_int_eq(sleeps_in(&waiters[other]),
					 SYS_epoll_pwait);
	}
}
END_TEST

TCase *kernel_exclusive_case(void)
{
	TCase *part = tcase_create("exclusive");

	tcase_add_test(part, exclusive_and_edge_triggered_go_together);
	tcase_add_test(part, exclusive_with_rdhup_is_refused);
	tcase_add_test(part, exclusive_cannot_be_modified);
	tcase_add_test(part,
		       one_connection_wakes_one_waiter_the_first_registered);
	return part;
}
