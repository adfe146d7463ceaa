/* SPDX-License-Identifier: MIT */
/*
 * A parking lot: duplicates of descriptors that outlive the process.
 *
 *                  entrance                    exit
 *    send: tail ─►  ▐ message │ message │ message ▌  ─► receive: head
 *
 * The lot is a pair of connected Unix sockets.  What is parked lies in its
 * queue as SCM_RIGHTS messages (unix(7)), which nobody receives while this
 * process lives; the service manager has duplicates of both ends, so that the
 * queue stays when the process is gone.  Two entries of the manager's store are
 * enough for any number of descriptors.
 *
 * The next process looks at the queue without receiving from it, and has it.
 *
 * Who is parked is linked to its message.  The dead leave gaps, as a queue can
 * only be received from its head.  Before they are too many, the lot is
 * compacted by rotation: those of the first messages that live are sent once
 * more, at the tail, and only then are these messages received, without room
 * for descriptors, whereupon the kernel drops them.  Whoever dies in between
 * leaves duplicates, never a gap.
 */
#ifndef ECHOD_LOT_H
#define ECHOD_LOT_H

#include "common/list.h"
#include "common/macros.h"

#include <stdbool.h>
#include <stddef.h>

/* In one message; one more is EINVAL (SCM_MAX_FD, unix(7)). */
#define LOT_BATCH 253

/* The descriptor of someone who is parked, or is to be. */
typedef int lot_descriptor(struct list_node *place);

struct lot {
	int entrance, exit;	   /* owned; -1: closed */
	struct list_node messages; /* the oldest first */
	size_t message_count, message_limit;
	size_t parked, live; /* descriptors in the queue, and those in use */
	size_t parked_max;   /* from here on no dead are put up with */
	bool held; /* who lives elsewhere may lie here alone: drop nobody */
	lot_descriptor *descriptor_of;
};

/*
 * `parked_max`: its share of what a user may have in flight (RLIMIT_NOFILE); at
 * that limit nothing could be sent, not even to make room.
 */
void lot_init(struct lot *lot, lot_descriptor *descriptor_of,
	      size_t parked_max);

/* Make a new one: 0 or -errno (socketpair(2)). */
int lot_open(struct lot *lot) MUST_CHECK;

/* Are they two ends of one lot? */
bool lot_is_pair(const int ends[2]);

/*
 * Take over the two ends of one that was stored, which are consumed.  What lies
 * in it has to be added, all of it, before anything is parked.
 */
void lot_take(struct lot *lot, const int ends[2]);

/*
 * At `offset` in the queue of a stored lot's end: the number of descriptors of
 * the next message, duplicates owned by the caller; *length are its bytes.  All
 * of it stays there.  -errno from recvmsg(2).  *lost: some did not fit into our
 * table of descriptors.
 */
int lot_look(int end, size_t offset, int fds[LOT_BATCH], size_t *length,
	     bool *lost) MUST_CHECK;

/*
 * Add the next message that a lot had when it was taken: so long, with so many
 * descriptors, of which those in the list live on; they leave it.  0 or
 * -ENOMEM.
 */
int lot_add(struct lot *lot, size_t length, size_t parked,
	    struct list_node *living) MUST_CHECK;

/*
 * Drop whoever does not live: 0, or -errno and some stay: as lot_park(), or
 * -EBUSY if it is held.
 */
int lot_renew(struct lot *lot) MUST_CHECK;

/* Close our ends; whoever is parked is so no more.  Idempotent. */
void lot_deinit(struct lot *lot);

/*
 * Park up to LOT_BATCH of those in the list, which then leave it, in one
 * message.  0, or -errno and nothing has changed: -ENOBUFS the lot is full,
 * -ETOOMANYREFS this user has too many descriptors in flight (RLIMIT_NOFILE),
 * -ENOMEM.
 */
int lot_park(struct lot *lot, struct list_node *places) MUST_CHECK;

/* Those of the message that was parked last. */
struct list_node *lot_newest(struct lot *lot);

/* One who is parked dies. */
void lot_leave(struct lot *lot, struct list_node *place);

/* Make room if there is need; done as well whenever one leaves. */
void lot_compact(struct lot *lot);

#endif
