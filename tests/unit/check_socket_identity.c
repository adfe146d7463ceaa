/* SPDX-License-Identifier: MIT */
/*
 * What a passed descriptor is, and what can be asked of a socket.
 */
#include "config.h"

#include "echod/socket.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/namespace.h"
#include "unit/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NO_ECHO	   "is a socket of a kind that cannot be echoed"
#define NO_PEER	   "is a stream socket that is neither listening nor connected"
#define NOT_SOCKET "is not a socket"

INJECTED(int, -1, setsockopt,
	 (int fd, int level, int name, const void *value, socklen_t length),
	 (fd, level, name, value, length))

static struct socket_identity identity;
static const char *reason;

static void expect_refusal(int fd, int error, const char *why)
{
	reason = NULL;
	ck_assert_int_eq(socket_identify(fd, &identity, &reason), -error);
	ck_assert_str_eq(reason, why);
}

START_TEST(what_is_no_socket_is_refused)
{
	int pipe_fds[2];

	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	expect_refusal(pipe_fds[0], ENOTSOCK, NOT_SOCKET);
	expect_refusal(open("/dev/null", O_RDWR | O_CLOEXEC), ENOTSOCK,
		       NOT_SOCKET);
	expect_refusal(lowest_free_fd(), EBADF, "is not open");
}
END_TEST

static const struct {
	int family, type, protocol, error;
	const char *reason;
} refused[] = {
	{ AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, EOPNOTSUPP, NO_ECHO },
	{ AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE, EOPNOTSUPP, NO_ECHO },
	{ AF_INET, SOCK_RAW, IPPROTO_ICMP, EOPNOTSUPP, NO_ECHO },
	{ AF_PACKET, SOCK_DGRAM, 0, EOPNOTSUPP, NO_ECHO },
	{ AF_INET, SOCK_STREAM, IPPROTO_TCP, ENOTCONN, NO_PEER },
	{ AF_UNIX, SOCK_STREAM, 0, ENOTCONN, NO_PEER },
	{ AF_UNIX, SOCK_SEQPACKET, 0, ENOTCONN, NO_PEER },
};

START_TEST(sockets_without_an_echo_are_refused)
{
	int fd = socket(refused[_i].family, refused[_i].type | SOCK_CLOEXEC,
			refused[_i].protocol);

	if (fd < 0) {
		(void)fprintf(stderr, "# not tested: family %d type %d (%s)\n",
			      refused[_i].family, refused[_i].type,
			      strerror(errno));
		return;
	}
	expect_refusal(fd, refused[_i].error, refused[_i].reason);
}
END_TEST

/* What ping(8) uses is no UDP, though SOCK_DGRAM. */
START_TEST(ping_sockets_are_refused)
{
	FILE *range;
	int fd;

	if (!namespace_enter())
		return;
	range = fopen("/proc/sys/net/ipv4/ping_group_range", "we");
	if (range) {
		(void)fprintf(range, "0 0\n");
		(void)fclose(range);
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
	if (fd < 0)
		(void)fprintf(stderr, "# not tested: no ping sockets (%s)\n",
			      strerror(errno));
	else
		expect_refusal(fd, EOPNOTSUPP, NO_ECHO);
}
END_TEST

static void expect_connection(int fd, int family, int type)
{
	ck_assert_int_eq(socket_identify(fd, &identity, &reason), 0);
	ck_assert_int_eq(identity.kind, SOCKET_CONNECTION);
	ck_assert_int_eq(identity.family, family);
	ck_assert_int_eq(identity.type, type);
}

START_TEST(connected_streams_are_connections)
{
	int fds[2];

	tcp_pair(fds);
	expect_connection(fds[SERVER], AF_INET, SOCK_STREAM);
	ck_assert(socket_is_tcp(&identity));
	unix_pair(SOCK_STREAM, fds);
	expect_connection(fds[SERVER], AF_UNIX, SOCK_STREAM);
	ck_assert(!socket_is_tcp(&identity));
	unix_pair(SOCK_SEQPACKET, fds);
	expect_connection(fds[SERVER], AF_UNIX, SOCK_SEQPACKET);
	unix_pair(SOCK_DGRAM, fds);
	ck_assert_int_eq(socket_identify(fds[SERVER], &identity, &reason), 0);
	ck_assert_int_eq(identity.kind, SOCKET_DATAGRAM);
}
END_TEST

static const struct {
	int protocol;
	const char *scheme;
} schemes[] = {
	{ IPPROTO_TCP, "tcp" },	  { IPPROTO_MPTCP, "mptcp" },
	{ IPPROTO_UDP, "udp" },	  { IPPROTO_UDPLITE, "udplite" },
	{ IPPROTO_SCTP, "sctp" }, { IPPROTO_DCCP, "stream" },
};

START_TEST(protocols_have_names)
{
	identity = (struct socket_identity){
		.family = AF_INET,
		.type = SOCK_STREAM,
		.protocol = schemes[_i].protocol,
	};
	ck_assert_str_eq(socket_scheme(&identity), schemes[_i].scheme);
	ck_assert(socket_is_tcp(&identity) ==
		  (schemes[_i].protocol == IPPROTO_TCP));
}
END_TEST

START_TEST(udplite_is_served_as_datagrams)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDPLITE);

	if (fd < 0)
		return;
	ck_assert_int_eq(socket_identify(fd, &identity, &reason), 0);
	ck_assert_int_eq(identity.kind, SOCKET_DATAGRAM);
	ck_assert_str_eq(socket_scheme(&identity), "udplite");
}
END_TEST

START_TEST(a_peer_has_an_address_or_not)
{
	struct address peer, expected;
	int fds[2];

	tcp_pair(fds);
	socket_peer(fds[SERVER], &peer);
	expected = fd_address(fds[CLIENT]);
	ck_assert_uint_eq(peer.length, expected.length);
	ck_assert_mem_eq(&peer.any, &expected.any, peer.length);
	socket_peer(tcp_listener(0), &peer);
	ck_assert_uint_eq(peer.length, 0);
}
END_TEST

START_TEST(a_reset_overtakes_what_is_unsent)
{
	struct address peer;
	int fds[2];

	tcp_pair(fds);
	(void)fill_send_buffer(fds[SERVER], 0);
	socket_reset_on_close(fds[SERVER]);
	/* It is a connection until then. */
	socket_peer(fds[SERVER], &peer);
	ck_assert_uint_gt(peer.length, 0);
	close(fds[SERVER]);
	await_events(fds[CLIENT], POLLERR);
	ck_assert_int_eq(fd_option(fds[CLIENT], SOL_SOCKET, SO_ERROR),
			 ECONNRESET);
}
END_TEST

START_TEST(a_reset_that_cannot_be_left_to_close_is_sent_at_once)
{
	int fds[2];

	tcp_pair(fds);
	(void)fill_send_buffer(fds[SERVER], 0);
	setsockopt_fault = (struct fault){ .times = 1, .error = ENOMEM };
	socket_reset_on_close(fds[SERVER]);
	await_events(fds[CLIENT], POLLERR);
	ck_assert_int_eq(fd_option(fds[CLIENT], SOL_SOCKET, SO_ERROR),
			 ECONNRESET);
}
END_TEST

START_TEST(a_unix_stream_is_told_from_all_else)
{
	int fds[2];

	tcp_pair(fds);
	ck_assert(!socket_is_unix_stream(fds[SERVER]));
	unix_pair(SOCK_SEQPACKET, fds);
	ck_assert(!socket_is_unix_stream(fds[SERVER]));
	unix_pair(SOCK_STREAM, fds);
	ck_assert(socket_is_unix_stream(fds[SERVER]));
	ck_assert(!socket_is_unix_stream(fd_open(AF_UNIX, SOCK_STREAM)));
}
END_TEST

START_TEST(queues_tell_their_bytes)
{
	int fds[2];

	tcp_pair(fds);
	ck_assert_uint_eq(socket_unread(fds[SERVER]), 0);
	ck_assert(!socket_is_pending(fds[SERVER]));
	send_text(fds[CLIENT], "hello");
	await_inq(fds[SERVER], 5);
	ck_assert_uint_eq(socket_unread(fds[SERVER]), 5);
	ck_assert(socket_is_pending(fds[SERVER]));
	AWAIT(socket_unacknowledged(fds[CLIENT]) == 0);
	(void)fill_send_buffer(fds[CLIENT], 0);
	ck_assert_uint_gt(socket_unacknowledged(fds[CLIENT]), 0);
	ck_assert_uint_eq(socket_unread(-1), 0);
	ck_assert_uint_eq(socket_unacknowledged(-1), 0);
}
END_TEST

START_TEST(a_listener_is_pending_while_somebody_waits)
{
	int listener = tcp_listener(0);

	ck_assert(!socket_is_pending(listener));
	(void)tcp_connect(listener);
	await_readable(listener);
	ck_assert(socket_is_pending(listener));
	close(tcp_accept(listener));
	ck_assert(!socket_is_pending(listener));
}
END_TEST

START_TEST(datagrams_that_find_no_room_are_counted)
{
	static char datagram[1000];
	struct address any_port = ipv4_address("127.0.0.1", 0), server;
	int fd = udp_socket(&any_port), client = udp_socket(&any_port);
	unsigned sent = 0, received = 0;

	ck_assert_uint_eq(socket_overflows(fd, 7), 0);
	fd_set_option(fd, SOL_SOCKET, SO_RCVBUF, 10000);
	server = fd_address(fd);
	for (; sent < 100; sent++)
		ck_assert_int_eq(sendto(client, datagram, sizeof(datagram), 0,
					&server.any, server.length),
				 sizeof(datagram));
	await_readable(fd);
	while (recv(fd, datagram, sizeof(datagram), 0) > 0)
		received++;
	ck_assert_uint_lt(received, sent);
	ck_assert_uint_eq(socket_overflows(fd, 0), sent - received);
	ck_assert_uint_eq(socket_overflows(-1, 7), 7);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("socket_identity");
	TCase *tcase = tcase_create("socket_identity");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_test(tcase, what_is_no_socket_is_refused);
	tcase_add_loop_test(tcase, sockets_without_an_echo_are_refused, 0,
			    ARRAY_SIZE(refused));
	tcase_add_test(tcase, ping_sockets_are_refused);
	tcase_add_test(tcase, connected_streams_are_connections);
	tcase_add_loop_test(tcase, protocols_have_names, 0,
			    ARRAY_SIZE(schemes));
	tcase_add_test(tcase, udplite_is_served_as_datagrams);
	tcase_add_test(tcase, a_peer_has_an_address_or_not);
	tcase_add_test(tcase, a_reset_overtakes_what_is_unsent);
	tcase_add_test(tcase,
		       a_reset_that_cannot_be_left_to_close_is_sent_at_once);
	tcase_add_test(tcase, a_unix_stream_is_told_from_all_else);
	tcase_add_test(tcase, queues_tell_their_bytes);
	tcase_add_test(tcase, a_listener_is_pending_while_somebody_waits);
	tcase_add_test(tcase, datagrams_that_find_no_room_are_counted);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
