/* SPDX-License-Identifier: MIT */
/*
 * Datagrams on sockets that are not connected, so that a reply is seen wherever
 * it comes from.  Each datagram is numbered (message.h), and its reply is
 * compared with it.
 */
#ifndef ECHOPING_CONFORMANCE_POST_H
#define ECHOPING_CONFORMANCE_POST_H

#include "echoping/conformance_check.h"

/* Bytes of a datagram where any will do. */
#define POST_SIZE 64

struct post {
	struct check *check; /* borrowed */
	int fd;		     /* -1: none */
};

/* What came. */
struct letter {
	struct address from;
	size_t size;	   /* also of what did not fit */
	uint64_t sequence; /* that it seems to have */
	size_t mismatch;   /* its first byte that is not of that one, or size */
	bool ours;	   /* it has the nonce */
};

/*
 * A socket for the target, bound to `local` or, without one, to --source.
 * Needs post_close(), whatever the outcome.
 */
int post_open(struct post *post, struct check *check,
	      const struct address *local) MUST_CHECK;

/* Idempotent. */
void post_close(struct post *post);

/* Our address and port. */
void post_address(const struct post *post, struct address *address);

/* Send the next datagram, to the target or to `to`: 0 or -errno. */
int post_send(struct post *post, const struct address *to,
	      size_t size) MUST_CHECK;

/* Take in a datagram: 0, -ETIMEDOUT if none came until then, or -errno. */
int post_receive(struct post *post, uint64_t moment,
		 struct letter *letter) MUST_CHECK;

/*
 * Send a datagram, again if it seems lost, and await its reply, from whichever
 * address: that is row 3.  0, or
 *   -ETIMEDOUT  none came
 *   -EMSGSIZE   shorter or longer, see size
 *   -EBADMSG    other bytes
 *   -errno      of a system call
 */
int post_ask(struct post *post, const struct address *to, size_t size,
	     struct letter *reply) MUST_CHECK;

/* The verdict on such an error. */
enum verdict post_conclude(struct check *check, const struct letter *reply,
			   size_t size, int error);

/*
 * Whether something comes that must not: after an ordinary datagram from
 * elsewhere has been answered, and some time more.  0 if nothing does, 1 with
 * the letter, or the error of the ordinary datagram.
 */
int post_listen(struct post *post, struct letter *letter) MUST_CHECK;

/* The verdict on that. */
enum verdict post_conclude_silence(struct check *check, int outcome,
				   const struct letter *letter);

/* Are address and port the same? */
bool post_same_address(const struct address *a, const struct address *b);

#endif
