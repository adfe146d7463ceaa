/* SPDX-License-Identifier: MIT */
/*
 * Accepting: what the new socket brings along, and what becomes of a queue.
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/kernel.h"
#include "unit/namespace.h"
#include "unit/sockets.h"

#include "common/macros.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

/* What is set on a listener once, and on no connection. */
static const struct inherited_option {
	const char *text;
	int level, name, value;
} inherited[] = {
	{ "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, 1 },
	{ "TCP_NOTSENT_LOWAT", IPPROTO_TCP, TCP_NOTSENT_LOWAT, 131072 },
	{ "TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, 12345 },
	{ "TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 123 },
	{ "TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, 45 },
	{ "TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 6 },
	{ "TCP_QUICKACK", IPPROTO_TCP, TCP_QUICKACK, 0 },
	{ "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1 },
	{ "SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE, 1 },
};

START_TEST(accepted_sockets_inherit_the_option_of_their_listener)
{
	const struct inherited_option *option = &inherited[_i];
	int listener = tcp_listener(0);
	int plain = fd_option(listener, option->level, option->name);
	int fd;

	ck_assert_msg(plain != option->value, "%s: is so by default",
		      option->text);
	fd_set_option(listener, option->level, option->name, option->value);
	tcp_connect(listener);
	fd = tcp_accept(listener);
	ck_assert_msg(fd_option(fd, option->level, option->name) ==
			      option->value,
		      "%s: not inherited", option->text);
}
END_TEST

static int accepted_buffer_locks(int listener)
{
	tcp_connect(listener);
	return fd_option(tcp_accept(listener), SOL_SOCKET, SO_BUF_LOCK);
}

/* With the lock TCP does not tune the buffer of the connection. */
START_TEST(a_receive_buffer_and_its_lock_are_inherited_until_unlocked)
{
	int listener = tcp_listener(0);

	ck_assert_int_eq(accepted_buffer_locks(listener), 0);
	fd_set_option(listener, SOL_SOCKET, SO_RCVBUF, 1 << 16);
	ck_assert_int_eq(accepted_buffer_locks(listener), SOCK_RCVBUF_LOCK);
	fd_set_option(listener, SOL_SOCKET, SO_BUF_LOCK, 0);
	ck_assert_int_eq(accepted_buffer_locks(listener), 0);
}
END_TEST

START_TEST(mptcp_listeners_refuse_oobinline_and_user_timeout)
{
	int listener, one = 1;

	if (!mptcp_is_available())
		return;
	listener = mptcp_listener();
	ck_assert_int_eq(setsockopt(listener, SOL_SOCKET, SO_OOBINLINE, &one,
				    sizeof(one)),
			 -1);
	ck_assert_int_eq(setsockopt(listener, IPPROTO_TCP, TCP_USER_TIMEOUT,
				    &one, sizeof(one)),
			 -1);
}
END_TEST

START_TEST(accepted_mptcp_sockets_inherit_all_but_what_mptcp_refuses)
{
	const struct inherited_option *option = &inherited[_i];
	int listener, fd;

	if (!mptcp_is_available())
		return;
	listener = mptcp_listener();
	if (setsockopt(listener, option->level, option->name, &option->value,
		       sizeof(option->value)) < 0)
		return;
	mptcp_connect(listener);
	fd = tcp_accept(listener);
	ck_assert_int_eq(fd_option(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_MPTCP);
	ck_assert_msg(fd_option(fd, option->level, option->name) ==
			      option->value,
		      "%s: not inherited", option->text);
}
END_TEST

/* So it is this connection that has to be told of SO_OOBINLINE and the rest. */
START_TEST(an_mptcp_listener_accepts_a_tcp_client_as_plain_tcp)
{
	int listener, fd;

	if (!mptcp_is_available())
		return;
	listener = mptcp_listener();
	tcp_connect(listener);
	fd = tcp_accept(listener);
	ck_assert_int_eq(fd_option(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	ck_assert_int_eq(fd_option(fd, SOL_SOCKET, SO_OOBINLINE), 0);
	fd_set_option(fd, SOL_SOCKET, SO_OOBINLINE, 1);
	fd_set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 12345);
}
END_TEST

START_TEST(accepted_unix_sockets_do_not_inherit_oobinline)
{
	struct address unnamed = { .length = sizeof(sa_family_t),
				   .un = { .sun_family = AF_UNIX } };
	int listener = fd_bound(SOCK_STREAM, &unnamed), fd;
	int client = fd_open(AF_UNIX, SOCK_STREAM);
	struct address name = fd_address(listener);

	fd_set_option(listener, SOL_SOCKET, SO_OOBINLINE, 1);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(connect(client, &name.any, name.length), 0);
	fd = tcp_accept(listener);
	ck_assert_int_eq(fd_option(fd, SOL_SOCKET, SO_OOBINLINE), 0);
	fd_set_option(fd, SOL_SOCKET, SO_OOBINLINE, 1);
	ck_assert_int_eq(fd_option(fd, SOL_SOCKET, SO_OOBINLINE), 1);
}
END_TEST

START_TEST(accept_inherits_no_descriptor_flags_and_accept4_sets_them)
{
	int listener = tcp_listener(0); /* Has both flags. */
	int plain, flagged;

	tcp_connect(listener);
	tcp_connect(listener);
	await_readable(listener);
	plain = accept4(listener, NULL, NULL, 0);
	flagged = tcp_accept(listener);
	ck_assert_int_eq(fcntl(plain, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(plain, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_eq(fcntl(flagged, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	ck_assert_int_eq(fcntl(flagged, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}
END_TEST

START_TEST(accept_returns_a_connection_that_has_ended_already)
{
	int listener = tcp_listener(0);
	int client = tcp_connect(listener);

	send_text(client, "gone");
	ck_assert_int_eq(close(client), 0);
	expect_text(tcp_accept(listener), "gone");
}
END_TEST

#define GROUP_CLIENTS 64

/* 64 clients spread over a group of two, all waiting to be accepted. */
static void fill_group(int group[2], int clients[GROUP_CLIENTS])
{
	struct address address = ipv4_address("127.0.0.1", 0);

	for (int i = 0; i < 2; i++) {
		group[i] = fd_open(AF_INET, SOCK_STREAM);
		fd_set_option(group[i], SOL_SOCKET, SO_REUSEPORT, 1);
		ck_assert_int_eq(bind(group[i], &address.any, address.length),
				 0);
		ck_assert_int_eq(listen(group[i], SOMAXCONN), 0);
		address = fd_address(group[0]);
	}
	for (int i = 0; i < GROUP_CLIENTS; i++)
		clients[i] = tcp_connect(group[0]);
	AWAIT(tcp_backlog(group[0]) + tcp_backlog(group[1]) == GROUP_CLIENTS);
	ck_assert_uint_gt(tcp_backlog(group[0]), 0);
	ck_assert_uint_gt(tcp_backlog(group[1]), 0);
}

static size_t count_reset(const int clients[GROUP_CLIENTS])
{
	size_t count = 0;

	for (int i = 0; i < GROUP_CLIENTS; i++)
		count += (events_now(clients[i], 0) & POLLERR) != 0;
	return count;
}

/* Why none is closed while serving (tcp_migrate_req is 0 by default). */
START_TEST(closing_one_listener_of_a_reuseport_group_drops_its_queue)
{
	int group[2], clients[GROUP_CLIENTS];
	size_t lost;

	fill_group(group, clients);
	lost = tcp_backlog(group[0]);
	ck_assert_int_eq(close(group[0]), 0);
	AWAIT(count_reset(clients) == lost);
	ck_assert_uint_eq(tcp_backlog(group[1]), GROUP_CLIENTS - lost);
}
END_TEST

START_TEST(tcp_on_ipv4_and_ipv6only_share_a_port)
{
	struct address any4 = ipv4_address("0.0.0.0", 0);
	struct address any6 = ipv6_address("::", 0);
	int v4, v6;

	(void)namespace_enter(); /* Where nobody else may have the port. */
	v4 = fd_bound(SOCK_STREAM, &any4);
	v6 = fd_open(AF_INET6, SOCK_STREAM);
	fd_set_option(v6, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	any6.in6.sin6_port = fd_address(v4).in.sin_port;
	ck_assert_int_eq(bind(v6, &any6.any, any6.length), 0);
	ck_assert_int_eq(listen(v4, 1), 0);
	ck_assert_int_eq(listen(v6, 1), 0);
}
END_TEST

TCase *kernel_tcp_listen_case(void)
{
	TCase *part = tcase_create("tcp_listen");

	tcase_add_loop_test(
		part, accepted_sockets_inherit_the_option_of_their_listener, 0,
		(int)ARRAY_SIZE(inherited));
	tcase_add_test(
		part,
		a_receive_buffer_and_its_lock_are_inherited_until_unlocked);
	tcase_add_test(part, mptcp_listeners_refuse_oobinline_and_user_timeout);
	tcase_add_loop_test(
		part, accepted_mptcp_sockets_inherit_all_but_what_mptcp_refuses,
		0, (int)ARRAY_SIZE(inherited));
	tcase_add_test(part,
		       an_mptcp_listener_accepts_a_tcp_client_as_plain_tcp);
	tcase_add_test(part, accepted_unix_sockets_do_not_inherit_oobinline);
	tcase_add_test(
		part,
		accept_inherits_no_descriptor_flags_and_accept4_sets_them);
	tcase_add_test(part,
		       accept_returns_a_connection_that_has_ended_already);
	tcase_add_test(
		part,
		closing_one_listener_of_a_reuseport_group_drops_its_queue);
	tcase_add_test(part, tcp_on_ipv4_and_ipv6only_share_a_port);
	return part;
}
