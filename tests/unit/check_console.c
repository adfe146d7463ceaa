/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/console.h"
#include "unit/harness.h"
#include "unit/output.h"
#include "unit/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	enum color color;
	bool terminal;
	const char *type, *no_color;
	bool colored;
} cases[] = {
	{ COLOR_AUTO, true, "xterm", NULL, true },
	{ COLOR_AUTO, true, "xterm", "", true },
	{ COLOR_AUTO, true, "xterm", "1", false },
	{ COLOR_AUTO, true, "dumb", NULL, false },
	{ COLOR_AUTO, true, NULL, NULL, false },
	{ COLOR_AUTO, true, "", NULL, false },
	{ COLOR_AUTO, false, "xterm", NULL, false },
	{ COLOR_NEVER, true, "xterm", NULL, false },
	{ COLOR_ALWAYS, false, "dumb", "1", true },
};

START_TEST(colors_are_for_those_who_want_them)
{
	struct settings settings = { .color = cases[_i].color };

	if (cases[_i].terminal)
		terminal_make(STDOUT_FILENO, 80);
	else
		stdout_capture();
	unsetenv("TERM");
	if (cases[_i].type)
		setenv("TERM", cases[_i].type, 1);
	if (cases[_i].no_color)
		setenv("NO_COLOR", cases[_i].no_color, 1);
	ck_assert_str_eq(console_style(&settings, stdout, CONSOLE_WRONG),
			 cases[_i].colored ? "\033[31m" : "");
	ck_assert_str_eq(console_style(&settings, stdout, CONSOLE_PLAIN),
			 cases[_i].colored ? "\033[0m" : "");
}
END_TEST

START_TEST(the_live_line_is_replaced_and_erased)
{
	int master = terminal_make(STDERR_FILENO, 80);

	console_draw("abcdef");
	terminal_expect(master, "\rabcdef");
	console_draw("xyz");
	terminal_expect(master, "\rxyz   ");
	console_draw("abcd");
	terminal_expect(master, "\rabcd");
	console_erase();
	terminal_expect(master, "\r    \r");
	console_erase();
	terminal_expect(master, "");
}
END_TEST

START_TEST(the_live_line_fits_the_terminal)
{
	char line[201] = "", expected[202];
	int master = terminal_make(STDERR_FILENO, 20);

	memset(line, 'x', 200);
	console_draw(line);
	snprintf(expected, sizeof(expected), "\r%.19s", line);
	terminal_expect(master, expected);
	console_erase();
	terminal_expect(master, "\r                   \r");
	master = terminal_make(STDERR_FILENO, 0);
	console_draw(line);
	snprintf(expected, sizeof(expected), "\r%.79s", line);
	terminal_expect(master, expected);
}
END_TEST

START_TEST(nothing_is_drawn_where_it_cannot_be_replaced)
{
	int master = terminal_make(STDERR_FILENO, 80);

	setenv("TERM", "dumb", 1);
	console_draw("abc");
	setenv("TERM", "xterm", 1);
	terminal_is_ours = false;
	console_draw("abc");
	console_erase();
	terminal_expect(master, "");
}
END_TEST

START_TEST(what_was_printed_is_written)
{
	stdout_capture();
	printf("text");
	console_flush();
	stdout_expect("text");
	ck_assert_int_eq(console_error(), 0);
}
END_TEST

START_TEST(the_first_failure_is_remembered)
{
	stdout_redirect("/dev/full");
	console_flush();
	ck_assert_int_eq(console_error(), 0);
	printf("text");
	console_flush();
	ck_assert_int_eq(console_error(), -ENOSPC);
	console_fail(-ENOMEM);
	console_flush();
	ck_assert_int_eq(console_error(), -ENOSPC);
}
END_TEST

/* As on a disk that is full only for a while. */
START_TEST(a_failure_between_two_flushes_is_not_forgotten)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	stdout_redirect("/dev/full");
	for (int i = 0; i < 100000; i++)
		putchar('x');
	ck_assert_int_eq(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	ck_assert_int_eq(close(fd), 0);
	console_flush();
	ck_assert_int_eq(console_error(), -EIO);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("console");
	TCase *tcase = tcase_create("console");

	tcase_add_loop_test(tcase, colors_are_for_those_who_want_them, 0,
			    ARRAY_SIZE(cases));
	tcase_add_test(tcase, the_live_line_is_replaced_and_erased);
	tcase_add_test(tcase, the_live_line_fits_the_terminal);
	tcase_add_test(tcase, nothing_is_drawn_where_it_cannot_be_replaced);
	tcase_add_test(tcase, what_was_printed_is_written);
	tcase_add_test(tcase, the_first_failure_is_remembered);
	tcase_add_test(tcase, a_failure_between_two_flushes_is_not_forgotten);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
