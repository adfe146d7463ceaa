/* SPDX-License-Identifier: MIT */
/*
 * That what goes in comes out: rows 9, 11 and 16.
 */
#include "config.h"

#include "echoping/conformance_talk.h"
#include "echoping/conformance_wait.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* Row 9: about these powers of two, which buffers like to be large. */
#define POWER_MIN 10
#define POWER_MAX 22

/* Row 11 */
#define SLOW_BYTES  2000000
#define SLOW_BUFFER 4096
#define SLOW_PIECE  1000
#define SLOW_AHEAD  100000

/* Row 16 */
#define BYTE_VALUES 256
#define NUL_RUN	    1000

enum verdict check_long_messages(struct check *check)
{
	struct talk talk;
	int error = talk_open(&talk, check, 0);

	/* Nothing follows a message: what is left somewhere stays there. */
	for (int power = POWER_MIN; power <= POWER_MAX; power++) {
		for (uint64_t size = (UINT64_C(1) << power) - 1;
		     error == 0 && size <= (UINT64_C(1) << power) + 1; size++)
			error = talk_exchange(&talk, size);
	}
	talk_close(&talk);
	if (error < 0)
		return talk_conclude(check, &talk, error);
	return CHECK_OK(check, "all of each comes back, 1 KiB to 4 MiB");
}

/* Read little at a time, while as much as possible waits to be read. */
static int read_slowly(struct talk *talk)
{
	int error = 0;

	while (error == 0 && talk->received < SLOW_BYTES) {
		uint64_t goal =
			MIN(talk->received + SLOW_AHEAD, (uint64_t)SLOW_BYTES);

		error = talk_push_some(talk, goal);
		if (error == 0 || error == -EAGAIN)
			error = talk_receive(talk, SLOW_PIECE);
	}
	return error;
}

enum verdict check_slow_reader(struct check *check)
{
	struct talk talk;
	int error = talk_open(&talk, check, SLOW_BUFFER);

	if (error == 0)
		error = talk_push(&talk, SLOW_BYTES, check_grace(check));
	if (error == -EAGAIN)
		error = 0;
	if (error == 0)
		error = read_slowly(&talk);
	talk_close(&talk);
	if (error < 0)
		return talk_conclude(check, &talk, error);
	return CHECK_OK(check, "nothing lost, doubled or moved in %d bytes",
			SLOW_BYTES);
}

static int receive_exactly(const struct talk *talk, unsigned char *bytes,
			   size_t size)
{
	size_t got = 0;

	while (got < size) {
		ssize_t part;

		if (wait_for(talk->fd, POLLIN, wait_now() + talk->patience) ==
		    0)
			return -ETIMEDOUT;
		part = recv(talk->fd, bytes + got, size - got, MSG_DONTWAIT);
		if (part == 0)
			return -ENODATA;
		if (part < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		got += part > 0 ? (size_t)part : 0;
	}
	return 0;
}

enum verdict check_stream_bytes(struct check *check)
{
	unsigned char sent[BYTE_VALUES + NUL_RUN] = { 0 }, got[sizeof(sent)];
	struct talk talk;
	int error = talk_open(&talk, check, 0);

	for (size_t i = 0; i < BYTE_VALUES; i++)
		sent[i] = (unsigned char)i;
	if (error == 0 && send(talk.fd, sent, sizeof(sent), MSG_NOSIGNAL) < 0)
		error = -errno;
	if (error == 0) {
		talk.sent = sizeof(sent);
		error = receive_exactly(&talk, got, sizeof(got));
	}
	talk_close(&talk);
	if (error < 0)
		return talk_conclude(check, &talk, error);
	for (size_t i = 0; i < sizeof(sent); i++) {
		if (sent[i] != got[i])
			return CHECK_FAILED(check,
					    "0x%02x comes back as 0x%02x",
					    sent[i], got[i]);
	}
	return CHECK_OK(check, "all 256, and a run of NULs, come back");
}
