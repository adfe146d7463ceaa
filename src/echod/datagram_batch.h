/* SPDX-License-Identifier: MIT */
/*
 * A batch of datagrams: received by one recvmmsg(2), answered by one
 * sendmmsg(2), out of one array.
 *
 *   received   what the kernel filled in: a message for each datagram, or for a
 *              train of many (UDP_GRO)
 *   replies    what goes back, in the first of the same messages: one for each,
 *              or, where they go to one peer and are of one length, for as many
 *              as fit in a train (UDP_SEGMENT), so that the kernel goes down
 *              its layers once for all of them
 *
 * A message joins the latest reply to its peer, behind whose bytes its own are
 * copied, or becomes a reply as it is: peers may be mixed, and what one peer
 * gets keeps its order.  Replies [sent, count) still are to be sent.  A train
 * that the kernel refuses as such is sent one by one: it may be only the device
 * that cannot do it, or one of them that is wrong.
 */
#ifndef ECHOD_DATAGRAM_BATCH_H
#define ECHOD_DATAGRAM_BATCH_H

#include "common/address.h"
#include "echod/packet_info.h"

#include <netinet/in.h>
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

/* Where the latest reply to a peer is looked up; a power of two. */
#define PEER_BUCKETS 64

/* What a message points at, whichever it is in the array. */
struct message_room {
	struct iovec payload;
	struct address peer;
	union {
		struct cmsghdr alignment;
		char bytes[PACKET_INFO_ROOM];
	} control;
};

/* What goes with a reply. */
struct reply_plan {
	struct packet_info info; /* where it leaves from */
	unsigned datagrams;	 /* not sent yet */
	unsigned segment;	 /* bytes of each but the last */
	unsigned plain_controls; /* bytes of control data without segment */
	unsigned done;		 /* bytes sent one by one */
	unsigned space;		 /* bytes that may be joined */
	bool one_by_one;	 /* the kernel does not take the train */
};

/*
 * What was judged last, and may be answered: who asked, and the kernel's word
 * on it.  Most messages of a burst repeat that, byte for byte.
 */
struct judged {
	unsigned char peer[sizeof(struct sockaddr_in6)];
	unsigned char control[64];
	socklen_t peer_length; /* 0: nothing is known */
	size_t control_length;
	int flags;
	uint16_t segment;
	unsigned reply; /* that the latest message like it went into */
};

struct datagram_batch {
	unsigned size;	/* messages that fit */
	size_t room;	/* bytes for each */
	unsigned dirty; /* messages to be prepared before the next use */
	unsigned count, sent;
	bool controls; /* there is room for control data */
	bool joins;    /* replies to trains; may be changed between batches */
	struct mmsghdr messages[BATCH_MAX];
	struct reply_plan plans[BATCH_MAX];
	unsigned char latest[PEER_BUCKETS]; /* replies from 1 on; 0: none */
	struct judged judged;
	struct message_room rooms[BATCH_MAX];
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
 * Where the packet info of a message is to be read to before it is answered, of
 * which it becomes a part.
 */
static inline struct packet_info *batch_info(struct datagram_batch *batch)
{
	return &batch->plans[batch->count].info;
}

/* Answer message `i`, which is so many datagrams, after those before. */
void batch_reply(struct datagram_batch *batch, unsigned i, unsigned datagrams);

/*
 * Message `i` may be answered: remember it, before it is, so that it need not
 * be asked again of what repeats it in this batch.
 */
void batch_note_judged(struct datagram_batch *batch, unsigned i);

/* Does message `i` repeat what was judged last? */
bool batch_repeats_judged(const struct datagram_batch *batch, unsigned i);

/* How many datagrams is such a message of this length? */
static inline unsigned batch_judged_datagrams(
	const struct datagram_batch *batch, unsigned length)
{
	const struct packet_info info = { .segment = batch->judged.segment };

	return packet_info_datagrams(&info, length);
}

/*
 * Answer message `i`, which does: false if it cannot go into the same reply,
 * and is to be read and answered as others are.
 */
bool batch_join_judged(struct datagram_batch *batch, unsigned i,
		       unsigned datagrams);

/* How many datagrams are not sent yet. */
unsigned batch_unsent(const struct datagram_batch *batch);

#endif
