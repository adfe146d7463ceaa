/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of the limiter: rate, burst, trains, the leak, the clock.
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/limiter_rig.h"

/* A moment that is a whole number of units at every rate used here. */
#define START (5 * USEC_PER_SEC)

/* A turn of the clock at a million a second: 2^40 units of 1/1024 µs. */
#define TURN_USEC (UINT64_C(1) << 30)

static struct address client;

static void setup(void)
{
	client = source_of("192.0.2.1");
}

START_TEST(a_burst_is_answered_and_no_more)
{
	static const uint32_t bursts[] = { 1, 2, 5, 5000 };

	limiter_begin(10, bursts[_i]);
	ck_assert_uint_eq(admitted(&client, START), bursts[_i]);
}
END_TEST

/* Not a µs earlier: a unit is less. */
START_TEST(one_is_paid_off_after_the_time_of_one)
{
	limiter_begin(1000, 5);
	ck_assert_uint_eq(admitted(&client, START), 5);
	ck_assert_uint_eq(admitted(&client, START + 999), 0);
	ck_assert_uint_eq(admitted(&client, START + 1000), 1);
	ck_assert_uint_eq(admitted(&client, START + 3999), 2);
	ck_assert_uint_eq(admitted(&client, START + 4000), 1);
}
END_TEST

START_TEST(idling_earns_a_burst_at_most)
{
	limiter_begin(100, 7);
	ck_assert_uint_eq(admitted(&client, START), 7);
	ck_assert_uint_eq(admitted(&client, START + 69999), 6);
	ck_assert_uint_eq(admitted(&client, START + USEC_PER_SEC), 7);
	ck_assert_uint_eq(admitted(&client, START + 1000 * USEC_PER_SEC), 7);
}
END_TEST

START_TEST(refusals_cost_nothing)
{
	limiter_begin(1000, 1);
	ck_assert(limiter_admits(&client, 1, START));
	for (int i = 0; i < 1000; i++)
		ck_assert(!limiter_admits(&client, 1, START + 500));
	ck_assert(limiter_admits(&client, 1, START + 1000));
}
END_TEST

static const struct {
	uint32_t rate;
	unsigned seconds;
} rates[] = {
	{ 1, 1000 },  { 3, 1000 },  { 7, 100 },	   { 999, 20 },
	{ 1000, 20 }, { 7777, 10 }, { 100000, 2 }, { 1000000, 1 },
};

/* Twice as many are sent. */
START_TEST(who_floods_gets_the_rate_and_a_burst)
{
	unsigned rate = rates[_i].rate, sent = 2 * rate * rates[_i].seconds;
	unsigned count = 0, expected = 10 + rate * rates[_i].seconds;

	limiter_begin(rate, 10);
	for (uint64_t i = 0; i < sent; i++)
		count += limiter_admits(&client, 1,
					START + i * (USEC_PER_SEC / 2) / rate);
	ck_assert_uint_le(count, expected);
	ck_assert_uint_ge(count, expected - 1);
}
END_TEST

START_TEST(who_keeps_to_the_rate_is_never_refused)
{
	uint64_t rate = rates[_i].rate, sent = rate * rates[_i].seconds;
	uint64_t count = 0;

	limiter_begin(rates[_i].rate, 2);
	for (uint64_t i = 0; i < sent; i++)
		count += limiter_admits(&client, 1,
					START + i * USEC_PER_SEC / rate);
	ck_assert_uint_eq(count, sent);
}
END_TEST

START_TEST(a_train_counts_each_datagram)
{
	limiter_begin(1000, 10);
	ck_assert(limiter_admits(&client, 4, START));
	ck_assert(limiter_admits(&client, 4, START));
	ck_assert_uint_eq(admitted(&client, START), 2);
}
END_TEST

/* It is answered whole if one of it may be, and paid for whole. */
START_TEST(a_train_may_be_longer_than_what_is_left)
{
	limiter_begin(1000, 10);
	ck_assert(limiter_admits(&client, 9, START));
	ck_assert(limiter_admits(&client, 64, START));
	ck_assert(!limiter_admits(&client, 64, START + 63999));
	ck_assert_uint_eq(admitted(&client, START + 64000), 1);
}
END_TEST

/* As many datagrams of a byte as a message has room for. */
START_TEST(the_longest_train_is_owed)
{
	limiter_begin(1000, 1);
	ck_assert(limiter_admits(&client, 65535, START));
	ck_assert(!limiter_admits(&client, 1, START));
	ck_assert(!limiter_admits(&client, 1, START + 65534 * USEC_PER_MSEC));
	ck_assert(limiter_admits(&client, 1, START + 65535 * USEC_PER_MSEC));
}
END_TEST

/* The key is fixed: it is the same chance each time. */
START_TEST(one_in_four_leaks_by_chance)
{
	unsigned leaks = 0, longest = 0, run = 0, places[4] = { 0 };

	limiter_begin(1, 1);
	ck_assert(limiter_admits(&client, 1, START));
	for (unsigned i = 0; i < 100000; i++) {
		bool refused = limiter_refuses(&judge, &client.any, 1, START);

		leaks += !refused;
		places[i % 4] += !refused;
		run = refused ? run + 1 : 0;
		longest = MAX(longest, run);
	}
	ck_assert_uint_eq(judge.refusals, 100000);
	ck_assert_uint_ge(leaks, 24500);
	ck_assert_uint_le(leaks, 25500);
	ck_assert_uint_gt(longest, 12);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_ge(places[i], 5800);
}
END_TEST

START_TEST(a_leak_costs_nothing)
{
	limiter_begin(1000, 1);
	ck_assert(limiter_admits(&client, 1, START));
	while (limiter_refuses(&judge, &client.any, 1, START))
		;
	ck_assert(limiter_admits(&client, 1, START + 1000));
}
END_TEST

/* Threads look at the clock at different times. */
START_TEST(a_clock_that_is_behind_forgives_nothing)
{
	limiter_begin(1000, 10);
	ck_assert_uint_eq(admitted(&client, START), 10);
	ck_assert_uint_eq(admitted(&client, START - USEC_PER_SEC), 0);
	ck_assert_uint_eq(admitted(&client, START + 2000), 2);
}
END_TEST

START_TEST(uptime_may_be_a_hundred_years)
{
	uint64_t now = UINT64_C(100) * 365 * 86400 * USEC_PER_SEC;

	limiter_begin(LIMITER_RATE_MAX, 1000);
	ck_assert_uint_eq(admitted(&client, now), 1000);
	ck_assert_uint_eq(admitted(&client, now), 0);
	ck_assert_uint_eq(admitted(&client, now + 9), 9);
}
END_TEST

START_TEST(the_longest_burst_is_owed)
{
	limiter_begin(LIMITER_RATE_MAX, LIMITER_BURST_MAX);
	for (unsigned left = LIMITER_BURST_MAX; left > 0; left -= 50000)
		ck_assert(limiter_admits(&client, 50000, START));
	ck_assert(!limiter_admits(&client, 1, START));
	ck_assert_uint_eq(admitted(&client, START + 5), 5);
}
END_TEST

/*
 * Whatever somebody owed, and however long ago, he owes nothing after a turn;
 * and at the borders of the clock there is a limit as anywhere else.
 */
START_TEST(nobody_is_taken_for_a_debtor_after_a_turn)
{
	uint64_t start = (uint64_t)_i * TURN_USEC / 8;

	limiter_begin(LIMITER_RATE_MAX, 3000);
	for (int turn = 1; turn < 4; turn++) {
		for (int off = -4000; off <= 4000; off += 500) {
			uint64_t later = start + (uint64_t)turn * TURN_USEC +
					 (uint64_t)(5000 + off);

			ck_assert_uint_eq(admitted(&client, start + 5000),
					  3000);
			ck_assert_uint_eq(admitted(&client, later), 3000);
			limiter_begin(LIMITER_RATE_MAX, 3000);
		}
	}
}
END_TEST

/* All debts are forgotten at once, and none afterwards. */
START_TEST(a_half_turn_forgets)
{
	uint64_t turn = (uint64_t)(_i + 1) * TURN_USEC / 2;

	limiter_begin(LIMITER_RATE_MAX, 3000);
	ck_assert_uint_eq(admitted(&client, turn - 100), 3000);
	ck_assert_uint_eq(admitted(&client, turn - 1), 99);
	ck_assert_uint_eq(admitted(&client, turn), 3000);
	ck_assert_uint_eq(admitted(&client, turn + 100), 100);
}
END_TEST

START_TEST(without_a_limiter_nobody_is_refused)
{
	limiter_judge_init(&judge, NULL);
	for (int i = 0; i < 10000; i++)
		ck_assert(!limiter_refuses(&judge, &client.any, 64, START));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("limiter");
	TCase *rate = tcase_create("rate"), *clock = tcase_create("clock");

	tcase_add_checked_fixture(rate, setup, NULL);
	tcase_add_loop_test(rate, a_burst_is_answered_and_no_more, 0, 4);
	tcase_add_test(rate, one_is_paid_off_after_the_time_of_one);
	tcase_add_test(rate, idling_earns_a_burst_at_most);
	tcase_add_test(rate, refusals_cost_nothing);
	tcase_add_loop_test(rate, who_floods_gets_the_rate_and_a_burst, 0,
			    ARRAY_SIZE(rates));
	tcase_add_loop_test(rate, who_keeps_to_the_rate_is_never_refused, 0,
			    ARRAY_SIZE(rates));
	tcase_add_test(rate, a_train_counts_each_datagram);
	tcase_add_test(rate, a_train_may_be_longer_than_what_is_left);
	tcase_add_test(rate, the_longest_train_is_owed);
	tcase_add_test(rate, one_in_four_leaks_by_chance);
	tcase_add_test(rate, a_leak_costs_nothing);
	tcase_add_test(rate, without_a_limiter_nobody_is_refused);
	suite_add_tcase(suite, rate);
	tcase_add_checked_fixture(clock, setup, NULL);
	tcase_add_test(clock, a_clock_that_is_behind_forgives_nothing);
	tcase_add_test(clock, uptime_may_be_a_hundred_years);
	tcase_add_test(clock, the_longest_burst_is_owed);
	tcase_add_loop_test(clock, nobody_is_taken_for_a_debtor_after_a_turn, 0,
			    8);
	tcase_add_loop_test(clock, a_half_turn_forgets, 0, 8);
	suite_add_tcase(suite, clock);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
