/* SPDX-License-Identifier: MIT */
/*
 * A worker that is asked to hand over: what can be answered is, connections lie
 * in its lot afterwards, and what waits elsewhere waits for the next instance.
 *
 * Link with -Wl,--wrap=sendmsg.
 */
#include "config.h"

#include "echod/drain.h"
#include "echod/listener.h"
#include "echod/parking.h"
#include "unit/census.h"
#include "unit/datagram_rig.h"
#include "unit/harness.h"
#include "unit/injection.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

INJECTED(ssize_t, -1, sendmsg,
	 (int fd, const struct msghdr *message, int flags),
	 (fd, message, flags))

static struct listener listener;
static struct parking parking;
static struct census census;
static int fd, exit_end;

static void setup(void)
{
	raise_descriptor_limit();
	datagram_rig_setup();
	rig.policy.preserve = true;
	rig.policy.preserve_after = USEC_PER_SEC;
	ck_assert_int_eq(parking_begin(&parking, &rig.worker, 1, NULL, 0, true),
			 0);
	exit_end = fcntl(rig.worker.lot.exit, F_DUPFD_CLOEXEC, 0);
	listener.origin = (struct connection_origin){
		.name = "tcp:test",
		.tcp = true,
		.sole = true,
	};
	fd = tcp_listener(0);
	ck_assert_int_eq(listener_open(&listener, &rig.worker, fd, false), 0);
	serve_address(ipv4_address("127.0.0.1", 0));
}

static void teardown(void)
{
	worker_post(&rig.worker, WORKER_ABORT);
	RIG_AWAIT(&rig, rig.worker.reactor.stopping);
	ck_assert_uint_eq(rig.policy.connections, 0);
	ck_assert(list_is_empty(&rig.worker.waiting));
	ck_assert(list_is_empty(&rig.worker.unparked));
	rig_deinit(&rig);
	parking_end(&parking, true);
}

static void hand_over(void)
{
	drain_on_request(&rig.worker, WORKER_HAND_OVER);
}

static void await_end(void)
{
	RIG_AWAIT(&rig, rig.worker.reactor.stopping);
	ck_assert(list_is_empty(&rig.worker.listeners));
	ck_assert(list_is_empty(&rig.worker.datagrams));
	ck_assert(list_is_empty(&rig.worker.connections.entries));
}

static int connected_client(void)
{
	int client = tcp_connect(fd);

	rig_expect_echo(&rig, client, "hello");
	return client;
}

static void expect_handed_over(size_t count)
{
	census_take(&census, exit_end);
	ck_assert_uint_eq(census.count, count);
}

/* It is open, and nothing has come. */
static void expect_open(int client)
{
	ck_assert_int_eq(events_now(client, POLLIN | POLLRDHUP), 0);
}

START_TEST(idle_worker_ends_at_once)
{
	hand_over();
	await_end();
	expect_handed_over(0);
}
END_TEST

START_TEST(connections_stay_open)
{
	int clients[3];

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		clients[i] = connected_client();
	hand_over();
	await_end();
	expect_handed_over(3);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		expect_open(clients[i]);
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_closed), 0);
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_unparked), 0);
}
END_TEST

START_TEST(what_was_received_is_answered_before)
{
	int client = connected_client();

	send_text(client, "last");
	AWAIT(fd_outq(client) == 0);
	hand_over();
	await_end();
	expect_text(client, "last");
	expect_open(client);
	expect_handed_over(1);
}
END_TEST

/* More than epoll_wait(2) tells at a time. */
START_TEST(crowd_is_answered_before)
{
	static int clients[EVENTS_PER_POLL + 50];

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		clients[i] = connected_client();
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		send_text(clients[i], "last");
		AWAIT(fd_outq(clients[i]) == 0);
	}
	hand_over();
	await_end();
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		expect_text(clients[i], "last");
	expect_handed_over(ARRAY_SIZE(clients));
}
END_TEST

START_TEST(end_that_was_received_is_an_end)
{
	int client = connected_client();

	ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
	AWAIT(fd_outq(client) == 0);
	hand_over();
	await_end();
	ck_assert(stream_ends_clean(client));
	expect_handed_over(0);
}
END_TEST

/* What it does not read stays with the kernel, for the next to echo. */
START_TEST(slow_reader_is_handed_over_with_its_bytes)
{
	int client = connected_client();
	size_t sent = 0, more;

	do {
		more = fill_send_buffer(client, sent);
		sent += more;
		rig_turn_often(&rig);
	} while (more > 0);
	hand_over();
	await_end();
	expect_handed_over(1);
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_reset), 0);
	ck_assert_uint_eq(RIG_COUNT(&rig, bytes_received),
			  RIG_COUNT(&rig, bytes_sent));
	ck_assert_uint_lt(RIG_COUNT(&rig, bytes_sent), sent + 5);
}
END_TEST

START_TEST(who_waits_to_be_accepted_waits_for_the_next)
{
	int client = tcp_connect(fd), next;

	AWAIT(tcp_backlog(fd) == 1);
	hand_over();
	await_end();
	next = tcp_accept(fd);
	send_text(next, "served");
	expect_text(client, "served");
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_accepted), 0);
}
END_TEST

START_TEST(datagrams_wait_for_the_next)
{
	int client = ipv4_client();

	send_text_to(client, "hello", &server);
	await_readable(datagram.source.fd);
	hand_over();
	await_end();
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_received), 0);
	expect_silence(client);
}
END_TEST

static void refuse_parking(void)
{
	sendmsg_fault =
		(struct fault){ .times = FOR_EVER, .error = ETOOMANYREFS };
}

START_TEST(what_cannot_be_handed_over_is_drained_and_counted)
{
	int clients[2];

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		clients[i] = connected_client();
	send_text(clients[1], "last");
	AWAIT(fd_outq(clients[1]) == 0);
	refuse_parking();
	hand_over();
	await_end();
	ck_assert(stream_ends_clean(clients[0]));
	expect_text(clients[1], "last");
	ck_assert(stream_ends_clean(clients[1]));
	expect_handed_over(0);
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_unparked), 2);
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_reset), 0);
}
END_TEST

START_TEST(there_is_so_much_time_for_that)
{
	int client = connected_client(), error;
	size_t sent = 0, more;

	/* Before it is as old as those that are parked. */
	refuse_parking();
	do {
		more = fill_send_buffer(client, sent);
		sent += more;
		rig_turn_often(&rig);
	} while (more > 0);
	rig.policy.drain_timeout = 50 * USEC_PER_MSEC;
	hand_over();
	await_end();
	(void)read_stream(client, 0, &error);
	ck_assert_int_eq(error, ECONNRESET);
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_unparked), 1);
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_reset), 1);
}
END_TEST

START_TEST(who_is_parked_already_needs_no_room)
{
	int old = connected_client(), young;

	rig.worker.reactor.now += USEC_PER_SEC;
	reactor_dispatch(&rig.worker.reactor);
	expect_handed_over(1);
	young = connected_client();
	refuse_parking();
	hand_over();
	await_end();
	expect_handed_over(1);
	expect_open(old);
	ck_assert(stream_ends_clean(young));
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_unparked), 1);
}
END_TEST

START_TEST(second_request_ends_it_at_once)
{
	int client = connected_client();

	hand_over();
	drain_on_request(&rig.worker, WORKER_ABORT);
	ck_assert(rig.worker.reactor.stopping);
	await_end();
	ck_assert(stream_ends_clean(client));
	expect_handed_over(0);
}
END_TEST

/* A stop is a stop: what is parked ends, though a duplicate lies in the lot. */
START_TEST(parked_ones_are_drained_by_a_stop)
{
	int client = connected_client();

	rig.worker.reactor.now += USEC_PER_SEC;
	reactor_dispatch(&rig.worker.reactor);
	expect_handed_over(1);
	send_text(client, "last");
	AWAIT(fd_outq(client) == 0);
	drain_on_request(&rig.worker, WORKER_DRAIN);
	await_end();
	expect_text(client, "last");
	ck_assert(stream_ends_clean(client));
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_closed), 1);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("drain_hand_over");
	TCase *tcase = tcase_create("hand_over");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, idle_worker_ends_at_once);
	tcase_add_test(tcase, connections_stay_open);
	tcase_add_test(tcase, what_was_received_is_answered_before);
	tcase_add_test(tcase, crowd_is_answered_before);
	tcase_add_test(tcase, end_that_was_received_is_an_end);
	tcase_add_test(tcase, slow_reader_is_handed_over_with_its_bytes);
	tcase_add_test(tcase, who_waits_to_be_accepted_waits_for_the_next);
	tcase_add_test(tcase, datagrams_wait_for_the_next);
	tcase_add_test(tcase,
		       what_cannot_be_handed_over_is_drained_and_counted);
	tcase_add_test(tcase, there_is_so_much_time_for_that);
	tcase_add_test(tcase, who_is_parked_already_needs_no_room);
	tcase_add_test(tcase, second_request_ends_it_at_once);
	tcase_add_test(tcase, parked_ones_are_drained_by_a_stop);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
