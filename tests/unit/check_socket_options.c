/* SPDX-License-Identifier: MIT */
/*
 * Socket options: those that echoing needs are set, those that an earlier
 * owner left and that would harm are reset, and connections inherit them.
 */
#include "config.h"

#include "echod/socket.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/rig.h"

#include <asm/socket.h> /* SO_BUF_LOCK */
#include <errno.h>
#include <fcntl.h>
#include <linux/in6.h> /* IPV6_MULTICAST_ALL */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <unistd.h>

#ifndef SOCK_RCVBUF_LOCK
#define SOCK_SNDBUF_LOCK 1
#define SOCK_RCVBUF_LOCK 2
#endif

/* net.core.rmem_max, for what the code under test sets. */
static int receive_buffer_max = INT32_MAX;

/* How often somebody was given times of TCP's keepalive. */
static int keepalive_times_set;

WRAPPED(int, setsockopt,
	(int fd, int level, int name, const void *value, socklen_t length));

int __wrap_setsockopt(int fd, int level, int name, const void *value,
		      socklen_t length)
{
	int capped;

	keepalive_times_set += level == IPPROTO_TCP && name == TCP_KEEPIDLE;
	if (level == SOL_SOCKET && name == SO_RCVBUF) {
		capped = MIN(*(const int *)value, receive_buffer_max);
		value = &capped;
	}
	return __real_setsockopt(fd, level, name, value, length);
}

struct option {
	const char *text;
	int level, name, before, after;
};

#define OPTION(level, name, before, after)                                     \
	{                                                                      \
#name, level, name, before, after                              \
	}

static const struct option tcp_options[] = {
	OPTION(SOL_SOCKET, SO_OOBINLINE, 0, 1),
	OPTION(SOL_SOCKET, SO_KEEPALIVE, 0, 1),
	OPTION(IPPROTO_TCP, TCP_NODELAY, 0, 1),
	OPTION(IPPROTO_TCP, TCP_NOTSENT_LOWAT, 1, 128 * 1024),
	OPTION(IPPROTO_TCP, TCP_KEEPIDLE, 1, 600),
	OPTION(IPPROTO_TCP, TCP_KEEPINTVL, 1, 30),
	OPTION(IPPROTO_TCP, TCP_KEEPCNT, 1, 8),
	OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT, 1, 840000),
	OPTION(IPPROTO_TCP, TCP_QUICKACK, 1, 0),
};

static const struct option listener_options[] = {
	OPTION(IPPROTO_TCP, TCP_DEFER_ACCEPT, 3, 0),
};

static const struct option udp4_options[] = {
	OPTION(IPPROTO_IP, IP_PKTINFO, 0, 1),
	OPTION(IPPROTO_IP, IP_MULTICAST_ALL, 1, 0),
	OPTION(IPPROTO_IP, IP_RECVERR, 1, 0),
	OPTION(IPPROTO_UDP, UDP_SEGMENT, 100, 0),
	OPTION(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_PMTUDISC_OMIT),
	OPTION(SOL_SOCKET, SO_TIMESTAMP, 1, 0),
	OPTION(SOL_SOCKET, SO_BROADCAST, 1, 0),
};

static const struct option udp6_options[] = {
	OPTION(IPPROTO_IPV6, IPV6_RECVPKTINFO, 0, 1),
	OPTION(IPPROTO_IPV6, IPV6_MULTICAST_ALL, 1, 0),
	OPTION(IPPROTO_IPV6, IPV6_RECVERR, 1, 0),
	OPTION(IPPROTO_IPV6, IPV6_FREEBIND, 1, 0),
	OPTION(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO,
	       IPV6_PMTUDISC_OMIT),
};

static const struct option unix_options[] = {
	OPTION(SOL_SOCKET, SO_PASSCRED, 1, 0),
};

static void set_before(int fd, const struct option *options, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fd_set_option(fd, options[i].level, options[i].name,
			      options[i].before);
}

static void expect_after(int fd, const struct option *options, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ck_assert_msg(fd_option(fd, options[i].level,
					options[i].name) == options[i].after,
			      "%s is %d", options[i].text,
			      fd_option(fd, options[i].level, options[i].name));
}

/* Set what harms; have it made right. */
#define SET(fd, options)    set_before((fd), (options), ARRAY_SIZE(options))
#define EXPECT(fd, options) expect_after((fd), (options), ARRAY_SIZE(options))

static void prepare(int fd)
{
	struct socket_identity identity;
	const char *reason;

	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
	ck_assert_int_eq(socket_identify(fd, &identity, &reason), 0);
	socket_prepare(fd, &identity);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
}

START_TEST(a_listener_passes_its_options_on)
{
	int listener = tcp_listener(0);

	SET(listener, tcp_options);
	SET(listener, listener_options);
	prepare(listener);
	EXPECT(listener, tcp_options);
	EXPECT(listener, listener_options);
	(void)tcp_connect(listener);
	EXPECT(tcp_accept(listener), tcp_options);
}
END_TEST

START_TEST(a_passed_connection_gets_them_too)
{
	int fds[2];

	tcp_pair(fds);
	SET(fds[SERVER], tcp_options);
	prepare(fds[SERVER]);
	EXPECT(fds[SERVER], tcp_options);
}
END_TEST

START_TEST(what_mptcp_does_not_pass_on_to_tcp_is_set_again)
{
	int listener, accepted;

	if (!mptcp_is_available())
		return;
	listener = mptcp_listener();
	prepare(listener);
	(void)tcp_connect(listener);
	accepted = tcp_accept(listener);
	socket_prepare_accepted(accepted, false);
	EXPECT(accepted, tcp_options);
}
END_TEST

START_TEST(datagrams_on_ipv4)
{
	struct address any_port = ipv4_address("127.0.0.1", 0);
	int fd = udp_socket(&any_port);

	SET(fd, udp4_options);
	prepare(fd);
	EXPECT(fd, udp4_options);
}
END_TEST

/* Only root can have set it. */
START_TEST(transparent_sockets_are_no_longer)
{
	struct address any_port = ipv6_address("::1", 0);
	int fd, on = 1;

	if (!ipv6_is_available())
		return;
	fd = udp_socket(&any_port);
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof(on)) < 0)
		return;
	prepare(fd);
	ck_assert_int_eq(fd_option(fd, IPPROTO_IPV6, IPV6_TRANSPARENT), 0);
}
END_TEST

START_TEST(the_ttl_is_told_if_asked_for)
{
	struct address any_port = ipv6_address("::1", 0);
	int fd;

	if (!ipv6_is_available())
		return;
	fd = udp_socket(&any_port);
	for (int on = 1; on >= 0; on--) {
		socket_set_receive_ttl(fd, on);
		ck_assert_int_eq(fd_option(fd, IPPROTO_IP, IP_RECVTTL), on);
		ck_assert_int_eq(fd_option(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT),
				 on);
	}
}
END_TEST

/* Which may receive IPv4 as well. */
START_TEST(datagrams_on_ipv6)
{
	struct address any_port = ipv6_address("::1", 0);
	int fd;

	if (!ipv6_is_available())
		return;
	fd = udp_socket(&any_port);
	SET(fd, udp4_options);
	SET(fd, udp6_options);
	prepare(fd);
	EXPECT(fd, udp4_options);
	EXPECT(fd, udp6_options);
}
END_TEST

START_TEST(datagrams_between_processes)
{
	int fds[2];

	unix_pair(SOCK_DGRAM, fds);
	SET(fds[SERVER], unix_options);
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_TIMESTAMP, 1);
	prepare(fds[SERVER]);
	EXPECT(fds[SERVER], unix_options);
	ck_assert_int_eq(fd_option(fds[SERVER], SOL_SOCKET, SO_TIMESTAMP), 0);
}
END_TEST

/* Credentials with every read are a cost, but tell where a record ends. */
START_TEST(streams_between_processes)
{
	int fds[2];

	unix_pair(SOCK_STREAM, fds);
	SET(fds[SERVER], unix_options);
	prepare(fds[SERVER]);
	EXPECT(fds[SERVER], unix_options);
	ck_assert_int_eq(keepalive_times_set, 0);
	ck_assert_int_eq(fd_option(fds[SERVER], SOL_SOCKET, SO_OOBINLINE), 1);
	unix_pair(SOCK_SEQPACKET, fds);
	prepare(fds[SERVER]);
	ck_assert_int_eq(fd_option(fds[SERVER], SOL_SOCKET, SO_PASSCRED), 1);
}
END_TEST

START_TEST(a_receive_buffer_grows)
{
	struct address any_port = ipv4_address("127.0.0.1", 0);
	int fd = udp_socket(&any_port);
	int before = fd_option(fd, SOL_SOCKET, SO_RCVBUF);

	prepare(fd);
	ck_assert_int_gt(fd_option(fd, SOL_SOCKET, SO_RCVBUF), before);
}
END_TEST

/* A unit's ReceiveBuffer= may exceed net.core.rmem_max. */
START_TEST(a_receive_buffer_never_shrinks)
{
	struct address any_port = ipv4_address("127.0.0.1", 0);
	int fd = udp_socket(&any_port);

	fd_set_option(fd, SOL_SOCKET, SO_RCVBUF, 150000);
	receive_buffer_max = 50000;
	prepare(fd);
	ck_assert_int_eq(fd_option(fd, SOL_SOCKET, SO_RCVBUF), 300000);
}
END_TEST

/* TCP tunes its own. */
START_TEST(a_receive_buffer_of_a_stream_is_left_to_the_kernel)
{
	int listener = tcp_listener(0), locks = 0;
	socklen_t length = sizeof(locks);

	if (getsockopt(listener, SOL_SOCKET, SO_BUF_LOCK, &locks, &length) < 0)
		return;
	fd_set_option(listener, SOL_SOCKET, SO_RCVBUF, 4096);
	fd_set_option(listener, SOL_SOCKET, SO_SNDBUF, 8192);
	prepare(listener);
	ck_assert_int_eq(fd_option(listener, SOL_SOCKET, SO_BUF_LOCK),
			 SOCK_SNDBUF_LOCK);
	ck_assert_int_gt(fd_option(listener, SOL_SOCKET, SO_RCVBUF), 65536);
	prepare(listener);
	ck_assert_int_eq(fd_option(listener, SOL_SOCKET, SO_SNDBUF), 16384);
}
END_TEST

/* Nobody set it: it may be what net.ipv4.tcp_rmem says. */
START_TEST(a_receive_buffer_that_is_not_locked_is_left_alone)
{
	int listener = tcp_listener(0), unlocked = 0;

	fd_set_option(listener, SOL_SOCKET, SO_RCVBUF, 4096);
	if (setsockopt(listener, SOL_SOCKET, SO_BUF_LOCK, &unlocked,
		       sizeof(unlocked)) < 0)
		return;
	prepare(listener);
	ck_assert_int_eq(fd_option(listener, SOL_SOCKET, SO_RCVBUF), 8192);
}
END_TEST

/* It takes CAP_NET_ADMIN. */
START_TEST(busy_polling_is_preferred_for_any_time)
{
	static const uint64_t times[] = { 1, 50, USEC_INFINITY, 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;

	ck_assert_int_ge(fd, 0);
	if (__real_setsockopt(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &on,
			      sizeof(on)) == 0) {
		for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
			socket_set_busy_poll(fd, times[i]);
			ck_assert_int_eq(
				fd_option(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL),
				times[i] > 0);
		}
	}
	close(fd);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("socket_options");
	TCase *tcase = tcase_create("socket_options");

	tcase_add_test(tcase, a_listener_passes_its_options_on);
	tcase_add_test(tcase, a_passed_connection_gets_them_too);
	tcase_add_test(tcase, what_mptcp_does_not_pass_on_to_tcp_is_set_again);
	tcase_add_test(tcase, datagrams_on_ipv4);
	tcase_add_test(tcase, datagrams_on_ipv6);
	tcase_add_test(tcase, transparent_sockets_are_no_longer);
	tcase_add_test(tcase, the_ttl_is_told_if_asked_for);
	tcase_add_test(tcase, datagrams_between_processes);
	tcase_add_test(tcase, streams_between_processes);
	tcase_add_test(tcase, busy_polling_is_preferred_for_any_time);
	tcase_add_test(tcase, a_receive_buffer_grows);
	tcase_add_test(tcase, a_receive_buffer_never_shrinks);
	tcase_add_test(tcase,
		       a_receive_buffer_of_a_stream_is_left_to_the_kernel);
	tcase_add_test(tcase,
		       a_receive_buffer_that_is_not_locked_is_left_alone);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
