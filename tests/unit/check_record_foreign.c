/* SPDX-License-Identifier: MIT */
/*
 * What is no record of this echod is left alone, whatever it is.
 *
 * Link with -Wl,--wrap=fstat.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/record.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* An open one, and one to be taken for what another instance left. */
static struct record record, left;

static void setup(void)
{
	ck_assert_int_eq(record_create(&record, 2, NULL), 0);
	ck_assert_int_eq(record_create(&left, 3, NULL), 0);
	for (size_t i = 0; i < 3; i++)
		STATS_COUNT(record_stats(&left, i), bytes_sent, 1);
	left.head->faulted_at = 5;
}

static void teardown(void)
{
	record_close(&record);
	record_close(&left);
}

static void expect_ignored(int fd)
{
	struct stats_snapshot sum = { 0 }, nothing = { 0 };
	int flags = fcntl(fd, F_GETFD);

	ck_assert(!record_continue(&record, fd));
	for (size_t i = 0; i < 2; i++)
		stats_collect(record_stats(&record, i), &sum);
	ck_assert(!stats_differ(&sum, &nothing));
	ck_assert(!stats_differ(&record.continued, &nothing));
	ck_assert_uint_eq(record.head->faults[0], 0);
	ck_assert_uint_eq(record.head->generation, 1);
	ck_assert_int_eq(fcntl(fd, F_GETFD), flags);
}

/* A copy of the record in `left`, of that size, sealed so. */
static int copy_of(size_t size, int seals)
{
	int fd = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t copied = MIN(size, left.size);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	ck_assert_int_eq(pwrite(fd, left.head, copied, 0), (ssize_t)copied);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static struct fault fstat_fault;
WRAPPED(int, fstat, (int fd, struct stat *status));

/* What it says beside that it failed is right, and must not matter. */
int __wrap_fstat(int fd, struct stat *status)
{
	int result = __real_fstat(fd, status);

	return fault_strikes(&fstat_fault) ? -1 : result;
}

/* So that what is tried below fails for its own reason. */
START_TEST(a_copy_is_as_good)
{
	ck_assert(record_continue(&record, copy_of(left.size, SEALS)));
	ck_assert_uint_eq(record.continued.values[COUNTER_bytes_sent], 3);
	ck_assert_uint_eq(record.head->faults[0], 5);
}
END_TEST

START_TEST(read_only_is_as_good)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", left.fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert(record_continue(&record, fd));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert(!record_continue(&record, fd));
}
END_TEST

static int make_pipe(int end)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	return fds[end];
}

static int make_socket(int type)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
	return fds[0];
}

/* A file that holds a record, byte for byte. */
static int make_file(int flags)
{
	char path[] = "/tmp/check_record.XXXXXX";
	int fd = mkstemp(path), again;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, left.head, left.size), (ssize_t)left.size);
	again = open(path, flags | O_CLOEXEC);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(close(fd), 0);
	return again;
}

START_TEST(other_descriptors_are_ignored)
{
	int fds[] = {
		-1,
		1000000,
		make_pipe(0),
		make_pipe(1),
		make_socket(SOCK_STREAM),
		make_socket(SOCK_DGRAM),
		tcp_listener(0),
		eventfd(7, EFD_CLOEXEC),
		epoll_create1(EPOLL_CLOEXEC),
		open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		open("/tmp", O_PATH | O_CLOEXEC),
		open("/dev/null", O_RDWR | O_CLOEXEC),
		open("/dev/zero", O_RDONLY | O_CLOEXEC),
		make_file(O_RDONLY),
		make_file(O_RDWR),
		make_file(O_WRONLY),
		make_file(O_PATH),
		memfd_create("empty", MFD_CLOEXEC),
		copy_of(0, SEALS),
	};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		ck_assert(i < 2 || fds[i] >= 0);
		expect_ignored(fds[i]);
	}
}
END_TEST

static const int partial_seals[] = {
	0,
	F_SEAL_SEAL,
	F_SEAL_SHRINK | F_SEAL_GROW,
	F_SEAL_SHRINK | F_SEAL_SEAL,
	F_SEAL_GROW | F_SEAL_SEAL,
};

START_TEST(what_is_not_sealed_is_ignored)
{
	expect_ignored(copy_of(left.size, partial_seals[_i]));
}
END_TEST

START_TEST(what_does_not_tell_its_size_is_ignored)
{
	int fd = copy_of(left.size, SEALS);

	fstat_fault = (struct fault){ .times = 1, .error = EOVERFLOW };
	expect_ignored(fd);
	ck_assert(record_continue(&record, fd));
}
END_TEST

/* Less than the head, within it, within the counters; more. */
START_TEST(other_sizes_are_ignored)
{
	size_t size = left.size, head = sizeof(*left.head);
	size_t sizes[] = { 1,	     head - 1, head,	 head + 1,
			   size - 1, size + 1, size * 2, (size_t)1 << 40 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		expect_ignored(copy_of(sizes[i], SEALS));
}
END_TEST

#define FIELD(name) offsetof(struct record_head, name), sizeof(left.head->name)

static const struct {
	size_t offset, size;
	uint64_t value;
} lies[] = {
	{ FIELD(magic), 0 },
	{ FIELD(version), 0 },
	{ FIELD(version), 1 },
	{ FIELD(version), 3 },
	{ FIELD(version), UINT32_MAX },
	{ FIELD(threads), 0 },
	{ FIELD(threads), 2 },
	{ FIELD(threads), 4 },
	{ FIELD(threads), UINT32_MAX },
	{ FIELD(counters), 0 },
	{ FIELD(counters), COUNTER_COUNT - 1 },
	{ FIELD(counters), COUNTER_COUNT + 1 },
	{ FIELD(names), 0 },
	{ FIELD(size), 0 },
	{ FIELD(size), sizeof(struct record_head) },
	{ FIELD(size), UINT64_MAX },
	{ FIELD(table), 1 },
	{ FIELD(table), sizeof(struct limiter_table) },
	{ FIELD(table), UINT64_MAX },
};

START_TEST(other_heads_are_ignored)
{
	memcpy((char *)left.head + lies[_i].offset, &lies[_i].value,
	       lies[_i].size);
	expect_ignored(copy_of(left.size, SEALS));
}
END_TEST

/* It is as large as it says, but nobody counted. */
START_TEST(a_record_of_nobody_is_ignored)
{
	left.head->threads = 0;
	left.head->size = sizeof(*left.head);
	expect_ignored(copy_of(sizeof(*left.head), SEALS));
}
END_TEST

/* It is as large as it says, with room for that many threads. */
START_TEST(what_would_take_for_ever_is_ignored)
{
	uint64_t size = sizeof(*left.head) +
			(uint64_t)UINT32_MAX * sizeof(struct stats);

	left.head->threads = UINT32_MAX;
	left.head->size = size;
	expect_ignored(copy_of(size, SEALS));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("record_foreign");
	TCase *tcase = tcase_create("foreign");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_copy_is_as_good);
	tcase_add_test(tcase, read_only_is_as_good);
	tcase_add_test(tcase, other_descriptors_are_ignored);
	tcase_add_loop_test(tcase, what_is_not_sealed_is_ignored, 0,
			    ARRAY_SIZE(partial_seals));
	tcase_add_test(tcase, what_does_not_tell_its_size_is_ignored);
	tcase_add_test(tcase, other_sizes_are_ignored);
	tcase_add_loop_test(tcase, other_heads_are_ignored, 0,
			    ARRAY_SIZE(lies));
	tcase_add_test(tcase, a_record_of_nobody_is_ignored);
	tcase_add_test(tcase, what_would_take_for_ever_is_ignored);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
