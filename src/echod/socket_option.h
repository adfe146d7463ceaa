/* SPDX-License-Identifier: MIT */
/*
 * Integer options of sockets, short.  Private to the socket module.
 */
#ifndef ECHOD_SOCKET_OPTION_H
#define ECHOD_SOCKET_OPTION_H

#include <sys/socket.h>

/* One that this kernel or family may lack. */
static inline void set_option(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static inline int get_option(int fd, int level, int name, int fallback)
{
	socklen_t length = sizeof(fallback);
	int value;

	return getsockopt(fd, level, name, &value, &length) < 0 ? fallback
								: value;
}

#endif
