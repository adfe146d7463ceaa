/* SPDX-License-Identifier: MIT */
/*
 * Lots that come back: their two ends, and messages as the next instance finds
 * them, whoever sent them.
 */
#include "config.h"

#include "unit/lot.h"
#include "unit/sockets.h"

#include "echod/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static int found[LOT_BATCH];
static size_t length;
static bool lost;

static int look(size_t offset)
{
	int count;

	length = 99;
	lost = true;
	count = lot_look(lot.exit, offset, found, &length, &lost);
	for (int i = 0; i < count; i++) {
		ck_assert_int_eq(fcntl(found[i], F_GETFD), FD_CLOEXEC);
		ck_assert_int_eq(close(found[i]), 0);
	}
	return count;
}

/* At the offset is a message of so many; returns where the next one is. */
static size_t expect_at(size_t offset, int count)
{
	ck_assert_int_eq(look(offset), count);
	ck_assert_uint_gt(length, 0);
	ck_assert(!lost);
	return offset + length;
}

static void expect_end(size_t offset)
{
	ck_assert_int_eq(look(offset), -EAGAIN);
	ck_assert_uint_eq(length, 0);
	ck_assert(!lost);
	ck_assert_uint_eq(fd_inq(lot.exit), offset);
}

START_TEST(empty_queue_has_no_message)
{
	expect_end(0);
}
END_TEST

START_TEST(to_look_takes_nothing_out)
{
	park_members(3);
	park_members(2);
	for (int i = 0; i < 3; i++) {
		(void)expect_at(0, 3);
		(void)expect_at(1, 2);
	}
	ck_assert_int_eq(fd_option(lot.exit, SOL_SOCKET, SO_PEEK_OFF), -1);
	expect_exact();
}
END_TEST

START_TEST(messages_come_in_order)
{
	park_members(3);
	park_members(LOT_BATCH);
	park_members(1);
	expect_end(expect_at(expect_at(expect_at(0, 3), LOT_BATCH), 1));
}
END_TEST

START_TEST(descriptors_that_do_not_fit_are_told)
{
	struct rlimit limit;
	int free_fd;

	park_members(5);
	free_fd = lowest_free_fd();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)free_fd + 2;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(look(0), 2);
	ck_assert(lost);
	ck_assert_uint_eq(length, 1);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	(void)expect_at(0, 5);
	ck_assert_int_eq(lowest_free_fd(), free_fd);
}
END_TEST

/* Whoever has an end can have the kernel tell the sender, too. */
START_TEST(other_control_messages_are_passed_over)
{
	fd_set_option(lot.exit, SOL_SOCKET, SO_PASSCRED, 1);
	send_text(lot.entrance, "x");
	expect_end(expect_at(0, 0));
}
END_TEST

/* Nobody lies there, and the caller goes on. */
START_TEST(end_of_what_was_sent_is_no_error)
{
	ck_assert_int_eq(shutdown(lot.entrance, SHUT_WR), 0);
	errno = EIO; /* of somebody else's call */
	ck_assert_int_eq(look(0), 0);
	ck_assert_uint_eq(length, 0);
	ck_assert(!lost);
}
END_TEST

START_TEST(end_that_is_none_is_an_error)
{
	int pipe_fds[2];

	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	ck_assert_int_eq(lot_look(pipe_fds[0], 0, found, &length, &lost),
			 -ENOTSOCK);
	ck_assert_uint_eq(length, 0);
	ck_assert(!lost);
}
END_TEST

/* Who is alive, and has this descriptor. */
static struct member *member_at(int fd)
{
	for (size_t i = 0; i < member_count; i++) {
		if (members[i].alive &&
		    socket_cookie(fd) == socket_cookie(members[i].fd))
			return &members[i];
	}
	return NULL;
}

/* Look at all of it as the next instance does, and go on from there. */
static void take_over(void)
{
	size_t offset = 0, size = fd_inq(lot.exit);

	while (offset < size) {
		int count = lot_look(lot.exit, offset, found, &length, &lost);
		struct list_node living;

		ck_assert_int_ge(count, 0);
		list_init(&living);
		for (int i = 0; i < count; i++) {
			struct member *member = member_at(found[i]);

			if (member && !list_is_linked(&member->place))
				list_append(&living, &member->place);
			ck_assert_int_eq(close(found[i]), 0);
		}
		ck_assert_int_eq(lot_add(&lot, length, (size_t)count, &living),
				 0);
		ck_assert(list_is_empty(&living));
		offset += length;
	}
	ck_assert_uint_eq(offset, size);
	ck_assert_uint_eq(lot.live, living_count());
}

/* The lot of an instance that is gone: its ends, in either order. */
static void come_back(bool turned)
{
	lot_descriptor *descriptor_of = lot.descriptor_of;
	int ends[2];

	ends[turned] = fcntl(lot.entrance, F_DUPFD_CLOEXEC, 0);
	ends[!turned] = fcntl(lot.exit, F_DUPFD_CLOEXEC, 0);
	lot_deinit(&lot);
	lot_init(&lot, descriptor_of, SIZE_MAX);
	ck_assert(lot_is_pair(ends));
	lot_take(&lot, ends);
	ck_assert_uint_gt(lot.message_limit, 100);
	take_over();
}

/* Which end is which the manager does not tell. */
START_TEST(what_came_back_is_parked)
{
	park_members(4);
	park_members(3);
	leave(&members[1]);
	come_back(_i == 1);
	ck_assert_uint_eq(lot.live, 6);
	ck_assert_uint_eq(lot.parked, 7);
	park_members(2);
	ck_assert_int_eq(lot_renew(&lot), 0);
	ck_assert_uint_eq(lot.parked, 8);
	expect_exact();
	leave_range(2, 7);
	ck_assert_uint_eq(lot.live, 1);
	expect_exact();
}
END_TEST

START_TEST(lot_comes_back_again_and_again)
{
	for (int i = 0; i < 10; i++) {
		park_members(30);
		come_back(i % 2 == 1);
		leave(&members[i * 30]);
		leave(&members[i * 30 + 7]);
	}
	ck_assert_int_eq(lot_renew(&lot), 0);
	expect_exact();
}
END_TEST

START_TEST(empty_lot_comes_back)
{
	come_back(_i == 1);
	ck_assert_uint_eq(fd_inq(lot.exit), 0);
	ck_assert_int_eq(dup2(lot.exit, exit_end), exit_end);
	park_members(3);
	ck_assert_int_eq(lot_renew(&lot), 0);
	expect_exact();
}
END_TEST

/* The shortest that may lie there. */
START_TEST(a_byte_tells_which_end_is_which)
{
	leave_message(lot.entrance, "", 1, NULL, 0);
	come_back(_i == 1);
	ck_assert_uint_eq(lot.live, 0);
	park_members(1);
	ck_assert_int_eq(lot_renew(&lot), 0);
	expect_exact();
}
END_TEST

static const size_t lengths[] = { 0, 2, 63, 64, 65, 200 };

/* Other versions may write more, or other things, or no descriptors. */
START_TEST(strange_messages_come_back)
{
	static const char bytes[256];
	int fds[2];

	park_members(2);
	add_members(2);
	for (int i = 0; i < 2; i++) {
		fds[i] = members[2 + i].fd;
		list_remove(&members[2 + i].place);
	}
	leave_message(lot.entrance, bytes, 1, NULL, 0);
	leave_message(lot.entrance, bytes, MAX(lengths[_i], 1), fds, 2);
	leave_message(lot.entrance, bytes, lengths[_i] + 1, NULL, 0);
	leave_message(lot.entrance, bytes, 1, NULL, 0);
	park_members(3);
	come_back(false);
	ck_assert_uint_eq(lot.live, 7);
	park_members(1);
	leave(&members[0]);
	ck_assert_int_eq(lot_renew(&lot), 0);
	expect_exact();
}
END_TEST

START_TEST(ends_of_two_lots_are_no_pair)
{
	int others[2], mixed[2];

	unix_pair(SOCK_STREAM, others);
	if (_i & 1)
		send_text(others[0], "x");
	if (_i & 2)
		park_members(1);
	mixed[0] = _i & 4 ? others[1] : lot.exit;
	mixed[1] = _i & 4 ? lot.exit : others[1];
	ck_assert(!lot_is_pair(mixed));
}
END_TEST

START_TEST(end_without_a_peer_is_no_pair)
{
	int other[2];

	unix_pair(SOCK_STREAM, other);
	ck_assert_int_eq(close(other[0]), 0);
	other[0] = lot.exit;
	ck_assert(!lot_is_pair(other));
	other[0] = fd_open(AF_UNIX, SOCK_STREAM);
	ck_assert(!lot_is_pair(other));
}
END_TEST

/* Nothing can be sent to find out; and such a lot is worth taking over. */
START_TEST(full_lot_is_a_pair)
{
	int ends[2] = { lot.exit, lot.entrance };

	(void)fill_send_buffer(lot.entrance, 0);
	ck_assert(lot_is_pair(ends));
	(void)fill_send_buffer(lot.entrance, 0);
}
END_TEST

TCase *lot_message_case(void)
{
	TCase *tcase = tcase_create("message");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, lot_setup, lot_teardown);
	tcase_add_test(tcase, empty_queue_has_no_message);
	tcase_add_test(tcase, to_look_takes_nothing_out);
	tcase_add_test(tcase, messages_come_in_order);
	tcase_add_test(tcase, other_control_messages_are_passed_over);
	tcase_add_test(tcase, end_of_what_was_sent_is_no_error);
	tcase_add_test(tcase, end_that_is_none_is_an_error);
	tcase_add_loop_test(tcase, what_came_back_is_parked, 0, 2);
	tcase_add_test(tcase, lot_comes_back_again_and_again);
	tcase_add_loop_test(tcase, empty_lot_comes_back, 0, 2);
	tcase_add_loop_test(tcase, a_byte_tells_which_end_is_which, 0, 2);
	tcase_add_loop_test(tcase, strange_messages_come_back, 0,
			    ARRAY_SIZE(lengths));
	tcase_add_loop_test(tcase, ends_of_two_lots_are_no_pair, 0, 8);
	tcase_add_test(tcase, end_without_a_peer_is_no_pair);
	tcase_add_test(tcase, full_lot_is_a_pair);
	return tcase;
}

TCase *lot_message_limit_case(void)
{
	TCase *tcase = tcase_create("message_limit");

	tcase_set_tags(tcase, NOT_UNDER_VALGRIND);
	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, lot_setup, lot_teardown);
	tcase_add_test(tcase, descriptors_that_do_not_fit_are_told);
	return tcase;
}
