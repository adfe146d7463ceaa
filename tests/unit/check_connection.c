/* SPDX-License-Identifier: MIT */
/*
 * Connections over real sockets, the system calls in the test's hands.
 */
#include "config.h"

#include "unit/connection.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

START_TEST(echoes_what_it_receives)
{
	if (!open_connection((enum kind)_i))
		return;
	say_and_expect("hello");
	say_and_expect("x");
	say_and_expect("hello again");
	ck_assert_uint_eq(counted(COUNTER_connections_accepted), 1);
	ck_assert_uint_eq(counted(COUNTER_bytes_received), 17);
	ck_assert_uint_eq(counted(COUNTER_bytes_sent), 17);
	ck_assert_uint_eq(connections(), 1);
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	expect_fin();
	ck_assert_uint_eq(connections(), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_closed), 1);
	ck_assert_uint_eq(counted(COUNTER_connections_reset), 0);
}
END_TEST

START_TEST(every_byte_value_comes_back)
{
	unsigned char all[256], back[256];

	if (!open_connection((enum kind)_i))
		return;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)i;
	ck_assert_int_eq(send(fds[CLIENT], all, sizeof(all), 0), sizeof(all));
	SERVE_UNTIL(events_now(fds[CLIENT], POLLIN) != 0);
	ck_assert_int_eq(recv(fds[CLIENT], back, sizeof(back), 0),
			 sizeof(back));
	ck_assert_mem_eq(all, back, sizeof(all));
}
END_TEST

/* There is no second edge for the end. */
START_TEST(end_that_comes_with_data)
{
	if (!open_pair((enum kind)_i))
		return;
	send_text(fds[CLIENT], "last words");
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	AWAIT(events_now(fds[SERVER], POLLRDHUP) & POLLRDHUP);
	serve_pair((enum kind)_i, NULL);
	serve();
	ck_assert_uint_eq(connections(), 0);
	expect_text(fds[CLIENT], "last words");
	expect_fin();
}
END_TEST

START_TEST(end_that_comes_between_polling_and_receiving)
{
	if (!open_connection((enum kind)_i))
		return;
	send_text(fds[CLIENT], "last words");
	await_readable(fds[SERVER]);
	ck_assert_int_eq(reactor_poll(&worker.reactor), 0);
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	AWAIT(events_now(fds[SERVER], POLLRDHUP) & POLLRDHUP);
	serve();
	expect_text(fds[CLIENT], "last words");
	expect_fin();
}
END_TEST

START_TEST(end_without_data)
{
	if (!open_connection((enum kind)_i))
		return;
	ck_assert_int_eq(close(fds[CLIENT]), 0);
	fds[CLIENT] = -1;
	SERVE_UNTIL(connections() == 0);
	ck_assert_uint_eq(counted(COUNTER_bytes_received), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_reset), 0);
}
END_TEST

/* A short read proves an empty queue: one recv and one send an echo. */
START_TEST(tcp_echo_is_two_calls)
{
	unsigned int receives, sends, waits;

	open_connection(KIND_TCP);
	say_and_expect("warm up");
	receives = fault_count(FAULT_RECV);
	sends = fault_count(FAULT_SEND);
	waits = fault_count(FAULT_EPOLL_WAIT);
	say_and_expect("echo");
	say_and_expect("echo");
	ck_assert_uint_eq(fault_count(FAULT_RECV), receives + 2);
	ck_assert_uint_eq(fault_count(FAULT_SEND), sends + 2);
	ck_assert_uint_eq(fault_count(FAULT_EPOLL_WAIT), waits + 2);
}
END_TEST

START_TEST(more_than_one_scratch_buffer)
{
	size_t total;

	if (!open_pair((enum kind)_i))
		return;
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_RCVBUF, 1 << 20);
	fd_set_option(fds[CLIENT], SOL_SOCKET, SO_SNDBUF, 1 << 20);
	total = fill_send_buffer(fds[CLIENT], 0);
	serve_pair((enum kind)_i, NULL);
	expect_pattern(total);
	ck_assert_uint_eq(counted(COUNTER_bytes_received), total);
	ck_assert_uint_eq(counted(COUNTER_bytes_sent), total);
}
END_TEST

/* One busy peer must not keep the others waiting: one receive, one turn. */
START_TEST(handler_receives_once_a_turn)
{
	unsigned int before = fault_count(FAULT_RECV);

	open_connection(KIND_UNIX);
	(void)fill_send_buffer(fds[CLIENT], 0);
	ck_assert_int_eq(reactor_poll(&worker.reactor), 0);
	reactor_dispatch(&worker.reactor);
	/* To peek, and to consume, which is by pieces for a Unix socket. */
	ck_assert_uint_gt(fault_count(FAULT_RECV), before);
	ck_assert_uint_le(counted(COUNTER_bytes_sent), WORKER_SCRATCH_SIZE);
	ck_assert(!list_is_empty(&worker.reactor.ready));
}
END_TEST

/* RFC 6093: urgent data are part of the stream. */
START_TEST(urgent_byte_is_echoed_in_its_place)
{
	char back[16] = { 0 };
	unsigned int receives;
	size_t total = 0;

	if (_i == 1)
		hold_at_most(0); /* to peek */
	open_connection(KIND_TCP);
	send_text(fds[CLIENT], "before");
	ck_assert_int_eq(send(fds[CLIENT], "!", 1, MSG_OOB), 1);
	send_text(fds[CLIENT], "after");
	while (total < 12) {
		ssize_t received;

		SERVE_UNTIL(events_now(fds[CLIENT], POLLIN) != 0);
		received = recv(fds[CLIENT], back + total, 12 - total, 0);
		ck_assert_int_gt(received, 0);
		total += (size_t)received;
	}
	ck_assert_str_eq(back, "before!after");
	/* And the connection lives on, as fast as before. */
	receives = fault_count(FAULT_RECV);
	say_and_expect("more");
	ck_assert_uint_le(fault_count(FAULT_RECV), receives + 2 + (_i == 1));
}
END_TEST

/* All of it stands in the queue when the first edge is served. */
START_TEST(urgent_byte_that_waits_with_the_rest)
{
	open_pair(KIND_TCP);
	send_text(fds[CLIENT], "before");
	ck_assert_int_eq(send(fds[CLIENT], "!", 1, MSG_OOB), 1);
	send_text(fds[CLIENT], "after");
	await_inq(fds[SERVER], 12);
	serve_pair(KIND_TCP, NULL);
	serve();
	await_inq(fds[CLIENT], 12);
	expect_text(fds[CLIENT], "before!after");
}
END_TEST

START_TEST(several_connections_do_not_mix)
{
	int first;

	open_connection(KIND_TCP);
	first = fds[CLIENT];
	open_connection(KIND_UNIX);
	send_text(first, "one");
	say_and_expect("two");
	SERVE_UNTIL(events_now(first, POLLIN) != 0);
	expect_text(first, "one");
	ck_assert_uint_eq(connections(), 2);
	ck_assert_int_eq(close(first), 0);
	SERVE_UNTIL(connections() == 1);
	say_and_expect("two more");
}
END_TEST

TCase *connection_echo_case(void)
{
	TCase *tcase = tcase_create("echo");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, connection_setup, connection_teardown);
	tcase_add_loop_test(tcase, echoes_what_it_receives, 0, KIND_COUNT);
	tcase_add_loop_test(tcase, every_byte_value_comes_back, 0, KIND_COUNT);
	tcase_add_loop_test(tcase, end_that_comes_with_data, 0, KIND_COUNT);
	tcase_add_loop_test(tcase, end_that_comes_between_polling_and_receiving,
			    0, KIND_COUNT);
	tcase_add_loop_test(tcase, end_without_data, 0, KIND_COUNT);
	tcase_add_test(tcase, tcp_echo_is_two_calls);
	tcase_add_loop_test(tcase, more_than_one_scratch_buffer, 0,
			    KIND_RECORDS);
	tcase_add_test(tcase, handler_receives_once_a_turn);
	tcase_add_loop_test(tcase, urgent_byte_is_echoed_in_its_place, 0, 2);
	tcase_add_test(tcase, urgent_byte_that_waits_with_the_rest);
	tcase_add_test(tcase, several_connections_do_not_mix);
	return tcase;
}

static Suite *make_suite(void)
{
	Suite *suite = suite_create("connection");

	suite_add_tcase(suite, connection_echo_case());
	suite_add_tcase(suite, connection_hold_case());
	suite_add_tcase(suite, connection_peek_case());
	suite_add_tcase(suite, connection_lag_case());
	suite_add_tcase(suite, connection_unix_case());
	suite_add_tcase(suite, connection_fault_case());
	suite_add_tcase(suite, connection_end_case());
	suite_add_tcase(suite, connection_drain_case());
	suite_add_tcase(suite, connection_parked_case());
	suite_add_tcase(suite, connection_log_case());
	suite_add_tcase(suite, connection_watch_case());
	suite_add_tcase(suite, connection_quota_case());
	suite_add_tcase(suite, connection_random_case());
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
