/* SPDX-License-Identifier: MIT */
/*
 * The fake kernel of tests/fuzz is like Linux: what the code under test, and
 * its peers, see of both is compared.
 */
#include "config.h"

#include "unit/fake.h"
#include "unit/harness.h"

static Suite *make_suite(void)
{
	Suite *suite = suite_create("fake");

	suite_add_tcase(suite, fake_calls_case());
	suite_add_tcase(suite, fake_limit_case());
	suite_add_tcase(suite, fake_edges_case());
	suite_add_tcase(suite, fake_echo_case());
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
