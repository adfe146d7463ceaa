/* SPDX-License-Identifier: MIT */
/*
 * When spinning is worth while.
 */
#include "config.h"

#include "echod/spin.h"
#include "unit/harness.h"

#define SPAN UINT64_C(100)

static struct spin spin;

static void setup(void)
{
	spin = (struct spin){ .span = SPAN };
}

static void learn(uint64_t waited, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		spin_learn(&spin, waited);
}

START_TEST(without_a_span_there_is_nothing_to_spin)
{
	spin.span = 0;
	ck_assert_uint_eq(spin_budget(&spin), 0);
	learn(0, 1);
	ck_assert_uint_eq(spin_budget(&spin), 0);
}
END_TEST

START_TEST(it_spins_at_first)
{
	ck_assert_uint_eq(spin_budget(&spin), SPAN);
}
END_TEST

START_TEST(long_waits_in_a_row_stop_it)
{
	learn(SPAN + 1, SPIN_PATIENCE - 1);
	ck_assert_uint_eq(spin_budget(&spin), SPAN);
	learn(SPAN + 1, 1);
	ck_assert_uint_eq(spin_budget(&spin), 0);
}
END_TEST

START_TEST(one_short_wait_starts_it_again)
{
	learn(USEC_INFINITY, 1000);
	learn(SPAN, 1);
	ck_assert_uint_eq(spin_budget(&spin), SPAN);
	/* With all of its patience. */
	learn(SPAN + 1, SPIN_PATIENCE - 1);
	ck_assert_uint_eq(spin_budget(&spin), SPAN);
}
END_TEST

START_TEST(who_must_not_block_never_stops)
{
	spin.span = USEC_INFINITY;
	learn(USEC_INFINITY, 1000);
	ck_assert_uint_eq(spin_budget(&spin), USEC_INFINITY);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("spin");
	TCase *tcase = tcase_create("spin");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, without_a_span_there_is_nothing_to_spin);
	tcase_add_test(tcase, it_spins_at_first);
	tcase_add_test(tcase, long_waits_in_a_row_stop_it);
	tcase_add_test(tcase, one_short_wait_starts_it_again);
	tcase_add_test(tcase, who_must_not_block_never_stops);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
