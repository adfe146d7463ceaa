/* SPDX-License-Identifier: MIT */
/*
 * A kernel that gives as little as it may: to be linked with a program, by
 * --wrap of the functions below (see ld(1)).
 *
 * At random, calls take or bring less than was asked for, are interrupted
 * (EINTR), or say that there is nothing yet (EAGAIN).  None of it is a lie:
 * what was taken is taken, and what was withheld is reported by another edge,
 * as epoll(7) promises it.  So nothing may be lost, and nobody reset.
 *
 * A library for LD_PRELOAD would miss common/call.c, which asks the kernel
 * itself.
 *
 * $ECHOD_SHORT_SEED chooses; at its end the process tells how much happened.
 */
#include "config.h"

#include "common/call.h"
#include "common/macros.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 65536

ssize_t __real_call_receive(int fd, void *bytes, size_t size, int flags);
ssize_t __real_call_send(int fd, const void *bytes, size_t size, int flags);
int __real_call_receive_many(int fd, struct mmsghdr *messages, unsigned count,
			     int flags);
int __real_call_send_many(int fd, struct mmsghdr *messages, unsigned count,
			  int flags);
int __real_accept4(int fd, struct sockaddr *address, socklen_t *length,
		   int flags);
int __real_close(int fd);
int __real_epoll_ctl(int epoll, int verb, int fd, struct epoll_event *event);
int __real_epoll_wait(int epoll, struct epoll_event *events, int most,
		      int timeout);
ssize_t __real_read(int fd, void *bytes, size_t size);
ssize_t __real_recvmsg(int fd, struct msghdr *header, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *header, int flags);

ssize_t __wrap_call_receive(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap_call_send(int fd, const void *bytes, size_t size, int flags);
int __wrap_call_receive_many(int fd, struct mmsghdr *messages, unsigned count,
			     int flags);
int __wrap_call_send_many(int fd, struct mmsghdr *messages, unsigned count,
			  int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length,
		   int flags);
int __wrap_close(int fd);
int __wrap_epoll_ctl(int epoll, int verb, int fd, struct epoll_event *event);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int most,
		      int timeout);
ssize_t __wrap_read(int fd, void *bytes, size_t size);
ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *header, int flags);

enum mishap {
	MISHAP_NONE,
	MISHAP_INTERRUPTED,
	MISHAP_EMPTY,
	MISHAP_SHORT
};

/* What is registered, by descriptor: each belongs to one thread. */
static struct registration {
	bool valid;
	int epoll;
	struct epoll_event event;
} registrations[DESCRIPTORS_MAX];

static atomic_uint_least64_t mishaps;
static atomic_uint threads;
static __thread uint64_t state;

/* xorshift64*; each thread has its own sequence. */
static uint64_t draw(uint64_t sides)
{
	if (state == 0) {
		const char *seed = getenv("ECHOD_SHORT_SEED");

		state = seed ? strtoull(seed, NULL, 10) : 1;
		state += 1 + atomic_fetch_add(&threads, 1);
		state *= UINT64_C(0x9e3779b97f4a7c15);
	}
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * UINT64_C(2685821657736338717) >> 16) % sides;
}

static struct registration *registration_of(int fd)
{
	struct registration *registration = &registrations[fd];

	return fd >= 0 && fd < DESCRIPTORS_MAX && registration->valid
		       ? registration
		       : NULL;
}

/* Report anew what it is ready for: as if it had just become so. */
static void raise_edge(int fd)
{
	struct registration *registration = registration_of(fd);

	if (registration)
		(void)__real_epoll_ctl(registration->epoll, EPOLL_CTL_MOD, fd,
				       &registration->event);
}

/* What happens to a call; with errno set, and another edge to come. */
static enum mishap mishap_of(int fd)
{
	uint64_t drawn = registration_of(fd) ? draw(16) : 15;

	if (drawn >= 8)
		return MISHAP_NONE;
	atomic_fetch_add(&mishaps, 1);
	if (drawn >= 3)
		return MISHAP_SHORT;
	errno = drawn == 0 ? EINTR : EAGAIN;
	if (errno == EAGAIN)
		raise_edge(fd);
	errno = drawn == 0 ? EINTR : EAGAIN;
	return drawn == 0 ? MISHAP_INTERRUPTED : MISHAP_EMPTY;
}

static int option_of(int fd, int name)
{
	socklen_t length = sizeof(int);
	int value = -1;

	(void)getsockopt(fd, SOL_SOCKET, name, &value, &length);
	return value;
}

/* A record goes whole or not at all. */
static bool is_stream(int fd)
{
	return option_of(fd, SO_TYPE) == SOCK_STREAM;
}

ssize_t __wrap_call_receive(int fd, void *bytes, size_t size, int flags)
{
	enum mishap mishap = size > 0 ? mishap_of(fd) : MISHAP_NONE;
	ssize_t result;
	int error;

	if (mishap == MISHAP_INTERRUPTED || mishap == MISHAP_EMPTY)
		return -1;
	if (mishap == MISHAP_NONE || !is_stream(fd))
		return __real_call_receive(fd, bytes, size, flags);
	result = __real_call_receive(fd, bytes, 1 + draw(size), flags);
	error = errno;
	raise_edge(fd);
	errno = error;
	return result;
}

ssize_t __wrap_call_send(int fd, const void *bytes, size_t size, int flags)
{
	enum mishap mishap = mishap_of(fd);
	ssize_t result;
	int error;

	if (mishap == MISHAP_INTERRUPTED || mishap == MISHAP_EMPTY)
		return -1;
	if (mishap == MISHAP_NONE || size == 0 || !is_stream(fd))
		return __real_call_send(fd, bytes, size, flags);
	result = __real_call_send(fd, bytes, 1 + draw(size), flags);
	error = errno;
	raise_edge(fd);
	errno = error;
	return result;
}

int __wrap_call_receive_many(int fd, struct mmsghdr *messages, unsigned count,
			     int flags)
{
	enum mishap mishap = mishap_of(fd);
	int result, error;

	if (mishap == MISHAP_NONE)
		return __real_call_receive_many(fd, messages, count, flags);
	if (mishap != MISHAP_SHORT)
		return -1;
	result = __real_call_receive_many(fd, messages,
					  1 + (unsigned)draw(count), flags);
	error = errno;
	raise_edge(fd);
	errno = error;
	return result;
}

/* To a Unix peer EAGAIN is the peer's affair: it loses the datagram. */
static bool may_be_full(int fd)
{
	return option_of(fd, SO_DOMAIN) != AF_UNIX;
}

int __wrap_call_send_many(int fd, struct mmsghdr *messages, unsigned count,
			  int flags)
{
	enum mishap mishap = mishap_of(fd);

	if (mishap == MISHAP_INTERRUPTED ||
	    (mishap == MISHAP_EMPTY && may_be_full(fd)))
		return -1;
	if (mishap == MISHAP_SHORT)
		count = 1 + (unsigned)draw(count);
	return __real_call_send_many(fd, messages, count, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *header, int flags)
{
	enum mishap mishap = mishap_of(fd);

	if (mishap == MISHAP_INTERRUPTED ||
	    (mishap == MISHAP_EMPTY && may_be_full(fd)))
		return -1;
	return __real_sendmsg(fd, header, flags);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags)
{
	enum mishap mishap = mishap_of(fd);

	if (mishap == MISHAP_INTERRUPTED || mishap == MISHAP_EMPTY)
		return -1;
	return __real_recvmsg(fd, header, flags);
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length,
		   int flags)
{
	enum mishap mishap = mishap_of(fd);

	if (mishap == MISHAP_INTERRUPTED || mishap == MISHAP_EMPTY)
		return -1;
	return __real_accept4(fd, address, length, flags);
}

/* It is closed whatever it says: close(2). */
int __wrap_close(int fd)
{
	static const int errors[] = { EINTR, EIO, ENOSPC, EDQUOT };
	bool interrupted = mishap_of(fd) == MISHAP_INTERRUPTED;
	int result;

	if (fd >= 0 && fd < DESCRIPTORS_MAX)
		registrations[fd].valid = false;
	result = __real_close(fd);
	if (!interrupted)
		return result;
	errno = errors[draw(ARRAY_SIZE(errors))];
	return -1;
}

ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
	enum mishap mishap = mishap_of(fd);

	if (mishap == MISHAP_INTERRUPTED || mishap == MISHAP_EMPTY)
		return -1;
	return __real_read(fd, bytes, size);
}

/* What is asked of a descriptor that can have no other edge is let alone. */
int __wrap_epoll_ctl(int epoll, int verb, int fd, struct epoll_event *event)
{
	if (fd >= 0 && fd < DESCRIPTORS_MAX)
		registrations[fd] = (struct registration){
			.valid = verb != EPOLL_CTL_DEL &&
				 !(event->events & EPOLLEXCLUSIVE),
			.epoll = epoll,
			.event = *event,
		};
	return __real_epoll_ctl(epoll, verb, fd, event);
}

int __wrap_epoll_wait(int epoll, struct epoll_event *events, int most,
		      int timeout)
{
	switch (draw(16)) {
	case 0:
		atomic_fetch_add(&mishaps, 1);
		errno = EINTR;
		return -1;
	case 1:
	case 2:
		most = 1 + (int)draw((uint64_t)most);
		break;
	default:
		break;
	}
	return __real_epoll_wait(epoll, events, most, timeout);
}

__attribute__((destructor)) static void tell(void)
{
	fprintf(stderr, "echod: %" PRIu64 " mishaps\n",
		(uint64_t)atomic_load(&mishaps));
}
