/* SPDX-License-Identifier: MIT */
/*
 * Becoming another user: which calls, in which order, and what is said when
 * one of them fails.  None of them is really made.
 *
 * Link with -Wl,--wrap=getpwnam, initgroups, setresgid and setresuid.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/privilege.h"
#include "unit/capture.h"
#include "unit/harness.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int output;

/* The call that fails, how, and all calls in the order of their making. */
static struct {
	const char *name;
	int error;
} failing;

static char calls[256];

struct passwd *__wrap_getpwnam(const char *name);
int __wrap_initgroups(const char *name, gid_t group);
int __wrap_setresgid(gid_t real, gid_t effective, gid_t saved);
int __wrap_setresuid(uid_t real, uid_t effective, uid_t saved);

PRINTF_LIKE(2, 3)
static int note(const char *name, const char *format, ...)
{
	size_t length = strlen(calls);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(calls + length, sizeof(calls) - length, format, arguments);
	va_end(arguments);
	if (!failing.name || strcmp(failing.name, name) != 0)
		return 0;
	if (failing.error != 0)
		errno = failing.error;
	return -1;
}

struct passwd *__wrap_getpwnam(const char *name)
{
	static char echo[] = "echo";
	static struct passwd entry = { .pw_name = echo,
				       .pw_uid = 77,
				       .pw_gid = 88 };

	return note("getpwnam", "getpwnam %s", name) == 0 ? &entry : NULL;
}

int __wrap_initgroups(const char *name, gid_t group)
{
	return note("initgroups", ", initgroups %s %u", name, group);
}

int __wrap_setresgid(gid_t real, gid_t effective, gid_t saved)
{
	return note("setresgid", ", setresgid %u %u %u", real, effective,
		    saved);
}

int __wrap_setresuid(uid_t real, uid_t effective, uid_t saved)
{
	return note("setresuid", ", setresuid %u %u %u", real, effective,
		    saved);
}

static void setup(void)
{
	ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
	output = stderr_capture();
}

/* Groups first: who is no longer root may not change them. */
START_TEST(groups_then_group_then_user)
{
	errno = EIO; /* of somebody else's call */
	ck_assert_int_eq(privilege_drop("echo"), 0);
	ck_assert_str_eq(calls, "getpwnam echo, initgroups echo 88, "
				"setresgid 88 88 88, setresuid 77 77 77");
	stderr_expect_nothing(output);
}
END_TEST

#define UNKNOWN                                                                \
	"echod: cannot change to user 'echo': there is no such user (create "  \
	"it, or leave --user out)"
#define FORBIDDEN                                                              \
	"echod: cannot change to user 'echo': Operation not permitted (--user" \
	" is for echod started as root)"
#define EXHAUSTED                                                              \
	"echod: cannot change to user 'echo': Resource temporarily "           \
	"unavailable (--user is for echod started as root)"

static const struct {
	const char *name;
	int error, result;
	const char *line, *last_call;
} failures[] = {
	{ "getpwnam", 0, -ENOENT, UNKNOWN, "getpwnam echo" },
	{ "getpwnam", ENOENT, -ENOENT, UNKNOWN, "getpwnam echo" },
	{ "getpwnam", ESRCH, -ENOENT, UNKNOWN, "getpwnam echo" },
	{ "getpwnam", EBADF, -ENOENT, UNKNOWN, "getpwnam echo" },
	{ "getpwnam", EPERM, -ENOENT, UNKNOWN, "getpwnam echo" },
	{ "initgroups", EPERM, -EPERM, FORBIDDEN, "initgroups echo 88" },
	{ "setresgid", EPERM, -EPERM, FORBIDDEN, "setresgid 88 88 88" },
	{ "setresuid", EPERM, -EPERM, FORBIDDEN, "setresuid 77 77 77" },
	{ "setresuid", EAGAIN, -EAGAIN, EXHAUSTED, "setresuid 77 77 77" },
};

START_TEST(failure_is_the_last_call_and_one_line)
{
	const char *last_call = failures[_i].last_call;

	failing.name = failures[_i].name;
	failing.error = failures[_i].error;
	errno = EIO; /* of somebody else's call */
	ck_assert_int_eq(privilege_drop("echo"), failures[_i].result);
	ck_assert_uint_gt(strlen(calls), strlen(last_call) - 1);
	ck_assert_str_eq(calls + strlen(calls) - strlen(last_call), last_call);
	stderr_expect(output, failures[_i].line);
	stderr_expect_nothing(output);
}
END_TEST

START_TEST(failing_look_up_is_an_error)
{
	failing.name = "getpwnam";
	failing.error = EMFILE;
	ck_assert_int_eq(privilege_drop("echo"), -EMFILE);
	ck_assert_str_eq(calls, "getpwnam echo");
	ck_assert(strncmp(stderr_line(output),
			  "echod: cannot change to user 'echo': ", 37) == 0);
	stderr_expect_nothing(output);
}
END_TEST

START_TEST(long_name_is_cut_in_the_log)
{
	char name[1001];
	const char *line;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	failing.name = "getpwnam";
	ck_assert_int_eq(privilege_drop(name), -ENOENT);
	line = stderr_line(output);
	ck_assert_ptr_nonnull(strstr(line, "x': there is no such user ("));
	ck_assert_uint_lt(strlen(line), 300);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("privilege");
	TCase *drop = tcase_create("drop");

	tcase_add_checked_fixture(drop, setup, NULL);
	tcase_add_test(drop, groups_then_group_then_user);
	tcase_add_loop_test(drop, failure_is_the_last_call_and_one_line, 0,
			    ARRAY_SIZE(failures));
	tcase_add_test(drop, failing_look_up_is_an_error);
	tcase_add_test(drop, long_name_is_cut_in_the_log);
	suite_add_tcase(suite, drop);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
