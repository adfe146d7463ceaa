/* SPDX-License-Identifier: MIT */
/*
 * Trains of UDP datagrams: what UDP_SEGMENT takes, what UDP_GRO gives.
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/kernel.h"
#include "unit/namespace.h"
#include "unit/sockets.h"

#include "common/macros.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ETHERNET_MTU	   1500
#define UDP_IPV4_HEADERS   28
#define UDP_IPV4_MAX	   65507
#define SEGMENTS_MAX	   64  /* before Linux 6.9 */
#define LATER_SEGMENTS_MAX 128 /* since */

/* Send one train of three datagrams: "aaaa", "bbbb", "cc". */
static void send_train(int fd)
{
	fd_set_option(fd, IPPROTO_UDP, UDP_SEGMENT, 4);
	send_text(fd, "aaaabbbbcc");
}

START_TEST(a_train_sent_by_udp_segment_arrives_as_datagrams)
{
	int fds[2];

	udp_pair(fds);
	send_train(fds[0]);
	expect_text(fds[1], "aaaa");
	expect_text(fds[1], "bbbb");
	expect_text(fds[1], "cc");
}
END_TEST

/* Room for one number from the kernel, or for it. */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* Send `length` bytes with a segment of this size in control data. */
static ssize_t send_segments(int fd, size_t length, int segment,
			     size_t segment_size)
{
	static char bytes[UDP_IPV4_MAX + 1];
	union control control = {
		.header = { .cmsg_level = IPPROTO_UDP,
			    .cmsg_type = UDP_SEGMENT,
			    .cmsg_len = CMSG_LEN(segment_size) },
	};
	struct iovec vectors[] = { { bytes, length / 3 },
				   { bytes, length - length / 3 } };
	struct msghdr message = { .msg_iov = vectors,
				  .msg_iovlen = ARRAY_SIZE(vectors),
				  .msg_control = &control,
				  .msg_controllen = CMSG_SPACE(segment_size) };
	uint16_t short_segment = (uint16_t)segment;

	memcpy(CMSG_DATA(&control.header),
	       segment_size == sizeof(segment) ? (void *)&segment
					       : (void *)&short_segment,
	       segment_size);
	return sendmsg(fd, &message, 0);
}

static ssize_t send_train_of(int fd, size_t length, int segment)
{
	return send_segments(fd, length, segment, sizeof(uint16_t));
}

/* Wherever its pieces are, and whatever their lengths. */
START_TEST(a_train_may_be_given_in_control_data_as_16_bits)
{
	char byte;
	int fds[2];

	udp_pair(fds);
	ck_assert_int_eq(send_train_of(fds[0], 25, 10), 25);
	for (int i = 0; i < 3; i++) {
		await_readable(fds[1]);
		ck_assert_int_eq(recv(fds[1], &byte, 1, MSG_TRUNC),
				 i < 2 ? 10 : 5);
	}
	ck_assert_int_eq(send_segments(fds[0], 25, 10, sizeof(int)), -1);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

/* Receive this many bytes: the segment in control data, 0 if there is none. */
static int receive_train(int fd, ssize_t length)
{
	union control control;
	char buffer[64] = "";
	struct iovec vector = { buffer, sizeof(buffer) };
	struct msghdr message = { .msg_iov = &vector,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int segment;

	await_readable(fd);
	ck_assert_int_eq(recvmsg(fd, &message, 0), length);
	if (message.msg_controllen == 0)
		return 0;
	ck_assert_int_eq(control.header.cmsg_level, IPPROTO_UDP);
	ck_assert_int_eq(control.header.cmsg_type, UDP_GRO);
	ck_assert_uint_eq(control.header.cmsg_len, CMSG_LEN(sizeof(int)));
	memcpy(&segment, CMSG_DATA(&control.header), sizeof(segment));
	return segment;
}

START_TEST(a_train_arrives_whole_with_udp_gro_and_tells_its_segment)
{
	int fds[2];

	udp_pair(fds);
	fd_set_option(fds[1], IPPROTO_UDP, UDP_GRO, 1);
	send_train(fds[0]);
	ck_assert_int_eq(receive_train(fds[1], 10), 4);
	fd_set_option(fds[0], IPPROTO_UDP, UDP_SEGMENT, 0);
	send_text(fds[0], "alone");
	ck_assert_int_eq(receive_train(fds[1], 5), 0);
}
END_TEST

START_TEST(without_udp_gro_again_what_arrives_is_taken_apart)
{
	int fds[2];

	udp_pair(fds);
	fd_set_option(fds[1], IPPROTO_UDP, UDP_GRO, 1);
	fd_set_option(fds[1], IPPROTO_UDP, UDP_GRO, 0);
	send_train(fds[0]);
	ck_assert_int_eq(receive_train(fds[1], 4), 0);
	ck_assert_int_eq(receive_train(fds[1], 4), 0);
	ck_assert_int_eq(receive_train(fds[1], 2), 0);
}
END_TEST

/* So whoever ends UDP_GRO has to receive what waits before. */
START_TEST(without_udp_gro_again_a_train_that_waits_is_one_datagram)
{
	int fds[2];

	udp_pair(fds);
	fd_set_option(fds[1], IPPROTO_UDP, UDP_GRO, 1);
	send_train(fds[0]);
	send_text(fds[0], "ddddeeeef");
	await_readable(fds[1]);
	fd_set_option(fds[1], IPPROTO_UDP, UDP_GRO, 0);
	ck_assert_int_eq(receive_train(fds[1], 10), 0);
	fd_set_option(fds[1], IPPROTO_UDP, UDP_GRO, 1);
	ck_assert_int_eq(receive_train(fds[1], 9), 4);
}
END_TEST

START_TEST(a_train_may_have_64_segments_but_not_more_than_128)
{
	int fds[2];

	udp_pair(fds);
	ck_assert_int_eq(send_train_of(fds[0], SEGMENTS_MAX * 10, 10),
			 SEGMENTS_MAX * 10);
	ck_assert_int_eq(send_train_of(fds[0], LATER_SEGMENTS_MAX * 10 + 1, 10),
			 -1);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(a_train_is_not_longer_than_a_packet_may_be)
{
	int fds[2];

	udp_pair(fds);
	ck_assert_int_eq(send_train_of(fds[0], UDP_IPV4_MAX, 1472),
			 UDP_IPV4_MAX);
	ck_assert_int_eq(send_train_of(fds[0], UDP_IPV4_MAX + 1, 1472), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
}
END_TEST

static int device_request(const char *name, unsigned long call,
			  struct ifreq *request)
{
	int fd = fd_open(AF_INET, SOCK_DGRAM), result;

	(void)snprintf(request->ifr_name, IFNAMSIZ, "%s", name);
	result = ioctl(fd, call, request);
	ck_assert_int_eq(close(fd), 0);
	return result;
}

/* While one such datagram is sent in fragments.  EINVAL before Linux 6.14. */
START_TEST(a_segment_longer_than_the_mtu_is_refused)
{
	struct ifreq request = { .ifr_mtu = ETHERNET_MTU };
	int longest = ETHERNET_MTU - UDP_IPV4_HEADERS;
	char byte;
	int fds[2];

	if (!namespace_enter())
		return;
	ck_assert_int_eq(device_request("lo", SIOCSIFMTU, &request), 0);
	udp_pair(fds);
	ck_assert_int_eq(send_train_of(fds[0], 3000, longest), 3000);
	ck_assert_int_eq(send_train_of(fds[0], 3000, longest + 1), -1);
	ck_assert(errno == EMSGSIZE || errno == EINVAL);
	ck_assert_int_eq(send_train_of(fds[0], 2000, 0), 2000);
	for (int i = 0; i < 4; i++) {
		await_readable(fds[1]);
		ck_assert_int_eq(recv(fds[1], &byte, 1, MSG_TRUNC),
				 i < 2	 ? longest
				 : i < 3 ? 3000 - 2 * longest
					 : 2000);
	}
}
END_TEST

START_TEST(without_checksums_a_train_gives_einval)
{
	int fds[2];

	udp_pair(fds);
	fd_set_option(fds[0], SOL_SOCKET, SO_NO_CHECK, 1);
	ck_assert_int_eq(send_train_of(fds[0], 20, 10), -1);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

/* Linux before 6.11 leaves the checksums of a train to the device. */
START_TEST(without_checksum_offload_a_train_is_sent_or_gives_eio)
{
	struct ethtool_value off = { .cmd = ETHTOOL_STXCSUM, .data = 0 };
	struct ifreq request = { .ifr_data = (void *)&off };
	struct address from = ipv4_address(INSIDE_IPV4, 0);
	struct address to = ipv4_address("10.9.8.2", 4000);
	ssize_t sent;
	int fd;

	if (!namespace_enter_with_wire())
		return;
	ck_assert_int_eq(device_request("inside", SIOCETHTOOL, &request), 0);
	fd = udp_socket(&from);
	ck_assert_int_eq(connect(fd, &to.any, to.length), 0);
	sent = send_train_of(fd, 20, 10);
	if (sent < 0)
		ck_assert_int_eq(errno, EIO);
	else
		ck_assert_int_eq(sent, 20);
}
END_TEST

TCase *kernel_train_case(void)
{
	TCase *part = tcase_create("train");

	tcase_add_test(part, a_train_sent_by_udp_segment_arrives_as_datagrams);
	tcase_add_test(part, a_train_may_be_given_in_control_data_as_16_bits);
	tcase_add_test(
		part, a_train_arrives_whole_with_udp_gro_and_tells_its_segment);
	tcase_add_test(part, without_udp_gro_again_what_arrives_is_taken_apart);
	tcase_add_test(
		part, without_udp_gro_again_a_train_that_waits_is_one_datagram);
	tcase_add_test(part,
		       a_train_may_have_64_segments_but_not_more_than_128);
	tcase_add_test(part, a_train_is_not_longer_than_a_packet_may_be);
	tcase_add_test(part, a_segment_longer_than_the_mtu_is_refused);
	tcase_add_test(part, without_checksums_a_train_gives_einval);
	tcase_add_test(part,
		       without_checksum_offload_a_train_is_sent_or_gives_eio);
	return part;
}
