/* SPDX-License-Identifier: MIT */
/*
 * Entries as lines on standard error, written by the caller: what they look
 * like, which of them are written, and every way that write(2) fails.
 *
 * Link with -Wl,--wrap=write and poll.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/log.h"
#include "unit/capture.h"
#include "unit/harness.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#define SHORT_WRITE 3

/* What the next writes to standard error do: fail so, or (0) write little. */
static struct {
	int errors[8];
	unsigned count, done;
	unsigned writes, polls;
} faults;

static int output;

ssize_t __real_write(int fd, const void *data, size_t length);
ssize_t __wrap_write(int fd, const void *data, size_t length);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);

ssize_t __wrap_write(int fd, const void *data, size_t length)
{
	if (fd != STDERR_FILENO)
		return __real_write(fd, data, length);
	faults.writes++;
	if (faults.done == faults.count)
		return __real_write(fd, data, length);
	errno = faults.errors[faults.done++];
	if (errno != 0)
		return -1;
	return __real_write(fd, data, MIN(length, SHORT_WRITE));
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	if (count == 1 && fds->fd == STDERR_FILENO && fds->events == POLLOUT &&
	    timeout == -1)
		faults.polls++;
	return __real_poll(fds, count, timeout);
}

static void setup(void)
{
	ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
	output = stderr_capture();
}

static const char *const names[] = { "emerg",	"alert",  "crit", "err",
				     "warning", "notice", "info", "debug" };

static const char *const not_names[] = {
	"",	 "0",	"error", "warn",	"INFO", "info ",
	" info", "inf", "infos", "warning,err", "none"
};

START_TEST(level_has_the_name_of_syslog)
{
	int level = -1;

	ck_assert_int_eq(log_parse_level(names[_i], &level), 0);
	ck_assert_int_eq(level, _i);
	ck_assert_str_eq(log_level_name(_i), names[_i]);
}
END_TEST

START_TEST(other_names_are_no_level)
{
	int level = -1;

	ck_assert_int_eq(log_parse_level(not_names[_i], &level), -EINVAL);
	ck_assert_int_eq(level, -1);
}
END_TEST

START_TEST(text_is_a_line)
{
	log_message(LOG_INFO, MESSAGE_READY, "%s: %d of %s", "one", 2, "three");
	stderr_expect(output, "echod: one: 2 of three");
	stderr_expect_nothing(output);
}
END_TEST

START_TEST(empty_text_is_a_line)
{
	log_message(LOG_INFO, NULL, "%s", "");
	stderr_expect(output, "echod: ");
	stderr_expect_nothing(output);
}
END_TEST

START_TEST(fields_are_not_in_the_line)
{
	struct log_entry entry;

	log_entry_init(&entry, LOG_ERR, MESSAGE_TROUBLE);
	log_entry_add(&entry, "ECHOD_MESSAGE", "%d", 17);
	log_entry_add(&entry, "MESSAGE_TOO", "%s", "MESSAGE=x");
	log_entry_commit(&entry, "only %s", "this");
	stderr_expect(output, "echod: only this");
	stderr_expect_nothing(output);
}
END_TEST

static void log_all_levels(void)
{
	struct log_entry entry;

	for (int level = LOG_EMERG; level <= LOG_DEBUG; level++) {
		log_message(level, NULL, "message %s", names[level]);
		log_entry_init(&entry, level, NULL);
		log_entry_commit(&entry, "entry %s", names[level]);
	}
}

static void expect_levels_up_to(int last)
{
	char line[64];

	for (int level = LOG_EMERG; level <= last; level++) {
		snprintf(line, sizeof(line), "echod: message %s", names[level]);
		stderr_expect(output, line);
		snprintf(line, sizeof(line), "echod: entry %s", names[level]);
		stderr_expect(output, line);
	}
	stderr_expect_nothing(output);
}

START_TEST(levels_above_the_chosen_one_are_left_out)
{
	log_set_level(_i);
	log_all_levels();
	expect_levels_up_to(_i);
}
END_TEST

START_TEST(first_level_is_info)
{
	log_all_levels();
	expect_levels_up_to(LOG_INFO);
}
END_TEST

/* It is cut: still one line, with as much of the text as there is room for. */
START_TEST(long_text_is_cut)
{
	char text[LOG_ENTRY_MAX + 1];
	const char *line;
	size_t length;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_message(LOG_INFO, NULL, "%s", text);
	line = stderr_line(output);
	ck_assert(strncmp(line, "echod: x", 8) == 0);
	length = strspn(line + 7, "x");
	ck_assert_uint_ge(length, 1024);
	ck_assert_uint_lt(length, LOG_ENTRY_MAX);
	ck_assert_uint_eq(strlen(line), 7 + length);
	stderr_expect_nothing(output);
}
END_TEST

/* The C locale has no bytes for it: vsnprintf(3) fails. */
START_TEST(text_that_cannot_be_formatted_is_left_out)
{
	log_message(LOG_INFO, NULL, "before %ls", L"\x20ac");
	stderr_expect(output, "echod: ");
	stderr_expect_nothing(output);
}
END_TEST

START_TEST(interrupted_and_short_writes_are_continued)
{
	static const int errors[] = { EINTR, 0, EINTR, EAGAIN, 0, EAGAIN, 0 };

	memcpy(faults.errors, errors, sizeof(errors));
	faults.count = ARRAY_SIZE(errors);
	log_message(LOG_INFO, NULL, "all of this");
	stderr_expect(output, "echod: all of this");
	stderr_expect_nothing(output);
	ck_assert_uint_eq(faults.writes, ARRAY_SIZE(errors) + 1);
	ck_assert_uint_eq(faults.polls, 2);
}
END_TEST

static const int final_errors[] = { EBADF, EPIPE, EIO, ENOSPC, EFBIG, EINVAL };

START_TEST(failing_write_ends_the_entry_and_not_the_log)
{
	faults.errors[0] = final_errors[_i];
	faults.count = 1;
	log_message(LOG_INFO, NULL, "lost");
	ck_assert_uint_eq(faults.writes, 1);
	stderr_expect_nothing(output);
	log_message(LOG_INFO, NULL, "kept");
	stderr_expect(output, "echod: kept");
	ck_assert_uint_eq(faults.polls, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("log");
	TCase *level = tcase_create("level"), *line = tcase_create("line");

	tcase_add_loop_test(level, level_has_the_name_of_syslog, 0,
			    ARRAY_SIZE(names));
	tcase_add_loop_test(level, other_names_are_no_level, 0,
			    ARRAY_SIZE(not_names));
	suite_add_tcase(suite, level);
	tcase_add_checked_fixture(line, setup, NULL);
	tcase_add_test(line, text_is_a_line);
	tcase_add_test(line, empty_text_is_a_line);
	tcase_add_test(line, fields_are_not_in_the_line);
	tcase_add_loop_test(line, levels_above_the_chosen_one_are_left_out,
			    LOG_EMERG, LOG_DEBUG + 1);
	tcase_add_test(line, first_level_is_info);
	tcase_add_test(line, long_text_is_cut);
	tcase_add_test(line, text_that_cannot_be_formatted_is_left_out);
	tcase_add_test(line, interrupted_and_short_writes_are_continued);
	tcase_add_loop_test(line, failing_write_ends_the_entry_and_not_the_log,
			    0, ARRAY_SIZE(final_errors));
	suite_add_tcase(suite, line);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
