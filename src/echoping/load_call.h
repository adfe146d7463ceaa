/* SPDX-License-Identifier: MIT */
/*
 * How connections under load receive and send: never waiting.
 */
#ifndef ECHOPING_LOAD_CALL_H
#define ECHOPING_LOAD_CALL_H

#include "common/call.h"

#include <sys/socket.h>

static inline ssize_t load_receive(int fd, void *bytes, size_t size)
{
	return call_receive(fd, bytes, size, MSG_DONTWAIT);
}

static inline ssize_t load_send(int fd, const void *bytes, size_t size)
{
	return call_send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

#endif
