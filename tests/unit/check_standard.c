/* SPDX-License-Identifier: MIT */
/*
 * Standard descriptors that are closed, in each combination: bits of `_i`.
 */
#include "config.h"

#include "common/macros.h"
#include "common/standard.h"
#include "unit/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_null_device(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) &&
	       status.st_rdev == makedev(1, 3);
}

/* What would be lost there is still told. */
static bool fails(int fd)
{
	char byte = 0;
	ssize_t length =
		fd == STDIN_FILENO ? read(fd, &byte, 1) : write(fd, &byte, 1);

	return length < 0 && errno == EBADF;
}

/* In a child: 0, or which expectation was not met. */
static int hold(int closed)
{
	int ends[2];

	if (pipe(ends) < 0)
		return 1;
	for (int fd = 0; fd < 3; fd++) {
		if (closed & 1 << fd)
			close(fd);
		else if (dup2(ends[fd != 0], fd) < 0)
			return 2;
	}
	close(ends[0]);
	close(ends[1]);
	standard_hold_places();
	for (int fd = 0; fd < 3; fd++) {
		if (is_null_device(fd) != (bool)(closed & 1 << fd))
			return 3;
		if (closed & 1 << fd && !fails(fd))
			return 4;
	}
	/* Nothing else was opened. */
	return dup(0) == 3 ? 0 : 5;
}

/* The same: where none can be opened they stay closed. */
static int hold_none(int unused UNUSED)
{
	static const struct rlimit none = { 0 };

	(void)close_range(0, 2, 0);
	if (setrlimit(RLIMIT_NOFILE, &none) < 0)
		return 1;
	standard_hold_places();
	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			return 2;
	}
	return 0;
}

static void expect_no_fault(int (*try)(int), int closed)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)close_range(3, ~0U, 0);
		_exit(try(closed));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		      "its status is %#x", (unsigned)status);
}

START_TEST(places_are_held)
{
	expect_no_fault(hold, _i);
}
END_TEST

START_TEST(there_may_be_none_to_hold_them)
{
	expect_no_fault(hold_none, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("standard");
	TCase *tcase = tcase_create("standard");
	TCase *limit = tcase_create("limit");

	tcase_add_loop_test(tcase, places_are_held, 0, 8);
	suite_add_tcase(suite, tcase);
	tcase_set_tags(limit, NOT_UNDER_VALGRIND);
	tcase_add_test(limit, there_may_be_none_to_hold_them);
	suite_add_tcase(suite, limit);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
