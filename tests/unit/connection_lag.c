/* SPDX-License-Identifier: MIT */
/*
 * Preserved connections, of which a little that was echoed is left unread for a
 * while.
 */
#include "config.h"

#include "unit/connection.h"

#include "echod/connection_state.h"
#include "echod/parking.h"
#include "echod/position.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* As in connection_lag.c. */
#define LAG_USEC      (250 * USEC_PER_MSEC)
#define LAG_BYTES_MAX 3072
#define LAGGING_MAX   4096
#define EXPIRY_BUDGET 64

static struct connection_origin origin;

static void setup(void)
{
	connection_setup();
	preserve_connections();
	origin = (struct connection_origin){
		.name = "test", .tcp = true, .sole = true, .roomy = true
	};
}

static void teardown(void)
{
	while (!list_is_empty(&worker.connections.entries))
		connection_abort(the_connection());
	ck_assert_uint_eq(worker.lagging, 0);
	connection_teardown();
}

static void open_lagging(enum kind kind)
{
	ck_assert(open_pair(kind));
	ck_assert(worker_reserve_connection(&worker));
	ck_assert_int_eq(connection_open(&worker, fds[SERVER], &origin, NULL),
			 0);
}

static void expect_unread(size_t bytes, unsigned lagging)
{
	ck_assert_uint_eq(fd_inq(fds[SERVER]), bytes);
	ck_assert_uint_eq(worker.lagging, lagging);
}

/* One of which a message was echoed and is unread. */
static void open_behind(void)
{
	open_lagging(KIND_TCP);
	say_and_expect("hello");
	expect_unread(5, 1);
}

static void say_long(size_t length)
{
	char text[LAG_BYTES_MAX + 2], echo[LAG_BYTES_MAX + 2];

	ck_assert_uint_lt(length, sizeof(text));
	memset(text, 'x', length);
	text[length] = '\0';
	say(text);
	await_inq(fds[CLIENT], length);
	ck_assert_int_eq(recv(fds[CLIENT], echo, sizeof(echo), 0),
			 (ssize_t)length);
	ck_assert_mem_eq(echo, text, length);
}

START_TEST(every_fourth_message_is_consumed_with_those_before)
{
	size_t echoed;

	open_lagging(KIND_TCP);
	for (int i = 0; i < 3; i++) {
		say_and_expect("one");
		expect_unread(3, 1);
		say_and_expect("other");
		expect_unread(8, 1);
		say_and_expect("another");
		expect_unread(15, 1);
		/* What the next instance would find. */
		ck_assert_int_eq(position_read(fds[SERVER], &echoed), 0);
		ck_assert_uint_eq(echoed, 15);
		say_and_expect("x");
		expect_unread(0, 0);
	}
	expect_counted(48, 48, 0);
}
END_TEST

START_TEST(no_more_is_left_than_a_part_of_the_window)
{
	open_lagging(KIND_TCP);
	say_long(LAG_BYTES_MAX + 1);
	expect_unread(0, 0);
	say_long(LAG_BYTES_MAX);
	expect_unread(LAG_BYTES_MAX, 1);
	say_and_expect("x");
	expect_unread(0, 0);
	say_long(LAG_BYTES_MAX - 1);
	say_and_expect("x");
	expect_unread(LAG_BYTES_MAX, 1);
}
END_TEST

/* Who has no counters, may be read by others, or has a small window. */
START_TEST(others_are_consumed_at_once)
{
	if (_i == 0)
		origin.roomy = false;
	else if (_i == 1)
		origin.sole = false;
	else if (_i == 2)
		policy.preserve = false;
	else
		origin.tcp = false;
	open_lagging(_i == 3 ? KIND_UNIX : KIND_TCP);
	say_and_expect("hello");
	expect_unread(0, 0);
}
END_TEST

START_TEST(no_more_lag_than_may)
{
	open_lagging(KIND_TCP);
	worker.lagging = LAGGING_MAX;
	say_and_expect("hello");
	expect_unread(0, LAGGING_MAX);
	worker.lagging = LAGGING_MAX - 1;
	say_and_expect("hello");
	expect_unread(5, LAGGING_MAX);
	say_and_expect("again");
	expect_unread(10, LAGGING_MAX);
	/* Before the timer looks for all of them. */
	reactor_timer_stop(&worker.lag);
	worker.lagging = 1;
}
END_TEST

START_TEST(silence_ends_it)
{
	struct idle_entry *entry;
	int silent, client;

	open_lagging(KIND_TCP);
	say_and_expect("hello");
	silent = fds[SERVER];
	client = fds[CLIENT];
	open_lagging(KIND_TCP);
	say_and_expect("hello");
	entry = the_connection();
	entry->since = worker.reactor.now;
	connection_of(container_of(entry->link.next, struct idle_entry, link))
		->idle.since = worker.reactor.now + 1;
	let_time_pass(LAG_USEC);
	ck_assert_uint_eq(fd_inq(silent), 0);
	expect_unread(5, 1);
	let_time_pass(LAG_USEC);
	expect_unread(0, 0);
	ck_assert(!list_is_linked(&worker.lag.link));
	say_and_expect("again");
	expect_unread(5, 1);
	ck_assert_int_eq(close(client), 0);
}
END_TEST

/* Which is no error for anybody else. */
START_TEST(silent_one_that_cannot_be_consumed_is_reset)
{
	open_behind();
	fault_fail(FAULT_RECV, ENOBUFS);
	let_time_pass(LAG_USEC);
	ck_assert_uint_eq(connections(), 0);
	expect_counted(5, 5, 1);
	expect_reset();
}
END_TEST

START_TEST(crowd_that_falls_silent_has_several_turns)
{
	int clients[EXPIRY_BUDGET + 1];

	policy.max_connections = EXPIRY_BUDGET + 1;
	for (int i = 0; i <= EXPIRY_BUDGET; clients[i++] = fds[CLIENT]) {
		open_lagging(KIND_TCP);
		say_and_expect("hello");
	}
	ck_assert_uint_eq(worker.lagging, EXPIRY_BUDGET + 1);
	let_time_pass(LAG_USEC);
	ck_assert_uint_eq(worker.lagging, 1);
	reactor_dispatch(&worker.reactor);
	ck_assert_uint_eq(worker.lagging, 0);
	for (int i = 0; i < EXPIRY_BUDGET; i++)
		ck_assert_int_eq(close(clients[i]), 0);
}
END_TEST

START_TEST(end_of_the_peer_is_seen)
{
	open_behind();
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	SERVE_UNTIL(connections() == 0);
	expect_counted(5, 5, 0);
	expect_fin();
}
END_TEST

START_TEST(reset_by_the_peer_ends_it)
{
	open_behind();
	reset_by_client();
	SERVE_UNTIL(connections() == 0);
	ck_assert_uint_eq(worker.lagging, 0);
	expect_counted(5, 5, 0);
}
END_TEST

START_TEST(broken_one_is_reset)
{
	open_behind();
	deliver("again");
	fault_fail(_i == 0 ? FAULT_RECV : FAULT_SEND, ENOBUFS);
	serve();
	ck_assert_uint_eq(worker.lagging, 0);
	expect_counted(5, 5, 1);
	expect_reset();
}
END_TEST

/* What was peeked at before need not be all there is. */
START_TEST(short_look_is_not_the_last)
{
	open_behind();
	deliver("again");
	fault_shorten(FAULT_RECV, (size_t)_i);
	serve();
	expect_text(fds[CLIENT], "again");
	expect_counted(10, 10, 0);
}
END_TEST

/* Not even where what is unread is a single byte. */
START_TEST(nothing_new_is_no_message)
{
	open_lagging(KIND_TCP);
	say_and_expect("h");
	expect_unread(1, 1);
	connection_answer(the_connection());
	serve();
	expect_unread(0, 0);
	expect_counted(1, 1, 0);
	say_and_expect("again");
	expect_unread(5, 1);
}
END_TEST

START_TEST(urgent_byte_keeps_its_place)
{
	open_behind();
	ck_assert_int_eq(send(fds[CLIENT], "abc", 3, MSG_OOB), 3);
	send_text(fds[CLIENT], "def");
	SERVE_UNTIL(fd_inq(fds[CLIENT]) == 6);
	expect_text(fds[CLIENT], "abcdef");
	expect_counted(11, 11, 0);
}
END_TEST

START_TEST(short_send_leaves_the_rest_alone)
{
	open_behind();
	deliver("again");
	fault_shorten(FAULT_SEND, 2);
	serve();
	expect_unread(3, 0);
	expect_text(fds[CLIENT], "ag");
	fault_renew_edges();
	serve();
	expect_text(fds[CLIENT], "ain");
	expect_counted(10, 10, 0);
}
END_TEST

START_TEST(end_is_clean)
{
	open_behind();
	ck_assert(!connection_is_late(the_connection()));
	if (_i == 0) {
		connection_abort(the_connection());
	} else if (_i == 1) {
		connection_drain(the_connection());
		SERVE_UNTIL(events_now(fds[CLIENT], POLLIN) != 0);
	} else {
		let_time_pass(policy.idle_timeout);
	}
	expect_counted(5, 5, 0);
	expect_fin();
}
END_TEST

START_TEST(what_was_not_echoed_is_more_than_a_lag)
{
	open_behind();
	deliver("x");
	ck_assert(connection_is_late(the_connection()));
	connection_abort(the_connection());
	expect_counted(5, 5, 1);
	expect_reset();
}
END_TEST

/* Who could not be consumed at its end might have been echoed, or not. */
START_TEST(end_of_one_that_cannot_be_consumed_is_a_reset)
{
	open_behind();
	fault_fail(FAULT_RECV, ENOBUFS);
	if (_i == 0) {
		connection_abort(the_connection());
	} else {
		connection_drain(the_connection());
		serve();
	}
	ck_assert_uint_eq(connections(), 0);
	expect_counted(5, 5, 1);
	expect_reset();
}
END_TEST

START_TEST(next_instance_has_nothing_to_skip)
{
	size_t echoed;
	int fd;

	open_behind();
	fd = dup(fds[SERVER]);
	ck_assert_int_ge(fd, 0);
	park_connections();
	connection_hand_over(the_connection());
	handed_over = 1;
	ck_assert_uint_eq(worker.lagging, 0);
	ck_assert_int_eq(position_read(fd, &echoed), 0);
	ck_assert_uint_eq(echoed, 0);
	ck_assert_uint_eq(fd_inq(fd), 0);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

TCase *connection_lag_case(void)
{
	TCase *tcase = tcase_create("lag");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase,
		       every_fourth_message_is_consumed_with_those_before);
	tcase_add_test(tcase, no_more_is_left_than_a_part_of_the_window);
	tcase_add_loop_test(tcase, others_are_consumed_at_once, 0, 4);
	tcase_add_test(tcase, no_more_lag_than_may);
	tcase_add_test(tcase, silence_ends_it);
	tcase_add_test(tcase, silent_one_that_cannot_be_consumed_is_reset);
	tcase_add_test(tcase, crowd_that_falls_silent_has_several_turns);
	tcase_add_test(tcase, end_of_the_peer_is_seen);
	tcase_add_test(tcase, reset_by_the_peer_ends_it);
	tcase_add_loop_test(tcase, broken_one_is_reset, 0, 2);
	tcase_add_loop_test(tcase, short_look_is_not_the_last, 1, 6);
	tcase_add_test(tcase, nothing_new_is_no_message);
	tcase_add_test(tcase, urgent_byte_keeps_its_place);
	tcase_add_test(tcase, short_send_leaves_the_rest_alone);
	tcase_add_loop_test(tcase, end_is_clean, 0, 3);
	tcase_add_test(tcase, what_was_not_echoed_is_more_than_a_lag);
	tcase_add_loop_test(
		tcase, end_of_one_that_cannot_be_consumed_is_a_reset, 0, 2);
	tcase_add_test(tcase, next_instance_has_nothing_to_skip);
	return tcase;
}
