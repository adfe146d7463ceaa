/* SPDX-License-Identifier: MIT */
/*
 * How streams end: rows 6 and 13.  A FIN says that nothing was lost, whoever
 * sends it.
 */
#include "config.h"

#include "echoping/conformance_talk.h"
#include "echoping/conformance_wait.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* Has room in the buffers of every system. */
#define SHORT_BYTES 20000

#define LATE_BYTES 10000000
#define LATE_PIECE 65536

#define RESETS	    10
#define RESET_BYTES 100000

static int finish(const struct talk *talk)
{
	return shutdown(talk->fd, SHUT_WR) < 0 ? -errno : 0;
}

/* All must have come back, and then the end. */
static int drain(struct talk *talk)
{
	int error = talk_pull(talk, talk->sent);

	return error < 0 ? error : talk_expect_end(talk);
}

static enum verdict conclude(struct check *check, struct talk *talk, int error,
			     const char *good)
{
	talk_close(talk);
	if (error == -ETIMEDOUT && talk->received == talk->sent)
		return CHECK_FAILED(check, "%sno FIN in time",
				    talk->sent > 0 ? "all came back, but "
						   : "");
	if (error < 0)
		return talk_conclude(check, talk, error);
	return CHECK_OK(check, "%s", good);
}

enum verdict check_fin_at_once(struct check *check)
{
	struct talk talk;
	int error = talk_open(&talk, check, 0);

	if (error == 0)
		error = finish(&talk);
	if (error == 0)
		error = talk_expect_end(&talk);
	return conclude(check, &talk, error, "answered by a FIN");
}

/* Let the service see the FIN while nobody reads. */
static void stay_away(const struct check *check)
{
	wait_until(wait_now() + check_grace(check));
}

enum verdict check_fin_then_read(struct check *check)
{
	struct talk talk;
	int error = talk_open(&talk, check, 0);

	if (error == 0)
		error = talk_push(&talk, SHORT_BYTES, check->settings->timeout);
	if (error == -EAGAIN)
		error = -ETIMEDOUT;
	if (error == 0)
		error = finish(&talk);
	if (error == 0) {
		stay_away(check);
		error = drain(&talk);
	}
	return conclude(check, &talk, error,
			"20,000 bytes come back, then a FIN");
}

/* Read only while nothing more can be sent. */
static int send_reading_late(struct talk *talk, uint64_t patience)
{
	int error = talk_push(talk, LATE_BYTES, patience);

	while (error == -EAGAIN) {
		error = talk_receive(talk, LATE_PIECE);
		if (error == 0)
			error = talk_push_some(talk, LATE_BYTES);
	}
	return error;
}

enum verdict check_fin_read_late(struct check *check)
{
	struct talk talk;
	int error = talk_open(&talk, check, 0);

	if (error == 0)
		error = send_reading_late(&talk, check_grace(check));
	if (error == 0)
		error = finish(&talk);
	if (error == 0) {
		stay_away(check);
		error = drain(&talk);
	}
	return conclude(check, &talk, error, "all of it, then a FIN");
}

/* Break a connection off in the middle. */
static int break_off(struct check *check)
{
	struct talk talk;
	int error = talk_open(&talk, check, 0);

	if (error == 0)
		error = talk_push(&talk, RESET_BYTES, check_grace(check));
	if (error == 0 || error == -EAGAIN)
		error = talk_receive(&talk, 1);
	talk_reset(&talk);
	return error;
}

enum verdict check_reset(struct check *check)
{
	struct talk steady, fresh;
	int error = talk_open(&steady, check, 0);

	for (int i = 0; i < RESETS && error == 0; i++) {
		error = break_off(check);
		if (error == 0)
			error = talk_exchange(&steady, SHORT_BYTES);
	}
	talk_close(&steady);
	if (error < 0)
		return talk_conclude_other(check, &steady, error);
	error = talk_open(&fresh, check, 0);
	if (error == 0)
		error = talk_exchange(&fresh, SHORT_BYTES);
	return conclude(check, &fresh, error,
			"ten of them harm no other connection");
}
