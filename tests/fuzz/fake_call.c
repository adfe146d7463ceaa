/* SPDX-License-Identifier: MIT */
/*
 * The calls that are wrapped (wrap_fake of tests/local.mk): to the fake kernel
 * if the descriptor is one of its own, and without one while it is entered.
 */
#include "config.h"

#include "fuzz/fake_state.h"

#include "common/call.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* Declare a wrapper, to be written out, and what it wraps. */
#define WRAPPED(type, name, parameters)                                        \
	type __real_##name parameters;                                         \
	type __wrap_##name parameters;                                         \
	type __wrap_##name parameters

/* The whole wrapper of a call that has its like here. */
#define FAKED(type, name, parameters, arguments, fake_arguments, fake)         \
	WRAPPED(type, name, parameters)                                        \
	{                                                                      \
		return fake_has(fd) ? fake fake_arguments                      \
				    : __real_##name arguments;                 \
	}

FAKED(ssize_t, call_receive, (int fd, void *bytes, size_t size, int flags),
      (fd, bytes, size, flags), (fd, bytes, size, flags), fake_stream_receive)
FAKED(ssize_t, call_send, (int fd, const void *bytes, size_t size, int flags),
      (fd, bytes, size, flags), (fd, bytes, size, flags), fake_stream_send)
FAKED(int, call_receive_many,
      (int fd, struct mmsghdr *messages, unsigned count, int flags),
      (fd, messages, count, flags), (fd, messages, count), fake_receive_many)
FAKED(int, call_send_many,
      (int fd, struct mmsghdr *messages, unsigned count, int flags),
      (fd, messages, count, flags), (fd, messages, count), fake_send_many)
FAKED(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags),
      (fd, message, flags), (fd, message), fake_send_one)
FAKED(int, shutdown, (int fd, int how), (fd, how), (fd, how),
      fake_stream_shutdown)
FAKED(int, close, (int fd), (fd), (fd), fake_close)
FAKED(int, accept4,
      (int fd, struct sockaddr *address, socklen_t *length, int flags),
      (fd, address, length, flags), (fd, address, length), fake_accept)
FAKED(ssize_t, read, (int fd, void *bytes, size_t size), (fd, bytes, size),
      (fd, bytes), fake_event_read)
FAKED(ssize_t, write, (int fd, const void *bytes, size_t size),
      (fd, bytes, size), (fd, bytes), fake_event_write)

WRAPPED(int, epoll_create1, (int flags))
{
	return fake_is_here() ? fake_file_open(FAKE_EPOLL)
			      : __real_epoll_create1(flags);
}

WRAPPED(int, epoll_ctl,
	(int epoll_fd, int op, int fd, struct epoll_event *event))
{
	return fake_has(epoll_fd) ? fake_epoll_ctl(epoll_fd, op, fd, event)
				  : __real_epoll_ctl(epoll_fd, op, fd, event);
}

WRAPPED(int, epoll_wait,
	(int epoll_fd, struct epoll_event *events, int size, int timeout))
{
	return fake_has(epoll_fd)
		       ? fake_epoll_wait(epoll_fd, events, size, timeout)
		       : __real_epoll_wait(epoll_fd, events, size, timeout);
}

WRAPPED(int, eventfd, (unsigned int count, int flags))
{
	return fake_is_here() ? fake_eventfd(count)
			      : __real_eventfd(count, flags);
}

WRAPPED(void *, malloc, (size_t size))
{
	int error = fake_is_here() ? fake_strikes(FAKE_MALLOC) : 0;
	void *block = error == 0 ? __real_malloc(size) : NULL;

	if (block && fake_is_here())
		fake_death_allocated(block);
	if (error == 0)
		return block;
	fake_stream_strike();
	errno = error;
	return NULL;
}

WRAPPED(void, free, (void *block))
{
	fake_death_freed(block);
	__real_free(block);
}

WRAPPED(int, clock_gettime, (clockid_t clock, struct timespec *time))
{
	uint64_t now;

	if (!fake_is_here())
		return __real_clock_gettime(clock, time);
	now = fake_now();
	*time = (struct timespec){
		.tv_sec = (time_t)(now / 1000000),
		.tv_nsec = (long)(now % 1000000 * 1000),
	};
	return 0;
}

/* What is asked of an epoll or an eventfd, too, is to be polled by device. */
WRAPPED(int, ioctl, (int fd, unsigned long request, ...))
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (!fake_has(fd))
		return __real_ioctl(fd, request, argument);
	if (fake_file_any(fd)->kind != FAKE_STREAM)
		return fake_fails(EINVAL);
	return fake_stream_ioctl(fd, request, argument);
}

WRAPPED(int, poll, (struct pollfd * files, nfds_t count, int timeout))
{
	uint32_t events, asked;

	if (count == 0 || !fake_has(files->fd))
		return __real_poll(files, count, timeout);
	assert(count == 1 && timeout == 0);
	asked = (uint16_t)files->events;
	fake_call_begins();
	events = fake_level(fake_file_any(files->fd));
	files->revents = (short)(events & asked);
	return files->revents != 0;
}

WRAPPED(int, setsockopt,
	(int fd, int level, int name, const void *value, socklen_t length))
{
	struct fake_file *file;

	if (!fake_has(fd))
		return __real_setsockopt(fd, level, name, value, length);
	file = fake_file_any(fd);
	if (file->kind == FAKE_STREAM && level == SOL_SOCKET &&
	    name == SO_LINGER)
		fake_stream_linger(fd, value);
	if (file->kind == FAKE_DATAGRAM)
		fake_datagram_option(level, name, *(const int *)value);
	return 0;
}

/* Of sockets of ours only this can be asked. */
WRAPPED(int, getsockopt,
	(int fd, int level, int name, void *value, socklen_t *length))
{
	if (!fake_has(fd))
		return __real_getsockopt(fd, level, name, value, length);
	if (level == IPPROTO_TCP && name == TCP_INFO)
		return fake_stream_info(fd, value, *length);
	if (level != IPPROTO_UDP || name != UDP_GRO)
		return fake_fails(ENOPROTOOPT);
	*(int *)value = fake_datagram_joins();
	return 0;
}

WRAPPED(int, getpeername, (int fd, struct sockaddr *address, socklen_t *length))
{
	if (!fake_has(fd))
		return __real_getpeername(fd, address, length);
	return fake_fails(ENOTCONN);
}

/* To nobody, which is how a connection that has duplicates is reset. */
WRAPPED(int, connect,
	(int fd, const struct sockaddr *address, socklen_t length))
{
	if (!fake_has(fd))
		return __real_connect(fd, address, length);
	assert(address->sa_family == AF_UNSPEC);
	fake_stream_disconnect(fd);
	return 0;
}
