/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/offload.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

static void offload_set(int fd, int value)
{
	(void)setsockopt(fd, IPPROTO_UDP, UDP_GRO, &value, sizeof(value));
}

static bool offload_is_on(int fd)
{
	int value = 0;
	socklen_t length = sizeof(value);

	(void)getsockopt(fd, IPPROTO_UDP, UDP_GRO, &value, &length);
	return value != 0;
}

void offload_begin(int fd)
{
	offload_set(fd, 1);
}

bool offload_end(int fd)
{
	struct pollfd waiting = { .fd = fd, .events = POLLIN };

	if (!offload_is_on(fd))
		return true;
	offload_set(fd, 0);
	/* Looked at afterwards, so that none can slip in between. */
	if (poll(&waiting, 1, 0) == 0)
		return true;
	offload_set(fd, 1);
	return false;
}
