/* SPDX-License-Identifier: MIT */
/*
 * Waiting in unit tests.
 *
 * To await is to wait for what is certain to come; the test fails if it has not
 * come after AWAIT_MSEC, which is an upper bound and never a delay.  That
 * something does NOT come cannot be awaited: let what would have caused it
 * complete, then look once (..._now).
 */
#ifndef ECHOD_TESTS_UNIT_AWAIT_H
#define ECHOD_TESTS_UNIT_AWAIT_H

#include <stdint.h>

#define AWAIT_MSEC 20000

/* For tcase_set_timeout(): a failed await reports before Check kills. */
#define TEST_TIMEOUT_SEC 60

/* Evaluate the condition again and again until it holds. */
#define AWAIT(condition)                                                       \
	do {                                                                   \
		int64_t await_deadline_ = await_begin();                       \
                                                                               \
		while (!(condition))                                           \
			await_again(await_deadline_, #condition);              \
	} while (0)

/* For AWAIT() only. */
int64_t await_begin(void);
void await_again(int64_t deadline, const char *condition);

/* poll(2) for these events; returns what poll found. */
int await_events(int fd, int events);
void await_readable(int fd);

/* What poll(2) finds at once. */
int events_now(int fd, int events);

/*
 * An epoll instance with one descriptor armed; its next event, awaited; the
 * event that is there already, or 0.
 */
int epoll_of(int fd, uint32_t events);
uint32_t epoll_await(int epoll_fd);
uint32_t epoll_now(int epoll_fd);

/*
 * Await events until all of these have been seen: one cause may give its bits
 * in one event or in several.
 */
void epoll_await_all(int epoll_fd, uint32_t events);

#endif
