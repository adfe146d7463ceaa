/* SPDX-License-Identifier: MIT */
/*
 * What a connection relies on, of every kind of stream that it serves.
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/kernel.h"
#include "unit/sockets.h"

#include "common/macros.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* What connections are armed for. */
#define ARMED (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLOUT | EPOLLET)

static void make_tcp(int fds[2])
{
	tcp_pair(fds);
}

static void make_tcp_with_lowat(int fds[2])
{
	tcp_pair(fds);
	fd_set_option(fds[SERVER], IPPROTO_TCP, TCP_NOTSENT_LOWAT, 128 << 10);
}

static void make_unix(int fds[2])
{
	unix_pair(SOCK_STREAM, fds);
}

static void make_seqpacket(int fds[2])
{
	unix_pair(SOCK_SEQPACKET, fds);
}

static const struct kind {
	const char *name;
	void (*make)(int fds[2]);
	bool (*is_available)(void); /* NULL: always */
} kinds[] = {
	{ "stream_tcp", make_tcp, NULL },
	{ "stream_tcp_with_lowat", make_tcp_with_lowat, NULL },
	{ "stream_mptcp", mptcp_pair, mptcp_is_available },
	{ "stream_unix", make_unix, NULL },
	{ "stream_unix_seqpacket", make_seqpacket, NULL },
};

/* False if there is no such kind here: the test returns. */
static bool kind_make(int index, int fds[2])
{
	const struct kind *kind = &kinds[index];

	if (kind->is_available && !kind->is_available())
		return false;
	kind->make(fds);
	return true;
}

/* Arm the sender; let the kernel take no more of it: how many bytes it took. */
static size_t send_until_stuck(int sender, int *epoll_fd)
{
	static char bulk[64 << 10];
	size_t total = 0;
	ssize_t sent;

	*epoll_fd = epoll_of(sender, ARMED);
	ck_assert_uint_eq(epoll_await(*epoll_fd), EPOLLOUT);
	do {
		sent = send(sender, bulk, sizeof(bulk), MSG_NOSIGNAL);
		total += sent > 0 ? (size_t)sent : 0;
	} while (sent == sizeof(bulk));
	/* From here on there is to be an edge. */
	ck_assert_msg(sent > 0 || errno == EAGAIN, "%s", strerror(errno));
	return total;
}

static void read_all(int fd, size_t bytes)
{
	static char bulk[64 << 10];

	while (bytes > 0) {
		ssize_t received;

		await_readable(fd);
		received = recv(fd, bulk, sizeof(bulk), 0);
		ck_assert_int_gt(received, 0);
		bytes -= (size_t)received;
	}
}

/* HOLDING begins with a short send(), which is not yet EAGAIN. */
START_TEST(a_short_send_promises_an_edge_when_there_is_room_again)
{
	int fds[2], epoll_fd;

	if (!kind_make(_i, fds))
		return;
	read_all(fds[CLIENT], send_until_stuck(fds[SERVER], &epoll_fd));
	epoll_await_all(epoll_fd, EPOLLOUT);
	ck_assert_int_eq(send(fds[SERVER], "x", 1, MSG_NOSIGNAL), 1);
}
END_TEST

/* A connection that holds bytes wants OUT alone, and must hear of the end. */
START_TEST(a_sender_that_waits_for_room_gets_out_when_the_peer_is_gone)
{
	int fds[2], epoll_fd;
	uint32_t events;

	if (!kind_make(_i, fds))
		return;
	(void)send_until_stuck(fds[SERVER], &epoll_fd);
	/* With unread input this is a reset. */
	ck_assert_int_eq(close(fds[CLIENT]), 0);
	do
		events = epoll_await(epoll_fd);
	while (!(events & EPOLLHUP));
	ck_assert_uint_eq(events & EPOLLOUT, EPOLLOUT);
	ck_assert_int_eq(send(fds[SERVER], "x", 1, MSG_NOSIGNAL), -1);
	ck_assert_msg(errno == ECONNRESET || errno == EPIPE, "%s",
		      strerror(errno));
}
END_TEST

/* There is no second edge for the end. */
START_TEST(data_and_the_end_may_come_in_one_edge)
{
	int fds[2], epoll_fd;
	char byte;

	if (!kind_make(_i, fds))
		return;
	send_text(fds[CLIENT], "last words");
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	await_events(fds[SERVER], POLLRDHUP);
	await_inq(fds[SERVER], 10);
	epoll_fd = epoll_of(fds[SERVER], ARMED);
	ck_assert_uint_eq(epoll_await(epoll_fd),
			  EPOLLIN | EPOLLRDHUP | EPOLLOUT);
	expect_text(fds[SERVER], "last words");
	ck_assert_uint_eq(epoll_now(epoll_fd), 0);
	ck_assert_int_eq(recv(fds[SERVER], &byte, 1, 0), 0);
}
END_TEST

START_TEST(the_end_alone_gives_an_edge_and_leaves_the_other_way_open)
{
	int fds[2], epoll_fd;
	char byte;

	if (!kind_make(_i, fds))
		return;
	epoll_fd = epoll_of(fds[SERVER], ARMED);
	ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLOUT);
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	epoll_await_all(epoll_fd, EPOLLIN | EPOLLRDHUP);
	ck_assert_int_eq(recv(fds[SERVER], &byte, 1, 0), 0);
	send_text(fds[SERVER], "the last reply");
	expect_text(fds[CLIENT], "the last reply");
}
END_TEST

START_TEST(peek_leaves_everything_to_recv)
{
	char buffer[16] = "";
	int fds[2];

	if (!kind_make(_i, fds))
		return;
	send_text(fds[CLIENT], "preserved");
	await_inq(fds[SERVER], 9);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(recv(fds[SERVER], buffer, 16, MSG_PEEK), 9);
	ck_assert_str_eq(buffer, "preserved");
	ck_assert_uint_eq(fd_inq(fds[SERVER]), 9);
	expect_text(fds[SERVER], "preserved");
}
END_TEST

TCase *kernel_stream_case(size_t index)
{
	int first = (int)index, end = first + 1;
	TCase *part;

	if (index >= ARRAY_SIZE(kinds))
		return NULL;
	part = tcase_create(kinds[index].name);
	tcase_add_loop_test(
		part, a_short_send_promises_an_edge_when_there_is_room_again,
		first, end);
	tcase_add_loop_test(
		part,
		a_sender_that_waits_for_room_gets_out_when_the_peer_is_gone,
		first, end);
	tcase_add_loop_test(part, data_and_the_end_may_come_in_one_edge, first,
			    end);
	tcase_add_loop_test(
		part, the_end_alone_gives_an_edge_and_leaves_the_other_way_open,
		first, end);
	tcase_add_loop_test(part, peek_leaves_everything_to_recv, first, end);
	return part;
}
