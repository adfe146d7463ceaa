/* SPDX-License-Identifier: MIT */
/*
 * A batch of datagrams: received by one recvmmsg(2), answered by one
 * sendmmsg(2).
 *
 *   messages   what the kernel filled in: a datagram each, or a train of many
 *              (UDP_GRO)
 *   replies    what goes back: a message each, or, where they go to one peer
 *              and are of one length, as many as fit in a train (UDP_SEGMENT),
 *              so that the kernel goes down its layers once for all of them
 *
 * A message joins the latest reply to its peer or begins a new one: peers may
 * be mixed, and what one peer gets keeps its order.  Replies point at the bytes
 * where they were received.  Replies [sent, count) still are to be sent.  A
 * train that the kernel refuses as such is sent one by one: it may be only the
 * device that cannot do it, or one of them that is wrong.
 */
#ifndef ECHOD_DATAGRAM_BATCH_H
#define ECHOD_DATAGRAM_BATCH_H

#include "common/address.h"
#include "echod/packet_info.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

/*
 * Enough that the cost of a system call is spread; one turn of a socket that
 * is flooded delays others by no more than so many messages.
 */
#define BATCH_MAX 32

/* Two packet infos, a segment, and whatever else an earlier owner of a passed
 * socket may have asked for: what is cut off is not to be the packet info. */
#define CONTROL_ROOM 256

/* Where the latest reply to a peer is looked up; a power of two. */
#define PEER_BUCKETS 64

struct message_room {
	struct address peer;
	struct iovec payload;
	struct packet_info info; /* for whoever receives */
	union {
		struct cmsghdr alignment;
		char bytes[CONTROL_ROOM];
	} control;
};

/* What goes with a message of `replies`. */
struct reply_plan {
	const struct msghdr *header;	/* of the first */
	const struct packet_info *info; /* message that it answers */
	unsigned first, last;	 /* the messages it answers, linked by `next` */
	unsigned messages;	 /* how many these are */
	unsigned datagrams;	 /* not sent yet */
	unsigned length;	 /* bytes of all of them */
	unsigned segment;	 /* bytes of each but the last */
	unsigned plain_controls; /* bytes of control data without segment */
	bool closed;		 /* nothing can be joined any more */
	bool one_by_one;	 /* the kernel did not take the train */
};

struct datagram_batch {
	unsigned size;	/* messages that fit */
	size_t room;	/* bytes for each */
	unsigned dirty; /* messages to be prepared before the next use */
	unsigned count, sent;
	bool controls; /* there is room for control data */
	bool joins;    /* replies to trains */
	struct mmsghdr messages[BATCH_MAX], replies[BATCH_MAX];
	struct message_room rooms[BATCH_MAX];
	struct reply_plan plans[BATCH_MAX];
	unsigned next[BATCH_MAX];
	struct iovec payloads[BATCH_MAX];	 /* of all replies, in order */
	struct reply_plan *latest[PEER_BUCKETS]; /* or NULL */
	unsigned char bytes[]; /* only what is used is touched */
};

/*
 * For the peers of a Unix socket, or of UDP, whose replies may be joined to
 * trains; NULL if there is no memory.
 */
struct datagram_batch *batch_new(bool unix_peers, bool joins);

/* Make it ready for recvmmsg(2); forgets replies, of which none is left. */
void batch_prepare(struct datagram_batch *batch);

/*
 * How many datagrams does message `i` consist of, whose packet info has been
 * read into its room?
 */
static inline unsigned batch_datagrams(const struct datagram_batch *batch,
				       unsigned i)
{
	unsigned length = batch->messages[i].msg_len;
	unsigned segment = batch->rooms[i].info.segment;

	if (segment == 0 || length <= segment)
		return 1;
	return (length + segment - 1) / segment;
}

/* Answer message `i`, which is so many datagrams, after those before. */
void batch_reply(struct datagram_batch *batch, unsigned i, unsigned datagrams);

/* Lay all replies out for sendmmsg(2), once the last message is answered. */
void batch_seal(struct datagram_batch *batch);

/* How many datagrams are not sent yet. */
unsigned batch_unsent(const struct datagram_batch *batch);

#endif
