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
 * Replies point at the bytes where they were received.  Replies [sent, count)
 * still are to be sent.  A train that the kernel refuses as such is sent one
 * by one: it may be only the device that cannot do it, or one of them that is
 * wrong.
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

struct message_room {
	struct address peer;
	struct iovec payload;
	union {
		struct cmsghdr alignment;
		char bytes[CONTROL_ROOM];
	} control;
};

/* What goes with a message of `replies`. */
struct reply_plan {
	struct packet_info info;
	unsigned datagrams;    /* not sent yet */
	size_t length;	       /* bytes of all of them */
	size_t segment;	       /* bytes of each but the last */
	bool closed;	       /* nothing can be joined any more */
	bool one_by_one;       /* the kernel did not take the train */
	size_t plain_controls; /* bytes of control data without the segment */
};

struct datagram_batch {
	unsigned size;	/* messages that fit */
	size_t room;	/* bytes for each */
	unsigned dirty; /* messages to be prepared before the next use */
	unsigned count, sent;
	unsigned payload_count;
	bool controls; /* there is room for control data */
	bool joins;    /* replies to trains */
	struct mmsghdr messages[BATCH_MAX], replies[BATCH_MAX];
	struct message_room rooms[BATCH_MAX];
	struct reply_plan plans[BATCH_MAX];
	struct iovec payloads[BATCH_MAX]; /* of all replies, in order */
	unsigned char bytes[];		  /* only what is used is touched */
};

/*
 * For the peers of a Unix socket, or of UDP, whose replies may be joined to
 * trains; NULL if there is no memory.
 */
struct datagram_batch *batch_new(bool unix_peers, bool joins);

/* Make it ready for recvmmsg(2); forgets replies, of which none is left. */
void batch_prepare(struct datagram_batch *batch);

/* How many datagrams message `i` consists of. */
unsigned batch_datagrams(const struct mmsghdr *message,
			 const struct packet_info *info);

/* Answer message `i`, of which `info` is known, after all so far. */
void batch_reply(struct datagram_batch *batch, unsigned i,
		 const struct packet_info *info);

/* Write the control data of all replies, before the first is sent. */
void batch_seal(struct datagram_batch *batch);

/* How many datagrams are not sent yet. */
unsigned batch_unsent(const struct datagram_batch *batch);

#endif
