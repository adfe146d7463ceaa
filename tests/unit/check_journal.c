/* SPDX-License-Identifier: MIT */
/*
 * What the journal is sent: the bytes of its native protocol.
 *
 * Link with -Wl,--wrap=sendto.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/journal.h"
#include "echod/log_entry.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static char sent[2 * LOG_ENTRY_MAX];
static size_t length;
static int interruptions, sending_error;

ssize_t __wrap_sendto(int fd, const void *bytes, size_t size, int flags,
		      const struct sockaddr *address, socklen_t address_length);

ssize_t __wrap_sendto(int fd, const void *bytes, size_t size, int flags,
		      const struct sockaddr *address, socklen_t address_length)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)address;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(flags, MSG_NOSIGNAL);
	ck_assert_uint_eq(address_length, sizeof(*un));
	ck_assert_str_eq(un->sun_path, "/run/systemd/journal/socket");
	ck_assert_uint_le(size, sizeof(sent));
	errno = interruptions > 0 ? EINTR : sending_error;
	if (interruptions-- > 0 || sending_error != 0)
		return -1;
	memcpy(sent, bytes, size);
	length = size;
	return (ssize_t)size;
}

/* Which is not changed. */
static struct iovec field(const char *text)
{
	union {
		const char *text;
		void *base;
	} field = { text };

	return (struct iovec){ .iov_base = field.base,
			       .iov_len = strlen(text) };
}

START_TEST(fields_are_lines)
{
	struct iovec fields[] = { field("PRIORITY=6"), field("EMPTY="),
				  field("MESSAGE=a=b") };
	static const char expected[] = "PRIORITY=6\nEMPTY=\nMESSAGE=a=b\n";

	interruptions = 2;
	ck_assert_int_eq(journal_sendv(fields, ARRAY_SIZE(fields)), 0);
	ck_assert_uint_eq(length, strlen(expected));
	ck_assert_mem_eq(sent, expected, length);
}
END_TEST

START_TEST(a_value_with_lines_has_its_length)
{
	struct iovec fields[] = { field("A=1"), field("LINES=one\nA=2"),
				  field("B=3") };
	static const char expected[] =
		"A=1\nLINES\n\7\0\0\0\0\0\0\0one\nA=2\nB=3\n";

	ck_assert_int_eq(journal_sendv(fields, ARRAY_SIZE(fields)), 0);
	ck_assert_uint_eq(length, sizeof(expected) - 1);
	ck_assert_mem_eq(sent, expected, length);
}
END_TEST

START_TEST(a_length_has_several_bytes)
{
	char text[2 + 0x123] = "A=\n";
	struct iovec field = { text, sizeof(text) };

	memset(text + 3, 'x', sizeof(text) - 3);
	ck_assert_int_eq(journal_sendv(&field, 1), 0);
	ck_assert_uint_eq(length, 2 + 8 + 0x123 + 1);
	ck_assert_mem_eq(sent, "A\n\x23\1\0\0\0\0\0\0\nxxx", 14);
}
END_TEST

/* It is the journal that refuses it. */
START_TEST(what_has_no_name_is_sent_as_it_is)
{
	struct iovec fields[] = { field("A=1"), field("one\ntwo") };

	ck_assert_int_eq(journal_sendv(fields, ARRAY_SIZE(fields)), 0);
	ck_assert_uint_eq(length, 12);
	ck_assert_mem_eq(sent, "A=1\none\ntwo\n", length);
}
END_TEST

START_TEST(the_journal_is_opened_once)
{
	struct iovec one = field("A=1");
	int fd;

	journal_open();
	fd = lowest_free_fd();
	ck_assert_int_eq(journal_sendv(&one, 1), 0);
	ck_assert_int_eq(lowest_free_fd(), fd);
}
END_TEST

START_TEST(what_does_not_fit_is_left_out)
{
	char text[LOG_ENTRY_MAX + 1000] = "LONG=";
	struct iovec fields[] = { field("A=1"),
				  { text, sizeof(text) },
				  field("B=2") };

	memset(text + 5, 'x', sizeof(text) - 5);
	ck_assert_int_eq(journal_sendv(fields, ARRAY_SIZE(fields)), 0);
	ck_assert_uint_eq(length, 8);
	ck_assert_mem_eq(sent, "A=1\nB=2\n", length);
}
END_TEST

START_TEST(a_failure_is_told)
{
	struct iovec one = field("MESSAGE=lost");

	sending_error = ENOENT;
	ck_assert_int_eq(journal_sendv(&one, 1), -ENOENT);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("journal");
	TCase *tcase = tcase_create("entry");

	tcase_add_test(tcase, fields_are_lines);
	tcase_add_test(tcase, a_value_with_lines_has_its_length);
	tcase_add_test(tcase, a_length_has_several_bytes);
	tcase_add_test(tcase, what_has_no_name_is_sent_as_it_is);
	tcase_add_test(tcase, the_journal_is_opened_once);
	tcase_add_test(tcase, what_does_not_fit_is_left_out);
	tcase_add_test(tcase, a_failure_is_told);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
