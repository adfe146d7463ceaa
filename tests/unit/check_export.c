/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/export.h"
#include "unit/capture.h"
#include "unit/export_rig.h"
#include "unit/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

void *__real_mmap(void *address, size_t length, int protection, int flags,
		  int fd, off_t offset);
void *__wrap_mmap(void *address, size_t length, int protection, int flags,
		  int fd, off_t offset);
static bool fail;

void *__wrap_mmap(void *address, size_t length, int protection, int flags,
		  int fd, off_t offset)
{
	return fail ? MAP_FAILED
		    : __real_mmap(address, length, protection, flags, fd,
				  offset);
}

static void setup(void)
{
	export_rig_init();
}

static void teardown(void)
{
	export_rig_deinit();
}

START_TEST(nothing_is_written_that_is_not_asked_for)
{
	struct settings settings = { 0 };

	ck_assert_int_eq(export_files(&settings, export_rig.series, 1), 0);
	ck_assert_uint_eq(export_rig_count_files(), 0);
}
END_TEST

START_TEST(both_files_are_written_as_open_would_make_them)
{
	struct settings settings = { .hdr = export_rig_path("a.hdr"),
				     .plot = export_rig_path("a.svg") };
	struct stat status;

	umask(026);
	ck_assert_int_eq(export_files(&settings, export_rig.series, 2), 0);
	ck_assert_uint_eq(export_rig_count_files(), 2);
	ck_assert_int_eq(stat(settings.hdr, &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0640);
	ck_assert_uint_eq(umask(0), 026);
}
END_TEST

START_TEST(what_cannot_be_written_is_told)
{
	struct settings settings = { .hdr = export_rig_path("none/a.hdr") };
	char line[512];
	int fd = stderr_capture();

	ck_assert_int_eq(export_files(&settings, export_rig.series, 1),
			 -ENOENT);
	snprintf(line, sizeof(line),
		 "echoping: cannot write %s: No such file or directory",
		 settings.hdr);
	stderr_expect(fd, line);
	stderr_expect_nothing(fd);
}
END_TEST

/* As on a full disk: the old file is whole, and nothing is beside it. */
START_TEST(nothing_half_done_stays)
{
	struct settings settings = { .plot = export_rig_path("a.svg") };
	struct rlimit limit = { 100, 100 };
	char *before, *after;

	ck_assert_int_eq(export_files(&settings, export_rig.series, 1), 0);
	before = export_rig_read(settings.plot);
	stderr_capture();
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(export_files(&settings, export_rig.series, 2), -EFBIG);
	ck_assert_uint_eq(export_rig_count_files(), 1);
	after = export_rig_read(settings.plot);
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
}
END_TEST

START_TEST(one_failure_does_not_hinder_the_other_file)
{
	struct settings settings = { .hdr = export_rig_path("none/a.hdr"),
				     .plot = export_rig_path("a.svg") };

	stderr_capture();
	ck_assert_int_lt(export_files(&settings, export_rig.series, 1), 0);
	ck_assert_uint_eq(export_rig_count_files(), 1);
}
END_TEST

START_TEST(a_link_is_followed)
{
	struct settings settings = { .hdr = export_rig_path("link") };
	const char *file = export_rig_path("file");
	struct stat status;
	FILE *stream = fopen(file, "we");

	ck_assert_ptr_nonnull(stream);
	fclose(stream);
	ck_assert_int_eq(symlink("file", settings.hdr), 0);
	ck_assert_int_eq(export_files(&settings, export_rig.series, 1), 0);
	ck_assert_int_eq(lstat(settings.hdr, &status), 0);
	ck_assert(S_ISLNK(status.st_mode));
	ck_assert_int_eq(stat(file, &status), 0);
	ck_assert_int_gt(status.st_size, 0);
}
END_TEST

/* Nor a device: nobody wants another /dev/null. */
START_TEST(a_pipe_is_not_replaced)
{
	struct settings settings = { .hdr = export_rig_path("pipe") };
	char text[64] = "";
	int fd;

	ck_assert_int_eq(mkfifo(settings.hdr, 0600), 0);
	fd = open(settings.hdr, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(export_files(&settings, export_rig.series, 1), 0);
	ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
	ck_assert_ptr_nonnull(strstr(text, "Percentile"));
	close(fd);
}
END_TEST

START_TEST(without_memory_it_is_told)
{
	struct settings settings = { .hdr = export_rig_path("a.hdr") };

	stderr_capture();
	fail = true;
	ck_assert_int_eq(export_files(&settings, export_rig.series, 1),
			 -ENOMEM);
	ck_assert_uint_eq(export_rig_count_files(), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("export");
	TCase *tcase = tcase_create("export");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, nothing_is_written_that_is_not_asked_for);
	tcase_add_test(tcase, both_files_are_written_as_open_would_make_them);
	tcase_add_test(tcase, what_cannot_be_written_is_told);
	tcase_add_test(tcase, nothing_half_done_stays);
	tcase_add_test(tcase, one_failure_does_not_hinder_the_other_file);
	tcase_add_test(tcase, a_link_is_followed);
	tcase_add_test(tcase, a_pipe_is_not_replaced);
	tcase_add_test(tcase, without_memory_it_is_told);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
