/* SPDX-License-Identifier: MIT */
/*
 * What only Unix sockets have: records, also empty ones, and descriptors that
 * peers pass.
 */
#include "config.h"

#include "unit/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Send text with `count` duplicates of standard error. */
static void send_with_descriptors(const char *text, size_t count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} control = { 0 };
	struct iovec vector = { (void *)(uintptr_t)text, strlen(text) };
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	int *passed = (int *)(void *)CMSG_DATA(&control.header);

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	for (size_t i = 0; i < count; i++)
		passed[i] = STDERR_FILENO;
	ck_assert_int_eq(sendmsg(fds[CLIENT], &message, 0),
			 (ssize_t)strlen(text));
}

static void expect_gathered(const char *text)
{
	char back[64] = { 0 };
	size_t total = 0;

	while (total < strlen(text)) {
		ssize_t received;

		SERVE_UNTIL(events_now(fds[CLIENT], POLLIN) != 0);
		received = recv(fds[CLIENT], back + total,
				sizeof(back) - 1 - total, 0);
		ck_assert_int_gt(received, 0);
		total += (size_t)received;
	}
	ck_assert_str_eq(back, text);
}

/* The fixture sees to it that no descriptor stays. */
START_TEST(passed_descriptors_are_not_kept)
{
	int free_fd;

	open_connection((enum kind)_i);
	free_fd = lowest_free_fd();
	send_with_descriptors("hello", 3);
	serve();
	expect_text(fds[CLIENT], "hello");
	ck_assert_int_eq(lowest_free_fd(), free_fd);
	say_and_expect("again");
}
END_TEST

/* A receive stops at them; the rest must not be forgotten. */
START_TEST(bytes_around_passed_descriptors_are_echoed)
{
	open_connection(KIND_UNIX);
	send_text(fds[CLIENT], "one ");
	send_with_descriptors("two ", 1);
	send_with_descriptors("three ", 8);
	send_text(fds[CLIENT], "four ");
	send_text(fds[CLIENT], "five");
	expect_gathered("one two three four five");
	expect_counted(23, 23, 0);
}
END_TEST

START_TEST(bytes_with_descriptors_are_sent_in_pieces)
{
	open_connection(KIND_UNIX);
	send_text(fds[CLIENT], "one ");
	send_with_descriptors("two ", 1);
	send_with_descriptors("three", 2);
	for (size_t most = 1; most <= 5; most++) {
		fault_shorten(FAULT_SEND, most % 3 + 1);
		fault_renew_edges();
		serve();
	}
	fault_renew_edges();
	expect_gathered("one two three");
	expect_counted(13, 13, 0);
}
END_TEST

/* Where the kernel has urgent data for Unix sockets. */
START_TEST(urgent_byte_is_echoed_in_its_place)
{
	open_connection(KIND_UNIX);
	send_text(fds[CLIENT], "before");
	if (send(fds[CLIENT], "!", 1, MSG_OOB) < 0)
		return;
	send_text(fds[CLIENT], "after");
	expect_gathered("before!after");
	say_and_expect("more");
}
END_TEST

/* Told from the end by its credentials. */
static void expect_empty_record(void)
{
	char bytes[CMSG_SPACE(sizeof(struct ucred))];
	struct msghdr message = { .msg_control = bytes,
				  .msg_controllen = sizeof(bytes) };

	ck_assert_int_eq(recvmsg(fds[CLIENT], &message, 0), 0);
	ck_assert_uint_gt(message.msg_controllen, 0);
}

START_TEST(records_keep_their_boundaries)
{
	open_connection(KIND_RECORDS);
	send_text(fds[CLIENT], "abc");
	send_text(fds[CLIENT], "de");
	send_text(fds[CLIENT], "");
	send_text(fds[CLIENT], "f");
	serve();
	expect_text(fds[CLIENT], "abc");
	expect_text(fds[CLIENT], "de");
	expect_text(fds[CLIENT], "");
	expect_text(fds[CLIENT], "f");
	expect_counted(6, 6, 0);
}
END_TEST

START_TEST(empty_record_is_echoed)
{
	open_connection(KIND_RECORDS);
	send_text(fds[CLIENT], "");
	serve();
	expect_text(fds[CLIENT], "");
	ck_assert_int_eq(events_now(fds[CLIENT], POLLIN), 0);
	ck_assert_uint_eq(connections(), 1);
}
END_TEST

START_TEST(empty_record_waits_for_a_full_peer)
{
	open_connection(KIND_RECORDS);
	send_text(fds[CLIENT], "");
	send_text(fds[CLIENT], "abc");
	fault_fail(FAULT_SEND, EAGAIN);
	serve();
	ck_assert_int_eq(events_now(fds[CLIENT], POLLIN), 0);
	fault_renew_edges();
	serve();
	expect_text(fds[CLIENT], "");
	expect_text(fds[CLIENT], "abc");
	ck_assert_int_eq(events_now(fds[CLIENT], POLLIN), 0);
}
END_TEST

START_TEST(empty_record_before_the_end_is_echoed)
{
	open_connection(KIND_RECORDS);
	send_text(fds[CLIENT], "");
	send_text(fds[CLIENT], "abc");
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	serve();
	expect_text(fds[CLIENT], "");
	expect_text(fds[CLIENT], "abc");
	ck_assert_uint_eq(connections(), 0);
	expect_fin();
}
END_TEST

START_TEST(empty_record_at_the_end_is_echoed)
{
	open_connection(KIND_RECORDS);
	fd_set_option(fds[CLIENT], SOL_SOCKET, SO_PASSCRED, 1);
	send_text(fds[CLIENT], "abc");
	send_text(fds[CLIENT], "");
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	serve();
	expect_text(fds[CLIENT], "abc");
	expect_empty_record();
	ck_assert_uint_eq(connections(), 0);
	expect_fin();
}
END_TEST

/* A record of this length: the pattern from 0 on. */
static void send_record(size_t length)
{
	unsigned char *record = malloc(length);

	ck_assert_ptr_nonnull(record);
	for (size_t i = 0; i < length; i++)
		record[i] = pattern_byte(i);
	ck_assert_int_eq(send(fds[CLIENT], record, length, 0), (ssize_t)length);
	free(record);
}

static void open_long_records(void)
{
	open_pair(KIND_RECORDS);
	fd_set_option(fds[CLIENT], SOL_SOCKET, SO_SNDBUF, 200000);
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_SNDBUF, 200000);
	serve_pair(KIND_RECORDS, NULL);
}

START_TEST(longest_record_is_echoed)
{
	static unsigned char record[WORKER_SCRATCH_SIZE + 1];

	open_long_records();
	send_record(WORKER_SCRATCH_SIZE);
	serve();
	await_readable(fds[CLIENT]);
	ck_assert_int_eq(recv(fds[CLIENT], record, sizeof(record), 0),
			 WORKER_SCRATCH_SIZE);
	for (size_t i = 0; i < WORKER_SCRATCH_SIZE; i++)
		if (record[i] != pattern_byte(i))
			ck_abort_msg("byte %zu is wrong", i);
}
END_TEST

START_TEST(record_too_long_is_a_reset)
{
	open_long_records();
	say_and_expect("abc");
	send_record(WORKER_SCRATCH_SIZE + 1);
	serve();
	ck_assert_uint_eq(connections(), 0);
	expect_counted(3, 3, 1);
	expect_reset();
}
END_TEST

/* Echoed as a whole or not at all: a peer that may send more than we. */
START_TEST(record_longer_than_our_send_buffer_is_a_reset)
{
	open_long_records();
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_SNDBUF, 4096);
	send_record(100000);
	serve();
	ck_assert_uint_eq(connections(), 0);
	expect_counted(0, 0, 1);
	expect_reset();
}
END_TEST

/* As many records as everybody takes, each of a length of its own. */
START_TEST(full_peer_gets_every_record_later)
{
	char record[512] = { 0 };
	size_t count = 0, i;

	open_connection(KIND_RECORDS);
	for (;;) {
		if (send(fds[CLIENT], record, count % sizeof(record), 0) >= 0)
			count++;
		else if (events_now(fds[SERVER], POLLOUT) == 0)
			break;
		else
			serve();
	}
	serve();
	for (i = 0; i < count; i++) {
		SERVE_UNTIL(events_now(fds[CLIENT], POLLIN) != 0);
		ck_assert_int_eq(recv(fds[CLIENT], record, sizeof(record), 0),
				 (ssize_t)(i % sizeof(record)));
	}
	ck_assert_int_eq(events_now(fds[CLIENT], POLLIN), 0);
}
END_TEST

TCase *connection_unix_case(void)
{
	TCase *tcase = tcase_create("unix");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, connection_setup, connection_teardown);
	tcase_add_loop_test(tcase, passed_descriptors_are_not_kept, KIND_UNIX,
			    KIND_RECORDS + 1);
	tcase_add_test(tcase, bytes_around_passed_descriptors_are_echoed);
	tcase_add_test(tcase, bytes_with_descriptors_are_sent_in_pieces);
	tcase_add_test(tcase, urgent_byte_is_echoed_in_its_place);
	tcase_add_test(tcase, records_keep_their_boundaries);
	tcase_add_test(tcase, empty_record_is_echoed);
	tcase_add_test(tcase, empty_record_waits_for_a_full_peer);
	tcase_add_test(tcase, empty_record_before_the_end_is_echoed);
	tcase_add_test(tcase, empty_record_at_the_end_is_echoed);
	tcase_add_test(tcase, longest_record_is_echoed);
	tcase_add_test(tcase, record_too_long_is_a_reset);
	tcase_add_test(tcase, record_longer_than_our_send_buffer_is_a_reset);
	tcase_add_test(tcase, full_peer_gets_every_record_later);
	return tcase;
}
