/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/position.h"

#include "common/call.h"
#include "echod/socket.h"

#include <errno.h>
#include <linux/tcp.h> /* the C library's tcp_info lacks what counts bytes */
#include <netinet/in.h>
#include <linux/sockios.h>
#include <stdbool.h>
#include <sys/ioctl.h>

/*
 * An attempt fails when something arrives between its first and its last look,
 * some microseconds.  And there is only so much that can arrive: nobody widens
 * the peer's window meanwhile, or gives it more to acknowledge.
 */
#define ATTEMPTS_MAX 1000

/*
 * The states that a connection which was accepted can have, by their numbers
 * (netinet/tcp.h, which cannot be included next to linux/tcp.h), and whose FIN
 * is among the bytes then: RFC 9293, 3.3.2.  All others are its end, which
 * for a descriptor is CLOSE even while the kernel is in TIME-WAIT.
 */
static const struct fins {
	bool connected;
	unsigned received, sent;
} fins_of_state[] = {
	[1] = { true, 0, 0 },  /* ESTABLISHED */
	[4] = { true, 0, 1 },  /* FIN_WAIT1 */
	[5] = { true, 0, 1 },  /* FIN_WAIT2 */
	[8] = { true, 1, 0 },  /* CLOSE_WAIT */
	[9] = { true, 1, 1 },  /* LAST_ACK */
	[11] = { true, 1, 1 }, /* CLOSING */
};

int position_echoed(const struct position *position, size_t *echoed)
{
	uint64_t written = position->acknowledged + position->unacknowledged;
	uint64_t unread = position->unread, consumed;
	const struct fins *fins;

	if (position->state >= ARRAY_SIZE(fins_of_state))
		return -ENOTCONN;
	fins = &fins_of_state[position->state];
	if (!fins->connected)
		return -ENOTCONN;
	if (position->received < unread + fins->received)
		return -EBADMSG;
	consumed = position->received - fins->received - unread;
	if (written < consumed + fins->sent ||
	    written - fins->sent - consumed > unread)
		return -EBADMSG;
	*echoed = (size_t)(written - fins->sent - consumed);
	return 0;
}

static int read_counters(int fd, struct position *position)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
		return -errno;
	position->state = info.tcpi_state;
	position->received = info.tcpi_bytes_received;
	position->acknowledged = info.tcpi_bytes_acked;
	return 0;
}

int position_taken(int fd, bool tcp, uint64_t *taken)
{
	struct position position = { 0 };
	int queued = 0, error = 0;

	if (tcp) {
		error = read_counters(fd, &position);
		*taken = position.acknowledged;
	} else {
		if (ioctl(fd, SIOCOUTQ, &queued) < 0)
			error = -errno;
		*taken = UINT64_MAX - (uint64_t)queued;
	}
	return error;
}

static bool moved(const struct position *before, const struct position *after)
{
	return before->state != after->state ||
	       before->received != after->received ||
	       before->acknowledged != after->acknowledged;
}

/*
 * The counters and the queues are no snapshot, but all that the peer can do to
 * a queue shows in a counter: if none has moved, they belong together.  Nor is
 * the state one with the counters beside it, but it never comes back.
 */
static int read_together(int fd, struct position *position)
{
	struct position after = { 0 };
	int error;

	error = read_counters(fd, position);
	if (error < 0)
		return error;
	position->unread = socket_unread(fd);
	position->unacknowledged = socket_unacknowledged(fd);
	error = read_counters(fd, &after);
	if (error < 0)
		return error;
	return moved(position, &after) ? -EAGAIN : 0;
}

int position_read(int fd, size_t *echoed)
{
	struct position position = { 0 };
	int error, attempts = 0;

	do
		error = read_together(fd, &position);
	while (error == -EAGAIN && ++attempts < ATTEMPTS_MAX);
	return error < 0 ? error : position_echoed(&position, echoed);
}

/*
 * A recv() stops short at the urgent mark; and there, if a signal is in the
 * way, it is refused with EAGAIN although there is something to receive.
 */
int position_skip(int fd, size_t echoed)
{
	int attempts = 0;

	while (echoed > 0) {
		/* TCP discards without a copy: tcp(7). */
		ssize_t taken = call_receive(fd, NULL, echoed,
					     MSG_TRUNC | MSG_DONTWAIT);

		if (taken == 0)
			return -EBADMSG;
		if (taken > 0)
			echoed -= (size_t)taken;
		else if (errno != EINTR && errno != EAGAIN)
			return -errno;
		else if (++attempts == ATTEMPTS_MAX)
			return errno == EINTR ? -EINTR : -EBADMSG;
	}
	return 0;
}

int position_catch_up(int fd, size_t *skipped)
{
	int error = position_read(fd, skipped);

	return error < 0 ? error : position_skip(fd, *skipped);
}
