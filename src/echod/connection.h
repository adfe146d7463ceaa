/* SPDX-License-Identifier: MIT */
/*
 * A connection: one stream peer, to whom everything that is received is sent
 * back, once and in order.
 *
 *                short send (keep the rest, want OUT only)
 *    ECHOING  ──────────────────────────────────────────►  HOLDING
 *  (want IN)  ◄──────────────────────────────────────────  (want OUT)
 *      │                       flushed
 *      │ draining, and nothing left to receive
 *      ▼
 *  FINISHING  a FIN was sent; until the peer's kernel has everything
 *
 * Nothing is received while something is held back, so back-pressure reaches
 * the peer, and at EOF everything is with the kernel.  A connection is closed
 * with a FIN only when nothing is left unread or unsent, else with a reset: a
 * clean FIN means that nothing was lost.
 *
 * While connections are preserved, they may be parked: a duplicate of the
 * descriptor lies in the worker's lot, for the next instance.  Then no byte is
 * ever owned by user space alone.
 */
#ifndef ECHOD_CONNECTION_H
#define ECHOD_CONNECTION_H

#include "common/address.h"
#include "echod/idle.h"
#include "echod/worker.h"

/*
 * Serve a connected, non-blocking socket, which is consumed in any case; a
 * connection has been reserved with the worker, and is released at the end or
 * cancelled on failure: -ENOMEM, -errno from epoll_ctl(2), or -EDQUOT if its
 * source has as many as it may have, and it was reset.
 *
 * `name` says for the log where it came from; it must outlive the connection.
 * `peer` may be NULL if connections are neither logged nor counted by source.
 * `tcp` tells whether a
 * short read proves an empty receive queue, `records` that it is a seqpacket,
 * `sole` that nobody else can have a duplicate of the descriptor, and that the
 * connection may be parked, `adopted` that an earlier instance has counted it,
 * `roomy` that its receive buffer is so large that a little may stay unread.
 */
struct connection_origin {
	const char *name;
	bool tcp, records, sole, adopted, roomy;
};
int connection_open(struct worker *worker, int fd,
		    const struct connection_origin *origin,
		    const struct address *peer) MUST_CHECK;

/* For the worker's idle queue. */
void connection_on_idle(struct idle_entry *entry);

/* Has it something to do for which it only had no turn yet? */
bool connection_is_late(struct idle_entry *entry);

/* End an idle one to make room for another. */
void connection_evict(struct idle_entry *entry);

/* For the worker's queue of those that hold something back. */
void connection_on_watch(struct idle_entry *entry);

/* Echo what has been received, send a FIN, and end. */
void connection_drain(struct idle_entry *entry);

/* While draining, now and then: end it if the peer's kernel has everything. */
void connection_settle(struct idle_entry *entry);

/* End it now: with a reset if anything is unread or unsent. */
void connection_abort(struct idle_entry *entry);

/*
 * For parking.  A place is what links a connection to its worker's `young` or
 * `late`, and then to its lot.
 */
struct worker *connection_worker(struct list_node *place);
int connection_descriptor(struct list_node *place);
void connection_on_parked(struct list_node *place);

/* End one that cannot leave a lot, where it may not be while it is served. */
void connection_give_up(struct list_node *place);

/* Echo what can be echoed at once, within bounds. */
void connection_answer(struct idle_entry *entry);

/* Leave it to the next instance, if it is parked. */
void connection_hand_over(struct idle_entry *entry);

#endif
