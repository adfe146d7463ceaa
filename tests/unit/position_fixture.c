/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/position.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

int fds[2];

/* Small enough to fill, and more than one segment. */
#define NARROW 4096

static struct address loopback(int family)
{
	return family == 0 ? ipv4_address("127.0.0.1", 0)
			   : ipv6_address("::1", 0);
}

static void connect_client(int listener, int window)
{
	struct address name = fd_address(listener);

	fds[CLIENT] = fd_open(name.any.sa_family, SOCK_STREAM);
	fd_set_option(fds[CLIENT], IPPROTO_TCP, TCP_NODELAY, 1);
	if (window)
		fd_set_option(fds[CLIENT], SOL_SOCKET, SO_RCVBUF, window);
	if (connect(fds[CLIENT], &name.any, name.length) == 0)
		return;
	ck_assert_int_eq(errno, EINPROGRESS);
	await_events(fds[CLIENT], POLLOUT);
	ck_assert_int_eq(fd_option(fds[CLIENT], SOL_SOCKET, SO_ERROR), 0);
}

static bool open_with_window(int family, int window)
{
	struct address any_port = loopback(family);
	int listener;

	if (family == 1 && !ipv6_is_available())
		return false;
	listener = fd_bound(SOCK_STREAM, &any_port);
	fd_set_option(listener, SOL_SOCKET, SO_OOBINLINE, 1);
	fd_set_option(listener, IPPROTO_TCP, TCP_NODELAY, 1); /* inherited */
	ck_assert_int_eq(listen(listener, 1), 0);
	connect_client(listener, window);
	fds[SERVER] = tcp_accept(listener);
	ck_assert_int_eq(close(listener), 0);
	return true;
}

bool open_pair(int family)
{
	return open_with_window(family, 0);
}

bool open_narrow_pair(int family)
{
	return open_with_window(family, NARROW);
}

void deliver(const char *text)
{
	size_t before = fd_inq(fds[SERVER]);

	send_text(fds[CLIENT], text);
	await_inq(fds[SERVER], before + strlen(text));
}

void deliver_stream(size_t length)
{
	uint8_t chunk[4096];

	for (size_t sent = 0; sent < length;) {
		size_t piece = MIN(length - sent, sizeof(chunk));
		ssize_t result;

		for (size_t i = 0; i < piece; i++)
			chunk[i] = pattern_byte(sent + i);
		await_events(fds[CLIENT], POLLOUT);
		result = send(fds[CLIENT], chunk, piece, MSG_NOSIGNAL);
		ck_assert_int_gt(result, 0);
		sent += (size_t)result;
	}
	await_inq(fds[SERVER], length);
}

void deliver_end(void)
{
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	await_events(fds[SERVER], POLLRDHUP);
}

void echo(const char *text, size_t length)
{
	ck_assert_int_eq(send(fds[SERVER], text, length, MSG_NOSIGNAL),
			 (ssize_t)length);
}

void consume(size_t length)
{
	/* recv() stops at an urgent mark. */
	while (length > 0) {
		ssize_t taken = recv(fds[SERVER], NULL, length, MSG_TRUNC);

		ck_assert_int_gt(taken, 0);
		length -= (size_t)taken;
	}
}

void end(void)
{
	ck_assert_int_eq(shutdown(fds[SERVER], SHUT_WR), 0);
}

void await_state(int state)
{
	AWAIT(tcp_state(fds[SERVER]) == state);
}

/* By what it says of how near the peer is: RFC 5082. */
void deafen_client(void)
{
	if (fd_address(fds[CLIENT]).any.sa_family == AF_INET)
		fd_set_option(fds[CLIENT], IPPROTO_IP, IP_MINTTL, 255);
	else
		fd_set_option(fds[CLIENT], IPPROTO_IPV6, IPV6_MINHOPCOUNT, 255);
}

size_t echo_until_stuck(void)
{
	size_t length = fill_send_buffer(fds[SERVER], 0);

	/* Until nothing moves any more, and more has gone than could. */
	AWAIT(fd_inq(fds[CLIENT]) + fd_outq(fds[SERVER]) == length);
	ck_assert_uint_gt(fd_outq(fds[SERVER]), 0);
	return length;
}

void expect_echoed(size_t echoed)
{
	for (int i = 0; i < 2; i++) {
		size_t found = SIZE_MAX;

		ck_assert_int_eq(position_read(fds[SERVER], &found), 0);
		ck_assert_uint_eq(found, echoed);
	}
}

void expect_refused(int error)
{
	size_t untouched = 123;

	ck_assert_int_eq(position_read(fds[SERVER], &untouched), error);
	ck_assert_uint_eq(untouched, 123);
}

void expect_left(size_t echoed, const char *text)
{
	char left[64] = "";
	size_t length = 0;
	ssize_t received;

	expect_echoed(echoed);
	ck_assert_int_eq(position_skip(fds[SERVER], echoed), 0);
	expect_echoed(0);
	/* Not in one piece if there is an urgent mark. */
	while ((received = recv(fds[SERVER], left + length,
				sizeof(left) - 1 - length, MSG_DONTWAIT)) > 0)
		length += (size_t)received;
	ck_assert_str_eq(left, text);
}
