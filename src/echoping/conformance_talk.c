/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/conformance_talk.h"

#include "echoping/conformance_wait.h"
#include "echoping/pattern.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A check that goes on and on is given up after so many timeouts. */
#define TIMEOUTS_MAX 10

/* Successive streams begin so far apart in the pattern. */
#define ORIGIN_STRIDE 7919

#define CHUNK 65536

static int connect_and_wait(struct talk *talk, const struct check *check)
{
	int error = target_connect(check->target, talk->fd);
	uint64_t moment = wait_now() + talk->patience;

	/* A Unix listener whose queue is full says EAGAIN, and no more. */
	while (error == -EAGAIN && wait_now() < moment) {
		wait_until(wait_now() + talk->patience / 100);
		error = target_connect(check->target, talk->fd);
	}
	if (error != -EINPROGRESS)
		return error;
	if (wait_for(talk->fd, POLLOUT, moment) == 0)
		return -ETIMEDOUT;
	return target_connected(talk->fd);
}

int talk_open(struct talk *talk, const struct check *check, int receive_buffer)
{
	static uint64_t talks;
	const char *what;
	int fd = target_open(check->target, check->settings, check->source, 0,
			     &what);

	*talk = (struct talk){
		.fd = MAX(fd, -1),
		.origin = talks * ORIGIN_STRIDE,
		.patience = check->settings->timeout,
		.end = wait_now() + TIMEOUTS_MAX * check->settings->timeout,
	};
	talks++;
	if (fd < 0)
		return fd;
	if (receive_buffer > 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer,
				 sizeof(receive_buffer));
	return connect_and_wait(talk, check);
}

void talk_close(struct talk *talk)
{
	if (talk->fd >= 0)
		close(talk->fd);
	talk->fd = -1;
}

void talk_reset(struct talk *talk)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	if (talk->fd >= 0)
		(void)setsockopt(talk->fd, SOL_SOCKET, SO_LINGER, &linger,
				 sizeof(linger));
	talk_close(talk);
}

/* Send once, of what leads to the goal: 0, -EAGAIN or an error. */
static int send_some(struct talk *talk, uint64_t goal)
{
	size_t size = (size_t)MIN(goal - talk->sent, (uint64_t)PATTERN_SPAN);
	ssize_t sent = send(talk->fd, pattern_at(talk->origin + talk->sent),
			    size, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EINTR ? 0 : -errno;
	talk->sent += (uint64_t)sent;
	return 0;
}

/* Receive once: 0, -EAGAIN or an error. */
static int receive_some(struct talk *talk, size_t size)
{
	unsigned char bytes[CHUNK];
	ssize_t got =
		recv(talk->fd, bytes, MIN(size, sizeof(bytes)), MSG_DONTWAIT);
	size_t same;

	if (got < 0)
		return errno == EINTR ? 0 : -errno;
	if (got == 0)
		return -ENODATA;
	same = pattern_mismatch(talk->origin + talk->received, bytes,
				(size_t)got);
	talk->received += same;
	if (same < (size_t)got)
		return talk->received < talk->sent ? -EBADMSG : -EMSGSIZE;
	return talk->received > talk->sent ? -EMSGSIZE : 0;
}

/* The moment that ends a wait that begins now. */
static uint64_t wait_end(const struct talk *talk)
{
	return MIN(wait_now() + talk->patience, talk->end);
}

/* What it means that nothing happened. */
static int stall(const struct talk *talk)
{
	return wait_now() >= talk->end ? -ETIME : -ETIMEDOUT;
}

int talk_push(struct talk *talk, uint64_t goal, uint64_t patience)
{
	while (talk->sent < goal) {
		uint64_t moment = wait_now() + patience;
		int error;

		if (moment > talk->end)
			return -ETIME;
		if (wait_for(talk->fd, POLLOUT, moment) == 0)
			return -EAGAIN;
		error = send_some(talk, goal);
		if (error < 0 && error != -EAGAIN)
			return error;
	}
	return 0;
}

int talk_push_some(struct talk *talk, uint64_t goal)
{
	/* Nothing can come back: wait until something can be sent. */
	if (talk->received == talk->sent &&
	    wait_for(talk->fd, POLLOUT, wait_end(talk)) == 0)
		return stall(talk);
	return talk_push(talk, goal, 0);
}

int talk_receive(struct talk *talk, size_t size)
{
	int error;

	if (wait_for(talk->fd, POLLIN, wait_end(talk)) == 0)
		return stall(talk);
	error = receive_some(talk, size);
	return error == -EAGAIN ? 0 : error;
}

int talk_pull(struct talk *talk, uint64_t goal)
{
	int error = 0;

	while (error == 0 && talk->received < goal)
		error = wait_now() > talk->end ? -ETIME
					       : talk_receive(talk, CHUNK);
	return error;
}

int talk_step(struct talk *talk, uint64_t goal)
{
	bool sends = talk->sent < goal;
	short events =
		wait_for(talk->fd, (short)(POLLIN | (sends ? POLLOUT : 0)),
			 wait_end(talk));
	int error = 0;

	if (events == 0 || wait_now() > talk->end)
		return stall(talk);
	if (events & ~POLLOUT)
		error = receive_some(talk, CHUNK);
	if (error == -EAGAIN)
		error = 0;
	if (error == 0 && events & POLLOUT)
		error = send_some(talk, goal);
	return error == -EAGAIN ? 0 : error;
}

int talk_exchange(struct talk *talk, uint64_t bytes)
{
	uint64_t goal = talk->sent + bytes;
	int error = 0;

	while (error == 0 && talk->received < goal)
		error = talk_step(talk, goal);
	return error;
}

int talk_expect_end(struct talk *talk)
{
	int error = talk_receive(talk, CHUNK);

	if (error == 0)
		return -EMSGSIZE;
	return error == -ENODATA ? 0 : error;
}

enum verdict talk_conclude(struct check *check, const struct talk *talk,
			   int error)
{
	uint64_t got = talk->received, sent = talk->sent;

	switch (error) {
	case 0:
		return VERDICT_OK;
	case -ETIME:
		return CHECK_SKIPPED(check,
				     "too slow to tell: %" PRIu64 " of %" PRIu64
				     " bytes came back (use a longer "
				     "--timeout)",
				     got, sent);
	case -ETIMEDOUT:
		return sent == 0 ? CHECK_FAILED(check, "no connection in time")
				 : CHECK_FAILED(check,
						"stalled when %" PRIu64
						" of %" PRIu64
						" bytes had come back",
						got, sent);
	case -EBADMSG:
		return CHECK_FAILED(check, "byte %" PRIu64 " comes back wrong",
				    got + 1);
	case -EMSGSIZE:
		return CHECK_FAILED(check,
				    "more came back than the %" PRIu64
				    " bytes that were sent",
				    sent);
	case -ENODATA:
		return CHECK_FAILED(check,
				    "ended, as if that were all, when %" PRIu64
				    " of %" PRIu64 " bytes had come back",
				    got, sent);
	default:
		return CHECK_FAILED(check,
				    "%s when %" PRIu64 " of %" PRIu64
				    " bytes had come back",
				    strerror(-error), got, sent);
	}
}

enum verdict talk_conclude_other(struct check *check, const struct talk *talk,
				 int error)
{
	enum verdict verdict = talk_conclude(check, talk, error);
	char detail[CHECK_DETAIL_MAX];

	if (verdict == VERDICT_OK)
		return verdict;
	memcpy(detail, check->detail, sizeof(detail));
	return check_conclude(check, verdict, "another client: %.200s", detail);
}
