/* SPDX-License-Identifier: MIT */
/*
 * A stream (or, on Unix, a connection of records) on which the pattern is sent
 * and must come back: what was received is always what was sent up to there.
 *
 * Functions that wait return 0 or
 *   -ETIMEDOUT   nothing went on for --timeout
 *   -ETIME       it goes on, but too slowly to wait for the end
 *   -EBADMSG     the byte at `received` is another one
 *   -EMSGSIZE    more came back than was sent
 *   -ENODATA     the service ended the stream too early
 *   -errno       of a system call; -ECONNRESET: the service reset it
 */
#ifndef ECHOPING_CONFORMANCE_TALK_H
#define ECHOPING_CONFORMANCE_TALK_H

#include "echoping/conformance_check.h"

struct talk {
	int fd;		 /* -1: none */
	uint64_t origin; /* where in the pattern it begins */
	uint64_t sent, received;
	uint64_t patience; /* ns without progress */
	uint64_t end;	   /* the moment by which all has to be done */
};

/*
 * Connect to the target; `receive_buffer` is for SO_RCVBUF, 0: as it is.
 * Needs talk_close(), whatever the outcome.
 */
int talk_open(struct talk *talk, const struct check *check,
	      int receive_buffer) MUST_CHECK;

/* Idempotent. */
void talk_close(struct talk *talk);

/* End it by a reset. */
void talk_reset(struct talk *talk);

/*
 * Send, without reading, until `sent` is `goal`; -EAGAIN if nothing more could
 * be sent for `patience`.
 */
int talk_push(struct talk *talk, uint64_t goal, uint64_t patience) MUST_CHECK;

/* The same, for no longer than must be: until something may come back. */
int talk_push_some(struct talk *talk, uint64_t goal) MUST_CHECK;

/* Receive and verify what there is, up to `size` bytes, or await some. */
int talk_receive(struct talk *talk, size_t size) MUST_CHECK;

/* Receive and verify until `received` is `goal`. */
int talk_pull(struct talk *talk, uint64_t goal) MUST_CHECK;

/* Send or receive what can be, until `sent` is `goal`. */
int talk_step(struct talk *talk, uint64_t goal) MUST_CHECK;

/* Send so many bytes more while receiving, until all are back. */
int talk_exchange(struct talk *talk, uint64_t bytes) MUST_CHECK;

/* Expect nothing more but the end of the stream. */
int talk_expect_end(struct talk *talk) MUST_CHECK;

/* The verdict on such an error. */
enum verdict talk_conclude(struct check *check, const struct talk *talk,
			   int error);

/* The same if the stream is not the one that was to be disturbed. */
enum verdict talk_conclude_other(struct check *check, const struct talk *talk,
				 int error);

#endif
