/* SPDX-License-Identifier: MIT */
/*
 * Queues and what stops them: no acknowledgement, no window, urgent data; and
 * what cannot be skipped.
 */
#include "config.h"

#include "unit/injection.h"
#include "unit/position.h"

#include "common/call.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

INJECTED(ssize_t, -1, call_receive,
	 (int fd, void *bytes, size_t size, int flags),
	 (fd, bytes, size, flags))

static size_t never_sent(int fd)
{
	int bytes = 0;

	ck_assert_int_eq(ioctl(fd, SIOCOUTQNSD, &bytes), 0);
	return (size_t)bytes;
}

START_TEST(sent_and_not_acknowledged)
{
	if (!open_pair(_i))
		return;
	deliver("0123456789");
	deafen_client();
	echo("0123456", 7);
	consume(3);
	ck_assert_uint_eq(fd_outq(fds[SERVER]), 7);
	ck_assert_uint_eq(never_sent(fds[SERVER]), 0);
	expect_left(4, "789");
}
END_TEST

/* What goes on when the client reads at last. */
static void expect_at_client(size_t length)
{
	int error;

	ck_assert_int_eq(shutdown(fds[SERVER], SHUT_WR), 0);
	ck_assert_uint_eq(read_stream(fds[CLIENT], 0, &error), length);
	ck_assert_int_eq(error, 0);
}

/* All that the client has sent and that is not consumed: from this place on. */
static void expect_stream_left(size_t from, size_t sent)
{
	int error;

	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	ck_assert_uint_eq(read_stream(fds[SERVER], from, &error), sent - from);
	ck_assert_int_eq(error, 0);
}

START_TEST(not_sent_as_the_client_has_no_window)
{
	size_t sent, echoed;

	if (!open_narrow_pair(_i))
		return;
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_SNDBUF, 8192);
	sent = fill_send_buffer(fds[CLIENT], 0);
	echoed = echo_until_stuck();
	ck_assert_uint_gt(never_sent(fds[SERVER]), 0);
	await_inq(fds[SERVER], echoed);
	expect_echoed(echoed);
	consume(1000);
	expect_echoed(echoed - 1000);
	ck_assert_int_eq(position_skip(fds[SERVER], echoed - 1000), 0);
	expect_echoed(0);
	expect_stream_left(echoed, sent);
	expect_at_client(echoed);
}
END_TEST

/* The client has more to send than there is room for. */
START_TEST(not_received_as_the_server_has_no_window)
{
	char bytes[1000];
	size_t sent, echoed = sizeof(bytes);

	if (!open_pair(_i))
		return;
	sent = fill_send_buffer(fds[CLIENT], 0);
	ck_assert_uint_gt(never_sent(fds[CLIENT]), 0);
	await_inq(fds[SERVER], echoed);
	ck_assert_int_eq(recv(fds[SERVER], bytes, echoed, MSG_PEEK),
			 (ssize_t)echoed);
	echo(bytes, echoed);
	expect_echoed(echoed);
	ck_assert_int_eq(position_skip(fds[SERVER], echoed), 0);
	expect_stream_left(echoed, sent);
	expect_at_client(echoed);
}
END_TEST

static const char urgent[] = "ab!cd";

#define URGENT (sizeof(urgent) - 1)

static void deliver_urgent(void)
{
	send_text(fds[CLIENT], "ab");
	ck_assert_int_eq(send(fds[CLIENT], "!", 1, MSG_OOB), 1);
	send_text(fds[CLIENT], "cd");
	await_inq(fds[SERVER], URGENT);
}

/* The mark is before, at and behind what was echoed, and what was consumed. */
START_TEST(urgent_byte_is_one_like_any_other)
{
	size_t echoed = (size_t)_i / FAMILIES;

	for (size_t consumed = 0; consumed <= echoed; consumed++) {
		if (!open_pair(_i % FAMILIES))
			return;
		deliver_urgent();
		echo(urgent, echoed);
		consume(consumed);
		expect_left(echoed - consumed, urgent + echoed);
	}
}
END_TEST

START_TEST(skip_passes_over_signals)
{
	if (!open_pair(_i))
		return;
	deliver_urgent();
	echo(urgent, 4);
	call_receive_fault = (struct fault){ .times = 9, .error = EINTR };
	expect_left(4, "d");
	deliver("efg");
	echo("d", 1);
	echo("ef", 2);
	call_receive_fault = (struct fault){ .times = 9, .error = EAGAIN };
	expect_left(2, "g");
}
END_TEST

START_TEST(skip_finds_less_than_expected)
{
	if (!open_pair(_i))
		return;
	deliver("abc");
	ck_assert_int_eq(position_skip(fds[SERVER], 0), 0);
	ck_assert_int_eq(position_skip(fds[SERVER], 4), -EBADMSG);
	deliver("abc");
	deliver_end();
	ck_assert_int_eq(position_skip(fds[SERVER], 4), -EBADMSG);
}
END_TEST

START_TEST(skip_reports_what_the_kernel_says)
{
	if (!open_pair(_i))
		return;
	deliver("abc");
	call_receive_fault = (struct fault){ .times = 1, .error = ECONNRESET };
	ck_assert_int_eq(position_skip(fds[SERVER], 3), -ECONNRESET);
	call_receive_fault =
		(struct fault){ .times = FOR_EVER, .error = EINTR };
	ck_assert_int_eq(position_skip(fds[SERVER], 3), -EINTR);
}
END_TEST

TCase *position_queue_case(void)
{
	TCase *part = tcase_create("queue");

	tcase_add_loop_test(part, sent_and_not_acknowledged, 0, FAMILIES);
	tcase_add_loop_test(part, not_sent_as_the_client_has_no_window, 0,
			    FAMILIES);
	tcase_add_loop_test(part, not_received_as_the_server_has_no_window, 0,
			    FAMILIES);
	tcase_add_loop_test(part, urgent_byte_is_one_like_any_other, 0,
			    FAMILIES * (int)(URGENT + 1));
	tcase_add_loop_test(part, skip_passes_over_signals, 0, FAMILIES);
	tcase_add_loop_test(part, skip_finds_less_than_expected, 0, FAMILIES);
	tcase_add_loop_test(part, skip_reports_what_the_kernel_says, 0,
			    FAMILIES);
	return part;
}
