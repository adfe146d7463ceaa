/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/stats.h"
#include "unit/harness.h"

#include <pthread.h>
#include <string.h>

#define ADDITIONS 200000

START_TEST(table_describes_every_counter_once)
{
	ck_assert_uint_eq(ARRAY_SIZE(stats_table), COUNTER_COUNT);
	for (int i = 0; i < COUNTER_COUNT; i++) {
		ck_assert_ptr_nonnull(stats_table[i].name);
		ck_assert_str_ne(stats_table[i].name, "");
		ck_assert_str_ne(stats_table[i].help, "");
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(stats_table[i].name,
					 stats_table[j].name);
	}
}
END_TEST

START_TEST(table_is_in_the_order_of_the_counters)
{
	ck_assert_str_eq(stats_table[COUNTER_connections_accepted].name,
			 "connections_accepted");
	ck_assert_str_eq(stats_table[COUNTER_bytes_sent].name, "bytes_sent");
	ck_assert_str_eq(stats_table[COUNTER_COUNT - 1].name,
			 "datagrams_overflowed");
}
END_TEST

/* What an operator need not hear of must not fill the log. */
START_TEST(trouble_is_what_was_lost_refused_or_waited_for)
{
	ck_assert(!stats_table[COUNTER_connections_accepted].trouble);
	ck_assert(!stats_table[COUNTER_connections_idled].trouble);
	ck_assert(!stats_table[COUNTER_bytes_received].trouble);
	ck_assert(!stats_table[COUNTER_datagrams_sent].trouble);
	ck_assert(stats_table[COUNTER_accept_limited].trouble);
	ck_assert(stats_table[COUNTER_accept_starved].trouble);
	ck_assert(stats_table[COUNTER_buffer_limited].trouble);
	ck_assert(stats_table[COUNTER_datagrams_refused_source].trouble);
	ck_assert(stats_table[COUNTER_datagrams_refused_port].trouble);
	ck_assert(stats_table[COUNTER_datagrams_unsent].trouble);
	ck_assert(stats_table[COUNTER_datagrams_overflowed].trouble);
}
END_TEST

/* So that two threads do not share a line of the cache. */
START_TEST(stats_fill_whole_cache_lines)
{
	struct stats pair[2];

	ck_assert_uint_eq((uintptr_t)&pair[0] % CACHE_LINE, 0);
	ck_assert_uint_eq((uintptr_t)&pair[1] % CACHE_LINE, 0);
}
END_TEST

START_TEST(counting_adds_to_one_counter)
{
	struct stats stats = { 0 };
	struct stats_snapshot sum = { 0 };

	STATS_COUNT(&stats, bytes_sent, 5);
	STATS_COUNT(&stats, bytes_sent, 7);
	STATS_COUNT(&stats, accept_failed, 1);
	stats_collect(&stats, &sum);
	for (int i = 0; i < COUNTER_COUNT; i++) {
		uint64_t value = i == COUNTER_bytes_sent      ? 12
				 : i == COUNTER_accept_failed ? 1
							      : 0;

		ck_assert_uint_eq(sum.values[i], value);
	}
}
END_TEST

START_TEST(counters_have_64_bits)
{
	struct stats stats = { 0 };
	struct stats_snapshot sum = { 0 };

	STATS_COUNT(&stats, bytes_received, UINT64_MAX - 1);
	STATS_COUNT(&stats, bytes_received, 1);
	stats_collect(&stats, &sum);
	ck_assert(sum.values[COUNTER_bytes_received] == UINT64_MAX);
}
END_TEST

START_TEST(snapshot_sums_up_the_threads)
{
	struct stats stats[3] = { 0 };
	struct stats_snapshot sum = { 0 };

	for (int i = 0; i < COUNTER_COUNT; i++) {
		stats_add(&stats[0], (enum counter)i, (uint64_t)i + 1);
		stats_add(&stats[1], (enum counter)i, 100);
		stats_add(&stats[2], (enum counter)i, 1000);
	}
	for (int i = 0; i < 3; i++)
		stats_collect(&stats[i], &sum);
	for (int i = 0; i < COUNTER_COUNT; i++)
		ck_assert_uint_eq(sum.values[i], (uint64_t)i + 1101);
}
END_TEST

START_TEST(snapshots_differ_in_any_counter)
{
	struct stats_snapshot a = { 0 }, b = { 0 };

	ck_assert(!stats_differ(&a, &b));
	for (int i = 0; i < COUNTER_COUNT; i++) {
		a.values[i] = 7;
		ck_assert(stats_differ(&a, &b));
		ck_assert(stats_differ(&b, &a));
		b.values[i] = 7;
		ck_assert(!stats_differ(&a, &b));
	}
}
END_TEST

START_TEST(refused_are_all_datagrams_refused_and_no_others)
{
	for (int i = 0; i < COUNTER_COUNT; i++) {
		struct stats_snapshot snapshot = { 0 };
		bool refused = strncmp(stats_table[i].name,
				       "datagrams_refused_", 18) == 0;

		snapshot.values[i] = 3;
		ck_assert_uint_eq(stats_refused(&snapshot), refused ? 3 : 0);
	}
}
END_TEST

static void *count(void *stats)
{
	for (int i = 0; i < ADDITIONS; i++)
		STATS_COUNT(stats, datagrams_received, 1);
	return NULL;
}

/* What is read meanwhile never decreases and is never more than the truth. */
START_TEST(another_thread_may_read_at_any_time)
{
	struct stats stats = { 0 };
	pthread_t thread;
	uint64_t last = 0;

	ck_assert_int_eq(pthread_create(&thread, NULL, count, &stats), 0);
	while (last < ADDITIONS) {
		struct stats_snapshot sum = { 0 };

		stats_collect(&stats, &sum);
		ck_assert_uint_ge(sum.values[COUNTER_datagrams_received], last);
		last = sum.values[COUNTER_datagrams_received];
		ck_assert_uint_le(last, ADDITIONS);
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("stats");
	TCase *table = tcase_create("table"), *counting = tcase_create("count");

	tcase_add_test(table, table_describes_every_counter_once);
	tcase_add_test(table, table_is_in_the_order_of_the_counters);
	tcase_add_test(table, trouble_is_what_was_lost_refused_or_waited_for);
	suite_add_tcase(suite, table);
	tcase_add_test(counting, stats_fill_whole_cache_lines);
	tcase_add_test(counting, counting_adds_to_one_counter);
	tcase_add_test(counting, counters_have_64_bits);
	tcase_add_test(counting, snapshot_sums_up_the_threads);
	tcase_add_test(counting, snapshots_differ_in_any_counter);
	tcase_add_test(counting,
		       refused_are_all_datagrams_refused_and_no_others);
	tcase_add_test(counting, another_thread_may_read_at_any_time);
	suite_add_tcase(suite, counting);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
