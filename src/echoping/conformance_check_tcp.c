/* SPDX-License-Identifier: MIT */
/*
 * What only TCP has: urgent bytes (row 17), Nagle's algorithm (row 20).
 */
#include "config.h"

#include "echoping/conformance_talk.h"
#include "echoping/conformance_wait.h"
#include "echoping/latency.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define URGENT_ROUNDS 20

#define SMALL_ROUNDS 50
#define SMALL_WRITES 5
#define CONNECTS     5

/*
 * The shortest delayed acknowledgement of any system takes 40 ms: half of it
 * above the way there and back is no doubt the service's.
 */
#define STALL (20 * NSEC_PER_SEC / 1000)

/* Receive what is to come back of `expected`, which ends with its last byte. */
static int expect_text(const struct talk *talk, const char *expected,
		       char got[16])
{
	size_t size = strlen(expected), length = 0;

	memset(got, 0, 16);
	while (length < size) {
		ssize_t part;

		if (wait_for(talk->fd, POLLIN, wait_now() + talk->patience) ==
		    0)
			return -ETIMEDOUT;
		part = recv(talk->fd, got + length, size - length,
			    MSG_DONTWAIT);
		if (part == 0)
			return -ENODATA;
		if (part < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		length += part > 0 ? (size_t)part : 0;
		if (length > 0 && got[length - 1] == expected[size - 1])
			break;
	}
	return 0;
}

static int send_text(const struct talk *talk, const char *text, int flags)
{
	return send(talk->fd, text, strlen(text), flags | MSG_NOSIGNAL) < 0
		       ? -errno
		       : 0;
}

/* "abc", an urgent "d", "ef"; now and then with a wait after the urgent one. */
static int urgent_round(const struct talk *talk, bool waits, char got[16])
{
	int error = send_text(talk, "abc", 0);

	if (error == 0)
		error = send_text(talk, "d", MSG_OOB);
	if (error == 0 && waits) {
		error = expect_text(talk, "abcd", got);
		if (error < 0 || strcmp(got, "abcd") != 0)
			return error;
	}
	if (error == 0)
		error = send_text(talk, "ef", 0);
	if (error == 0)
		error = expect_text(talk, waits ? "ef" : "abcdef",
				    waits ? got + 4 : got);
	return error;
}

enum verdict check_urgent(struct check *check)
{
	char got[32] = "";
	struct talk talk;
	int error = talk_open(&talk, check, 0);

	for (int i = 0; i < URGENT_ROUNDS && error == 0; i++) {
		error = urgent_round(&talk, i % 2 == 1, got);
		if (error == 0 && strcmp(got, "abcdef") != 0)
			error = -EBADMSG;
	}
	talk_close(&talk);
	if (error == -ETIMEDOUT || error == -EBADMSG)
		return CHECK_FAILED(check,
				    "of abcdef, d urgent, '%s' comes "
				    "back",
				    got);
	if (error < 0)
		return talk_conclude(check, &talk, error);
	return CHECK_OK(check, "at its place in the stream");
}

/* The shortest time that a connection took: the way there and back. */
static int measure_path(struct check *check, uint64_t *path)
{
	*path = NSEC_INFINITY;
	for (int i = 0; i < CONNECTS; i++) {
		struct talk talk;
		uint64_t begin = wait_now();
		int error = talk_open(&talk, check, 0);

		*path = MIN(*path, wait_now() - begin);
		talk_close(&talk);
		if (error < 0)
			return error;
	}
	return 0;
}

/* One round of a kind, in which the service owes replies up to a last byte. */
typedef int small_round(const struct talk *talk);

/*
 * Nagle's algorithm on our side: the first byte goes at once, the others when
 * its acknowledgement is there, which comes with the echo.  That takes two
 * ways there and back, unless the service keeps the echo.
 */
static int write_small(const struct talk *talk)
{
	char got[16];
	int error = 0;

	for (int i = 1; i < SMALL_WRITES && error == 0; i++)
		error = send_text(talk, "x", 0);
	if (error == 0)
		error = send_text(talk, "y", 0);
	return error < 0 ? error : expect_text(talk, "xxxxy", got);
}

/*
 * Two replies in a row, of which Nagle's algorithm at the service would hold
 * the second back until we acknowledge the first.  They are two because no
 * recv(2) goes beyond an urgent byte, and we do not hurry to acknowledge.  The
 * first two bytes go in one segment, for whatever is sent after a reply has
 * come acknowledges it.
 */
static int reply_small(const struct talk *talk)
{
	int on = 1, off = 0, error;
	char got[16];

	(void)setsockopt(talk->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(talk->fd, IPPROTO_TCP, TCP_QUICKACK, &off,
			 sizeof(off));
	error = send_text(talk, "a", MSG_MORE);
	if (error == 0)
		error = send_text(talk, "b", MSG_OOB);
	if (error == 0)
		error = send_text(talk, "c", 0);
	return error < 0 ? error : expect_text(talk, "abc", got);
}

static int time_rounds(struct check *check, small_round *round,
		       struct histogram *times)
{
	int off = 0;
	struct talk talk;
	int error = talk_open(&talk, check, 0);

	(void)setsockopt(talk.fd, IPPROTO_TCP, TCP_NODELAY, &off, sizeof(off));
	for (int i = 0; i < SMALL_ROUNDS && error == 0; i++) {
		uint64_t begin = wait_now();

		error = round(&talk);
		histogram_record(times, wait_now() - begin);
	}
	talk_close(&talk);
	return error;
}

static enum verdict check_small(struct check *check, small_round *round)
{
	char median_text[LATENCY_TEXT_MAX], slow_text[LATENCY_TEXT_MAX];
	char path_text[LATENCY_TEXT_MAX];
	struct histogram times = { 0 };
	uint64_t path = 0, median, slow;
	int error = histogram_init(&times);

	if (error == 0)
		error = measure_path(check, &path);
	if (error == 0)
		error = time_rounds(check, round, &times);
	median = histogram_value_at(&times, HISTOGRAM_WHOLE / 2);
	/* Not each round stalls: our side may acknowledge for other reasons. */
	slow = histogram_value_at(&times, HISTOGRAM_WHOLE / 4 * 3);
	histogram_deinit(&times);
	if (error < 0)
		return CHECK_FAILED(check, "%s", strerror(-error));
	latency_format(median, median_text);
	latency_format(slow, slow_text);
	latency_format(path, path_text);
	return check_conclude(
		check, slow > 2 * path + STALL ? VERDICT_FAILED : VERDICT_OK,
		"median %s, upper quartile %s, to connect takes %s",
		median_text, slow_text, path_text);
}

enum verdict check_small_writes(struct check *check)
{
	return check_small(check, write_small);
}

enum verdict check_small_replies(struct check *check)
{
	return check_small(check, reply_small);
}
