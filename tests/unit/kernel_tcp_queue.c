/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own account of a TCP connection: what has been consumed, what
 * has been written, and how to look at the queue and to consume it without a
 * copy.
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/kernel.h"
#include "unit/sockets.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

/* What a successor can know of an accepted connection that it never saw. */
static uint64_t consumed(int fd)
{
	struct tcp_progress progress = tcp_progress(fd);
	uint64_t fin = progress.state == TCP_CLOSE_WAIT ? 1 : 0;

	return progress.bytes_received - fd_inq(fd) - fin;
}

static uint64_t written(int fd)
{
	return tcp_progress(fd).bytes_acked + fd_outq(fd);
}

static void read_exactly(int fd, size_t bytes)
{
	char buffer[256];

	ck_assert_uint_le(bytes, sizeof(buffer));
	ck_assert_int_eq(recv(fd, buffer, bytes, MSG_WAITALL), (ssize_t)bytes);
}

START_TEST(bytes_received_less_inq_is_what_was_consumed)
{
	int fds[2];

	tcp_pair(fds);
	ck_assert_uint_eq(consumed(fds[SERVER]), 0);
	send_text(fds[CLIENT], "0123456789");
	await_inq(fds[SERVER], 10);
	ck_assert_uint_eq(consumed(fds[SERVER]), 0);
	read_exactly(fds[SERVER], 4);
	ck_assert_uint_eq(consumed(fds[SERVER]), 4);
	ck_assert_uint_eq(fd_inq(fds[SERVER]), 6);
	read_exactly(fds[SERVER], 6);
	ck_assert_uint_eq(consumed(fds[SERVER]), 10);
}
END_TEST

START_TEST(a_fin_counts_one_in_bytes_received_and_none_in_inq)
{
	int fds[2];
	char byte;

	tcp_pair(fds);
	send_text(fds[CLIENT], "0123456789");
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	AWAIT(tcp_state(fds[SERVER]) == TCP_CLOSE_WAIT);
	ck_assert_uint_eq(tcp_progress(fds[SERVER]).bytes_received, 11);
	ck_assert_uint_eq(fd_inq(fds[SERVER]), 10);
	ck_assert_uint_eq(consumed(fds[SERVER]), 0);
	read_exactly(fds[SERVER], 4);
	ck_assert_uint_eq(consumed(fds[SERVER]), 4);
	read_exactly(fds[SERVER], 6);
	ck_assert_uint_eq(consumed(fds[SERVER]), 10);
	ck_assert_int_eq(recv(fds[SERVER], &byte, 1, 0), 0);
	ck_assert_uint_eq(consumed(fds[SERVER]), 10);
}
END_TEST

START_TEST(bytes_acked_plus_outq_is_what_was_written)
{
	int fds[2];
	size_t queued;

	tcp_pair(fds);
	ck_assert_uint_eq(written(fds[SERVER]), 0);
	send_text(fds[SERVER], "0123456789");
	AWAIT(fd_outq(fds[SERVER]) == 0);
	ck_assert_uint_eq(tcp_progress(fds[SERVER]).bytes_acked, 10);
	queued = fill_send_buffer(fds[SERVER], 0);
	/* Until nothing moves any more: the two numbers are no snapshot. */
	AWAIT(written(fds[SERVER]) == 10 + queued);
	ck_assert_uint_gt(fd_outq(fds[SERVER]), 0);
}
END_TEST

START_TEST(a_fin_of_our_own_counts_one_in_written)
{
	int fds[2];

	tcp_pair(fds);
	send_text(fds[SERVER], "0123456789");
	ck_assert_int_eq(shutdown(fds[SERVER], SHUT_WR), 0);
	AWAIT(tcp_state(fds[SERVER]) == TCP_FIN_WAIT2);
	ck_assert_uint_eq(written(fds[SERVER]), 11);
	ck_assert_uint_eq(fd_outq(fds[SERVER]), 0);
}
END_TEST

/* Only the accepted end: the other one's SYN was acknowledged, too. */
START_TEST(the_connecting_end_counts_its_syn_in_bytes_acked)
{
	int fds[2];

	tcp_pair(fds);
	ck_assert_uint_eq(written(fds[CLIENT]), 1);
	ck_assert_uint_eq(written(fds[SERVER]), 0);
}
END_TEST

START_TEST(trunc_without_a_buffer_consumes)
{
	int fds[2];

	tcp_pair(fds);
	send_text(fds[CLIENT], "skipped, kept");
	await_inq(fds[SERVER], 13);
	ck_assert_int_eq(recv(fds[SERVER], NULL, 9, MSG_TRUNC), 9);
	ck_assert_uint_eq(consumed(fds[SERVER]), 9);
	expect_text(fds[SERVER], "kept");
	ck_assert_int_eq(recv(fds[SERVER], NULL, 9, MSG_TRUNC), -1);
	ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

/* Preserving mode: peek, send a part of it, consume exactly that part. */
START_TEST(peek_leaves_what_trunc_then_consumes)
{
	char first[16] = "", second[16] = "";
	int fds[2];

	tcp_pair(fds);
	send_text(fds[CLIENT], "abcdef");
	await_inq(fds[SERVER], 6);
	ck_assert_int_eq(recv(fds[SERVER], first, 16, MSG_PEEK), 6);
	ck_assert_uint_eq(consumed(fds[SERVER]), 0);
	ck_assert_int_eq(recv(fds[SERVER], NULL, 4, MSG_TRUNC), 4);
	ck_assert_int_eq(recv(fds[SERVER], second, 16, MSG_PEEK), 2);
	ck_assert_str_eq(first, "abcdef");
	ck_assert_str_eq(second, "ef");
}
END_TEST

START_TEST(peek_reports_the_end_only_when_the_queue_is_empty)
{
	int fds[2];
	char buffer[16];

	tcp_pair(fds);
	send_text(fds[CLIENT], "abc");
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	AWAIT(tcp_state(fds[SERVER]) == TCP_CLOSE_WAIT);
	ck_assert_int_eq(recv(fds[SERVER], buffer, 16, MSG_PEEK), 3);
	ck_assert_int_eq(recv(fds[SERVER], NULL, 3, MSG_TRUNC), 3);
	ck_assert_int_eq(recv(fds[SERVER], buffer, 16, MSG_PEEK), 0);
}
END_TEST

/* SIOCOUTQNSD (linux/sockios.h): what was not even sent once. */
START_TEST(notsent_lowat_bounds_what_a_peer_that_does_not_read_pins)
{
	const int lowat = 128 << 10, slack = 64 << 10; /* one segment */
	int fds[2], free_fds[2], unsent = 0, unsent_freely = 0;

	tcp_pair(fds);
	fd_set_option(fds[SERVER], IPPROTO_TCP, TCP_NOTSENT_LOWAT, lowat);
	(void)fill_send_buffer(fds[SERVER], 0);
	ck_assert_int_eq(ioctl(fds[SERVER], SIOCOUTQNSD, &unsent), 0);
	ck_assert_int_gt(unsent, 0);
	ck_assert_int_le(unsent, lowat + slack);

	tcp_pair(free_fds);
	(void)fill_send_buffer(free_fds[SERVER], 0);
	ck_assert_int_eq(ioctl(free_fds[SERVER], SIOCOUTQNSD, &unsent_freely),
			 0);
	ck_assert_int_gt(unsent_freely / 4, unsent);
}
END_TEST

TCase *kernel_tcp_queue_case(void)
{
	TCase *part = tcase_create("tcp_queue");

	tcase_add_test(part, bytes_received_less_inq_is_what_was_consumed);
	tcase_add_test(part,
		       a_fin_counts_one_in_bytes_received_and_none_in_inq);
	tcase_add_test(part, bytes_acked_plus_outq_is_what_was_written);
	tcase_add_test(part, a_fin_of_our_own_counts_one_in_written);
	tcase_add_test(part, the_connecting_end_counts_its_syn_in_bytes_acked);
	tcase_add_test(part, trunc_without_a_buffer_consumes);
	tcase_add_test(part, peek_leaves_what_trunc_then_consumes);
	tcase_add_test(part, peek_reports_the_end_only_when_the_queue_is_empty);
	tcase_add_test(
		part, notsent_lowat_bounds_what_a_peer_that_does_not_read_pins);
	return part;
}
