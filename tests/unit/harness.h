/* SPDX-License-Identifier: MIT */
/*
 * What every unit test shares: running one suite with TAP on standard output.
 */
#ifndef ECHOD_TESTS_UNIT_HARNESS_H
#define ECHOD_TESTS_UNIT_HARNESS_H

#include <check.h>

/* Run the suite (consumed); returns main()'s exit status. */
int harness_run(Suite *suite);

#endif
