/* SPDX-License-Identifier: MIT */
/*
 * A datagram socket, its queues, and what is around: UDP with packet info and
 * trains, or Unix.
 *
 * Of those in the receive queue all is known but their bytes, which are a
 * pattern.  What a call takes is the batch: until the next such call each of it
 * may be answered once, whole, to where it came from, from where it was sent
 * to, those of one peer in their order.
 */
#include "config.h"

#include "fuzz/fake_name.h"
#include "fuzz/fake_state.h"

#include "common/macros.h"

#include <netinet/udp.h>
#include <string.h>

#define QUEUE_MAX 128

/* As in Linux: of a train's segments, and its bytes. */
#define SEGMENTS_MAX 64
#define LENGTH_MAX   65507

static struct {
	struct fake_datagrams config;
	struct fake_file *file;
	struct fake_record queue[QUEUE_MAX], batch[QUEUE_MAX];
	unsigned queued, taken, born, leaving;
	unsigned next[FAKE_PEERS]; /* in the batch: only those may follow */
	bool joins, refused;	   /* for want of memory */
	uint64_t received, sent, refusable;
} udp;

void fake_datagram_reset(void)
{
	memset(&udp, 0, sizeof(udp));
}

int fake_datagram_socket(const struct fake_datagrams *datagrams)
{
	int fd = fake_file_open(FAKE_DATAGRAM);

	assert(fd >= 0);
	assert(datagrams->room_in <= QUEUE_MAX && datagrams->room_out > 0);
	udp.config = *datagrams;
	udp.file = fake_file(fd, FAKE_DATAGRAM);
	fake_name_family(datagrams->family);
	fake_rate_set(datagrams);
	return fd;
}

/* Half is free: sock_writeable(). */
uint32_t fake_datagram_level(void)
{
	return (udp.queued > 0 ? EPOLLIN : 0U) |
	       (udp.leaving * 2 <= udp.config.room_out ? EPOLLOUT : 0U);
}

void fake_datagram_option(int level, int name, int value)
{
	if (level == IPPROTO_UDP && name == UDP_GRO)
		udp.joins = value;
}

bool fake_datagram_joins(void)
{
	return udp.joins;
}

/* Not every family has all kinds. */
static enum fake_datagram_kind kind_here(enum fake_datagram_kind kind)
{
	bool named_else = kind > FAKE_EARLY && kind < FAKE_UNNAMED;

	switch (udp.config.family) {
	case AF_UNIX:
		return named_else || kind == FAKE_SOURCE ? FAKE_PLAIN : kind;
	case AF_INET:
		return kind == FAKE_UNNAMED || kind == FAKE_SOURCE ? FAKE_PLAIN
								   : kind;
	default:
		return kind == FAKE_UNNAMED ? FAKE_PLAIN : kind;
	}
}

void fake_arrive(unsigned peer, enum fake_datagram_kind kind, size_t length,
		 unsigned count)
{
	while (count-- > 0 && udp.queued < udp.config.room_in)
		udp.queue[udp.queued++] = (struct fake_record){
			.id = udp.born++,
			.peer = peer,
			.length = (unsigned)MIN(length, (size_t)LENGTH_MAX),
			.kind = kind_here(kind),
		};
	fake_wake(udp.file, EPOLLIN);
}

void fake_leave(unsigned count)
{
	unsigned left = MIN(count, udp.leaving);

	udp.leaving -= left;
	if ((left > 0 || udp.refused) && (fake_datagram_level() & EPOLLOUT)) {
		udp.refused = false;
		fake_wake(udp.file, EPOLLOUT);
	}
}

bool fake_datagrams_are_settled(void)
{
	return udp.queued == 0;
}

static bool is_refusable(const struct fake_record *record)
{
	return record->kind > FAKE_EARLY;
}

void fake_check_datagrams(const struct fake_account *account)
{
	assert(account->received == udp.received);
	assert(account->sent == udp.sent);
	assert(account->refused == udp.refusable);
	fake_rate_check(account);
}

static const uint8_t *bytes_of(const struct fake_record *record)
{
	static const struct fake_stream stream;

	return fake_pattern(&stream, (uint64_t)record->id * 7919);
}

/* --- Receiving --- */

static void *control_add(struct msghdr *header, int level, int type,
			 const void *data, size_t length)
{
	struct cmsghdr *cmsg =
		(void *)((char *)header->msg_control + header->msg_controllen);

	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(length);
	header->msg_controllen += CMSG_SPACE(length);
	return memcpy(CMSG_DATA(cmsg), data, length);
}

static void write_info(struct msghdr *header, const struct fake_record *record)
{
	struct in_pktinfo info4 = { .ipi_ifindex = 2,
				    .ipi_addr = fake_local4(record),
				    .ipi_spec_dst = fake_local4(record) };
	struct in6_pktinfo info6 = { .ipi6_addr = fake_local6(record),
				     .ipi6_ifindex = 2 };

	if (record->kind == FAKE_GROUP)
		info4.ipi_addr.s_addr = htonl(0xc00002ff);
	if (udp.config.family == AF_INET)
		(void)control_add(header, IPPROTO_IP, IP_PKTINFO, &info4,
				  sizeof(info4));
	else
		(void)control_add(header, IPPROTO_IPV6, IPV6_PKTINFO, &info6,
				  sizeof(info6));
}

/* How many at the head of the queue make one train? */
static unsigned train_length(void)
{
	const struct fake_record *first = udp.queue, *next;
	unsigned count = 1, bytes = first->length;

	if (!udp.joins || !udp.config.trains || first->kind > FAKE_PORT_LOW)
		return 1;
	while (count < udp.queued && count < SEGMENTS_MAX) {
		next = &udp.queue[count];
		if (next->peer != first->peer || next->kind != first->kind ||
		    next->id / 8 % 2 != first->id / 8 % 2 ||
		    next->length > first->length || next->length == 0 ||
		    bytes + next->length > LENGTH_MAX)
			break;
		bytes += next->length;
		count++;
		if (next->length < first->length)
			break;
	}
	return count;
}

/* The first one's bytes, and those of who follows in its train. */
static unsigned write_bytes(struct msghdr *header, unsigned count)
{
	struct iovec *room = header->msg_iov;
	unsigned bytes = 0;

	if (udp.queue[0].kind == FAKE_LONG) {
		header->msg_flags |= MSG_TRUNC;
		return (unsigned)room->iov_len;
	}
	for (unsigned i = 0; i < count; i++) {
		unsigned length = udp.queue[i].length;

		assert(bytes + length <= room->iov_len);
		memcpy((char *)room->iov_base + bytes, bytes_of(&udp.queue[i]),
		       length);
		bytes += length;
	}
	return bytes;
}

/* What is to become of them, which are of one kind? */
static void judge(unsigned count)
{
	bool limited = false;

	if (is_refusable(&udp.queue[0]))
		udp.refusable += count;
	else
		limited = fake_rate_refuses(udp.queue[0].peer, count);
	for (unsigned i = 0; i < count; i++)
		udp.queue[i].limited = limited;
}

static void receive_one(struct mmsghdr *message)
{
	struct msghdr *header = &message->msg_hdr;
	unsigned count = train_length();
	int segment = (int)udp.queue[0].length;
	union fake_name name;
	socklen_t length = fake_name_of(&udp.queue[0], &name);

	assert(header->msg_namelen >= length);
	memcpy(header->msg_name, &name, length);
	header->msg_namelen = length;
	header->msg_flags = 0;
	assert(udp.config.family == AF_UNIX || header->msg_control);
	header->msg_controllen = 0;
	if (udp.config.family != AF_UNIX && udp.queue[0].kind != FAKE_EARLY)
		write_info(header, &udp.queue[0]);
	if (count > 1)
		(void)control_add(header, IPPROTO_UDP, UDP_GRO, &segment,
				  sizeof(segment));
	message->msg_len = write_bytes(header, count);
	judge(count);
	memcpy(&udp.batch[udp.taken], udp.queue, count * sizeof(*udp.queue));
	udp.taken += count;
	udp.received += count;
	udp.queued -= count;
	memmove(udp.queue, &udp.queue[count], udp.queued * sizeof(*udp.queue));
}

int fake_receive_many(int fd, struct mmsghdr *messages, unsigned count)
{
	int error, received = 0;

	fake_call_begins();
	(void)fake_file(fd, FAKE_DATAGRAM);
	error = fake_strikes(FAKE_RECEIVE_MANY);
	if (error != 0)
		return fake_fails(error);
	if (udp.queued == 0)
		return fake_fails(EAGAIN);
	udp.taken = 0;
	memset(udp.next, 0, sizeof(udp.next));
	while (udp.queued > 0 && (unsigned)received < count)
		receive_one(&messages[received++]);
	fake_moved();
	return received;
}

/* --- Replies --- */

static bool is_from_where_asked(const struct fake_record *record,
				const struct fake_reply *reply)
{
	struct in_addr asked4 = fake_local4(record);
	struct in6_addr asked6 = fake_local6(record);

	if (udp.config.family == AF_UNIX || record->kind == FAKE_EARLY)
		return !reply->info4 && !reply->info6;
	if (udp.config.family == AF_INET)
		return reply->info4 && !reply->info6 &&
		       reply->info4->ipi_spec_dst.s_addr == asked4.s_addr &&
		       reply->info4->ipi_ifindex == 0;
	return reply->info6 && !reply->info4 &&
	       IN6_ARE_ADDR_EQUAL(&reply->info6->ipi6_addr, &asked6) &&
	       reply->info6->ipi6_ifindex == 0;
}

static bool is_answer(const struct fake_record *record,
		      const struct fake_reply *reply)
{
	union fake_name name;
	socklen_t length = fake_name_of(record, &name);

	return !is_refusable(record) && !record->limited &&
	       record->length == reply->length &&
	       length == reply->name_length &&
	       memcmp(&name, reply->name, length) == 0 &&
	       memcmp(bytes_of(record), reply->bytes, reply->length) == 0 &&
	       is_from_where_asked(record, reply);
}

void fake_datagram_refuse(void)
{
	udp.refused = true;
}

bool fake_datagram_has_room(void)
{
	return udp.leaving < udp.config.room_out;
}

void fake_datagram_answer(const struct fake_reply *reply)
{
	unsigned i = 0;

	while (i < udp.taken && (i < udp.next[udp.batch[i].peer] ||
				 !is_answer(&udp.batch[i], reply)))
		i++;
	/* Is it one of the batch, and none that was answered or passed? */
	assert(i < udp.taken);
	udp.next[udp.batch[i].peer] = i + 1;
	udp.sent++;
}

void fake_datagram_leaves(void)
{
	udp.leaving++;
	fake_moved();
}
