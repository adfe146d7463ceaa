/* SPDX-License-Identifier: MIT */
/*
 * The data path's system calls: flags, errors, short counts, records.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/stream.h"
#include "unit/faults.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static int fds[2];
static struct stream stream;
static char buffer[64];

static void open_tcp(void)
{
	tcp_pair(fds);
	stream = (struct stream){ .fd = fds[SERVER], .tcp = true };
}

static void open_unix(void)
{
	unix_pair(SOCK_STREAM, fds);
	stream = (struct stream){ .fd = fds[SERVER] };
}

static void open_records(void)
{
	unix_pair(SOCK_SEQPACKET, fds);
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_PASSCRED, 1);
	stream = (struct stream){ .fd = fds[SERVER], .records = true };
}

static void (*const open_kind[])(void) = { open_tcp, open_unix, open_records };

static struct stream_input input;

static int receive(bool peek)
{
	input = (struct stream_input){ .length = SIZE_MAX, .end = true };
	return stream_receive(&stream, buffer, sizeof(buffer), peek, &input);
}

static void expect_received(bool peek, const char *text)
{
	await_readable(fds[SERVER]);
	ck_assert_int_eq(receive(peek), 0);
	ck_assert(!input.end);
	ck_assert_uint_eq(input.length, strlen(text));
	ck_assert_mem_eq(buffer, text, input.length);
}

static void expect_end(bool peek)
{
	await_readable(fds[SERVER]);
	ck_assert_int_eq(receive(peek), 0);
	ck_assert(input.end);
	ck_assert_uint_eq(input.length, 0);
}

START_TEST(receives_what_was_sent)
{
	open_kind[_i]();
	send_text(fds[CLIENT], "abc");
	expect_received(false, "abc");
	send_text(fds[CLIENT], "de");
	expect_received(false, "de");
}
END_TEST

START_TEST(peeked_bytes_stay_until_consumed)
{
	open_kind[_i]();
	send_text(fds[CLIENT], "abc");
	expect_received(true, "abc");
	expect_received(true, "abc");
	ck_assert_int_eq(stream_consume(&stream, buffer, 3), 0);
	send_text(fds[CLIENT], "de");
	expect_received(true, "de");
}
END_TEST

START_TEST(part_of_what_was_peeked_is_consumed)
{
	open_kind[_i]();
	send_text(fds[CLIENT], "abc");
	expect_received(true, "abc");
	ck_assert_int_eq(stream_consume(&stream, buffer, 2), 0);
	expect_received(false, "c");
}
END_TEST

/* tcp(7): discarded, not copied. */
START_TEST(tcp_consumes_without_copying)
{
	open_tcp();
	send_text(fds[CLIENT], "abc");
	expect_received(true, "abc");
	memset(buffer, '-', sizeof(buffer));
	ck_assert_int_eq(stream_consume(&stream, buffer, 3), 0);
	ck_assert_mem_eq(buffer, "---", 3);
	ck_assert_uint_eq(fd_inq(fds[SERVER]), 0);
}
END_TEST

/* One receive may take less: at a passed descriptor, say. */
START_TEST(consuming_goes_on_until_all_is_taken)
{
	open_kind[_i]();
	send_text(fds[CLIENT], "abcdef");
	expect_received(true, "abcdef");
	fault_shorten(FAULT_RECV, 1);
	fault_shorten(FAULT_RECV, 2);
	ck_assert_int_eq(stream_consume(&stream, buffer, 5), 0);
	expect_received(false, "f");
}
END_TEST

START_TEST(consuming_that_fails_is_reported)
{
	open_kind[_i]();
	send_text(fds[CLIENT], "abc");
	await_readable(fds[SERVER]);
	fault_fail(FAULT_RECV, ECONNRESET);
	ck_assert_int_eq(stream_consume(&stream, buffer, 3), -ECONNRESET);
	/* There is less than was peeked at. */
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	AWAIT(events_now(fds[SERVER], POLLRDHUP) & POLLRDHUP);
	ck_assert_int_eq(stream_consume(&stream, buffer, 4), -EIO);
}
END_TEST

static struct fault_plan refuse(enum fault_call call, int flags UNUSED)
{
	return (struct fault_plan){ .error = call == FAULT_RECV ? EAGAIN : 0 };
}

/* At the urgent mark the kernel may say so for a while. */
START_TEST(consuming_that_never_succeeds_is_given_up)
{
	open_tcp();
	send_text(fds[CLIENT], "abc");
	await_readable(fds[SERVER]);
	fault_set_hook(refuse);
	ck_assert_int_eq(stream_consume(&stream, buffer, 3), -EAGAIN);
	fault_set_hook(NULL);
	ck_assert_uint_eq(fault_count(FAULT_RECV), 1000);
}
END_TEST

START_TEST(consumed_is_one_record)
{
	open_records();
	send_text(fds[CLIENT], "abc");
	send_text(fds[CLIENT], "de");
	ck_assert_int_eq(stream_consume(&stream, buffer, 3), 0);
	expect_received(false, "de");
}
END_TEST

START_TEST(nothing_to_receive_is_eagain)
{
	open_kind[_i]();
	/* Also if somebody made the socket blocking. */
	ck_assert_int_eq(fcntl(fds[SERVER], F_SETFL, 0), 0);
	ck_assert_int_eq(receive(_i > 0), -EAGAIN);
	ck_assert_uint_eq(input.length, 0);
}
END_TEST

START_TEST(end_is_told)
{
	open_kind[_i]();
	send_text(fds[CLIENT], "abc");
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	expect_received(true, "abc");
	expect_received(false, "abc");
	expect_end(false);
	expect_end(true);
}
END_TEST

/* The kernel says 0 bytes of both. */
START_TEST(empty_records_are_not_the_end)
{
	open_records();
	send_text(fds[CLIENT], "");
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	expect_received(true, "");
	expect_received(false, "");
	expect_end(true);
	expect_end(false);
}
END_TEST

START_TEST(record_is_one_receive)
{
	open_records();
	send_text(fds[CLIENT], "abc");
	send_text(fds[CLIENT], "");
	send_text(fds[CLIENT], "de");
	expect_received(false, "abc");
	expect_received(true, "");
	ck_assert_int_eq(stream_consume(&stream, buffer, 0), 0);
	expect_received(false, "de");
}
END_TEST

START_TEST(record_that_does_not_fit_tells_its_length)
{
	char record[sizeof(buffer) + 1] = { 0 };

	open_records();
	ck_assert_int_eq(send(fds[CLIENT], record, sizeof(record), 0),
			 sizeof(record));
	for (int peek = 1; peek >= 0; peek--) {
		ck_assert_int_eq(receive(peek), 0);
		ck_assert(!input.end);
		ck_assert_uint_eq(input.length, sizeof(record));
	}
}
END_TEST

START_TEST(only_so_much_is_received)
{
	open_unix();
	send_text(fds[CLIENT], "abcdef");
	ck_assert_int_eq(stream_receive(&stream, buffer, 4, false, &input), 0);
	ck_assert_uint_eq(input.length, 4);
	expect_received(false, "ef");
}
END_TEST

START_TEST(sends_all_there_is)
{
	size_t sent = SIZE_MAX;

	open_kind[_i]();
	ck_assert_int_eq(stream_send(&stream, "abc", 3, &sent), 0);
	ck_assert_uint_eq(sent, 3);
	expect_text(fds[CLIENT], "abc");
}
END_TEST

START_TEST(empty_record_is_sent)
{
	size_t sent = SIZE_MAX;

	open_records();
	ck_assert_int_eq(stream_send(&stream, "", 0, &sent), 0);
	ck_assert_uint_eq(sent, 0);
	expect_text(fds[CLIENT], "");
}
END_TEST

START_TEST(short_send_is_eagain_with_a_count)
{
	size_t sent = SIZE_MAX;

	open_tcp();
	fault_shorten(FAULT_SEND, 2);
	ck_assert_int_eq(stream_send(&stream, "abc", 3, &sent), -EAGAIN);
	ck_assert_uint_eq(sent, 2);
	expect_text(fds[CLIENT], "ab");
}
END_TEST

START_TEST(full_send_buffer_is_eagain)
{
	size_t sent = SIZE_MAX;

	open_unix();
	(void)fill_send_buffer(fds[SERVER], 0);
	ck_assert_int_eq(fcntl(fds[SERVER], F_SETFL, 0), 0);
	ck_assert_int_eq(stream_send(&stream, "abc", 3, &sent), -EAGAIN);
	ck_assert_uint_eq(sent, 0);
}
END_TEST

/* SIGPIPE would end the test. */
START_TEST(peer_that_is_gone_is_epipe_without_a_signal)
{
	size_t sent = SIZE_MAX;

	open_unix();
	ck_assert_int_eq(close(fds[CLIENT]), 0);
	ck_assert_int_eq(stream_send(&stream, "abc", 3, &sent), -EPIPE);
	ck_assert_uint_eq(sent, 0);
}
END_TEST

static const int errors[] = { EAGAIN,	ECONNRESET, EPIPE,  ETIMEDOUT,
			      EIO,	ENOBUFS,    ENOMEM, EMSGSIZE,
			      ENOTCONN, EBADF,	    EFAULT };

START_TEST(errors_are_reported)
{
	size_t sent = SIZE_MAX;

	for (size_t kind = 0; kind < ARRAY_SIZE(open_kind); kind++) {
		open_kind[kind]();
		fault_fail(FAULT_RECV, errors[_i]);
		ck_assert_int_eq(receive(false), -errors[_i]);
		ck_assert_uint_eq(input.length, 0);
	}
	fault_fail(FAULT_SEND, errors[_i]);
	ck_assert_int_eq(stream_send(&stream, "abc", 3, &sent), -errors[_i]);
	ck_assert_uint_eq(sent, 0);
}
END_TEST

static void interrupt_twice(enum fault_call call)
{
	fault_fail(call, EINTR);
	fault_fail(call, EINTR);
}

START_TEST(interrupted_calls_are_repeated)
{
	size_t sent;

	open_kind[_i]();
	send_text(fds[CLIENT], "abc");
	interrupt_twice(FAULT_RECV);
	expect_received(true, "abc");
	interrupt_twice(FAULT_RECV);
	ck_assert_int_eq(stream_consume(&stream, buffer, 3), 0);
	ck_assert_uint_eq(fd_inq(fds[SERVER]), 0);
	interrupt_twice(FAULT_SEND);
	ck_assert_int_eq(stream_send(&stream, "de", 2, &sent), 0);
	expect_text(fds[CLIENT], "de");
	ck_assert(!fault_is_pending(FAULT_RECV));
	ck_assert(!fault_is_pending(FAULT_SEND));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("stream");
	TCase *receiving = tcase_create("receive");
	TCase *sending = tcase_create("send");

	tcase_add_loop_test(receiving, receives_what_was_sent, 0, 3);
	tcase_add_loop_test(receiving, peeked_bytes_stay_until_consumed, 0, 3);
	tcase_add_loop_test(receiving, part_of_what_was_peeked_is_consumed, 0,
			    2);
	tcase_add_test(receiving, tcp_consumes_without_copying);
	tcase_add_loop_test(receiving, consuming_goes_on_until_all_is_taken, 0,
			    2);
	tcase_add_loop_test(receiving, consuming_that_fails_is_reported, 0, 3);
	tcase_add_test(receiving, consuming_that_never_succeeds_is_given_up);
	tcase_add_test(receiving, consumed_is_one_record);
	tcase_add_loop_test(receiving, nothing_to_receive_is_eagain, 0, 3);
	tcase_add_loop_test(receiving, end_is_told, 0, 3);
	tcase_add_test(receiving, empty_records_are_not_the_end);
	tcase_add_test(receiving, record_is_one_receive);
	tcase_add_test(receiving, record_that_does_not_fit_tells_its_length);
	tcase_add_test(receiving, only_so_much_is_received);
	tcase_add_loop_test(sending, sends_all_there_is, 0, 3);
	tcase_add_test(sending, empty_record_is_sent);
	tcase_add_test(sending, short_send_is_eagain_with_a_count);
	tcase_add_test(sending, full_send_buffer_is_eagain);
	tcase_add_test(sending, peer_that_is_gone_is_epipe_without_a_signal);
	tcase_add_loop_test(sending, errors_are_reported, 0,
			    ARRAY_SIZE(errors));
	tcase_add_loop_test(sending, interrupted_calls_are_repeated, 0, 3);
	suite_add_tcase(suite, receiving);
	suite_add_tcase(suite, sending);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
