/* SPDX-License-Identifier: MIT */
/*
 * UDP in batches: what a batch brings, where it stops, and which errors come
 * to whom.
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/kernel.h"
#include "unit/sockets.h"

#include "common/macros.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define BATCH	     8
#define UDP_IPV4_MAX 65507 /* 65,535 less the headers of IP and UDP */

/* What a batch needs, laid out for sendmmsg(2) and recvmmsg(2) alike. */
struct batch {
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	char texts[BATCH][16];
};

static void batch_init(struct batch *batch)
{
	memset(batch, 0, sizeof(*batch));
	for (int i = 0; i < BATCH; i++) {
		batch->vectors[i].iov_base = batch->texts[i];
		batch->vectors[i].iov_len = sizeof(batch->texts[i]);
		batch->messages[i].msg_hdr.msg_iov = &batch->vectors[i];
		batch->messages[i].msg_hdr.msg_iovlen = 1;
	}
}

/* Three messages, "a", "b" and "c", to these addresses. */
static void batch_init_three(struct batch *batch, struct address to[3])
{
	batch_init(batch);
	for (int i = 0; i < 3; i++) {
		batch->texts[i][0] = (char)('a' + i);
		batch->vectors[i].iov_len = 1;
		batch->messages[i].msg_hdr.msg_name = &to[i].any;
		batch->messages[i].msg_hdr.msg_namelen = to[i].length;
	}
}

static void check_port_zero(const struct address *any_port)
{
	int sender = udp_socket(any_port), receiver = udp_socket(any_port);
	struct address good = fd_address(receiver);
	struct address to[3] = { good, good, good };
	struct batch batch;

	to[1].in.sin_port = 0; /* The same place in sockaddr_in6. */
	batch_init_three(&batch, to);
	ck_assert_int_eq(sendmmsg(sender, batch.messages, 3, 0), 1);
	ck_assert_int_eq(sendmmsg(sender, batch.messages + 1, 2, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(sendmmsg(sender, batch.messages + 2, 1, 0), 1);
	expect_text(receiver, "a");
	expect_text(receiver, "c");
}

START_TEST(a_reply_to_port_zero_stops_the_batch_with_einval)
{
	struct address address = ipv4_address("127.0.0.1", 0);

	check_port_zero(&address);
}
END_TEST

START_TEST(a_reply_to_port_zero_stops_the_batch_with_einval_on_ipv6)
{
	struct address address = ipv6_address("::1", 0);

	if (!ipv6_is_available())
		return;
	check_port_zero(&address);
}
END_TEST

START_TEST(sendmmsg_counts_what_went_before_the_failure_and_reports_it_next)
{
	static char too_long[UDP_IPV4_MAX + 1];
	struct batch batch;
	int fds[2];

	udp_pair(fds);
	batch_init(&batch);
	batch.vectors[2].iov_base = too_long;
	batch.vectors[2].iov_len = sizeof(too_long);
	ck_assert_int_eq(sendmmsg(fds[0], batch.messages, BATCH, 0), 2);
	ck_assert_int_eq(sendmmsg(fds[0], batch.messages + 2, BATCH - 2, 0),
			 -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	ck_assert_int_eq(sendmmsg(fds[0], batch.messages + 3, BATCH - 3, 0),
			 BATCH - 3);
}
END_TEST

START_TEST(recvmmsg_returns_fewer_than_asked_when_the_queue_is_empty)
{
	struct batch batch;
	int fds[2];

	udp_pair(fds);
	stay_on_one_cpu();
	send_text(fds[0], "one");
	send_text(fds[0], "");
	send_text(fds[0], "three");
	await_delivery();
	batch_init(&batch);
	ck_assert_int_eq(
		recvmmsg(fds[1], batch.messages, BATCH, MSG_DONTWAIT, NULL), 3);
	ck_assert_uint_eq(batch.messages[0].msg_len, 3);
	ck_assert_uint_eq(batch.messages[1].msg_len, 0);
	ck_assert_uint_eq(batch.messages[2].msg_len, 5);
	ck_assert_str_eq(batch.texts[2], "three");
	ck_assert_int_eq(
		recvmmsg(fds[1], batch.messages, BATCH, MSG_DONTWAIT, NULL),
		-1);
	ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

START_TEST(the_longest_datagram_on_ipv4_has_65507_bytes)
{
	static char sent[UDP_IPV4_MAX + 1], received[UDP_IPV4_MAX + 1];
	struct address from;
	size_t length;
	int fds[2];

	udp_pair(fds);
	memset(sent, 'x', sizeof(sent));
	ck_assert_int_eq(send(fds[0], sent, UDP_IPV4_MAX, 0), UDP_IPV4_MAX);
	from = receive_from(fds[1], received, sizeof(received), &length);
	ck_assert_uint_eq(length, UDP_IPV4_MAX);
	ck_assert_mem_eq(sent, received, UDP_IPV4_MAX);
	ck_assert_int_eq(from.in.sin_port, fd_address(fds[0]).in.sin_port);
	ck_assert_int_eq(send(fds[0], sent, UDP_IPV4_MAX + 1, 0), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
}
END_TEST

START_TEST(a_datagram_longer_than_the_buffer_is_marked_and_its_rest_is_gone)
{
	struct batch batch;
	int fds[2];

	udp_pair(fds);
	send_text(fds[0], "twenty bytes of text");
	await_readable(fds[1]);
	batch_init(&batch);
	ck_assert_int_eq(recvmmsg(fds[1], batch.messages, BATCH, 0, NULL), 1);
	ck_assert_uint_eq(batch.messages[0].msg_len, 16);
	ck_assert_int_eq(batch.messages[0].msg_hdr.msg_flags & MSG_TRUNC,
			 MSG_TRUNC);
}
END_TEST

/* An error caused by one peer fails the send to another ... */
START_TEST(with_recverr_one_peers_icmp_error_fails_a_send_to_another)
{
	struct address any_port = ipv4_address("127.0.0.1", 0);
	struct address refuser = fd_address(udp_refuser());
	int receiver = udp_socket(&any_port), sender = udp_socket(&any_port);
	struct address good = fd_address(receiver);

	fd_set_option(sender, IPPROTO_IP, IP_RECVERR, 1);
	send_text_to(sender, "refused", &refuser);
	await_events(sender, POLLERR);
	ck_assert_int_eq(sendto(sender, "lost", 4, 0, &good.any, good.length),
			 -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	send_text_to(sender, "second try", &good);
	expect_text(receiver, "second try");
}
END_TEST

/* ... and, without the option, is never seen by an unconnected socket. */
START_TEST(without_recverr_icmp_errors_are_never_seen)
{
	struct address any_port = ipv4_address("127.0.0.1", 0);
	struct address refuser = fd_address(udp_refuser());
	int receiver = udp_socket(&any_port), sender = udp_socket(&any_port);
	struct address good = fd_address(receiver);

	stay_on_one_cpu();
	send_text_to(sender, "refused", &refuser);
	await_delivery();
	ck_assert_int_eq(events_now(sender, POLLIN | POLLOUT), POLLOUT);
	send_text_to(sender, "first try", &good);
	expect_text(receiver, "first try");
}
END_TEST

static uint32_t drops_of(int fd)
{
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	socklen_t length = sizeof(memory);

	ck_assert_int_eq(
		getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length), 0);
	return memory[SK_MEMINFO_DROPS];
}

START_TEST(meminfo_counts_what_a_full_receive_queue_lost)
{
	uint32_t queued = 0;
	char byte;
	int fds[2];

	udp_pair(fds);
	fd_set_option(fds[1], SOL_SOCKET, SO_RCVBUF, 4096);
	ck_assert_uint_eq(drops_of(fds[1]), 0);
	stay_on_one_cpu();
	for (int i = 0; i < 100; i++)
		send_text(fds[0], "one too many in the end");
	await_delivery();
	while (recv(fds[1], &byte, 1, 0) == 1)
		queued++;
	ck_assert_uint_gt(queued, 0);
	ck_assert_uint_lt(queued, 100);
	ck_assert_uint_eq(drops_of(fds[1]), 100 - queued);
}
END_TEST

TCase *kernel_datagram_case(void)
{
	TCase *part = tcase_create("datagram");

	tcase_add_test(part, a_reply_to_port_zero_stops_the_batch_with_einval);
	tcase_add_test(
		part, a_reply_to_port_zero_stops_the_batch_with_einval_on_ipv6);
	tcase_add_test(
		part,
		sendmmsg_counts_what_went_before_the_failure_and_reports_it_next);
	tcase_add_test(
		part,
		recvmmsg_returns_fewer_than_asked_when_the_queue_is_empty);
	tcase_add_test(part, the_longest_datagram_on_ipv4_has_65507_bytes);
	tcase_add_test(
		part,
		a_datagram_longer_than_the_buffer_is_marked_and_its_rest_is_gone);
	tcase_add_test(
		part,
		with_recverr_one_peers_icmp_error_fails_a_send_to_another);
	tcase_add_test(part, without_recverr_icmp_errors_are_never_seen);
	tcase_add_test(part, meminfo_counts_what_a_full_receive_queue_lost);
	return part;
}
