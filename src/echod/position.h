/* SPDX-License-Identifier: MIT */
/*
 * How much of a TCP stream has been echoed, told from the kernel's own counters
 * alone: for a connection whose past nobody remembers.
 *
 * It was served in preserving mode, where bytes are peeked at, sent, and only
 * then consumed, exactly as many as were sent, perhaps later with others.  So
 * what was written is what was consumed and, if the process ended between
 * sending and consuming, some more: that is still unread, at the head of the
 * receive queue, and must be skipped.
 *
 *     received from the peer   |<--- consumed --->|<-------- unread -------->|
 *     written to the peer      |<--------- written -------->|
 *                                                 |<echoed->|
 */
#ifndef ECHOD_POSITION_H
#define ECHOD_POSITION_H

#include "common/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel's account of a connection that it accepted. */
struct position {
	unsigned state;		 /* TCP_ESTABLISHED, ...: netinet/tcp.h */
	uint64_t received;	 /* bytes, and 1 for a FIN */
	uint64_t acknowledged;	 /* the same of what was sent */
	uint64_t unread;	 /* bytes */
	uint64_t unacknowledged; /* bytes, and 1 for a FIN, sent or not */
};

/*
 * How many bytes stand at the head of the receive queue that were sent back
 * already: 0 and *echoed, or -errno: ENOTCONN if the connection is over (or was
 * never one), EBADMSG if the counters contradict each other, for it was not
 * served in preserving mode, or not by echod.
 */
int position_echoed(const struct position *position, size_t *echoed) MUST_CHECK;

/*
 * The same of a socket: of TCP proper, accepted here, with SO_OOBINLINE, and
 * with nobody else who receives or sends.  The peer may do both meanwhile.
 * Also -EAGAIN, if that never paused for a moment, or as getsockopt(2).
 */
int position_read(int fd, size_t *echoed) MUST_CHECK;

/*
 * How much the peer has taken so far, from where is nobody's business: by the
 * difference of two looks.  Of TCP proper what was acknowledged, of others what
 * left the queue, while nothing is written.  0 or -errno (getsockopt(2),
 * ioctl(2)).
 */
int position_taken(int fd, bool tcp, uint64_t *taken) MUST_CHECK;

/*
 * Consume that many bytes: 0, or -errno (recv(2)), EBADMSG if they are not
 * there.
 */
int position_skip(int fd, size_t echoed) MUST_CHECK;

/*
 * Both: whoever serves the socket from now on begins where its predecessor
 * stopped.  0 and the number of bytes skipped, or -errno of either.
 */
int position_catch_up(int fd, size_t *skipped) MUST_CHECK;

#endif
