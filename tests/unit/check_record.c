/* SPDX-License-Identifier: MIT */
/*
 * The record of one instance, and of the next: counters go on.
 *
 * Link with -Wl,--wrap=fallocate, memfd_create and mmap.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/record.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned memfd_flags[2]; /* of the last call, and of that before */

INJECTED(int, -1, fallocate, (int fd, int mode, off_t offset, off_t length),
	 (fd, mode, offset, length))
INJECTED(void *, MAP_FAILED, mmap,
	 (void *address, size_t length, int protection, int flags, int fd,
	  off_t offset),
	 (address, length, protection, flags, fd, offset))
WRAPPED(int, memfd_create, (const char *name, unsigned flags));
static struct fault memfd_create_fault;

int __wrap_memfd_create(const char *name, unsigned flags)
{
	memfd_flags[1] = memfd_flags[0];
	memfd_flags[0] = flags;
	if (fault_strikes(&memfd_create_fault))
		return -1;
	return __real_memfd_create(name, flags);
}

static struct record record, next;

static void setup(void)
{
	ck_assert_int_eq(record_create(&record, 3, NULL), 0);
}

static void teardown(void)
{
	record_close(&record);
	record_close(&next);
}

static void count(struct record *of, size_t thread, uint64_t amount)
{
	STATS_COUNT(record_stats(of, thread), bytes_sent, amount);
}

static uint64_t counted(struct record *of, size_t thread)
{
	struct stats_snapshot sum = { 0 };

	stats_collect(record_stats(of, thread), &sum);
	return sum.values[COUNTER_bytes_sent];
}

static void expect_nothing_counted(struct record *of, size_t threads)
{
	struct stats_snapshot sum = { 0 }, nothing = { 0 };

	for (size_t i = 0; i < threads; i++)
		stats_collect(record_stats(of, i), &sum);
	ck_assert(!stats_differ(&sum, &nothing));
	ck_assert(!stats_differ(&of->continued, &nothing));
}

START_TEST(new_record_has_counted_nothing)
{
	ck_assert_int_eq(record_create(&record, (size_t)_i, NULL), 0);
	expect_nothing_counted(&record, (size_t)_i);
	ck_assert(!record_is_poisoned(&record));
	ck_assert_uint_eq(record.head->threads, (unsigned)_i);
	record_close(&record);
}
END_TEST

START_TEST(threads_count_apart)
{
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(
			(uintptr_t)record_stats(&record, i) % CACHE_LINE, 0);
		count(&record, i, i + 1);
	}
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(counted(&record, i), i + 1);
}
END_TEST

START_TEST(memory_is_sealed_and_ours)
{
	int seals = fcntl(record.fd, F_GET_SEALS);
	int expected = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	struct stat status;

	ck_assert_int_eq(seals & expected, expected);
	ck_assert_int_eq(fcntl(record.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fstat(record.fd, &status), 0);
	ck_assert_uint_eq((uint64_t)status.st_size, record.head->size);
	ck_assert_int_eq(ftruncate(record.fd, 0), -1);
	ck_assert_int_eq(ftruncate(record.fd, 1 << 20), -1);
	ck_assert_int_eq(fcntl(record.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
}
END_TEST

/* All pages are there already: none can be missing later. */
START_TEST(memory_is_reserved)
{
	struct stat status;

	ck_assert_int_eq(record_create(&next, 100, NULL), 0);
	ck_assert_int_eq(fstat(next.fd, &status), 0);
	ck_assert_uint_ge((uint64_t)status.st_blocks * 512, next.head->size);
}
END_TEST

START_TEST(close_closes_once)
{
	int fd = record.fd;

	record_close(&record);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	ck_assert_int_eq(dup2(STDERR_FILENO, fd), fd);
	record_close(&record);
	ck_assert_int_eq(close(fd), 0);
	/* The null state: descriptor 0 is not its own. */
	memset(&record, 0, sizeof(record));
	record_close(&record);
	ck_assert_int_ge(fcntl(STDIN_FILENO, F_GETFD), 0);
}
END_TEST

/* Before Linux 6.3 one of the flags is unknown. */
START_TEST(an_older_kernel_is_asked_for_less)
{
	memfd_create_fault = (struct fault){ .times = 1, .error = EINVAL };
	ck_assert_int_eq(record_create(&record, 2, NULL), 0);
	ck_assert_int_ge(record.fd, 0);
	ck_assert_uint_eq(memfd_flags[0], MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_uint_ne(memfd_flags[1], memfd_flags[0]);
	record_close(&record);
}
END_TEST

static const struct {
	struct fault *fault;
	unsigned times;
	int error;
} refusals[] = {
	{ &memfd_create_fault, 1, EPERM },  { &memfd_create_fault, 1, ENOSYS },
	{ &memfd_create_fault, 1, EMFILE }, { &memfd_create_fault, 2, EINVAL },
	{ &fallocate_fault, 1, ENOSPC },    { &mmap_fault, 1, EPERM },
};

START_TEST(without_a_memfd_it_counts_all_the_same)
{
	int fd = lowest_free_fd();

	*refusals[_i].fault = (struct fault){ .times = refusals[_i].times,
					      .error = refusals[_i].error };
	ck_assert_int_eq(record_create(&record, 2, NULL), 0);
	ck_assert_int_eq(record.fd, -1);
	ck_assert_int_eq(lowest_free_fd(), fd);
	expect_nothing_counted(&record, 2);
	count(&record, 1, 5);
	ck_assert_uint_eq(counted(&record, 1), 5);
	/* It can go on from one that could be had. */
	ck_assert_int_eq(record_create(&next, 1, NULL), 0);
	count(&next, 0, 7);
	ck_assert(record_continue(&record, next.fd));
	ck_assert_uint_eq(counted(&record, 0), 7);
	record_close(&next);
	record_close(&record);
	record_close(&record);
}
END_TEST

START_TEST(without_memory_there_is_none)
{
	int fd = lowest_free_fd();

	mmap_fault = (struct fault){ .times = 2, .error = ENOMEM };
	ck_assert_int_eq(record_create(&record, 2, NULL), -ENOMEM);
	ck_assert_int_eq(lowest_free_fd(), fd);
	record_close(&record);
	memfd_create_fault = (struct fault){ .times = 1, .error = EMFILE };
	mmap_fault = (struct fault){ .times = 1, .error = ENOMEM };
	ck_assert_int_eq(record_create(&record, 2, NULL), -ENOMEM);
	record_close(&record);
}
END_TEST

static const size_t thread_counts[] = { 1, 2, 3, 8, 1025 };

START_TEST(the_next_goes_on)
{
	size_t threads = thread_counts[_i];
	int fd = record.fd;

	count(&record, 0, 1);
	count(&record, 1, 10);
	count(&record, 2, 100);
	STATS_COUNT(record_stats(&record, 1), accept_failed, 3);
	ck_assert_int_eq(record_create(&next, threads, NULL), 0);
	ck_assert(record_continue(&next, fd));
	ck_assert_uint_eq(counted(&next, 0), 111);
	for (size_t i = 1; i < threads; i++)
		ck_assert_uint_eq(counted(&next, i), 0);
	ck_assert_uint_eq(next.continued.values[COUNTER_bytes_sent], 111);
	ck_assert_uint_eq(next.continued.values[COUNTER_accept_failed], 3);
	/* Borrowed, and left as it was. */
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	ck_assert_uint_eq(counted(&record, 2), 100);
	count(&next, 0, 1000);
	ck_assert_uint_eq(counted(&next, 0), 1111);
	ck_assert_uint_eq(next.continued.values[COUNTER_bytes_sent], 111);
}
END_TEST

START_TEST(all_counters_go_on)
{
	struct stats_snapshot before = { 0 }, after = { 0 };

	for (enum counter i = 0; i < COUNTER_COUNT; i++)
		stats_add(record_stats(&record, 2), i, UINT64_MAX - i);
	stats_collect(record_stats(&record, 2), &before);
	ck_assert_int_eq(record_create(&next, 1, NULL), 0);
	ck_assert(record_continue(&next, record.fd));
	stats_collect(record_stats(&next, 0), &after);
	ck_assert(!stats_differ(&before, &after));
	ck_assert(!stats_differ(&before, &next.continued));
}
END_TEST

/* Each is continued by the next, and closed: its duplicate is enough. */
START_TEST(generations_add_up)
{
	for (unsigned i = 0; i < 5; i++) {
		int kept;

		count(&record, i % 3, 10);
		kept = dup(record.fd);
		ck_assert_int_ge(kept, 0);
		record_close(&record);
		ck_assert_int_eq(record_create(&record, 3, NULL), 0);
		ck_assert(record_continue(&record, kept));
		ck_assert_int_eq(close(kept), 0);
		ck_assert_uint_eq(counted(&record, 0), 10 * (i + 1));
		ck_assert_uint_eq(record.head->generation, i + 2);
	}
}
END_TEST

/*
 * Who dies between storing a record and removing the one before leaves both;
 * a descriptor may also have been stored twice.
 */
START_TEST(of_several_the_newest_counts)
{
	struct record newest = { 0 };
	int fds[2][3];

	count(&record, 0, 5);
	ck_assert_int_eq(record_create(&next, 2, NULL), 0);
	ck_assert(record_continue(&next, record.fd));
	count(&next, 1, 20);
	ck_assert_int_eq(record_create(&newest, 2, NULL), 0);
	memcpy(fds[0], (int[]){ record.fd, next.fd, next.fd }, sizeof(fds[0]));
	memcpy(fds[1], (int[]){ next.fd, next.fd, record.fd }, sizeof(fds[1]));
	for (size_t i = 0; i < ARRAY_SIZE(fds[0]); i++)
		ck_assert(record_continue(&newest, fds[_i][i]));
	ck_assert_uint_eq(counted(&newest, 0), 25);
	ck_assert_uint_eq(newest.continued.values[COUNTER_bytes_sent], 25);
	ck_assert_uint_gt(newest.head->generation, next.head->generation);
	record_close(&newest);
}
END_TEST

START_TEST(sigkill_loses_nothing)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		count(&record, 1, 5);
		count(&record, 2, 6);
		(void)kill(getpid(), SIGKILL);
		_exit(1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ck_assert_int_eq(record_create(&next, 1, NULL), 0);
	ck_assert(record_continue(&next, record.fd));
	ck_assert_uint_eq(counted(&next, 0), 11);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("record");
	TCase *create = tcase_create("create"), *go_on = tcase_create("go on");
	TCase *one = tcase_create("one");

	tcase_add_loop_test(create, new_record_has_counted_nothing, 1, 5);
	tcase_add_test(create, an_older_kernel_is_asked_for_less);
	tcase_add_loop_test(create, without_a_memfd_it_counts_all_the_same, 0,
			    ARRAY_SIZE(refusals));
	tcase_add_test(create, without_memory_there_is_none);
	suite_add_tcase(suite, create);
	tcase_add_checked_fixture(one, setup, teardown);
	tcase_add_test(one, threads_count_apart);
	tcase_add_test(one, memory_is_sealed_and_ours);
	tcase_add_test(one, memory_is_reserved);
	tcase_add_test(one, close_closes_once);
	suite_add_tcase(suite, one);
	tcase_add_checked_fixture(go_on, setup, teardown);
	tcase_add_loop_test(go_on, the_next_goes_on, 0,
			    ARRAY_SIZE(thread_counts));
	tcase_add_test(go_on, all_counters_go_on);
	tcase_add_test(go_on, generations_add_up);
	tcase_add_loop_test(go_on, of_several_the_newest_counts, 0, 2);
	tcase_add_test(go_on, sigkill_loses_nothing);
	suite_add_tcase(suite, go_on);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
