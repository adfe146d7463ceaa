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
	batch->payload_count = 0;
}

unsigned batch_datagrams(const struct mmsghdr *message,
			 const struct packet_info *info)
{
	if (info->segment == 0 || message->msg_len <= info->segment)
		return 1;
	return (message->msg_len + info->segment - 1) / info->segment;
}

static bool is_same_peer(const struct msghdr *a, const struct msghdr *b)
{
	return a->msg_namelen == b->msg_namelen &&
	       memcmp(a->msg_name, b->msg_name, a->msg_namelen) == 0;
}

/* They were sent to the same address of ours. */
static bool is_same_local(const struct packet_info *a,
			  const struct packet_info *b)
{
	if (a->known4 != b->known4 || a->known6 != b->known6)
		return false;
	if (a->known4)
		return a->info4.ipi_spec_dst.s_addr ==
		       b->info4.ipi_spec_dst.s_addr;
	return !a->known6 ||
	       (a->info6.ipi6_ifindex == b->info6.ipi6_ifindex &&
		IN6_ARE_ADDR_EQUAL(&a->info6.ipi6_addr, &b->info6.ipi6_addr));
}

/* Can these go behind those of the reply before, as one train? */
static bool may_join(const struct reply_plan *last, const struct msghdr *reply,
		     const struct reply_plan *plan, const struct msghdr *header)
{
	bool fits = plan->segment == last->segment ||
		    (plan->datagrams == 1 && plan->length > 0 &&
		     plan->length < last->segment);

	return fits && !last->closed && last->segment <= JOINED_LENGTH_MAX &&
	       last->datagrams + plan->datagrams <= TRAIN_SEGMENTS_MAX &&
	       last->length + plan->length <= TRAIN_LENGTH_MAX &&
	       is_same_peer(reply, header) &&
	       is_same_local(&last->info, &plan->info);
}

static void join(struct reply_plan *last, struct msghdr *reply,
		 const struct reply_plan *plan)
{
	reply->msg_iovlen++;
	last->datagrams += plan->datagrams;
	last->length += plan->length;
	/* A shorter one ends a train. */
	last->closed = plan->closed || plan->length < last->segment;
}

static struct reply_plan plan_for(const struct mmsghdr *message,
				  const struct packet_info *info, bool joins)
{
	size_t length = message->msg_len;
	size_t segment =
		info->segment > 0 ? MIN(info->segment, length) : length;

	return (struct reply_plan){
		.info = *info,
		.datagrams = batch_datagrams(message, info),
		.length = length,
		.segment = segment,
		.closed = !joins || segment == 0 || length % segment != 0,
	};
}

void batch_reply(struct datagram_batch *batch, unsigned i,
		 const struct packet_info *info)
{
	const struct msghdr *header = &batch->messages[i].msg_hdr;
	struct reply_plan plan =
		plan_for(&batch->messages[i], info, batch->joins);
	struct iovec *payload = &batch->payloads[batch->payload_count++];
	unsigned last = batch->count - 1;

	*payload = (struct iovec){ header->msg_iov->iov_base, plan.length };
	if (batch->count > 0 &&
	    may_join(&batch->plans[last], &batch->replies[last].msg_hdr, &plan,
		     header)) {
		join(&batch->plans[last], &batch->replies[last].msg_hdr, &plan);
		return;
	}
	batch->replies[batch->count].msg_hdr = (struct msghdr){
		.msg_name = header->msg_name,
		.msg_namelen = header->msg_namelen,
		.msg_iov = payload,
		.msg_iovlen = 1,
		.msg_control = header->msg_control,
	};
	batch->plans[batch->count++] = plan;
}

void batch_seal(struct datagram_batch *batch)
{
	for (unsigned i = 0; i < batch->count; i++) {
		struct msghdr *header = &batch->replies[i].msg_hdr;
		struct reply_plan *plan = &batch->plans[i];

		packet_info_write(header, &plan->info);
		plan->plain_controls = header->msg_controllen;
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
