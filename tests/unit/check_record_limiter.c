/* SPDX-License-Identifier: MIT */
/*
 * What sources owe goes on in the next instance.
 *
 * Link with -Wl,--wrap=getrandom.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/record.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/limiter_rig.h"
#include "unit/sockets.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A debt that no test outlives. */
#define RATE  1
#define BURST 1000000

INJECTED(ssize_t, -1, getrandom, (void *bytes, size_t size, unsigned flags),
	 (bytes, size, flags))

static const struct limiter_rate rate = { RATE, BURST };
static struct record record, next;
static struct address client;

static void setup(void)
{
	client = source_of("192.0.2.1");
	ck_assert_int_eq(record_create(&record, 3, &rate), 0);
	ck_assert_ptr_nonnull(record_limiter(&record));
}

static void teardown(void)
{
	record_close(&record);
	record_close(&next);
}

static struct limiter_table *table_of(const struct record *of)
{
	return of->limiter.table;
}

static uint64_t now_usec(void)
{
	struct timespec now;

	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	return (uint64_t)now.tv_sec * USEC_PER_SEC +
	       (uint64_t)now.tv_nsec / 1000;
}

/* A whole burst. */
static void owe(struct record *of, const struct address *source)
{
	limiter_judge_init(&judge, record_limiter(of));
	for (unsigned left = BURST; left > 0; left -= 50000)
		ck_assert(limiter_admits(source, 50000, now_usec()));
}

/* Some may have been paid off by now: the first takes all of that. */
static bool owes(struct record *of, const struct address *source)
{
	limiter_judge_init(&judge, record_limiter(of));
	(void)limiter_admits(source, 60000, now_usec());
	return !limiter_admits(source, 60000, now_usec());
}

/* What the memfd takes of the machine's memory. */
static uint64_t allocated(const struct record *of)
{
	struct stat status;

	ck_assert_int_eq(fstat(of->fd, &status), 0);
	return (uint64_t)status.st_blocks * 512;
}

START_TEST(all_of_the_table_is_reserved)
{
	ck_assert_uint_gt(record.size, sizeof(struct limiter_table));
	ck_assert_uint_ge(allocated(&record), record.size);
	ck_assert_uint_eq((uintptr_t)table_of(&record) % CACHE_LINE, 0);
}
END_TEST

START_TEST(without_a_rate_there_is_no_table)
{
	static const struct limiter_rate none = { 0, 5 };

	ck_assert_int_eq(record_create(&next, 3, &none), 0);
	ck_assert_ptr_null(record_limiter(&next));
	ck_assert_uint_lt(next.size, 1 << 16);
}
END_TEST

START_TEST(each_has_a_key_of_its_own)
{
	ck_assert_int_eq(record_create(&next, 3, &rate), 0);
	ck_assert_mem_ne(&table_of(&record)->head.key,
			 &table_of(&next)->head.key,
			 sizeof(struct siphash_key));
}
END_TEST

START_TEST(without_a_key_there_is_no_record)
{
	int fd;

	record_close(&record);
	fd = lowest_free_fd();
	getrandom_fault = (struct fault){ .times = 1, .error = ENOSYS };
	ck_assert_int_eq(record_create(&record, 3, &rate), -ENOSYS);
	record_close(&record);
	ck_assert_int_eq(lowest_free_fd(), fd);
	/* Nor is one needed where there is no limit. */
	getrandom_fault = (struct fault){ .times = 1, .error = ENOSYS };
	ck_assert_int_eq(record_create(&record, 3, NULL), 0);
}
END_TEST

START_TEST(debts_go_on)
{
	struct address other = source_of("2001:db8::1");

	owe(&record, &client);
	ck_assert_int_eq(record_create(&next, (size_t)_i, &rate), 0);
	ck_assert(record_continue(&next, record.fd));
	ck_assert(owes(&next, &client));
	ck_assert(!owes(&next, &other));
	/* The one before is left as it was. */
	ck_assert(owes(&record, &client));
}
END_TEST

static bool is_loopback(const struct address *source)
{
	return ntohl(source->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* They lie all over the table. */
START_TEST(all_debts_go_on)
{
	uint64_t state = 3;

	for (int i = 0; i < 3000; i++) {
		struct address source = source4((uint32_t)next_number(&state));

		owe(&record, &source);
	}
	ck_assert_int_eq(record_create(&next, 1, &rate), 0);
	ck_assert(record_continue(&next, record.fd));
	state = 3;
	for (int i = 0; i < 3000; i++) {
		struct address source = source4((uint32_t)next_number(&state));

		ck_assert(owes(&next, &source) || is_loopback(&source));
	}
}
END_TEST

START_TEST(debts_outlive_sigkill)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		owe(&record, &client);
		(void)kill(getpid(), SIGKILL);
		_exit(1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ck_assert_int_eq(record_create(&next, 1, &rate), 0);
	ck_assert(record_continue(&next, record.fd));
	ck_assert(owes(&next, &client));
}
END_TEST

/* Generation for generation, also if one had no limit, which forgets. */
START_TEST(debts_go_on_as_long_as_there_is_a_limit)
{
	for (int i = 0; i < 3; i++) {
		if (i == 0)
			owe(&record, &client);
		ck_assert_int_eq(record_create(&next, 2, &rate), 0);
		ck_assert(record_continue(&next, record.fd));
		ck_assert(owes(&next, &client));
		record_close(&record);
		record = next;
	}
	ck_assert_int_eq(record_create(&next, 2, NULL), 0);
	ck_assert(record_continue(&next, record.fd));
	record_close(&record);
	ck_assert_int_eq(record_create(&record, 2, &rate), 0);
	ck_assert(record_continue(&record, next.fd));
	ck_assert(!owes(&record, &client));
}
END_TEST

/* The older one is read first, or last; who paid since then owes nothing. */
START_TEST(of_several_the_newest_counts)
{
	struct address other = source_of("2001:db8::1");
	struct record newest = { 0 };
	int fds[2][2];

	owe(&record, &client);
	ck_assert_int_eq(record_create(&next, 2, &rate), 0);
	ck_assert(record_continue(&next, record.fd));
	owe(&next, &other);
	memcpy(fds[0], (int[]){ record.fd, next.fd }, sizeof(fds[0]));
	memcpy(fds[1], (int[]){ next.fd, record.fd }, sizeof(fds[1]));
	ck_assert_int_eq(record_create(&newest, 2, &rate), 0);
	ck_assert(record_continue(&newest, fds[_i][0]));
	ck_assert(record_continue(&newest, fds[_i][1]));
	ck_assert(owes(&newest, &client));
	ck_assert(owes(&newest, &other));
	record_close(&newest);
}
END_TEST

/* Then a debt says something else; counters go on. */
START_TEST(with_another_limit_all_begin_anew)
{
	static const struct limiter_rate others[] = {
		{ RATE + 1, BURST },
		{ RATE, BURST + 1 },
	};

	owe(&record, &client);
	STATS_COUNT(record_stats(&record, 0), bytes_sent, 7);
	ck_assert_int_eq(record_create(&next, 2, &others[_i]), 0);
	ck_assert(record_continue(&next, record.fd));
	ck_assert(!owes(&next, &client));
	ck_assert_uint_eq(next.continued.values[COUNTER_bytes_sent], 7);
}
END_TEST

START_TEST(with_another_layout_all_begin_anew)
{
	owe(&record, &client);
	table_of(&record)->head.version++;
	ck_assert_int_eq(record_create(&next, 2, &rate), 0);
	ck_assert(record_continue(&next, record.fd));
	ck_assert(!owes(&next, &client));
}
END_TEST

/* What is left may be anything: it is a debt that somebody has, or none. */
START_TEST(any_bytes_may_be_left)
{
	struct limiter_bucket *buckets = table_of(&record)->buckets;
	uint64_t state = 5;

	for (size_t i = 0; i < (size_t)LIMITER_BUCKETS * LIMITER_BUCKET_SIZE;
	     i++)
		atomic_store(&buckets[i / LIMITER_BUCKET_SIZE]
				      .entries[i % LIMITER_BUCKET_SIZE],
			     next_number(&state));
	ck_assert_int_eq(record_create(&next, 2, &rate), 0);
	ck_assert(record_continue(&next, record.fd));
	owe(&next, &client);
	ck_assert(owes(&next, &client));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("record_limiter");
	TCase *create = tcase_create("create"), *go_on = tcase_create("go on");

	tcase_add_checked_fixture(create, setup, teardown);
	tcase_add_test(create, all_of_the_table_is_reserved);
	tcase_add_test(create, without_a_rate_there_is_no_table);
	tcase_add_test(create, each_has_a_key_of_its_own);
	tcase_add_test(create, without_a_key_there_is_no_record);
	suite_add_tcase(suite, create);
	tcase_add_checked_fixture(go_on, setup, teardown);
	tcase_add_loop_test(go_on, debts_go_on, 1, 6);
	tcase_add_test(go_on, all_debts_go_on);
	tcase_add_test(go_on, debts_outlive_sigkill);
	tcase_add_test(go_on, debts_go_on_as_long_as_there_is_a_limit);
	tcase_add_loop_test(go_on, of_several_the_newest_counts, 0, 2);
	tcase_add_loop_test(go_on, with_another_limit_all_begin_anew, 0, 2);
	tcase_add_test(go_on, with_another_layout_all_begin_anew);
	tcase_add_test(go_on, any_bytes_may_be_left);
	suite_add_tcase(suite, go_on);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
