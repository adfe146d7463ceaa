/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/await.h"
#include "unit/harness.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

/* Fail the test unless the call succeeded. */
#define CALL(call) ck_assert_msg((call) >= 0, "%s: %s", #call, strerror(errno))

static int64_t monotonic_msec(void)
{
	struct timespec now;

	CALL(clock_gettime(CLOCK_MONOTONIC, &now));
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t await_begin(void)
{
	return monotonic_msec() + AWAIT_MSEC;
}

void await_again(int64_t deadline, const char *condition)
{
	ck_assert_msg(monotonic_msec() < deadline, "awaited in vain: %s",
		      condition);
	(void)poll(NULL, 0, 1); /* Only a pause. */
}

static int poll_one(int fd, int events, int timeout)
{
	struct pollfd entry = { .fd = fd, .events = (short)events };

	CALL(poll(&entry, 1, timeout));
	return entry.revents;
}

int await_events(int fd, int events)
{
	int found = poll_one(fd, events, AWAIT_MSEC);

	ck_assert_msg(found != 0, "poll events %#x awaited in vain",
		      (unsigned int)events);
	return found;
}

void await_readable(int fd)
{
	await_events(fd, POLLIN);
}

int events_now(int fd, int events)
{
	return poll_one(fd, events, 0);
}

int epoll_of(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	CALL(epoll_fd);
	CALL(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event));
	return epoll_fd;
}

static uint32_t epoll_next(int epoll_fd, int timeout)
{
	struct epoll_event event = { 0 };

	CALL(epoll_wait(epoll_fd, &event, 1, timeout));
	return event.events;
}

uint32_t epoll_await(int epoll_fd)
{
	uint32_t events = epoll_next(epoll_fd, AWAIT_MSEC);

	ck_assert_msg(events != 0, "an epoll event awaited in vain");
	return events;
}

uint32_t epoll_now(int epoll_fd)
{
	return epoll_next(epoll_fd, 0);
}

void epoll_await_all(int epoll_fd, uint32_t events)
{
	while (events)
		events &= ~epoll_await(epoll_fd);
}
