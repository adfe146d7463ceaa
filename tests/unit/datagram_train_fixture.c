/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/datagram_train.h"
#include "unit/harness.h"

#include <netinet/in.h>
#include <netinet/udp.h>

struct fault sendmsg_fault, sendmmsg_fault;
unsigned sendmmsg_most, messages_sent, trains_tried;
int train_error;
int client;

WRAPPED(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags));
WRAPPED(int, call_send_many,
	(int fd, struct mmsghdr *messages, unsigned count, int flags));

static bool is_train(struct msghdr *header)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(header); cmsg;
	     cmsg = CMSG_NXTHDR(header, cmsg))
		if (cmsg->cmsg_level == IPPROTO_UDP &&
		    cmsg->cmsg_type == UDP_SEGMENT)
			return true;
	return false;
}

/* What refuses trains refuses one of a single datagram, too. */
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct msghdr header = *message;

	if (fault_strikes(&sendmsg_fault))
		return -1;
	if (train_error && is_train(&header)) {
		errno = train_error;
		return -1;
	}
	return __real_sendmsg(fd, message, flags);
}

int __wrap_call_send_many(int fd, struct mmsghdr *messages, unsigned count,
			  int flags)
{
	unsigned good = 0;
	int sent;

	if (fault_strikes(&sendmmsg_fault))
		return -1;
	if (sendmmsg_most > 0)
		count = MIN(count, sendmmsg_most);
	while (good < count &&
	       !(train_error && is_train(&messages[good].msg_hdr)))
		good++;
	if (good == 0) {
		trains_tried++;
		errno = train_error;
		return -1;
	}
	sent = __real_call_send_many(fd, messages, good, flags);
	messages_sent += sent > 0 ? (unsigned)sent : 0;
	return sent;
}

void serve_with_trains(struct address address)
{
	rig.policy.udp_offload = true;
	serve_address(address);
}

void train_setup(void)
{
	datagram_rig_setup();
	stay_on_one_cpu();
	serve_with_trains(ipv4_address("127.0.0.1", 0));
	client = ipv4_client();
}

void train_teardown(void)
{
	datagram_rig_teardown();
}

void let_arrive(int from, unsigned first, unsigned count)
{
	send_numbers(from, first, count);
	await_delivery();
}

void expect_echoed_together(unsigned first, unsigned count)
{
	let_arrive(client, first, count);
	rig_turn(&rig);
	expect_numbers(client, first, count);
}

void let_train_arrive(int from, const struct address *to, unsigned first,
		      unsigned count)
{
	unsigned numbers[128];
	size_t size = count * sizeof(numbers[0]);

	ck_assert_uint_le(count, ARRAY_SIZE(numbers));
	for (unsigned i = 0; i < count; i++)
		numbers[i] = first + i;
	fd_set_option(from, IPPROTO_UDP, UDP_SEGMENT, sizeof(numbers[0]));
	ck_assert_int_eq(sendto(from, numbers, size, 0, &to->any, to->length),
			 (ssize_t)size);
	fd_set_option(from, IPPROTO_UDP, UDP_SEGMENT, 0);
	await_delivery();
}

void expect_counts(uint64_t received, uint64_t sent, uint64_t unsent)
{
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_received), received);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_sent), sent);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_unsent), unsent);
}

void make_room(void)
{
	sendmsg_fault.times = 0;
	sendmmsg_fault.times = 0;
	event_source_raise(&datagram.source, EPOLLOUT);
}
