/* SPDX-License-Identifier: MIT */
/*
 * A UDP socket that is served with trains: what comes back is what would come
 * back without them, and is counted so.
 */
#include "config.h"

#include "echod/guard.h"
#include "unit/datagram_train.h"
#include "unit/harness.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <linux/net_tstamp.h>

static void (*on_received)(struct mmsghdr *message);

WRAPPED(int, call_receive_many,
	(int fd, struct mmsghdr *messages, unsigned count, int flags));

int __wrap_call_receive_many(int fd, struct mmsghdr *messages, unsigned count,
			     int flags)
{
	int received = __real_call_receive_many(fd, messages, count, flags);

	if (received > 0 && on_received)
		on_received(messages);
	return received;
}

/* Where another address of the server's is. */
static struct address asked(const char *literal)
{
	uint16_t port = (uint16_t)address_port(&server);

	return strchr(literal, ':') ? ipv6_address(literal, port)
				    : ipv4_address(literal, port);
}

START_TEST(a_burst_goes_back_as_one_message_and_comes_as_datagrams)
{
	let_arrive(client, 0, BATCH_MAX);
	rig_turn(&rig);
	expect_numbers(client, 0, BATCH_MAX);
	expect_silence(client);
	ck_assert_uint_eq(messages_sent, 1);
	expect_counts(BATCH_MAX, BATCH_MAX, 0);
}
END_TEST

START_TEST(a_train_is_taken_and_sent_as_one)
{
	let_train_arrive(client, &server, 0, 64);
	let_train_arrive(client, &server, 64, 17);
	rig_turn(&rig);
	expect_numbers(client, 0, 81);
	expect_silence(client);
	ck_assert_uint_eq(messages_sent, 2);
	expect_counts(81, 81, 0);
}
END_TEST

START_TEST(a_client_that_wants_trains_gets_one)
{
	unsigned numbers[BATCH_MAX];

	fd_set_option(client, IPPROTO_UDP, UDP_GRO, 1);
	let_arrive(client, 0, BATCH_MAX);
	rig_turn(&rig);
	await_readable(client);
	ck_assert_int_eq(recv(client, numbers, sizeof(numbers), MSG_TRUNC),
			 sizeof(numbers));
	for (unsigned i = 0; i < BATCH_MAX; i++)
		ck_assert_uint_eq(numbers[i], i);
}
END_TEST

/* Whoever is looked up where another one is joins nothing: not so of all. */
START_TEST(bursts_of_several_clients_come_back_to_each)
{
	unsigned rounds = 0;

	do {
		int other = ipv4_client();

		messages_sent = 0;
		for (unsigned i = 0; i < 8; i++) {
			send_numbers(client, i, 1);
			send_numbers(other, 100 + i, 1);
		}
		await_delivery();
		rig_turn(&rig);
		expect_numbers(client, 0, 8);
		expect_numbers(other, 100, 8);
		expect_silence(client);
		expect_silence(other);
	} while (++rounds < 4 && messages_sent != 2);
	ck_assert_uint_eq(messages_sent, 2);
	expect_counts(16 * rounds, 16 * rounds, 0);
}
END_TEST

/* Lengths of consecutive datagrams, every kind of neighbours among them. */
static const size_t lengths[] = { 100, 100,  50,    50,	  50,	0,
				  0,   1,    1,	    2,	  1472, 1472,
				  7,   1473, 1473,  9000, 9000, 100,
				  99,  100,  65507, 1,	  0,	1 };

static unsigned char pattern[65507 + ARRAY_SIZE(lengths)];

START_TEST(all_lengths_come_back_whole_and_in_order)
{
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = pattern_byte(i);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		ck_assert_int_eq(sendto(client, pattern + i, lengths[i], 0,
					&server.any, server.length),
				 (ssize_t)lengths[i]);
	await_delivery();
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		expect_reply_from(client, &server, pattern + i, lengths[i]);
	expect_silence(client);
	ck_assert_uint_lt(messages_sent, ARRAY_SIZE(lengths));
	expect_counts(ARRAY_SIZE(lengths), ARRAY_SIZE(lengths), 0);
}
END_TEST

/* Numbers to these addresses in turn come back from each. */
static void ask_in_turn(int from, const char *const *literals, unsigned count)
{
	for (unsigned i = 0; i < 12; i++) {
		struct address to = asked(literals[i / 2 % count]);

		ck_assert_int_eq(
			sendto(from, &i, sizeof(i), 0, &to.any, to.length),
			sizeof(i));
	}
	await_delivery();
	for (unsigned i = 0; i < 12; i++) {
		struct address to = asked(literals[i / 2 % count]);

		expect_reply_from(from, &to, &i, sizeof(i));
	}
	expect_silence(from);
}

static const char *const loopbacks[] = { "127.0.0.1", "127.0.0.2",
					 "127.1.2.3" };
static const char *const loopback6[] = { "::1" };

START_TEST(the_ipv4_address_that_was_asked_answers)
{
	datagram_close(&datagram);
	serve_with_trains(ipv4_address("0.0.0.0", 0));
	ask_in_turn(client, loopbacks, ARRAY_SIZE(loopbacks));
	ck_assert_uint_eq(messages_sent, 6);
}
END_TEST

/* With trains, for IPv4 and IPv6; false if there is no IPv6. */
static bool serve_dual_stack(void)
{
	struct address any = ipv6_address("::", 0);
	int fd;

	if (!ipv6_is_available())
		return false;
	datagram_close(&datagram);
	fd = fd_open(AF_INET6, SOCK_DGRAM);
	fd_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	ck_assert_int_eq(bind(fd, &any.any, any.length), 0);
	serve(fd);
	return true;
}

START_TEST(the_mapped_address_that_was_asked_answers)
{
	if (!serve_dual_stack())
		return;
	ask_in_turn(client, loopbacks, ARRAY_SIZE(loopbacks));
	ck_assert_uint_eq(messages_sent, 6);
	ask_in_turn(ipv6_client(), loopback6, 1);
	ck_assert_uint_eq(messages_sent, 7);
}
END_TEST

#ifndef SO_RCVPRIORITY /* Linux 6.14 */
#define SO_RCVPRIORITY 82
#endif
#ifndef SO_RCVMARK /* Linux 5.19 */
#define SO_RCVMARK 75
#endif

/* An earlier owner of the socket may have asked for all of these. */
START_TEST(other_control_messages_leave_room_for_the_address)
{
	static const int options[] = { SO_TIMESTAMPNS, SO_RXQ_OVFL,
				       SO_WIFI_STATUS, SO_RCVMARK,
				       SO_RCVPRIORITY };
	int on = 1,
	    stamps = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
	struct address to;

	if (!serve_dual_stack())
		return;
	/* Those that the kernel does not have need no room. */
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		(void)setsockopt(datagram.source.fd, SOL_SOCKET, options[i],
				 &on, sizeof(on));
	fd_set_option(datagram.source.fd, SOL_SOCKET, SO_TIMESTAMPING, stamps);
	to = asked("127.0.0.2");
	let_train_arrive(client, &to, 0, 30);
	for (unsigned i = 0; i < 30; i++)
		expect_reply_from(client, &to, &i, sizeof(i));
	expect_counts(30, 30, 0);
}
END_TEST

START_TEST(a_train_comes_back_from_the_address_that_was_asked)
{
	struct address to;

	datagram_close(&datagram);
	serve_with_trains(ipv4_address("0.0.0.0", 0));
	to = asked("127.0.0.2");
	let_train_arrive(client, &to, 0, 30);
	for (unsigned i = 0; i < 30; i++)
		expect_reply_from(client, &to, &i, sizeof(i));
	ck_assert_uint_eq(messages_sent, 1);
}
END_TEST

START_TEST(refused_trains_are_counted_as_datagrams_by_port)
{
	static struct guard guard;
	struct address name = fd_address(client);

	guard_init(&guard, NULL);
	guard_refuse_port(&guard, (uint16_t)address_port(&name));
	datagram.screen.guard = &guard;
	let_train_arrive(client, &server, 0, 10);
	rig_turn(&rig);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_refused_port), 10);
	expect_counts(10, 0, 0);
	expect_silence(client);
}
END_TEST

START_TEST(refused_trains_are_counted_as_datagrams_by_group)
{
	struct address to;

	datagram_close(&datagram);
	serve_with_trains(ipv4_address("0.0.0.0", 0));
	to = asked("127.255.255.255");
	fd_set_option(client, SOL_SOCKET, SO_BROADCAST, 1);
	let_train_arrive(client, &to, 0, 10);
	rig_turn(&rig);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_refused_group), 10);
	expect_counts(10, 0, 0);
	expect_silence(client);
}
END_TEST

static void cut(struct mmsghdr *message)
{
	message->msg_hdr.msg_flags |= MSG_TRUNC;
}

START_TEST(refused_trains_are_counted_as_datagrams_by_length)
{
	on_received = cut;
	let_train_arrive(client, &server, 0, 10);
	rig_turn(&rig);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_refused_long), 10);
	expect_counts(10, 0, 0);
}
END_TEST

/* A passed socket, of which an earlier owner wanted trains. */
static int passed_socket(void)
{
	struct address any_port = ipv4_address("127.0.0.1", 0);
	int fd = udp_socket(&any_port);

	datagram_close(&datagram);
	rig.policy.udp_offload = false;
	fd_set_option(fd, IPPROTO_UDP, UDP_GRO, 1);
	return fd;
}

START_TEST(trains_are_wanted_or_not_as_the_policy_says)
{
	int fd = passed_socket();

	ck_assert_int_eq(fd_option(datagram.source.fd, IPPROTO_UDP, UDP_GRO),
			 1);
	serve(fd);
	ck_assert_int_eq(fd_option(fd, IPPROTO_UDP, UDP_GRO), 0);
	let_train_arrive(client, &server, 0, 10);
	rig_turn(&rig);
	expect_numbers(client, 0, 10);
	ck_assert_uint_eq(messages_sent, 10);
	expect_counts(10, 10, 0);
}
END_TEST

START_TEST(what_waits_as_a_train_is_taken_as_one_though_none_is_wanted)
{
	struct address name;
	int fd = passed_socket();

	name = fd_address(fd);
	let_train_arrive(client, &name, 0, 10);
	serve(fd);
	rig_turn(&rig);
	ck_assert_int_eq(fd_option(fd, IPPROTO_UDP, UDP_GRO), 0);
	expect_numbers(client, 0, 10);
	expect_silence(client);
	expect_counts(10, 10, 0);
}
END_TEST

/* Which knows no trains. */
START_TEST(udplite_is_answered_one_by_one)
{
	struct address any_port = ipv4_address("127.0.0.1", 0);
	int fds[2];

	for (int i = 0; i < 2; i++) {
		fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK,
				IPPROTO_UDPLITE);
		if (fds[i] < 0) {
			(void)fprintf(stderr, "# not tested: no UDP-Lite\n");
			return;
		}
		ck_assert_int_eq(bind(fds[i], &any_port.any, any_port.length),
				 0);
	}
	datagram_close(&datagram);
	serve(fds[1]);
	train_error = EIO;
	let_arrive(fds[0], 0, 5);
	rig_turn(&rig);
	expect_numbers(fds[0], 0, 5);
	ck_assert_uint_eq(trains_tried, 0);
	ck_assert_uint_eq(messages_sent, 5);
}
END_TEST

static TCase *echo_case(void)
{
	TCase *part = tcase_create("echo");

	tcase_set_timeout(part, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(part, train_setup, train_teardown);
	tcase_add_test(part,
		       a_burst_goes_back_as_one_message_and_comes_as_datagrams);
	tcase_add_test(part, a_train_is_taken_and_sent_as_one);
	tcase_add_test(part, a_client_that_wants_trains_gets_one);
	tcase_add_test(part, bursts_of_several_clients_come_back_to_each);
	tcase_add_test(part, all_lengths_come_back_whole_and_in_order);
	tcase_add_test(part, the_ipv4_address_that_was_asked_answers);
	tcase_add_test(part, the_mapped_address_that_was_asked_answers);
	tcase_add_test(part, other_control_messages_leave_room_for_the_address);
	tcase_add_test(part,
		       a_train_comes_back_from_the_address_that_was_asked);
	tcase_add_test(part, refused_trains_are_counted_as_datagrams_by_port);
	tcase_add_test(part, refused_trains_are_counted_as_datagrams_by_group);
	tcase_add_test(part, refused_trains_are_counted_as_datagrams_by_length);
	tcase_add_test(part, trains_are_wanted_or_not_as_the_policy_says);
	tcase_add_test(
		part,
		what_waits_as_a_train_is_taken_as_one_though_none_is_wanted);
	tcase_add_test(part, udplite_is_answered_one_by_one);
	return part;
}

int main(void)
{
	Suite *suite = suite_create("datagram_train");

	suite_add_tcase(suite, echo_case());
	suite_add_tcase(suite, datagram_train_failure_case());
	suite_add_tcase(suite, datagram_train_stuck_case());
	return harness_run(suite);
}
