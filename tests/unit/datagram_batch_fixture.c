/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/datagram_batch.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct datagram_batch *batch;
static unsigned arrived;
struct packet_info asked;
struct address a, b;

struct packet_info asked_at4(const char *literal)
{
	struct in_addr local = ipv4_address(literal, 0).in.sin_addr;

	return (struct packet_info){
		.known4 = true,
		.info4 = { .ipi_spec_dst = local, .ipi_addr = local },
	};
}

struct packet_info asked_at6(const char *literal, unsigned interface)
{
	return (struct packet_info){
		.known6 = true,
		.info6 = { .ipi6_addr = ipv6_address(literal, 0).in6.sin6_addr,
			   .ipi6_ifindex = interface },
	};
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

void train(const struct address *peer, unsigned length, uint16_t segment)
{
	struct mmsghdr *message = &batch->messages[arrived];

	ck_assert_uint_lt(arrived, batch->size);
	memcpy(message->msg_hdr.msg_name, &peer->any, peer->length);
	message->msg_hdr.msg_namelen = peer->length;
	message->msg_len = length;
	batch->rooms[arrived].info = asked;
	batch->rooms[arrived].info.segment = segment;
	batch->dirty = arrived + 1;
	batch_reply(batch, arrived, batch_datagrams(batch, arrived));
	arrived++;
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
	return &batch->replies[i].msg_hdr;
}

void expect_reply(unsigned i, const struct address *peer, const char *messages)
{
	const struct msghdr *header = reply(i);

	ck_assert_uint_eq(header->msg_namelen, peer->length);
	ck_assert_mem_eq(header->msg_name, &peer->any, peer->length);
	ck_assert_uint_eq(header->msg_iovlen, strlen(messages));
	for (size_t n = 0; n < header->msg_iovlen; n++) {
		unsigned from = (unsigned)(messages[n] - '0');

		ck_assert_ptr_eq(header->msg_iov[n].iov_base,
				 batch->rooms[from].payload.iov_base);
		ck_assert_uint_eq(header->msg_iov[n].iov_len,
				  batch->messages[from].msg_len);
	}
}

void expect_replies(unsigned count)
{
	batch_seal(batch);
	ck_assert_uint_eq(batch->count, count);
}
