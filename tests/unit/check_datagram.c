/* SPDX-License-Identifier: MIT */
/*
 * UDP sockets on loopback: what comes back, from which address, to whom.
 */
#include "config.h"

#include "unit/datagram_rig.h"
#include "unit/harness.h"

#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

/* An address of the server's with its port. */
static struct address asked(const char *literal)
{
	return strchr(literal, ':')
		       ? ipv6_address(literal, (uint16_t)address_port(&server))
		       : ipv4_address(literal, (uint16_t)address_port(&server));
}

static const size_t ipv4_sizes[] = { 0, 1, 2, 255, 1472, 1473, 9000, 65507 };
static const size_t ipv6_sizes[] = { 0, 1, 1452, 1453, 9000, 65527 };

START_TEST(ipv4_datagrams_come_back_identical)
{
	serve_address(ipv4_address("127.0.0.1", 0));
	ask(ipv4_client(), &server, ipv4_sizes[_i]);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_received), 1);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_sent), 1);
}
END_TEST

START_TEST(ipv6_datagrams_come_back_identical)
{
	if (!ipv6_is_available())
		return;
	serve_address(ipv6_address("::1", 0));
	ask(ipv6_client(), &server, ipv6_sizes[_i]);
}
END_TEST

START_TEST(every_byte_comes_back)
{
	unsigned char bytes[256];
	int client = ipv4_client();

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	serve_address(ipv4_address("127.0.0.1", 0));
	ck_assert_int_eq(sendto(client, bytes, sizeof(bytes), 0, &server.any,
				server.length),
			 sizeof(bytes));
	expect_reply_from(client, &server, bytes, sizeof(bytes));
}
END_TEST

static const char *const loopbacks[] = { "127.0.0.1", "127.0.0.2",
					 "127.1.2.3" };

START_TEST(the_ipv4_address_that_was_asked_answers)
{
	struct address to;

	serve_address(ipv4_address("0.0.0.0", 0));
	to = asked(loopbacks[_i]);
	ask(ipv4_client(), &to, 5);
}
END_TEST

/* One that receives IPv4, too. */
static void serve_dual_stack(void)
{
	struct address any = ipv6_address("::", 0);
	int fd = fd_open(AF_INET6, SOCK_DGRAM);

	fd_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	ck_assert_int_eq(bind(fd, &any.any, any.length), 0);
	serve(fd);
}

START_TEST(the_mapped_address_that_was_asked_answers)
{
	struct address to;

	if (!ipv6_is_available())
		return;
	serve_dual_stack();
	to = asked(loopbacks[_i]);
	ask(ipv4_client(), &to, 5);
	to = asked("::1");
	ask(ipv6_client(), &to, 5);
}
END_TEST

/* The one that started a socket-activated echod. */
START_TEST(what_was_there_before_is_answered_from_where_it_was_asked)
{
	struct address any = ipv4_address("0.0.0.0", 0), to;
	int fd = udp_socket(&any), client = ipv4_client();

	server = fd_address(fd);
	to = asked("127.0.0.2");
	send_text_to(client, "first", &to);
	await_readable(fd);
	serve(fd);
	expect_reply_from(client, &to, "first", 5);
}
END_TEST

/* The TTL that the next datagram has come with. */
static int ttl_received(int client)
{
	union {
		struct cmsghdr cmsg;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr header = { .msg_control = &control,
				 .msg_controllen = sizeof(control) };
	int ttl;

	rig_await_readable(&rig, client);
	ck_assert_int_ge(recvmsg(client, &header, 0), 0);
	ck_assert_uint_eq(control.cmsg.cmsg_len, CMSG_LEN(sizeof(ttl)));
	memcpy(&ttl, CMSG_DATA(&control.cmsg), sizeof(ttl));
	return ttl;
}

static void serve_with_loop_ttl(struct address address)
{
	rig.policy.loop_ttl = true;
	serve_address(address);
}

START_TEST(an_ipv4_reply_has_the_ttl_less_one)
{
	int client = ipv4_client();

	serve_with_loop_ttl(ipv4_address("127.0.0.1", 0));
	fd_set_option(client, IPPROTO_IP, IP_RECVTTL, 1);
	for (int ttl = 1; ttl <= 255; ttl++) {
		fd_set_option(client, IPPROTO_IP, IP_TTL, ttl);
		send_text_to(client, "hello", &server);
		if (ttl > 1)
			ck_assert_int_eq(ttl_received(client), ttl - 1);
	}
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_refused_ttl), 1);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_sent), 254);
}
END_TEST

START_TEST(an_ipv6_reply_has_the_hop_limit_less_one)
{
	int client;

	if (!ipv6_is_available())
		return;
	client = ipv6_client();
	serve_with_loop_ttl(ipv6_address("::1", 0));
	fd_set_option(client, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	for (int hops = 0; hops <= 255; hops++) {
		fd_set_option(client, IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops);
		send_text_to(client, "hello", &server);
		if (hops > 1)
			ck_assert_int_eq(ttl_received(client), hops - 1);
	}
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_refused_ttl), 2);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_sent), 254);
}
END_TEST

/* IPv4 on a socket for both. */
START_TEST(a_mapped_reply_has_the_ttl_less_one)
{
	int client = ipv4_client();
	struct address to;

	if (!ipv6_is_available())
		return;
	rig.policy.loop_ttl = true;
	serve_dual_stack();
	to = asked("127.0.0.1");
	fd_set_option(client, IPPROTO_IP, IP_RECVTTL, 1);
	fd_set_option(client, IPPROTO_IP, IP_TTL, 9);
	send_text_to(client, "hello", &to);
	ck_assert_int_eq(ttl_received(client), 8);
}
END_TEST

/* Whoever had the socket before may have asked for it. */
START_TEST(without_loop_ttl_a_reply_has_one_of_its_own)
{
	struct address any_port = ipv4_address("127.0.0.1", 0);
	int client = ipv4_client(), fd = udp_socket(&any_port);

	fd_set_option(fd, IPPROTO_IP, IP_RECVTTL, 1);
	serve(fd);
	fd_set_option(client, IPPROTO_IP, IP_RECVTTL, 1);
	fd_set_option(client, IPPROTO_IP, IP_TTL, 1);
	send_text_to(client, "hello", &server);
	ck_assert_int_gt(ttl_received(client), 1);
}
END_TEST

START_TEST(a_turn_answers_one_batch)
{
	int client = ipv4_client();

	serve_address(ipv4_address("127.0.0.1", 0));
	send_numbers(client, 0, 2 * BATCH_MAX + 1);
	AWAIT(fd_inq(datagram.source.fd) > 0);
	for (unsigned i = 1; i <= 2; i++) {
		rig_turn(&rig);
		ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_received),
				  i * BATCH_MAX);
	}
	expect_numbers(client, 0, 2 * BATCH_MAX + 1);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_sent), 2 * BATCH_MAX + 1);
}
END_TEST

START_TEST(clients_get_their_own_datagrams)
{
	int clients[] = { ipv4_client(), ipv4_client(), ipv4_client() };

	serve_address(ipv4_address("127.0.0.1", 0));
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
			send_numbers(clients[i], 0, (unsigned)i + 2);
		for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
			expect_numbers(clients[i], 0, (unsigned)i + 2);
	}
}
END_TEST

/* Its reply is answered by ICMP. */
START_TEST(a_client_that_is_gone_does_not_matter)
{
	int client = ipv4_client();

	serve_address(ipv4_address("127.0.0.1", 0));
	send_text_to(client, "bye", &server);
	close(client);
	RIG_AWAIT(&rig, RIG_COUNT(&rig, datagrams_sent) == 1);
	ask(ipv4_client(), &server, 5);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_unsent), 0);
}
END_TEST

/* A connected socket is told of the ICMP message, by recvmmsg(2). */
START_TEST(a_connected_peer_that_is_gone_may_come_back)
{
	struct address name;
	int fds[2];

	udp_pair(fds);
	serve(fds[0]);
	name = fd_address(fds[1]);
	send_text(fds[1], "bye");
	close(fds[1]);
	RIG_AWAIT(&rig, RIG_COUNT(&rig, datagrams_sent) == 1);
	rig_turn_often(&rig);
	fds[1] = udp_socket(&name);
	ask(fds[1], &server, 5);
}
END_TEST

START_TEST(a_pause_receives_nothing)
{
	int client = ipv4_client();

	serve_address(ipv4_address("127.0.0.1", 0));
	datagram_pause(&datagram);
	send_numbers(client, 0, 3);
	AWAIT(fd_inq(datagram.source.fd) > 0);
	rig_turn_often(&rig);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_received), 0);
	datagram_resume(&datagram);
	expect_numbers(client, 0, 3);
}
END_TEST

START_TEST(a_sweep_answers_all_that_waits_now)
{
	int client = ipv4_client();

	serve_address(ipv4_address("127.0.0.1", 0));
	send_numbers(client, 0, 3 * BATCH_MAX);
	datagram_sweep(&datagram);
	datagram_close(&datagram);
	expect_numbers(client, 0, 3 * BATCH_MAX);
}
END_TEST

START_TEST(a_closed_socket_is_left_alone)
{
	int client = ipv4_client();

	serve_address(ipv4_address("127.0.0.1", 0));
	datagram_close(&datagram);
	datagram_close(&datagram);
	ck_assert(list_is_empty(&rig.worker.datagrams));
	send_text_to(client, "hello", &server);
	AWAIT(fd_inq(datagram.source.fd) > 0);
	rig_turn_often(&rig);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_received), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("datagram");
	TCase *tcase = tcase_create("datagram");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, datagram_rig_setup,
				  datagram_rig_teardown);
	tcase_add_loop_test(tcase, ipv4_datagrams_come_back_identical, 0,
			    ARRAY_SIZE(ipv4_sizes));
	tcase_add_loop_test(tcase, ipv6_datagrams_come_back_identical, 0,
			    ARRAY_SIZE(ipv6_sizes));
	tcase_add_test(tcase, every_byte_comes_back);
	tcase_add_loop_test(tcase, the_ipv4_address_that_was_asked_answers, 0,
			    ARRAY_SIZE(loopbacks));
	tcase_add_loop_test(tcase, the_mapped_address_that_was_asked_answers, 0,
			    ARRAY_SIZE(loopbacks));
	tcase_add_test(
		tcase,
		what_was_there_before_is_answered_from_where_it_was_asked);
	tcase_add_test(tcase, an_ipv4_reply_has_the_ttl_less_one);
	tcase_add_test(tcase, an_ipv6_reply_has_the_hop_limit_less_one);
	tcase_add_test(tcase, a_mapped_reply_has_the_ttl_less_one);
	tcase_add_test(tcase, without_loop_ttl_a_reply_has_one_of_its_own);
	tcase_add_test(tcase, a_turn_answers_one_batch);
	tcase_add_test(tcase, clients_get_their_own_datagrams);
	tcase_add_test(tcase, a_client_that_is_gone_does_not_matter);
	tcase_add_test(tcase, a_connected_peer_that_is_gone_may_come_back);
	tcase_add_test(tcase, a_pause_receives_nothing);
	tcase_add_test(tcase, a_sweep_answers_all_that_waits_now);
	tcase_add_test(tcase, a_closed_socket_is_left_alone);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
