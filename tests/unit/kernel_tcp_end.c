/* SPDX-License-Identifier: MIT */
/*
 * How a TCP connection ends, and whether what is queued is then delivered.  A
 * clean FIN must mean that nothing was lost.
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/kernel.h"
#include "unit/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/*
 * A connection with more replies queued at the server than the client's kernel
 * takes before the client reads; returns how many bytes.
 */
static size_t pair_with_replies(int fds[2])
{
	tcp_pair(fds);
	return fill_send_buffer(fds[SERVER], 0);
}

static void expect_eof(int fd)
{
	char byte;

	await_readable(fd);
	ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
}

START_TEST(close_after_eof_delivers_all_queued_replies)
{
	int fds[2], error;
	size_t queued = pair_with_replies(fds);

	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	expect_eof(fds[SERVER]);
	ck_assert_int_eq(close(fds[SERVER]), 0);
	ck_assert_uint_eq(read_stream(fds[CLIENT], 0, &error), queued);
	ck_assert_int_eq(error, 0);
}
END_TEST

START_TEST(close_with_unread_input_resets_and_loses_queued_replies)
{
	int fds[2], error;
	size_t queued = pair_with_replies(fds);

	send_text(fds[CLIENT], "unread");
	await_inq(fds[SERVER], 6);
	ck_assert_int_eq(close(fds[SERVER]), 0);
	ck_assert_uint_lt(read_stream(fds[CLIENT], 0, &error), queued);
	ck_assert_int_eq(error, ECONNRESET);
}
END_TEST

/* ... and this is how a server may end it without losing anything. */
START_TEST(shutdown_then_reading_to_eof_then_close_delivers_all)
{
	int fds[2], error;
	size_t queued = pair_with_replies(fds);

	send_text(fds[CLIENT], "unread");
	await_inq(fds[SERVER], 6);
	ck_assert_int_eq(shutdown(fds[SERVER], SHUT_WR), 0);
	expect_text(fds[SERVER], "unread");
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	expect_eof(fds[SERVER]);
	ck_assert_int_eq(close(fds[SERVER]), 0);
	ck_assert_uint_eq(read_stream(fds[CLIENT], 0, &error), queued);
	ck_assert_int_eq(error, 0);
}
END_TEST

START_TEST(close_with_linger_zero_resets)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	int fds[2], error;
	size_t queued = pair_with_replies(fds);

	ck_assert_int_eq(setsockopt(fds[SERVER], SOL_SOCKET, SO_LINGER,
				    &at_once, sizeof(at_once)),
			 0);
	ck_assert_int_eq(close(fds[SERVER]), 0);
	ck_assert_uint_lt(read_stream(fds[CLIENT], 0, &error), queued);
	ck_assert_int_eq(error, ECONNRESET);
}
END_TEST

START_TEST(reset_is_reported_by_an_edge_then_by_recv_and_send)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	int fds[2], epoll_fd;
	uint32_t events;
	char byte;

	tcp_pair(fds);
	epoll_fd = epoll_of(fds[SERVER], EPOLLIN | EPOLLRDHUP | EPOLLET);
	ck_assert_int_eq(setsockopt(fds[CLIENT], SOL_SOCKET, SO_LINGER,
				    &at_once, sizeof(at_once)),
			 0);
	ck_assert_int_eq(close(fds[CLIENT]), 0);
	events = epoll_await(epoll_fd);
	ck_assert_uint_eq(events & (EPOLLIN | EPOLLERR | EPOLLHUP),
			  EPOLLIN | EPOLLERR | EPOLLHUP);
	ck_assert_int_eq(recv(fds[SERVER], &byte, 1, 0), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	ck_assert_int_eq(send(fds[SERVER], "x", 1, MSG_NOSIGNAL), -1);
	ck_assert_int_eq(errno, EPIPE);
}
END_TEST

/* Why a parked connection is shut down before it is closed. */
START_TEST(close_sends_no_fin_while_a_duplicate_exists_but_shutdown_does)
{
	int fds[2], duplicate;

	tcp_pair(fds);
	duplicate = fcntl(fds[SERVER], F_DUPFD_CLOEXEC, 0);
	ck_assert_int_ge(duplicate, 0);
	ck_assert_int_eq(close(fds[SERVER]), 0);
	/* Later in the stream than a FIN could be. */
	send_text(duplicate, "still here");
	expect_text(fds[CLIENT], "still here");
	ck_assert_int_eq(tcp_state(fds[CLIENT]), TCP_ESTABLISHED);

	ck_assert_int_eq(shutdown(duplicate, SHUT_RDWR), 0);
	expect_eof(fds[CLIENT]);
}
END_TEST

/* How a successor gets rid of a connection that it cannot serve. */
START_TEST(connecting_to_nobody_resets_although_a_duplicate_exists)
{
	struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	int fds[2], duplicate, error;

	tcp_pair(fds);
	duplicate = fcntl(fds[SERVER], F_DUPFD_CLOEXEC, 0);
	ck_assert_int_ge(duplicate, 0);
	ck_assert_int_eq(connect(fds[SERVER], &nobody, sizeof(nobody)), 0);
	ck_assert_uint_eq(read_stream(fds[CLIENT], 0, &error), 0);
	ck_assert_int_eq(error, ECONNRESET);
	ck_assert_int_eq(tcp_state(duplicate), TCP_CLOSE);
}
END_TEST

START_TEST(data_after_shutdown_of_both_ways_is_answered_with_a_reset)
{
	int fds[2], duplicate, error;

	tcp_pair(fds);
	duplicate = fcntl(fds[SERVER], F_DUPFD_CLOEXEC, 0);
	ck_assert_int_eq(shutdown(fds[SERVER], SHUT_RDWR), 0);
	ck_assert_int_eq(close(fds[SERVER]), 0);
	expect_eof(fds[CLIENT]);
	send_text(fds[CLIENT], "too late");
	await_events(fds[CLIENT], POLLERR);
	error = fd_option(fds[CLIENT], SOL_SOCKET, SO_ERROR);
	ck_assert_msg(error == EPIPE || error == ECONNRESET, "%s",
		      strerror(error));
	ck_assert_int_eq(tcp_state(duplicate), TCP_CLOSE);
}
END_TEST

START_TEST(user_timeout_removes_a_peer_that_keeps_its_window_shut)
{
	int fds[2], epoll_fd;
	char byte;

	(void)pair_with_replies(fds);
	epoll_fd = epoll_of(fds[SERVER], EPOLLIN | EPOLLRDHUP | EPOLLET);
	ck_assert_uint_eq(epoll_now(epoll_fd), 0);
	fd_set_option(fds[SERVER], IPPROTO_TCP, TCP_USER_TIMEOUT, 10);
	ck_assert_uint_ne(epoll_await(epoll_fd) & EPOLLERR, 0);
	ck_assert_int_eq(recv(fds[SERVER], &byte, 1, 0), -1);
	ck_assert_int_eq(errno, ETIMEDOUT);
}
END_TEST

TCase *kernel_tcp_end_case(void)
{
	TCase *part = tcase_create("tcp_end");

	tcase_add_test(part, close_after_eof_delivers_all_queued_replies);
	tcase_add_test(part,
		       close_with_unread_input_resets_and_loses_queued_replies);
	tcase_add_test(part,
		       shutdown_then_reading_to_eof_then_close_delivers_all);
	tcase_add_test(part, close_with_linger_zero_resets);
	tcase_add_test(part,
		       reset_is_reported_by_an_edge_then_by_recv_and_send);
	tcase_add_test(
		part,
		close_sends_no_fin_while_a_duplicate_exists_but_shutdown_does);
	tcase_add_test(part,
		       connecting_to_nobody_resets_although_a_duplicate_exists);
	tcase_add_test(
		part,
		data_after_shutdown_of_both_ways_is_answered_with_a_reset);
	tcase_add_test(part,
		       user_timeout_removes_a_peer_that_keeps_its_window_shut);
	return part;
}
