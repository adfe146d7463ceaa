/* SPDX-License-Identifier: MIT */
/*
 * A worker that is asked to pause, to resume, to drain, to end at once: its
 * peers lose nothing of what was received, or see a reset.
 */
#include "config.h"

#include "echod/drain.h"
#include "echod/listener.h"
#include "unit/datagram_rig.h"
#include "unit/harness.h"

#include <errno.h>

static struct listener listener;
static int fd;

static void setup(void)
{
	datagram_rig_setup();
	listener.passed = false;
	listener.origin = (struct connection_origin){
		.name = "tcp:test",
		.tcp = true,
	};
	fd = tcp_listener(0);
	ck_assert_int_eq(listener_open(&listener, &rig.worker, fd, false), 0);
	serve_address(ipv4_address("127.0.0.1", 0));
}

/* Whatever the test did, the worker ends with nothing open. */
static void teardown(void)
{
	worker_post(&rig.worker, WORKER_ABORT);
	RIG_AWAIT(&rig, rig.worker.reactor.stopping);
	ck_assert_uint_eq(rig.policy.connections, 0);
	ck_assert_uint_eq(rig.worker.held.bytes, 0);
	ck_assert(list_is_empty(&rig.worker.reactor.timers));
	ck_assert(list_is_empty(&rig.worker.waiting));
	rig_deinit(&rig);
}

/* Before the worker looks at its sockets again. */
static void request(unsigned requests)
{
	drain_on_request(&rig.worker, requests);
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

START_TEST(a_pause_serves_old_connections_only)
{
	int old = connected_client(), new, asking = ipv4_client();

	request(WORKER_PAUSE);
	new = tcp_connect(fd);
	AWAIT(tcp_backlog(fd) == 1);
	send_text_to(asking, "hello", &server);
	await_readable(datagram.source.fd);
	rig_expect_echo(&rig, old, "still there");
	rig_turn_often(&rig);
	ck_assert_uint_eq(rig.policy.connections, 1);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_received), 0);
	request(WORKER_RESUME);
	expect_reply_from(asking, &server, "hello", 5);
	rig_expect_echo(&rig, new, "hello");
}
END_TEST

START_TEST(to_pause_and_resume_is_to_resume)
{
	request(WORKER_PAUSE | WORKER_RESUME);
	(void)connected_client();
	ask(ipv4_client(), &server, 5);
}
END_TEST

START_TEST(an_idle_worker_drains_at_once)
{
	request(WORKER_DRAIN);
	ck_assert(!rig.worker.reactor.stopping);
	rig_turn(&rig);
	ck_assert(rig.worker.reactor.stopping);
	await_end();
}
END_TEST

START_TEST(an_idle_connection_gets_a_fin)
{
	int client = connected_client();

	request(WORKER_DRAIN);
	await_end();
	ck_assert(stream_ends_clean(client));
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_reset), 0);
}
END_TEST

START_TEST(what_was_received_is_echoed_before_the_fin)
{
	int client = connected_client();

	send_text(client, "last");
	AWAIT(fd_outq(client) == 0);
	request(WORKER_DRAIN);
	await_end();
	expect_text(client, "last");
	ck_assert(stream_ends_clean(client));
}
END_TEST

START_TEST(who_waits_to_be_accepted_is_served)
{
	int client = tcp_connect(fd);

	send_text(client, "hello");
	AWAIT(tcp_backlog(fd) == 1);
	request(WORKER_DRAIN);
	await_end();
	expect_text(client, "hello");
	ck_assert(stream_ends_clean(client));
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_accepted), 1);
}
END_TEST

START_TEST(who_waits_at_a_passed_listener_is_left_to_the_next)
{
	int client = tcp_connect(fd), next;

	listener.passed = true;
	AWAIT(tcp_backlog(fd) == 1);
	request(WORKER_DRAIN);
	await_end();
	next = tcp_accept(fd);
	send_text(next, "served");
	expect_text(client, "served");
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_accepted), 0);
}
END_TEST

START_TEST(nobody_is_accepted_any_more)
{
	int old = connected_client(), new;

	(void)fill_send_buffer(old, 0);
	request(WORKER_DRAIN);
	new = tcp_connect(fd);
	AWAIT(tcp_backlog(fd) == 1);
	rig_turn_often(&rig);
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_accepted), 1);
	ck_assert_int_ge(new, 0);
}
END_TEST

START_TEST(waiting_datagrams_are_answered)
{
	int client = ipv4_client();

	send_numbers(client, 0, 3 * BATCH_MAX);
	request(WORKER_DRAIN);
	await_end();
	expect_numbers(client, 0, 3 * BATCH_MAX);
}
END_TEST

/* A client that sent more than fits on the way back, and does not read. */
static int slow_client(size_t *sent)
{
	int client = connected_client();

	*sent = 0;
	while (rig.worker.held.bytes == 0) {
		*sent += fill_send_buffer(client, *sent);
		rig_turn(&rig);
	}
	return client;
}

START_TEST(a_slow_reader_gets_all_if_there_is_time)
{
	size_t sent, received = 0;
	uint8_t bytes[4096];
	int client = slow_client(&sent);
	ssize_t length;

	ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
	request(WORKER_DRAIN);
	do {
		rig_await_readable(&rig, client);
		length = recv(client, bytes, sizeof(bytes), 0);
		ck_assert_int_ge(length, 0);
		for (ssize_t i = 0; i < length; i++)
			if (bytes[i] != pattern_byte(received++))
				ck_abort_msg("byte %zu is wrong", received - 1);
	} while (length > 0);
	ck_assert_uint_eq(received, sent);
	await_end();
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_reset), 0);
}
END_TEST

START_TEST(a_slow_reader_is_reset_when_time_is_up)
{
	size_t sent;
	int client = slow_client(&sent), error;

	rig.policy.drain_timeout = 50 * USEC_PER_MSEC;
	request(WORKER_DRAIN);
	await_end();
	ck_assert_uint_lt(read_stream(client, 0, &error), sent);
	ck_assert_int_eq(error, ECONNRESET);
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_reset), 1);
}
END_TEST

START_TEST(the_deadline_is_kept)
{
	uint64_t began = rig.worker.reactor.now;
	size_t sent;

	(void)slow_client(&sent);
	rig.policy.drain_timeout = 100 * USEC_PER_MSEC;
	request(WORKER_DRAIN);
	await_end();
	ck_assert_uint_ge(rig.worker.reactor.now - began, 100 * USEC_PER_MSEC);
}
END_TEST

static const uint64_t endless[] = { USEC_INFINITY, USEC_INFINITY - 1 };

START_TEST(time_does_not_overflow)
{
	size_t sent;

	(void)slow_client(&sent);
	rig.policy.drain_timeout = endless[_i];
	request(WORKER_DRAIN);
	rig_turn_often(&rig);
	ck_assert(!rig.worker.reactor.stopping);
	ck_assert_uint_eq(rig.worker.drain_deadline, USEC_INFINITY);
}
END_TEST

START_TEST(a_second_request_ends_it_at_once)
{
	size_t sent;
	int client = slow_client(&sent), error;

	request(WORKER_DRAIN);
	request(WORKER_ABORT);
	ck_assert(rig.worker.reactor.stopping);
	await_end();
	(void)read_stream(client, 0, &error);
	ck_assert_int_eq(error, ECONNRESET);
}
END_TEST

START_TEST(to_abort_is_to_end_at_once)
{
	int idle = connected_client(), waiting = tcp_connect(fd);

	AWAIT(tcp_backlog(fd) == 1);
	request(WORKER_ABORT | WORKER_DRAIN | WORKER_RESUME);
	ck_assert(rig.worker.reactor.stopping);
	await_end();
	ck_assert(stream_ends_clean(idle));
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_accepted), 1);
	ck_assert_int_ge(waiting, 0);
}
END_TEST

START_TEST(to_abort_what_is_unread_is_to_reset)
{
	int client = connected_client();

	send_text(client, "unread");
	AWAIT(fd_outq(client) == 0);
	request(WORKER_ABORT);
	ck_assert(!stream_ends_clean(client));
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_reset), 1);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("drain");
	TCase *tcase = tcase_create("drain");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_pause_serves_old_connections_only);
	tcase_add_test(tcase, to_pause_and_resume_is_to_resume);
	tcase_add_test(tcase, an_idle_worker_drains_at_once);
	tcase_add_test(tcase, an_idle_connection_gets_a_fin);
	tcase_add_test(tcase, what_was_received_is_echoed_before_the_fin);
	tcase_add_test(tcase, who_waits_to_be_accepted_is_served);
	tcase_add_test(tcase,
		       who_waits_at_a_passed_listener_is_left_to_the_next);
	tcase_add_test(tcase, nobody_is_accepted_any_more);
	tcase_add_test(tcase, waiting_datagrams_are_answered);
	tcase_add_test(tcase, a_slow_reader_gets_all_if_there_is_time);
	tcase_add_test(tcase, a_slow_reader_is_reset_when_time_is_up);
	tcase_add_test(tcase, the_deadline_is_kept);
	tcase_add_loop_test(tcase, time_does_not_overflow, 0,
			    ARRAY_SIZE(endless));
	tcase_add_test(tcase, a_second_request_ends_it_at_once);
	tcase_add_test(tcase, to_abort_is_to_end_at_once);
	tcase_add_test(tcase, to_abort_what_is_unread_is_to_reset);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
