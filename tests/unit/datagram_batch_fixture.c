/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/datagram_batch.h"
#include "unit/harness.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

struct datagram_batch *batch;
static unsigned arrived;
static unsigned lengths[BATCH_MAX];
struct asked asked;
struct address a, b;

struct asked asked_at4(const char *literal)
{
	struct in_addr local = ipv4_address(literal, 0).in.sin_addr;

	return (struct asked){
		.known4 = true,
		.info4 = { .ipi_spec_dst = local, .ipi_addr = local },
	};
}

struct asked asked_at6(const char *literal, unsigned interface)
{
	return (struct asked){
		.known6 = true,
		.info6 = { .ipi6_addr = ipv6_address(literal, 0).in6.sin6_addr,
			   .ipi6_ifindex = interface },
	};
}

struct asked asked_at_mapped(const char *ipv4, const char *ipv6)
{
	struct asked info = asked_at4(ipv4);

	info.known6 = true;
	info.info6 = asked_at6(ipv6, 1).info6;
	return info;
}

void begin(bool unix_peers, bool joins)
{
	free(batch);
	batch = batch_new(unix_peers, joins);
	ck_assert_ptr_nonnull(batch);
	batch_prepare(batch);
	arrived = 0;
}

void batch_setup(void)
{
	a = ipv4_address("192.0.2.1", 4001);
	b = ipv4_address("192.0.2.1", 4002);
	asked = asked_at4("192.0.2.9");
	begin(false, true);
}

void batch_teardown(void)
{
	free(batch);
	batch = NULL;
}

static void add_control(struct msghdr *header, int level, int type,
			const void *data, size_t length)
{
	struct cmsghdr *cmsg =
		(void *)((char *)header->msg_control + header->msg_controllen);

	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(length);
	memcpy(CMSG_DATA(cmsg), data, length);
	header->msg_controllen += CMSG_SPACE(length);
}

/* As the kernel writes them, in its order. */
static void write_controls(struct msghdr *header, int segment)
{
	header->msg_controllen = 0;
	if (segment > 0)
		add_control(header, IPPROTO_UDP, UDP_GRO, &segment,
			    sizeof(segment));
	if (asked.known6)
		add_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &asked.info6,
			    sizeof(asked.info6));
	if (asked.known4)
		add_control(header, IPPROTO_IP, IP_PKTINFO, &asked.info4,
			    sizeof(asked.info4));
	if (asked.ttl > 0)
		add_control(header, asked.known4 ? IPPROTO_IP : IPPROTO_IPV6,
			    asked.known4 ? IP_TTL : IPV6_HOPLIMIT, &asked.ttl,
			    sizeof(asked.ttl));
}

/* Byte `n` of the i-th message. */
static unsigned char byte_of(unsigned i, size_t n)
{
	return (unsigned char)(pattern_byte(n) + 31 * i);
}

unsigned arrive(const struct address *peer, unsigned length, uint16_t segment)
{
	struct mmsghdr *message = &batch->messages[arrived];
	struct msghdr *header = &message->msg_hdr;
	unsigned char *bytes = header->msg_iov->iov_base;

	ck_assert_uint_lt(arrived, batch->size);
	for (unsigned n = 0; n < length; n++)
		bytes[n] = byte_of(arrived, n);
	memcpy(header->msg_name, &peer->any, peer->length);
	header->msg_namelen = peer->length;
	message->msg_len = lengths[arrived] = length;
	write_controls(header, segment);
	batch->dirty = arrived + 1;
	return arrived++;
}

void train(const struct address *peer, unsigned length, uint16_t segment)
{
	unsigned i = arrive(peer, length, segment);
	struct packet_info *info = batch_info(batch);
	bool repeats = batch_repeats_judged(batch, i);

	if (repeats &&
	    batch_join_judged(batch, i, batch_judged_datagrams(batch, length)))
		return;
	packet_info_read(&batch->messages[i].msg_hdr, info);
	if (!repeats)
		batch_note_judged(batch, i);
	batch_reply(batch, i, packet_info_datagrams(info, length));
}

void begin_next(void)
{
	batch_prepare(batch);
	arrived = 0;
}

void single(const struct address *peer, unsigned length)
{
	train(peer, length, 0);
}

const struct msghdr *reply(unsigned i)
{
	ck_assert_uint_lt(i, batch->count);
	return &batch->messages[i].msg_hdr;
}

void expect_reply(unsigned i, const struct address *peer, const char *messages)
{
	const struct msghdr *header = reply(i);
	const unsigned char *bytes = header->msg_iov->iov_base;
	size_t length = 0;

	ck_assert_uint_eq(header->msg_namelen, peer->length);
	ck_assert_mem_eq(header->msg_name, &peer->any, peer->length);
	ck_assert_uint_eq(header->msg_iovlen, 1);
	for (; *messages; messages++) {
		unsigned from = (unsigned)(*messages - '0');

		for (size_t n = 0; n < lengths[from]; n++)
			ck_assert_uint_eq(*bytes++, byte_of(from, n));
		length += lengths[from];
	}
	ck_assert_uint_eq(header->msg_iov->iov_len, length);
}

void expect_replies(unsigned count)
{
	ck_assert_uint_eq(batch->count, count);
}
