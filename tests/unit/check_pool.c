/* SPDX-License-Identifier: MIT */
/*
 * Things of one size in reserved address space.
 */
#include "config.h"

#include "echod/pool.h"
#include "unit/harness.h"
#include "unit/injection.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE  12
#define COUNT 1000

INJECTED(void *, MAP_FAILED, mmap,
	 (void *address, size_t length, int protection, int flags, int fd,
	  off_t offset),
	 (address, length, protection, flags, fd, offset))

static struct pool pool;

static void setup(void)
{
	ck_assert_int_eq(pool_init(&pool, SIZE, COUNT), 0);
}

static void teardown(void)
{
	pool_deinit(&pool);
	ck_assert_ptr_null(pool.base);
	pool_deinit(&pool);
}

START_TEST(each_is_somebody_elses)
{
	uint32_t numbers[COUNT];

	for (uint32_t i = 0; i < COUNT; i++) {
		ck_assert(pool_has(&pool));
		numbers[i] = pool_take(&pool);
		ck_assert_uint_ne(numbers[i], 0);
		memset(pool_at(&pool, numbers[i]), (int)i, SIZE);
	}
	ck_assert(!pool_has(&pool));
	ck_assert_uint_eq(pool_take(&pool), 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		unsigned char expected[SIZE];

		memset(expected, (int)i, SIZE);
		ck_assert_mem_eq(pool_at(&pool, numbers[i]), expected, SIZE);
		pool_give(&pool, numbers[i]);
	}
}
END_TEST

START_TEST(what_was_given_last_is_taken_first)
{
	uint32_t a = pool_take(&pool), b = pool_take(&pool);

	pool_give(&pool, a);
	pool_give(&pool, b);
	ck_assert_uint_eq(pool_take(&pool), b);
	ck_assert_uint_eq(pool_take(&pool), a);
	ck_assert_uint_eq(pool_take(&pool), 3);
	ck_assert_uint_eq(pool.used, 3);
}
END_TEST

/* Pages that are memory now, of those that the pool spans. */
static size_t resident(size_t length)
{
	static unsigned char pages[4096];
	size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 0;

	ck_assert_int_eq(mincore(pool.base, length, pages), 0);
	for (size_t i = 0; i < length / page; i++)
		count += pages[i] & 1;
	return count;
}

START_TEST(memory_goes_back_when_all_are_back)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint32_t numbers[16];

	pool_deinit(&pool);
	ck_assert_int_eq(pool_init(&pool, page, 32), 0);
	ck_assert_uint_eq(resident(32 * page), 0);
	for (int i = 0; i < 16; i++) {
		numbers[i] = pool_take(&pool);
		memset(pool_at(&pool, numbers[i]), 1, page);
	}
	ck_assert_uint_eq(resident(32 * page), 16);
	for (int i = 0; i < 15; i++)
		pool_give(&pool, numbers[i]);
	pool_trim(&pool, 3);
	ck_assert_uint_eq(resident(32 * page), 16);
	pool_give(&pool, numbers[15]);
	pool_trim(&pool, 3);
	ck_assert_uint_eq(resident(32 * page), 3);
	/* It begins anew, with what is memory. */
	for (uint32_t i = 1; i <= 32; i++)
		ck_assert_uint_eq(pool_take(&pool), i);
	ck_assert_uint_eq(pool_take(&pool), 0);
}
END_TEST

START_TEST(trimming_may_find_nothing_to_do)
{
	pool_trim(&pool, 0);
	pool_give(&pool, pool_take(&pool));
	pool_trim(&pool, 3);
	ck_assert_uint_eq(pool_take(&pool), 1);
}
END_TEST

START_TEST(there_may_be_none)
{
	struct pool none;

	ck_assert_int_eq(pool_init(&none, SIZE, 0), 0);
	ck_assert(!pool_has(&none));
	ck_assert_uint_eq(pool_take(&none), 0);
	pool_deinit(&none);
}
END_TEST

START_TEST(without_address_space_there_is_none)
{
	struct pool none;

	mmap_fault = (struct fault){ .times = 1, .error = ENOMEM };
	ck_assert_int_eq(pool_init(&none, SIZE, COUNT), -ENOMEM);
	ck_assert_uint_eq(pool_take(&none), 0);
	pool_deinit(&none);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("pool");
	TCase *tcase = tcase_create("pool");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, each_is_somebody_elses);
	tcase_add_test(tcase, what_was_given_last_is_taken_first);
	tcase_add_test(tcase, memory_goes_back_when_all_are_back);
	tcase_add_test(tcase, trimming_may_find_nothing_to_do);
	tcase_add_test(tcase, there_may_be_none);
	tcase_add_test(tcase, without_address_space_there_is_none);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
