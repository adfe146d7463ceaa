/* SPDX-License-Identifier: MIT */
/*
 * A datagram socket: a batch in, screened, a batch out.
 *
 * Each datagram goes back to where it came from, whole, and from the address
 * that it was sent to.  What is not answered is counted by reason: screening
 * refuses what cannot or must not be answered, and a reply that the kernel does
 * not take is skipped while the rest goes on.  If the send buffer is full, the
 * batch is kept, nothing more is received, and the rest is sent when there is
 * room; only while that lasts is the socket armed for OUT, which otherwise
 * would wake once for every datagram sent.
 *
 * If receiving fails time and again, as for want of memory, it pauses; if the
 * device refuses trains, they are tried again only now and then.
 */
#ifndef ECHOD_DATAGRAM_H
#define ECHOD_DATAGRAM_H

#include "echod/limiter.h"
#include "echod/screen.h"
#include "echod/socket.h"
#include "echod/worker.h"

struct datagram_batch;

struct datagram {
	struct event_source source;
	struct list_node siblings; /* in the worker's datagrams */
	struct worker *worker;
	struct datagram_batch *batch; /* allocated */
	struct screen screen;
	struct worker_waiter waiter;
	uint64_t trains_after; /* no trains before: µs, CLOCK_MONOTONIC */
	unsigned failures;     /* of receiving, in a row */
	bool held_up;	       /* nothing was received since it paused */
	bool paused;
	bool joins;	   /* replies to trains, where it can */
	bool unix_peers;   /* a full peer is that peer's affair */
	bool offload_ends; /* as soon as nothing waits to be received */
	struct limiter_judge judge;
};

/*
 * Serve `fd` (borrowed) in this worker.  0, -ENOMEM, or -errno from
 * epoll_ctl(2).
 */
int datagram_open(struct datagram *datagram, struct worker *worker, int fd,
		  const struct socket_identity *identity) MUST_CHECK;

/* Idempotent; a batch that is stuck is dropped and counted. */
void datagram_close(struct datagram *datagram);

/* Receive nothing until datagram_resume(); what is stuck still goes out. */
void datagram_pause(struct datagram *datagram);
void datagram_resume(struct datagram *datagram);

/* Are there replies for which the send buffer has no room yet? */
bool datagram_is_stuck(const struct datagram *datagram);

/* Answer what has been received up to now. */
void datagram_sweep(struct datagram *datagram);

#endif
