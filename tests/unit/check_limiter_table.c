/* SPDX-License-Identifier: MIT */
/*
 * The table of the limiter: who makes room in it, and what becomes of an honest
 * client among many others.
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/limiter_rig.h"

#include <pthread.h>

#define START (5 * USEC_PER_SEC)

/* Seconds for some millions of datagrams, on a busy machine. */
#define MANY_TIMEOUT 60

/* The burst and rate of each test that does not say otherwise. */
#define BURST 10

static void setup(void)
{
	limiter_begin(10, BURST);
}

/* Nine that are of one bucket then; each is in networks of its own. */
static void find_neighbours(struct address found[9], uint64_t usec)
{
	uint64_t state = 1;
	ptrdiff_t bucket = 0;

	limiter_begin(1000, 1000);
	for (size_t count = 0; count < 9;) {
		ptrdiff_t here;

		found[count] = source4((uint32_t)next_number(&state));
		(void)limiter_admits(&found[count], 1, usec);
		here = (judge.known[judge.last].places[0].entry -
			table.buckets->entries) /
		       LIMITER_BUCKET_SIZE;
		if (count == 0)
			bucket = here;
		count += here == bucket;
	}
	limiter_begin(1000, 1000);
}

START_TEST(in_a_full_bucket_who_owes_least_makes_room)
{
	struct address found[9];

	find_neighbours(found, START);
	/* The first owes most, but for the fourth, who owes least. */
	for (unsigned i = 0; i < 8; i++)
		ck_assert(
			limiter_admits(&found[i], i == 3 ? 1 : 90 - i, START));
	ck_assert(limiter_admits(&found[8], 50, START));
	for (unsigned i = 0; i < 9; i++) {
		if (i == 3)
			continue;
		ck_assert_uint_eq(admitted(&found[i], START),
				  i == 8 ? 950 : 910 + i);
	}
}
END_TEST

START_TEST(who_owes_nothing_any_more_makes_room_first)
{
	struct address found[9];

	find_neighbours(found, START);
	for (unsigned i = 0; i < 8; i++)
		ck_assert(limiter_admits(&found[i], i == 5 ? 10 : 100, START));
	ck_assert(limiter_admits(&found[8], 1, START + 20000));
	for (unsigned i = 0; i < 8; i++)
		ck_assert_uint_eq(admitted(&found[i], START + 20000),
				  i == 5 ? 1000 : 920);
}
END_TEST

/* Just before the clock has turned, which is when nothing looks like a debt. */
START_TEST(what_was_never_used_is_free_at_any_time)
{
	uint64_t now = (UINT64_C(1) << 30) * USEC_PER_MSEC - 50000;
	struct address found[9];

	find_neighbours(found, now);
	ck_assert(limiter_admits(&found[0], 1, now));
	ck_assert(limiter_admits(&found[1], 1, now));
	ck_assert_uint_eq(admitted(&found[0], now), 999);
}
END_TEST

/* What is remembered of sources changes nothing, be they few or too many. */
START_TEST(who_remembers_judges_alike)
{
	const uint32_t hosts = _i == 0 ? 16 : 4 * LIMITER_KNOWN;
	static struct limiter_table other_table;
	struct limiter other = limiter;
	struct limiter_judge forgetful;
	uint64_t state = 7, now = START;
	unsigned differ = 0;

	other_table.head = table.head;
	other.table = &other_table;
	for (int i = 0; i < 200000; i++) {
		uint64_t number = next_number(&state);
		uint32_t host = (uint32_t)(number >> 40) % hosts;
		struct address source = number & 1
						? source4(0x0a000000 + host)
						: source6("fd07::", 64, host);
		unsigned datagrams = number >> 16 & 1 ? 1 : 3;

		limiter_judge_init(&forgetful, &other);
		forgetful.refusals = judge.refusals;
		differ += limiter_refuses(&forgetful, &source.any, datagrams,
					  now) !=
			  limiter_refuses(&judge, &source.any, datagrams, now);
		now += number >> 32 & 0xfff;
	}
	ck_assert_uint_eq(differ, 0);
	ck_assert_uint_gt(judge.refusals, 10000);
	ck_assert_mem_eq(&table, &other_table, sizeof(table));
}
END_TEST

/*
 * Of 50 that take turns most are found without their hash: with another key
 * they are where they were.
 */
START_TEST(who_takes_turns_is_remembered)
{
	struct address clients[50];
	unsigned forgotten = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(clients); i++) {
		clients[i] = _i == 0 ? source4((10U << 24) + (i << 16) + 7)
				     : source6("fd07::", 32, i);
		ck_assert_uint_eq(admitted(&clients[i], START), BURST);
	}
	table.head.key.words[0]++;
	for (unsigned i = 0; i < ARRAY_SIZE(clients); i++)
		forgotten += limiter_admits(&clients[i], 1, START);
	ck_assert_uint_le(forgotten, ARRAY_SIZE(clients) / 4);
	limiter_judge_init(&judge, &limiter);
	ck_assert(limiter_admits(&clients[0], 1, START));
}
END_TEST

START_TEST(all_judges_share_the_table)
{
	struct address client = source_of("192.0.2.1");

	ck_assert(limiter_admits(&client, 7, START));
	limiter_judge_init(&judge, &limiter);
	ck_assert_uint_eq(admitted(&client, START), BURST - 7);
}
END_TEST

/* What somebody else owes who has taken the place is not his. */
START_TEST(who_lost_his_place_is_looked_for_anew)
{
	struct address found[9];
	struct limiter_judge other;

	find_neighbours(found, START);
	ck_assert(limiter_admits(&found[0], 1, START));
	limiter_judge_init(&other, &limiter);
	for (int i = 1; i < 9; i++)
		ck_assert(!limiter_refuses(&other, &found[i].any, 900, START));
	ck_assert_uint_eq(admitted(&found[0], START), 1000);
}
END_TEST

/* So many forged sources a second, one client beside them, for 10 s. */
static unsigned client_refused(unsigned flood, struct address forged(uint64_t))
{
	struct address client = source_of("198.51.100.7");
	unsigned refused = 0, step = flood / 500;
	uint64_t state = 2026;

	limiter_begin(1000, 5000);
	for (unsigned i = 0; i < 10 * flood; i++) {
		uint64_t now = START + i * USEC_PER_SEC / flood;
		struct address source = forged(next_number(&state));

		(void)limiter_refuses(&judge, &source.any, 1, now);
		if (i % step == 0)
			refused += !limiter_admits(&client, 1, now);
	}
	return refused;
}

static struct address forge4(uint64_t number)
{
	return source4((uint32_t)number);
}

static struct address forge6(uint64_t number)
{
	return source6("2000::1", 64, number >> 3);
}

/* All of the client's network but itself. */
static struct address forge_neighbour(uint64_t number)
{
	uint32_t host = (uint32_t)(number % 255);

	return source4(0xc6336400 + (host < 7 ? host : host + 1));
}

/* A million sources; the client sends 5000 datagrams: one in a thousand. */
START_TEST(forged_sources_cost_a_client_nothing)
{
	ck_assert_uint_le(client_refused(100000, _i == 0 ? forge4 : forge6), 5);
}
END_TEST

/* Up to 32 times the rate of one, less its own. */
START_TEST(forged_neighbours_cost_a_client_nothing)
{
	ck_assert_uint_le(client_refused(31000, forge_neighbour), 5);
}
END_TEST

/* 100,000 a second, for 10 s, from one. */
START_TEST(a_flooder_gets_the_rate_and_a_quarter_of_the_rest)
{
	struct address client = source_of("192.0.2.1");
	unsigned answered = 0, due = 5000 + 10 * 1000;

	limiter_begin(1000, 5000);
	for (uint64_t i = 0; i < 1000000; i++)
		answered += !limiter_refuses(&judge, &client.any, 1,
					     START + i * 10);
	ck_assert_uint_ge(1000000 - judge.refusals, due - 1);
	ck_assert_uint_le(1000000 - judge.refusals, due);
	due += (1000000 - due) / 4;
	ck_assert_uint_ge(answered, due - due / 100);
	ck_assert_uint_le(answered, due + due / 100);
}
END_TEST

#define THREADS 4

static void *flood(void *argument)
{
	uint64_t *admitted_here = argument;
	struct limiter_judge mine;

	limiter_judge_init(&mine, &limiter);
	for (uint64_t i = 0; i < 100000; i++) {
		struct address source = source4(0xc0000200 + i % 2);

		(void)limiter_refuses(&mine, &source.any, 1, START + i);
	}
	*admitted_here = 100000 - mine.refusals;
	return NULL;
}

/* In 0.1 s two sources get 10 + 1 each; a race may let one more through. */
START_TEST(threads_judge_at_once)
{
	uint64_t counts[THREADS], sum = 0;
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, flood, &counts[i]),
			0);
	for (int i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		sum += counts[i];
	}
	ck_assert_uint_ge(sum, 2 * BURST);
	ck_assert_uint_le(sum, THREADS * 2 * (BURST + 1));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("limiter_table");
	TCase *many = tcase_create("many");

	tcase_set_timeout(many, MANY_TIMEOUT);
	tcase_add_checked_fixture(many, setup, NULL);
	tcase_add_test(many, in_a_full_bucket_who_owes_least_makes_room);
	tcase_add_test(many, who_owes_nothing_any_more_makes_room_first);
	tcase_add_test(many, what_was_never_used_is_free_at_any_time);
	tcase_add_loop_test(many, who_remembers_judges_alike, 0, 2);
	tcase_add_loop_test(many, who_takes_turns_is_remembered, 0, 2);
	tcase_add_test(many, all_judges_share_the_table);
	tcase_add_test(many, who_lost_his_place_is_looked_for_anew);
	tcase_add_loop_test(many, forged_sources_cost_a_client_nothing, 0, 2);
	tcase_add_test(many, forged_neighbours_cost_a_client_nothing);
	tcase_add_test(many, a_flooder_gets_the_rate_and_a_quarter_of_the_rest);
	tcase_add_test(many, threads_judge_at_once);
	suite_add_tcase(suite, many);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
