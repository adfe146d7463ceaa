/* SPDX-License-Identifier: MIT */
/*
 * Urgent data (MSG_OOB).  A byte sent so belongs to the stream: RFC 6093.
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/kernel.h"
#include "unit/sockets.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

static void send_urgent(int fd, const char *before, const char *after)
{
	send_text(fd, before);
	ck_assert_int_eq(send(fd, "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
	send_text(fd, after);
}

/* A kernel may do without (CONFIG_AF_UNIX_OOB): then nothing can be lost. */
static bool unix_has_urgent_data(void)
{
	int fds[2];

	unix_pair(SOCK_STREAM, fds);
	if (send(fds[CLIENT], "!", 1, MSG_OOB | MSG_NOSIGNAL) == 1)
		return true;
	ck_assert_int_eq(errno, EOPNOTSUPP);
	(void)fprintf(stderr, "# not tested: no MSG_OOB on Unix sockets\n");
	return false;
}

START_TEST(tcp_without_oobinline_loses_an_urgent_byte)
{
	int fds[2];

	tcp_pair(fds);
	send_urgent(fds[CLIENT], "ab", "cd");
	AWAIT(tcp_progress(fds[SERVER]).bytes_received == 5);
	expect_text(fds[SERVER], "ab");
	expect_text(fds[SERVER], "cd");
	ck_assert_int_eq(events_now(fds[SERVER], POLLIN), 0);
}
END_TEST

START_TEST(unix_without_oobinline_loses_an_urgent_byte)
{
	int fds[2];

	if (!unix_has_urgent_data())
		return;
	unix_pair(SOCK_STREAM, fds);
	send_urgent(fds[CLIENT], "ab", "cd");
	expect_text(fds[SERVER], "ab");
	expect_text(fds[SERVER], "cd");
	ck_assert_int_eq(events_now(fds[SERVER], POLLIN), 0);
}
END_TEST

/* MPTCP knows no urgent data: the byte is one like any other. */
START_TEST(mptcp_keeps_an_urgent_byte_by_itself)
{
	int fds[2];

	if (!mptcp_is_available())
		return;
	mptcp_pair(fds);
	send_urgent(fds[CLIENT], "ab", "cd");
	await_inq(fds[SERVER], 5);
	expect_text(fds[SERVER], "ab!cd");
}
END_TEST

/*
 * With SO_OOBINLINE a recv() stops short at the urgent byte, so that a short
 * read proves that the queue is empty only if PRI is not set.
 */
static void check_inline(int sender, int receiver)
{
	int epoll_fd, at_mark = 0;

	fd_set_option(receiver, SOL_SOCKET, SO_OOBINLINE, 1);
	send_urgent(sender, "ab", "cd");
	await_inq(receiver, 5);
	epoll_fd = epoll_of(receiver, EPOLLIN | EPOLLPRI | EPOLLET);
	ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLIN | EPOLLPRI);
	expect_text(receiver, "ab");
	ck_assert_uint_eq(fd_inq(receiver), 3);
	ck_assert_uint_eq(epoll_now(epoll_fd), 0);
	ck_assert_int_eq(ioctl(receiver, SIOCATMARK, &at_mark), 0);
	ck_assert_int_eq(at_mark, 1);
	expect_text(receiver, "!cd");
	ck_assert_int_eq(events_now(receiver, POLLPRI), 0);
}

START_TEST(tcp_recv_stops_short_at_an_inline_urgent_byte_and_pri_says_so)
{
	int fds[2];

	tcp_pair(fds);
	check_inline(fds[CLIENT], fds[SERVER]);
}
END_TEST

START_TEST(unix_recv_stops_short_at_an_inline_urgent_byte_and_pri_says_so)
{
	int fds[2];

	if (!unix_has_urgent_data())
		return;
	unix_pair(SOCK_STREAM, fds);
	check_inline(fds[CLIENT], fds[SERVER]);
}
END_TEST

/* Whoever sees no PRI, as the urgent byte came later, gets another edge. */
START_TEST(an_urgent_byte_after_the_last_edge_gives_an_edge_with_pri)
{
	int fds[2], epoll_fd;

	tcp_pair(fds);
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_OOBINLINE, 1);
	epoll_fd = epoll_of(fds[SERVER], EPOLLIN | EPOLLPRI | EPOLLET);
	send_text(fds[CLIENT], "calm");
	ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLIN);
	send_urgent(fds[CLIENT], "ab", "cd");
	await_inq(fds[SERVER], 9);
	expect_text(fds[SERVER], "calmab");
	epoll_await_all(epoll_fd, EPOLLIN | EPOLLPRI);
	expect_text(fds[SERVER], "!cd");
}
END_TEST

/* In preserving mode all three see the same end. */
START_TEST(peek_and_trunc_stop_at_an_inline_urgent_byte_as_recv_does)
{
	char buffer[16];
	int fds[2];

	tcp_pair(fds);
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_OOBINLINE, 1);
	send_urgent(fds[CLIENT], "ab", "cd");
	await_inq(fds[SERVER], 5);
	ck_assert_int_eq(recv(fds[SERVER], buffer, 16, MSG_PEEK), 2);
	ck_assert_int_eq(recv(fds[SERVER], NULL, 16, MSG_TRUNC), 2);
	ck_assert_int_eq(recv(fds[SERVER], buffer, 16, MSG_PEEK), 3);
	ck_assert_int_eq(recv(fds[SERVER], NULL, 16, MSG_TRUNC), 3);
	ck_assert_uint_eq(tcp_progress(fds[SERVER]).bytes_received, 5);
	ck_assert_uint_eq(fd_inq(fds[SERVER]), 0);
}
END_TEST

TCase *kernel_urgent_case(void)
{
	TCase *part = tcase_create("urgent");

	tcase_add_test(part, tcp_without_oobinline_loses_an_urgent_byte);
	tcase_add_test(part, unix_without_oobinline_loses_an_urgent_byte);
	tcase_add_test(part, mptcp_keeps_an_urgent_byte_by_itself);
	tcase_add_test(
		part,
		tcp_recv_stops_short_at_an_inline_urgent_byte_and_pri_says_so);
	tcase_add_test(
		part,
		unix_recv_stops_short_at_an_inline_urgent_byte_and_pri_says_so);
	tcase_add_test(
		part,
		an_urgent_byte_after_the_last_edge_gives_an_edge_with_pri);
	tcase_add_test(
		part,
		peek_and_trunc_stop_at_an_inline_urgent_byte_as_recv_does);
	return part;
}
