/* SPDX-License-Identifier: MIT */
/*
 * The table of descriptors is large before it is needed.  Each case has a
 * process and a table of its own.
 *
 * Link with -Wl,--wrap=setrlimit.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/descriptors.h"
#include "unit/harness.h"
#include "unit/injection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define SOFT 300
#define HARD 5000

INJECTED(int, -1, setrlimit, (int resource, const struct rlimit *limit),
	 (resource, limit))

/* As proc(5) says: descriptors for which there is room. */
static unsigned long table_size(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	unsigned long size = 0;
	char line[256];

	ck_assert_ptr_nonnull(status);
	while (fgets(line, sizeof(line), status))
		(void)sscanf(line, "FDSize: %lu", &size);
	ck_assert_int_eq(fclose(status), 0);
	ck_assert_uint_gt(size, 0);
	return size;
}

/* The lowest that is free, which shows that none was left open. */
static int next_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(close(fd), 0);
	return fd;
}

static void setup(void)
{
	struct rlimit limit = { SOFT, HARD };

	ck_assert_int_eq(__real_setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_lt(table_size(), SOFT);
}

START_TEST(table_has_room_for_all_that_may_be)
{
	struct rlimit limit;
	int next = next_descriptor();

	descriptors_reserve();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(limit.rlim_cur, HARD);
	ck_assert_uint_ge(table_size(), HARD);
	ck_assert_int_eq(next_descriptor(), next);
}
END_TEST

START_TEST(limit_that_cannot_be_raised_is_kept)
{
	struct rlimit limit;
	int next = next_descriptor();

	setrlimit_fault = (struct fault){ .times = 1, .error = EPERM };
	descriptors_reserve();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(limit.rlim_cur, SOFT);
	ck_assert_uint_ge(table_size(), SOFT);
	ck_assert_uint_lt(table_size(), HARD);
	ck_assert_int_eq(next_descriptor(), next);
}
END_TEST

START_TEST(without_a_free_descriptor_the_limit_is_raised_all_the_same)
{
	struct rlimit limit = { (rlim_t)next_descriptor(), HARD };
	unsigned long size = table_size();

	ck_assert_int_eq(__real_setrlimit(RLIMIT_NOFILE, &limit), 0);
	descriptors_reserve();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(limit.rlim_cur, HARD);
	ck_assert_uint_eq(table_size(), size);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("descriptors");
	TCase *tcase = tcase_create("reserve");

	tcase_set_tags(tcase, NOT_UNDER_VALGRIND);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, table_has_room_for_all_that_may_be);
	tcase_add_test(tcase, limit_that_cannot_be_raised_is_kept);
	tcase_add_test(
		tcase,
		without_a_free_descriptor_the_limit_is_raised_all_the_same);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
