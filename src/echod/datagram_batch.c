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

/* Point message i at room i, all of it. */
static void message_init(struct datagram_batch *batch, unsigned i)
{
	struct message_room *room = &batch->rooms[i];

	room->payload = (struct iovec){
		.iov_base = batch->bytes + i * batch->room,
		.iov_len = batch->room,
	};
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
	/* Only what the kernel writes into a header. */
	for (unsigned i = 0; i < batch->dirty; i++) {
		struct msghdr *header = &batch->messages[i].msg_hdr;

		header->msg_namelen =
			sizeof(struct address) - offsetof(struct address, any);
		header->msg_controllen = batch->controls ? CONTROL_ROOM : 0;
	}
	batch->dirty = 0;
	batch->count = batch->sent = 0;
	memset(batch->latest, 0, sizeof(batch->latest));
}

/* Peers with ports: there are two lengths, for compilers to make use of. */
static bool is_same_peer(const struct msghdr *a, const struct msghdr *b)
{
	if (a->msg_namelen != b->msg_namelen)
		return false;
	return a->msg_namelen == sizeof(struct sockaddr_in)
		       ? memcmp(a->msg_name, b->msg_name,
				sizeof(struct sockaddr_in)) == 0
		       : memcmp(a->msg_name, b->msg_name,
				sizeof(struct sockaddr_in6)) == 0;
}

/* They were sent to the same address of ours. */
static bool is_same_local(const struct packet_info *a,
			  const struct packet_info *b)
{
	if (a->known4 || b->known4)
		return a->known4 && b->known4 &&
		       a->info4.ipi_spec_dst.s_addr ==
			       b->info4.ipi_spec_dst.s_addr;
	if (!a->known6 || !b->known6)
		return a->known6 == b->known6;
	return a->info6.ipi6_ifindex == b->info6.ipi6_ifindex &&
	       IN6_ARE_ADDR_EQUAL(&a->info6.ipi6_addr, &b->info6.ipi6_addr);
}

/* A message that is to be answered. */
struct piece {
	const struct msghdr *header;
	const struct packet_info *info;
	unsigned i;
	unsigned datagrams;
	unsigned length;  /* of all of them */
	unsigned segment; /* of each but the last */
};

static struct piece piece_of(const struct datagram_batch *batch, unsigned i,
			     unsigned datagrams)
{
	const struct packet_info *info = &batch->rooms[i].info;
	unsigned length = batch->messages[i].msg_len;

	return (struct piece){
		.header = &batch->messages[i].msg_hdr,
		.info = info,
		.i = i,
		.datagrams = datagrams,
		.length = length,
		.segment = datagrams > 1 ? info->segment : length,
	};
}

/* A shorter one ends a train; the kernel would send none for an empty one. */
static bool piece_is_last(const struct piece *piece, unsigned segment)
{
	return piece->length == 0 ||
	       piece->length != piece->datagrams * segment;
}

/* Can it go behind those of an earlier reply, as one train? */
static bool may_join(const struct reply_plan *train, const struct piece *piece)
{
	bool fits = piece->segment == train->segment ||
		    (piece->datagrams == 1 && piece->length > 0 &&
		     piece->length < train->segment);

	return fits && !train->closed && train->segment <= JOINED_LENGTH_MAX &&
	       train->datagrams + piece->datagrams <= TRAIN_SEGMENTS_MAX &&
	       train->length + piece->length <= TRAIN_LENGTH_MAX &&
	       is_same_peer(train->header, piece->header) &&
	       is_same_local(train->info, piece->info);
}

static void join(struct datagram_batch *batch, struct reply_plan *train,
		 const struct piece *piece)
{
	batch->next[train->last] = piece->i;
	train->last = piece->i;
	train->messages++;
	train->datagrams += piece->datagrams;
	train->length += piece->length;
	train->closed = piece_is_last(piece, train->segment);
}

static struct reply_plan *begin(struct datagram_batch *batch,
				const struct piece *piece)
{
	struct reply_plan *plan = &batch->plans[batch->count++];

	plan->header = piece->header;
	plan->info = piece->info;
	plan->first = plan->last = piece->i;
	plan->messages = 1;
	plan->datagrams = piece->datagrams;
	plan->length = piece->length;
	plan->segment = piece->segment;
	plan->closed = piece_is_last(piece, piece->segment);
	plan->one_by_one = false;
	return plan;
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

void batch_reply(struct datagram_batch *batch, unsigned i, unsigned datagrams)
{
	struct piece piece = piece_of(batch, i, datagrams);
	struct reply_plan *none = NULL, **latest = &none;

	if (batch->joins && piece.header->msg_namelen > 0)
		latest = &batch->latest[bucket_of(piece.header)];
	if (*latest && may_join(*latest, &piece)) {
		join(batch, *latest, &piece);
		return;
	}
	*latest = begin(batch, &piece);
}

/* Point a reply at all the bytes that it is made of. */
static struct iovec *lay_out_payloads(const struct datagram_batch *batch,
				      const struct reply_plan *plan,
				      struct iovec *payload)
{
	unsigned i = plan->first;

	for (unsigned n = 0; n < plan->messages; n++) {
		*payload++ = (struct iovec){
			batch->rooms[i].payload.iov_base,
			batch->messages[i].msg_len,
		};
		i = batch->next[i];
	}
	return payload;
}

void batch_seal(struct datagram_batch *batch)
{
	struct iovec *payload = batch->payloads;

	for (unsigned i = 0; i < batch->count; i++) {
		struct reply_plan *plan = &batch->plans[i];
		struct msghdr *header = &batch->replies[i].msg_hdr;

		*header = *plan->header;
		header->msg_iov = payload;
		header->msg_iovlen = plan->messages;
		payload = lay_out_payloads(batch, plan, payload);
		packet_info_write(header, plan->info);
		plan->plain_controls = (unsigned)header->msg_controllen;
		if (plan->datagrams > 1)
			packet_info_write_segment(header,
						  (uint16_t)plan->segment);
	}
}

unsigned batch_unsent(const struct datagram_batch *batch)
{
	unsigned unsent = 0;

	for (unsigned i = batch->sent; i < batch->count; i++)
		unsent += batch->plans[i].datagrams;
	return unsent;
}
