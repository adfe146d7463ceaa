/* SPDX-License-Identifier: MIT */
/*
 * Whether a peer takes enough, by the figures alone.
 */
#include "config.h"

#include "echod/watch.h"
#include "unit/harness.h"

#define MINIMUM 1000

/* What it had taken at each look, and after which of them it has to go. */
static const struct {
	uint64_t taken[8];
	uint64_t piece;
	int looks; /* of which the last says no; 0: none does */
} cases[] = {
	{ { 0, 0 }, 0, 2 },
	{ { 5000, 5000 }, 0, 2 },
	{ { 5000, 5999 }, 0, 2 },
	{ { 5000, 6000, 7000, 8000, 9000, 10000, 11000, 12000 }, 0, 0 },
	{ { 5000, 6000, 6999 }, 0, 3 },
	/* It is no account: what was too much does not count for the next. */
	{ { 0, 9999, 10000 }, 0, 3 },
	/* A queue that empties counts down to its end. */
	{ { UINT64_MAX - 2000, UINT64_MAX - 1000, UINT64_MAX }, 0, 4 },
	{ { UINT64_MAX - 500, UINT64_MAX }, 0, 2 },
	/* Only pieces of 3000 can be seen: that takes three looks more. */
	{ { 0, 0, 0, 0, 0 }, 3000, 5 },
	{ { 0, 0, 0, 0, 3000, 3000, 3000, 3000 }, 3000, 0 },
	{ { 0, 0, 999, 999, 999 }, 3000, 5 },
	/* ... and whole pieces may come late by one look. */
	{ { 0, 0, 0, 0, 999 }, 3500, 5 },
};

START_TEST(who_takes_too_little_has_to_go)
{
	struct watch watch = { .patience = 0 };
	int looks = 0;

	while (looks < 8 && watch_look(&watch, cases[_i].taken[looks], MINIMUM,
				       cases[_i].piece))
		looks++;
	ck_assert_int_eq(looks == 8 ? 0 : looks + 1, cases[_i].looks);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("watch");
	TCase *tcase = tcase_create("watch");

	tcase_add_loop_test(tcase, who_takes_too_little_has_to_go, 0,
			    ARRAY_SIZE(cases));
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
