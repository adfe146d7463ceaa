/* SPDX-License-Identifier: MIT */
/*
 * Draining: what was received is echoed, then a FIN, and the socket is kept
 * until the peer's kernel has everything.
 */
#include "config.h"

#include "unit/connection.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

static void drain(void)
{
	connection_drain(the_connection());
	serve();
}

/* As the worker does now and then. */
static void settle(void)
{
	serve();
	if (connections() > 0)
		connection_settle(the_connection());
}

static void await_settled(void)
{
	AWAIT((settle(), connections() == 0));
}

/*
 * A TCP connection that drains, its FIN sent, while the peer has not taken all
 * of its echo: how many bytes that is.
 */
static size_t drain_with_unacknowledged(void)
{
	size_t total = 0;

	open_connection(KIND_TCP);
	/* More than the window of a client that does not read. */
	while (total < 400000) {
		total += fill_send_buffer(fds[CLIENT], total);
		await_inq(fds[SERVER], 1);
		serve();
	}
	AWAIT((serve(), counted(COUNTER_bytes_sent) == total));
	drain();
	settle();
	ck_assert_uint_eq(connections(), 1);
	return total;
}

START_TEST(idle_one_gets_a_fin)
{
	if (!open_connection((enum kind)_i))
		return;
	say_and_expect("hello");
	drain();
	expect_fin();
	await_settled();
	expect_counted(5, 5, 0);
}
END_TEST

START_TEST(what_was_received_is_echoed)
{
	if (!open_connection((enum kind)_i))
		return;
	deliver("hello");
	drain();
	expect_text(fds[CLIENT], "hello");
	expect_fin();
	await_settled();
	expect_counted(5, 5, 0);
}
END_TEST

START_TEST(what_is_held_is_echoed)
{
	open_connection((enum kind)_i);
	deliver("hello");
	fault_shorten(FAULT_SEND, 2);
	serve();
	drain();
	settle();
	ck_assert_uint_eq(connections(), 1);
	expect_text(fds[CLIENT], "he");
	ck_assert_int_eq(events_now(fds[CLIENT], POLLIN | POLLRDHUP), 0);
	fault_renew_edges();
	serve();
	expect_text(fds[CLIENT], "llo");
	expect_fin();
	await_settled();
	ck_assert_uint_eq(counted(COUNTER_connections_reset), 0);
}
END_TEST

START_TEST(end_of_the_peer_is_an_end)
{
	if (!open_connection((enum kind)_i))
		return;
	deliver("hello");
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	AWAIT(events_now(fds[SERVER], POLLRDHUP) & POLLRDHUP);
	drain();
	ck_assert_uint_eq(connections(), 0);
	expect_text(fds[CLIENT], "hello");
	expect_fin();
}
END_TEST

START_TEST(one_that_does_not_drain_is_not_settled)
{
	open_connection(KIND_TCP);
	say_and_expect("hello");
	settle();
	ck_assert_uint_eq(connections(), 1);
	say_and_expect("hello");
}
END_TEST

START_TEST(socket_is_kept_until_all_is_acknowledged)
{
	size_t total = drain_with_unacknowledged();

	for (int i = 0; i < 3; i++) {
		settle();
		ck_assert_uint_eq(connections(), 1);
	}
	expect_pattern(total);
	expect_fin();
	await_settled();
	expect_counted(total, total, 0);
}
END_TEST

/* What would be lost if the socket were closed at once. */
START_TEST(late_bytes_do_not_destroy_the_echo)
{
	size_t total = drain_with_unacknowledged();

	deliver("late");
	settle();
	ck_assert_uint_eq(connections(), 1);
	expect_pattern(total);
	await_settled();
	/* Not echoed, and not denied. */
	expect_counted(total, total, 1);
	AWAIT(events_now(fds[CLIENT], 0) & POLLERR);
}
END_TEST

START_TEST(late_bytes_and_an_end_do_not_either)
{
	size_t total = drain_with_unacknowledged();

	deliver("late");
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	AWAIT(events_now(fds[SERVER], POLLRDHUP) & POLLRDHUP);
	settle();
	expect_pattern(total);
	await_settled();
	expect_counted(total, total, 1);
}
END_TEST

START_TEST(end_of_the_peer_while_finishing)
{
	size_t total = drain_with_unacknowledged();

	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	AWAIT(events_now(fds[SERVER], POLLRDHUP) & POLLRDHUP);
	settle();
	expect_pattern(total);
	expect_fin();
	await_settled();
	expect_counted(total, total, 0);
}
END_TEST

/* Its FIN brings an edge: nobody has to ask. */
START_TEST(end_of_the_peer_after_all_settles)
{
	size_t total = drain_with_unacknowledged();

	expect_pattern(total);
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	SERVE_UNTIL(connections() == 0);
	expect_counted(total, total, 0);
}
END_TEST

START_TEST(peer_resets_while_finishing)
{
	(void)drain_with_unacknowledged();
	reset_by_client();
	SERVE_UNTIL(connections() == 0);
	ck_assert_uint_eq(counted(COUNTER_connections_reset), 0);
}
END_TEST

START_TEST(aborted_while_finishing)
{
	size_t total = drain_with_unacknowledged();

	connection_abort(the_connection());
	ck_assert_uint_eq(connections(), 0);
	expect_counted(total, total, 0);
	/* The kernel goes on delivering. */
	expect_pattern(total);
	expect_fin();
}
END_TEST

START_TEST(aborted_with_late_bytes)
{
	size_t total = drain_with_unacknowledged();

	deliver("late");
	serve();
	connection_abort(the_connection());
	ck_assert_uint_eq(connections(), 0);
	expect_counted(total, total, 1);
}
END_TEST

START_TEST(drained_again_changes_nothing)
{
	size_t total = drain_with_unacknowledged();

	drain();
	ck_assert_uint_eq(connections(), 1);
	expect_pattern(total);
	expect_fin();
	await_settled();
}
END_TEST

TCase *connection_drain_case(void)
{
	TCase *tcase = tcase_create("drain");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, connection_setup, connection_teardown);
	tcase_add_loop_test(tcase, idle_one_gets_a_fin, 0, KIND_COUNT);
	tcase_add_loop_test(tcase, what_was_received_is_echoed, 0, KIND_COUNT);
	tcase_add_loop_test(tcase, what_is_held_is_echoed, 0, KIND_RECORDS);
	tcase_add_loop_test(tcase, end_of_the_peer_is_an_end, 0, KIND_COUNT);
	tcase_add_test(tcase, one_that_does_not_drain_is_not_settled);
	tcase_add_test(tcase, socket_is_kept_until_all_is_acknowledged);
	tcase_add_test(tcase, late_bytes_do_not_destroy_the_echo);
	tcase_add_test(tcase, late_bytes_and_an_end_do_not_either);
	tcase_add_test(tcase, end_of_the_peer_while_finishing);
	tcase_add_test(tcase, end_of_the_peer_after_all_settles);
	tcase_add_test(tcase, peer_resets_while_finishing);
	tcase_add_test(tcase, aborted_while_finishing);
	tcase_add_test(tcase, aborted_with_late_bytes);
	tcase_add_test(tcase, drained_again_changes_nothing);
	return tcase;
}
