/* SPDX-License-Identifier: MIT */
/*
 * Bytes, flags and errors arrive where they should: these calls are made past
 * the C library.
 */
#include "config.h"

#include "common/call.h"
#include "unit/harness.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fds[2];

static void setup(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

static void teardown(void)
{
	close(fds[0]);
	close(fds[1]);
}

static void expect(const char *text, int flags)
{
	char bytes[8] = { 0 };

	ck_assert_int_eq(call_receive(fds[1], bytes, sizeof(bytes), flags),
			 (int)strlen(text));
	ck_assert_str_eq(bytes, text);
}

START_TEST(bytes_arrive_as_often_as_the_flags_say)
{
	ck_assert_int_eq(call_send(fds[0], "12345", 3, 0), 3);
	expect("123", MSG_PEEK);
	expect("123", 0);
}
END_TEST

START_TEST(no_more_than_fits_is_received)
{
	char bytes[3] = { 0, 0, 'x' };

	ck_assert_int_eq(call_send(fds[0], "123", 3, 0), 3);
	ck_assert_int_eq(call_receive(fds[1], bytes, 2, 0), 2);
	ck_assert_mem_eq(bytes, "12x", 3);
	expect("3", 0);
}
END_TEST

START_TEST(errors_are_in_errno)
{
	char byte;

	errno = 0;
	ck_assert_int_eq(call_receive(fds[0], &byte, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(call_receive(-1, &byte, 1, 0), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(call_send(-1, &byte, 1, 0), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(shutdown(fds[0], SHUT_WR), 0);
	ck_assert_int_eq(call_send(fds[0], &byte, 1, MSG_NOSIGNAL), -1);
	ck_assert_int_eq(errno, EPIPE);
}
END_TEST

START_TEST(the_end_is_0_bytes)
{
	char byte;

	ck_assert_int_eq(shutdown(fds[0], SHUT_WR), 0);
	ck_assert_int_eq(call_receive(fds[1], &byte, 1, 0), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("call");
	TCase *tcase = tcase_create("call");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, bytes_arrive_as_often_as_the_flags_say);
	tcase_add_test(tcase, no_more_than_fits_is_received);
	tcase_add_test(tcase, errors_are_in_errno);
	tcase_add_test(tcase, the_end_is_0_bytes);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
