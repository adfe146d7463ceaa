/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/datagram_batch.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* The longest UDP payload is 65,527 bytes, on IPv6. */
#define UDP_ROOM 65536

/* A Unix datagram can be as long as its sender's buffer: net.core.wmem_max. */
#define UNIX_ROOM      (256 * 1024)
#define UNIX_BATCH_MAX 8

/*
 * Longer datagrams are fragmented on the networks that there mostly are, and a
 * train of fragments is refused.  Those that came as a train had no need to be.
 */
#define JOINED_LENGTH_MAX 1472

/* What a train may be: UDP_MAX_SEGMENTS of Linux before 6.9, one IP packet. */
#define TRAIN_SEGMENTS_MAX 64
#define TRAIN_LENGTH_MAX   65487

_Static_assert(TRAIN_LENGTH_MAX <= UDP_ROOM, "a train grows in its room");
_Static_assert(BATCH_MAX <= UINT8_MAX, "replies are looked up in bytes");

/* Point message i at room i. */
static void message_init(struct datagram_batch *batch, unsigned i)
{
	struct message_room *room = &batch->rooms[i];

	room->payload.iov_base = batch->bytes + i * batch->room;
	/* The kernel leaves padding as it is: compared, it should be equal. */
	memset(&room->control, 0, sizeof(room->control));
	batch->messages[i].msg_hdr = (struct msghdr){
		.msg_name = &room->peer.any,
		.msg_iov = &room->payload,
		.msg_iovlen = 1,
		.msg_control = batch->controls ? &room->control : NULL,
	};
}

struct datagram_batch *batch_new(bool unix_peers, bool joins)
{
	unsigned size = unix_peers ? UNIX_BATCH_MAX : BATCH_MAX;
	size_t room = unix_peers ? UNIX_ROOM : UDP_ROOM;
	struct datagram_batch *batch = malloc(sizeof(*batch) + size * room);

	if (!batch)
		return NULL;
	batch->size = size;
	batch->room = room;
	batch->dirty = size;
	batch->count = batch->sent = 0;
	batch->judged = (struct judged){ 0 };
	/*
	 * Unix peers can pass descriptors.  Without room for control data the
	 * kernel drops them; with it they would pile up here.
	 */
	batch->controls = !unix_peers;
	batch->joins = joins && !unix_peers;
	for (unsigned i = 0; i < size; i++)
		message_init(batch, i);
	return batch;
}

void batch_prepare(struct datagram_batch *batch)
{
	size_t controls = batch->controls ? PACKET_INFO_ROOM : 0;

	/* Only what the kernel, or a reply, changes. */
	for (unsigned i = 0; i < batch->dirty; i++) {
		struct msghdr *header = &batch->messages[i].msg_hdr;

		header->msg_namelen =
			sizeof(struct address) - offsetof(struct address, any);
		header->msg_controllen = controls;
		header->msg_iov->iov_len = batch->room;
	}
	batch->dirty = 0;
	batch->count = batch->sent = 0;
	batch->judged.peer_length = 0;
	memset(batch->latest, 0, sizeof(batch->latest));
}

/* Peers with ports: there are two lengths. */
static bool is_same_peer(const struct msghdr *a, const struct msghdr *b)
{
	const struct sockaddr_in *in = a->msg_name, *other = b->msg_name;
	const struct sockaddr_in6 *in6 = a->msg_name, *other6 = b->msg_name;

	if (a->msg_namelen != b->msg_namelen || in->sin_port != other->sin_port)
		return false;
	if (a->msg_namelen == sizeof(*in))
		return in->sin_addr.s_addr == other->sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&in6->sin6_addr, &other6->sin6_addr) &&
	       in6->sin6_scope_id == other6->sin6_scope_id;
}

/* Has a train room behind it for so many datagrams of this length each? */
static bool has_room(const struct reply_plan *train, unsigned length,
		     unsigned datagrams, unsigned segment)
{
	bool fits = segment == train->segment ||
		    (datagrams == 1 && length < train->segment);

	/* For an empty one there is none: 0 - 1 is more than any space. */
	return fits && length - 1 < train->space &&
	       train->datagrams + datagrams <= TRAIN_SEGMENTS_MAX;
}

/* Can it go behind those of an earlier reply, as one train? */
static bool may_join(const struct mmsghdr *reply,
		     const struct reply_plan *train,
		     const struct mmsghdr *message,
		     const struct reply_plan *plan)
{
	return has_room(train, message->msg_len, plan->datagrams,
			plan->segment) &&
	       is_same_peer(&reply->msg_hdr, &message->msg_hdr) &&
	       packet_info_may_join(&train->info, &plan->info);
}

static void join(struct mmsghdr *reply, struct reply_plan *train,
		 const struct mmsghdr *message, unsigned datagrams)
{
	struct iovec *payload = reply->msg_hdr.msg_iov;
	unsigned length = message->msg_len;

	if (train->datagrams == 1)
		packet_info_write_segment(&reply->msg_hdr,
					  (uint16_t)train->segment);
	memcpy((char *)payload->iov_base + payload->iov_len,
	       message->msg_hdr.msg_iov->iov_base, length);
	payload->iov_len += length;
	train->datagrams += datagrams;
	/* A shorter one ends it; none is empty: see has_room(). */
	train->space -= length;
	if (length != datagrams * train->segment)
		train->space = 0;
}

/* Each keeps its room, which the other message cannot use any more. */
static void swap(struct mmsghdr *a, struct mmsghdr *b)
{
	struct mmsghdr was = *a;

	*a = *b;
	*b = was;
}

/* How many bytes may be joined to a reply of this length. */
static unsigned space_behind(const struct reply_plan *plan, unsigned length)
{
	/* The kernel would send none for an empty one. */
	if (plan->segment > JOINED_LENGTH_MAX || length == 0 ||
	    length != plan->datagrams * plan->segment)
		return 0;
	return TRAIN_LENGTH_MAX - MIN(length, TRAIN_LENGTH_MAX);
}

/* The message becomes the next reply: it may stand there already. */
static void begin(struct datagram_batch *batch, struct mmsghdr *message,
		  struct reply_plan *plan)
{
	struct mmsghdr *reply = &batch->messages[batch->count++];
	struct msghdr *header = &reply->msg_hdr;

	if (reply != message)
		swap(reply, message);
	header->msg_iov->iov_len = reply->msg_len;
	/* A peer without a name is the one that we are connected to. */
	if (header->msg_namelen <= sizeof(sa_family_t))
		header->msg_namelen = 0;
	packet_info_write(header, &plan->info);
	plan->plain_controls = (unsigned)header->msg_controllen;
	plan->done = 0;
	plan->space = space_behind(plan, reply->msg_len);
	plan->one_by_one = plan->datagrams > 1 && !batch->joins;
	if (plan->datagrams > 1)
		packet_info_write_segment(header, (uint16_t)plan->segment);
}

/*
 * Where the latest reply to this peer is noted, unless it is one to another
 * peer of the same bucket: nothing joins then, which costs little.  The ports
 * stand at the same place in sockaddr_in and sockaddr_in6.
 */
static unsigned bucket_of(const struct msghdr *header)
{
	const struct sockaddr_in *in = header->msg_name;
	const struct sockaddr_in6 *in6 = header->msg_name;
	uint32_t host = in->sin_addr.s_addr;

	if (in->sin_family == AF_INET6)
		host = in6->sin6_addr.s6_addr32[3];
	return (host ^ in->sin_port) * UINT32_C(2654435769) /
	       (UINT32_MAX / PEER_BUCKETS + 1);
}

/* Join the latest reply to the peer, or become that. */
static void join_or_begin(struct datagram_batch *batch, struct mmsghdr *message,
			  struct reply_plan *plan)
{
	unsigned char *latest = &batch->latest[bucket_of(&message->msg_hdr)];

	if (*latest > 0) {
		struct mmsghdr *reply = &batch->messages[*latest - 1];
		struct reply_plan *train = &batch->plans[*latest - 1];

		if (may_join(reply, train, message, plan)) {
			join(reply, train, message, plan->datagrams);
			batch->judged.reply = *latest - 1U;
			return;
		}
	}
	begin(batch, message, plan);
	*latest = (unsigned char)batch->count;
	batch->judged.reply = *latest - 1U;
}

void batch_reply(struct datagram_batch *batch, unsigned i, unsigned datagrams)
{
	struct mmsghdr *message = &batch->messages[i];
	struct reply_plan *plan = &batch->plans[batch->count];

	plan->datagrams = datagrams;
	plan->segment = datagrams > 1 ? plan->info.segment : message->msg_len;
	if (batch->joins && message->msg_hdr.msg_namelen > sizeof(sa_family_t))
		join_or_begin(batch, message, plan);
	else
		begin(batch, message, plan);
}

void batch_note_judged(struct datagram_batch *batch, unsigned i)
{
	const struct msghdr *header = &batch->messages[i].msg_hdr;
	struct judged *judged = &batch->judged;

	judged->peer_length = 0;
	if (!batch->joins || header->msg_namelen <= sizeof(sa_family_t) ||
	    header->msg_namelen > sizeof(judged->peer) ||
	    header->msg_controllen > sizeof(judged->control))
		return;
	memcpy(judged->peer, header->msg_name, header->msg_namelen);
	memcpy(judged->control, header->msg_control, header->msg_controllen);
	judged->peer_length = header->msg_namelen;
	judged->control_length = header->msg_controllen;
	judged->flags = header->msg_flags;
	judged->segment = batch_info(batch)->segment;
}

/* Of IPv4, the most frequent lengths are known: then nothing is called. */
static bool is_equal(const void *a, const void *b, size_t length)
{
	if (length == sizeof(struct sockaddr_in))
		return memcmp(a, b, sizeof(struct sockaddr_in)) == 0;
	if (length == CMSG_SPACE(sizeof(struct in_pktinfo)))
		return memcmp(a, b, CMSG_SPACE(sizeof(struct in_pktinfo))) == 0;
	return memcmp(a, b, length) == 0;
}

bool batch_repeats_judged(const struct datagram_batch *batch, unsigned i)
{
	const struct msghdr *header = &batch->messages[i].msg_hdr;
	const struct judged *judged = &batch->judged;

	return judged->peer_length > 0 &&
	       header->msg_namelen == judged->peer_length &&
	       header->msg_controllen == judged->control_length &&
	       header->msg_flags == judged->flags &&
	       is_equal(header->msg_name, judged->peer, judged->peer_length) &&
	       is_equal(header->msg_control, judged->control,
			judged->control_length);
}

bool batch_join_judged(struct datagram_batch *batch, unsigned i,
		       unsigned datagrams)
{
	const struct mmsghdr *message = &batch->messages[i];
	struct reply_plan *train = &batch->plans[batch->judged.reply];
	unsigned segment =
		datagrams > 1 ? batch->judged.segment : message->msg_len;

	if (!has_room(train, message->msg_len, datagrams, segment))
		return false;
	join(&batch->messages[batch->judged.reply], train, message, datagrams);
	return true;
}

unsigned batch_unsent(const struct datagram_batch *batch)
{
	unsigned unsent = 0;

	for (unsigned i = batch->sent; i < batch->count; i++)
		unsent += batch->plans[i].datagrams;
	return unsent;
}
