/* SPDX-License-Identifier: MIT */
/*
 * What every unit test shares: running one suite with TAP on standard output.
 */
#ifndef ECHOD_TESTS_UNIT_HARNESS_H
#define ECHOD_TESTS_UNIT_HARNESS_H

#include <check.h>

/*
 * The tag of cases that meet the limit on descriptors, which Valgrind keeps to
 * itself, or that end by SIGSYS, which it takes for a fault of its own: make
 * check-valgrind leaves them out (CK_EXCLUDE_TAGS).
 */
#define NOT_UNDER_VALGRIND "not-under-valgrind"

/* Run the suite (consumed); returns main()'s exit status. */
int harness_run(Suite *suite);

#endif
