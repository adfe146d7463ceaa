/* SPDX-License-Identifier: MIT */
/*
 * What the server sends as datagrams: each message is one, or a train, whose
 * segments are looked at one by one.
 */
#include "config.h"

#include "fuzz/fake_state.h"

#include "common/macros.h"

#include <netinet/udp.h>
#include <string.h>

/* As in Linux: UDP_MAX_SEGMENTS before 6.9, and what an IP packet holds. */
#define SEGMENTS_MAX 64
#define LENGTH_MAX   65507

static void read_control(struct cmsghdr *cmsg, struct fake_reply *reply,
			 uint16_t *segment)
{
	const void *data = CMSG_DATA(cmsg);

	if (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_PKTINFO) {
		assert(!reply->info4);
		reply->info4 = data;
	} else if (cmsg->cmsg_level == IPPROTO_IPV6 &&
		   cmsg->cmsg_type == IPV6_PKTINFO) {
		assert(!reply->info6);
		reply->info6 = data;
	} else {
		/* Of another kind sendmsg(2) would say EINVAL. */
		assert(cmsg->cmsg_level == IPPROTO_UDP &&
		       cmsg->cmsg_type == UDP_SEGMENT);
		assert(cmsg->cmsg_len == CMSG_LEN(sizeof(*segment)));
		memcpy(segment, data, sizeof(*segment));
	}
}

static uint16_t read_controls(const struct msghdr *header,
			      struct fake_reply *reply)
{
	struct msghdr walked = *header;
	struct cmsghdr *cmsg;
	uint16_t segment = 0;

	for (cmsg = CMSG_FIRSTHDR(&walked); cmsg;
	     cmsg = CMSG_NXTHDR(&walked, cmsg))
		read_control(cmsg, reply, &segment);
	return segment;
}

static void send_segments(struct fake_reply *reply, const struct iovec *bytes,
			  size_t segment)
{
	size_t done = 0;

	assert(segment == 0 || bytes->iov_len <= SEGMENTS_MAX * segment);
	assert(segment == 0 || bytes->iov_len <= LENGTH_MAX);
	do {
		size_t left = bytes->iov_len - done;

		reply->bytes = (const char *)bytes->iov_base + done;
		reply->length = segment > 0 ? MIN(left, segment) : left;
		fake_datagram_answer(reply);
		done += reply->length;
	} while (done < bytes->iov_len);
}

/* 0, or the errno. */
static int send_message(const struct msghdr *header, int error)
{
	struct fake_reply reply = {
		.name = header->msg_name,
		.name_length = header->msg_namelen,
	};
	uint16_t segment;

	if (error == EAGAIN)
		fake_datagram_refuse();
	if (error > 0)
		return error;
	if (!fake_datagram_has_room())
		return EAGAIN;
	assert(header->msg_iovlen == 1);
	segment = read_controls(header, &reply);
	send_segments(&reply, header->msg_iov, segment);
	fake_datagram_leaves();
	return 0;
}

int fake_send_many(int fd, struct mmsghdr *messages, unsigned count)
{
	unsigned sent = 0;
	int error = 0;

	fake_call_begins();
	(void)fake_file(fd, FAKE_DATAGRAM);
	assert(count > 0);
	while (sent < count && error == 0) {
		int fault = fake_strikes(FAKE_SEND_MANY);

		if (fault == FAKE_SHORT && sent > 0)
			break;
		error = send_message(&messages[sent].msg_hdr, fault);
		sent += error == 0;
	}
	return sent > 0 ? (int)sent : fake_fails(error);
}

ssize_t fake_send_one(int fd, const struct msghdr *message)
{
	int error;

	fake_call_begins();
	(void)fake_file(fd, FAKE_DATAGRAM);
	error = send_message(message, fake_strikes(FAKE_SENDMSG));
	if (error != 0)
		return fake_fails(error);
	return (ssize_t)message->msg_iov->iov_len;
}
