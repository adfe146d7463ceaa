/* SPDX-License-Identifier: MIT */
/*
 * Flows of Unix datagrams and records: full queues, peers that go away.
 *
 * Link with -Wl,--wrap=connect.
 */
#include "config.h"

#include "unit/capture.h"
#include "unit/flow_rig.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/sockets.h"

#include <string.h>
#include <unistd.h>

INJECTED(int, -1, connect,
	 (int fd, const struct sockaddr *address, socklen_t length),
	 (fd, address, length))

static struct flow_rig rig;
static int server;

/* An abstract name of the kernel's choice. */
static int unix_bound(int type)
{
	struct address address = { .length = sizeof(sa_family_t),
				   .any.sa_family = AF_UNIX };

	return fd_bound(type, &address);
}

static void tear_down(void)
{
	flow_rig_deinit(&rig);
}

static void close_fd(int fd)
{
	ck_assert_int_eq(close(fd), 0);
}

/* Take one probe and send it back. */
static void serve_one(int fd)
{
	static unsigned char bytes[DATAGRAM_SIZE_MAX];
	size_t length;
	struct address from = receive_from(fd, bytes, sizeof(bytes), &length);

	ck_assert_int_eq(sendto(fd, bytes, length, 0, &from.any, from.length),
			 (ssize_t)length);
}

/* Probe and get the echo. */
static void ping(void)
{
	size_t before;

	flow_probe(&rig.flow);
	before = told_count;
	serve_one(server);
	FLOW_RIG_AWAIT(&rig, told_count > before);
	expect_reply(rig.flow.count, 0);
}

START_TEST(unix_datagrams_come_back)
{
	server = unix_bound(SOCK_DGRAM);
	flow_rig_init_to(&rig, "unix-dgram", server);
	ping();
	ck_assert_int_eq(told_last()->clock, CLOCK_USER);
	ck_assert_uint_eq(told_last()->port, 0);
	rig.settings.size = 0;
	ping();
	expect_tally(&rig.flow, 2, 0);
}
END_TEST

START_TEST(a_full_queue_loses_one_and_no_other)
{
	uint64_t taken;

	server = unix_bound(SOCK_DGRAM);
	flow_rig_init_to(&rig, "unix-dgram", server);
	while (told_count == 0 && rig.flow.count < 64)
		flow_probe(&rig.flow);
	expect_lost(rig.flow.count, "Resource temporarily unavailable");
	ck_assert_int_eq(rig.flow.state, FLOW_OPEN);
	taken = rig.flow.waiting;
	for (uint64_t i = 0; i < taken; i++)
		serve_one(server);
	FLOW_RIG_AWAIT(&rig, rig.flow.waiting == 0);
	expect_tally(&rig.flow, taken, 1);
}
END_TEST

START_TEST(a_unix_peer_may_go_away_and_come_back)
{
	struct address name;
	int errors;

	server = unix_bound(SOCK_DGRAM);
	name = fd_address(server);
	flow_rig_init_to(&rig, "unix-dgram", server);
	ping();
	errors = stderr_capture();
	close_fd(server);
	flow_probe(&rig.flow);
	expect_lost(2, "Connection refused");
	ck_assert_ptr_nonnull(strstr(stderr_line(errors), "ended"));
	flow_probe(&rig.flow);
	expect_lost(3, "Connection refused");
	ck_assert_int_eq(rig.flow.state, FLOW_CLOSED);
	server = fd_bound(SOCK_DGRAM, &name);
	ping();
	expect_tally(&rig.flow, 2, 2);
}
END_TEST

static int seqpacket_peer(int listener)
{
	flow_rig_init_to(&rig, "unix-seqpacket", listener);
	flow_probe(&rig.flow);
	return tcp_accept(listener);
}

static void send_back(int fd)
{
	unsigned char bytes[DATAGRAM_SIZE_MAX];
	ssize_t length;

	await_readable(fd);
	length = recv(fd, bytes, sizeof(bytes), 0);
	ck_assert_int_ge(length, 0);
	ck_assert_int_eq(send(fd, bytes, (size_t)length, 0), length);
}

START_TEST(records_come_back)
{
	int listener = unix_bound(SOCK_SEQPACKET), peer;

	ck_assert_int_eq(listen(listener, 5), 0);
	peer = seqpacket_peer(listener);
	send_back(peer);
	FLOW_RIG_AWAIT(&rig, told_count == 1);
	expect_reply(1, 0);
	flow_probe(&rig.flow);
	flow_probe(&rig.flow);
	close_fd(peer);
	FLOW_RIG_AWAIT(&rig, told_count == 3);
	ck_assert_uint_eq(told[1].reply.sequence, 2);
	ck_assert(told[1].lost && told[2].lost);
	expect_tally(&rig.flow, 1, 2);
	ck_assert_int_eq(rig.flow.state, FLOW_CLOSED);
	flow_probe(&rig.flow);
	send_back(tcp_accept(listener));
	FLOW_RIG_AWAIT(&rig, told_count == 4);
	expect_reply(4, 0);
}
END_TEST

START_TEST(tells_of_an_idle_connection_that_ended)
{
	int listener = unix_bound(SOCK_SEQPACKET), peer, errors;

	ck_assert_int_eq(listen(listener, 5), 0);
	peer = seqpacket_peer(listener);
	send_back(peer);
	FLOW_RIG_AWAIT(&rig, told_count == 1);
	errors = stderr_capture();
	close_fd(peer);
	FLOW_RIG_AWAIT(&rig, rig.flow.state == FLOW_CLOSED);
	ck_assert_ptr_nonnull(
		strstr(stderr_line(errors), "closed by the peer"));
	ck_assert_uint_eq(told_count, 1);
}
END_TEST

START_TEST(tells_why_it_cannot_connect)
{
	int listener = unix_bound(SOCK_SEQPACKET), lowest;

	flow_rig_init_to(&rig, "unix-seqpacket", listener);
	lowest = lowest_free_fd();
	flow_probe(&rig.flow);
	expect_lost(1, "Connection refused");
	connect_fault = (struct fault){ .times = 1, .error = EACCES };
	flow_probe(&rig.flow);
	expect_lost(2, "Permission denied");
	ck_assert_int_eq(lowest_free_fd(), lowest);
	expect_tally(&rig.flow, 0, 2);
}
END_TEST

static Suite *flow_unix_suite(void)
{
	Suite *suite = suite_create("flow_unix");
	TCase *local = tcase_create("unix");

	tcase_set_timeout(local, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(local, NULL, tear_down);
	tcase_add_test(local, unix_datagrams_come_back);
	tcase_add_test(local, a_full_queue_loses_one_and_no_other);
	tcase_add_test(local, a_unix_peer_may_go_away_and_come_back);
	tcase_add_test(local, records_come_back);
	tcase_add_test(local, tells_of_an_idle_connection_that_ended);
	tcase_add_test(local, tells_why_it_cannot_connect);
	suite_add_tcase(suite, local);
	return suite;
}

int main(void)
{
	return harness_run(flow_unix_suite());
}
