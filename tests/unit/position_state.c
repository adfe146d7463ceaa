/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tells of connections in every state, served as echod does it
 * in preserving mode, or otherwise.
 */
#include "config.h"

#include "unit/position.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

static const char hello[] = "hello";

#define HELLO (sizeof(hello) - 1)

START_TEST(fresh_connection)
{
	if (open_pair(_i))
		expect_left(0, "");
}
END_TEST

START_TEST(unread_bytes_are_left)
{
	if (!open_pair(_i))
		return;
	deliver(hello);
	expect_left(0, hello);
}
END_TEST

/* Any part of it, from nothing to all. */
START_TEST(sent_but_not_consumed)
{
	size_t part = (size_t)_i / FAMILIES;

	if (!open_pair(_i % FAMILIES))
		return;
	deliver(hello);
	echo(hello, part);
	expect_left(part, hello + part);
}
END_TEST

START_TEST(sent_and_consumed_before)
{
	if (!open_pair(_i))
		return;
	for (int i = 0; i < 3; i++) {
		deliver(hello);
		echo(hello, 4);
		consume(4);
		echo(hello + 4, 1);
		expect_echoed(1);
		consume(1);
		expect_echoed(0);
	}
	deliver(hello);
	echo(hello, 2);
	consume(1);
	deliver(" again");
	expect_left(1, "llo again");
}
END_TEST

START_TEST(end_after_unread_bytes)
{
	size_t part = (size_t)_i / FAMILIES;
	char byte;

	if (!open_pair(_i % FAMILIES))
		return;
	deliver(hello);
	deliver_end();
	expect_echoed(0);
	echo(hello, part);
	/* The end may have been read with the last byte, or not. */
	expect_left(part, hello + part);
	ck_assert_int_eq(recv(fds[SERVER], &byte, 1, 0), 0);
	/* What was just received here was not echoed, if anything was. */
	if (part == HELLO)
		expect_echoed(0);
	else
		expect_refused(-EBADMSG);
}
END_TEST

START_TEST(end_without_unread_bytes)
{
	char byte;

	if (!open_pair(_i))
		return;
	deliver(hello);
	echo(hello, HELLO);
	consume(HELLO);
	deliver_end();
	expect_echoed(0);
	ck_assert_int_eq(recv(fds[SERVER], &byte, 1, MSG_PEEK), 0);
	expect_echoed(0);
	ck_assert_int_eq(recv(fds[SERVER], &byte, 1, 0), 0);
	expect_echoed(0);
}
END_TEST

START_TEST(end_is_the_first_thing)
{
	if (!open_pair(_i))
		return;
	deliver_end();
	expect_left(0, "");
}
END_TEST

START_TEST(own_end_acknowledged)
{
	if (!open_pair(_i))
		return;
	deliver(hello);
	echo(hello, 2);
	end();
	await_state(TCP_FIN_WAIT2);
	expect_echoed(2);
	deliver(" again");
	expect_left(2, "llo again");
}
END_TEST

START_TEST(own_end_not_acknowledged)
{
	if (!open_pair(_i))
		return;
	deliver(hello);
	deafen_client();
	echo(hello, 2);
	end();
	await_state(TCP_FIN_WAIT1);
	expect_echoed(2);
	deliver(" again");
	expect_left(2, "llo again");
}
END_TEST

/* Behind bytes for which there is no window. */
START_TEST(own_end_not_even_sent)
{
	size_t echoed;

	if (!open_narrow_pair(_i))
		return;
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_SNDBUF, 8192);
	deliver_stream(48 << 10);
	echoed = echo_until_stuck();
	end();
	await_state(TCP_FIN_WAIT1);
	expect_echoed(echoed);
}
END_TEST

START_TEST(both_ends_own_not_acknowledged)
{
	if (!open_pair(_i))
		return;
	deliver(hello);
	deliver_end();
	await_state(TCP_CLOSE_WAIT);
	deafen_client();
	echo(hello, 3);
	end();
	await_state(TCP_LAST_ACK);
	expect_left(3, "lo");
}
END_TEST

START_TEST(both_ends_at_once)
{
	if (!open_pair(_i))
		return;
	deliver(hello);
	deafen_client();
	echo(hello, 3);
	end();
	deliver_end();
	await_state(TCP_CLOSING);
	expect_left(3, "lo");
}
END_TEST

START_TEST(over_as_the_client_ended_last)
{
	if (!open_pair(_i))
		return;
	deliver(hello);
	echo(hello, 3);
	end();
	await_state(TCP_FIN_WAIT2);
	deliver_end();
	await_state(TCP_CLOSE); /* for a descriptor; in truth TIME-WAIT */
	expect_refused(-ENOTCONN);
}
END_TEST

START_TEST(over_as_the_server_ended_last)
{
	if (!open_pair(_i))
		return;
	deliver_end();
	end();
	await_state(TCP_CLOSE);
	expect_refused(-ENOTCONN);
}
END_TEST

START_TEST(reset_by_the_client)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	if (!open_pair(_i))
		return;
	deliver(hello);
	echo(hello, 3);
	ck_assert_int_eq(setsockopt(fds[CLIENT], SOL_SOCKET, SO_LINGER,
				    &at_once, sizeof(at_once)),
			 0);
	ck_assert_int_eq(close(fds[CLIENT]), 0);
	await_state(TCP_CLOSE);
	expect_refused(-ENOTCONN);
}
END_TEST

START_TEST(never_connected)
{
	fds[SERVER] = fd_open(AF_INET, SOCK_STREAM);
	expect_refused(-ENOTCONN);
	fds[SERVER] = tcp_listener(0);
	expect_refused(-ENOTCONN);
}
END_TEST

START_TEST(not_tcp)
{
	unix_pair(SOCK_STREAM, fds);
	expect_refused(-EOPNOTSUPP);
	udp_pair(fds);
	expect_refused(-EOPNOTSUPP);
	fds[SERVER] = -1;
	expect_refused(-EBADF);
}
END_TEST

/* It was received, and its echo was lost with the process. */
START_TEST(received_and_sent_less)
{
	if (!open_pair(_i))
		return;
	deliver("hello world");
	expect_text(fds[SERVER], "hello world");
	expect_refused(-EBADMSG);
	echo(hello, 4);
	expect_refused(-EBADMSG);
	deliver(hello);
	expect_refused(-EBADMSG);
}
END_TEST

START_TEST(received_and_sent_all_is_as_good)
{
	if (!open_pair(_i))
		return;
	deliver(hello);
	expect_text(fds[SERVER], hello);
	echo(hello, HELLO);
	deliver(" again");
	expect_left(0, " again");
}
END_TEST

START_TEST(sent_more_than_was_received)
{
	if (!open_pair(_i))
		return;
	echo(hello, 3);
	expect_refused(-EBADMSG);
	deliver("2!");
	expect_refused(-EBADMSG);
	deliver_end();
	expect_refused(-EBADMSG);
}
END_TEST

TCase *position_state_case(void)
{
	const TTest *const of_a_family[] = {
		fresh_connection,
		unread_bytes_are_left,
		sent_and_consumed_before,
		end_without_unread_bytes,
		end_is_the_first_thing,
		own_end_acknowledged,
		own_end_not_acknowledged,
		own_end_not_even_sent,
		both_ends_own_not_acknowledged,
		both_ends_at_once,
		over_as_the_client_ended_last,
		over_as_the_server_ended_last,
		reset_by_the_client,
		received_and_sent_less,
		received_and_sent_all_is_as_good,
		sent_more_than_was_received,
	};
	TCase *part = tcase_create("state");

	for (size_t i = 0; i < ARRAY_SIZE(of_a_family); i++)
		tcase_add_loop_test(part, of_a_family[i], 0, FAMILIES);
	tcase_add_loop_test(part, sent_but_not_consumed, 0,
			    FAMILIES * (int)(HELLO + 1));
	tcase_add_loop_test(part, end_after_unread_bytes, 0,
			    FAMILIES * (int)(HELLO + 1));
	tcase_add_test(part, never_connected);
	tcase_add_test(part, not_tcp);
	return part;
}
