/* SPDX-License-Identifier: MIT */
/*
 * Unix datagram sockets: records of any length, peers without a name, peers
 * that do not read, passed descriptors.
 */
#include "config.h"

#include "unit/datagram_rig.h"
#include "unit/harness.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

static const size_t unix_sizes[] = { 0, 1, 65507, 65537, 200000 };

START_TEST(unix_datagrams_come_back_identical)
{
	serve(unix_client("server"));
	ask(unix_client("client"), &server, unix_sizes[_i]);
}
END_TEST

START_TEST(unnamed_peers_are_refused)
{
	int named = unix_client("client");

	serve(unix_client("server"));
	send_text_to(unix_client(NULL), "who", &server);
	send_text_to(named, "me", &server);
	expect_reply_from(named, &server, "me", 2);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_refused_unnamed), 1);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_received), 2);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_sent), 1);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_unsent), 0);
}
END_TEST

START_TEST(a_connected_pair_needs_no_names)
{
	int fds[2];

	unix_pair(SOCK_DGRAM, fds);
	serve(fds[SERVER]);
	rig_expect_echo(&rig, fds[CLIENT], "hello");
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_refused_unnamed), 0);
}
END_TEST

START_TEST(what_is_too_long_is_refused_whole)
{
	static unsigned char data[ASKED_MAX];
	int client = unix_client("client");

	fd_set_option(client, SOL_SOCKET, SO_SNDBUF, 1 << 20);
	serve(unix_client("server"));
	ck_assert_int_eq(sendto(client, data, sizeof(data), 0, &server.any,
				server.length),
			 sizeof(data));
	send_text_to(client, "short", &server);
	expect_reply_from(client, &server, "short", 5);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_refused_long), 1);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_sent), 1);
}
END_TEST

/* Send a datagram with a descriptor. */
static void send_descriptor(int client, int passed)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char text[] = "take";
	struct iovec payload = { .iov_base = text, .iov_len = 4 };
	struct msghdr message = {
		.msg_name = &server.any,
		.msg_namelen = server.length,
		.msg_iov = &payload,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &passed, sizeof(int));
	ck_assert_int_eq(sendmsg(client, &message, 0), 4);
}

START_TEST(passed_descriptors_are_dropped)
{
	int client = unix_client("client"), pipe_fds[2];

	serve(unix_client("server"));
	ck_assert_int_eq(pipe(pipe_fds), 0);
	send_descriptor(client, pipe_fds[1]);
	ck_assert_int_eq(close(pipe_fds[1]), 0);
	expect_reply_from(client, &server, "take", 4);
	/* Nobody else has it. */
	ck_assert_int_eq(events_now(pipe_fds[0], POLLIN), POLLHUP);
}
END_TEST

START_TEST(a_full_peer_loses_its_own_datagrams_only)
{
	int full = unix_client("full"), other = unix_client("other");
	uint64_t unsent;

	serve(unix_client("server"));
	do {
		send_text_to(full, "more", &server);
		rig_turn(&rig);
		unsent = RIG_COUNT(&rig, datagrams_unsent);
	} while (unsent == 0);
	ask(other, &server, 5);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_unsent), unsent);
	ck_assert_uint_gt(RIG_COUNT(&rig, datagrams_sent), 1);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("datagram_unix");
	TCase *tcase = tcase_create("datagram_unix");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, datagram_rig_setup,
				  datagram_rig_teardown);
	tcase_add_loop_test(tcase, unix_datagrams_come_back_identical, 0,
			    ARRAY_SIZE(unix_sizes));
	tcase_add_test(tcase, unnamed_peers_are_refused);
	tcase_add_test(tcase, a_connected_pair_needs_no_names);
	tcase_add_test(tcase, what_is_too_long_is_refused_whole);
	tcase_add_test(tcase, passed_descriptors_are_dropped);
	tcase_add_test(tcase, a_full_peer_loses_its_own_datagrams_only);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
