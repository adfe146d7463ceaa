/* SPDX-License-Identifier: MIT */
/*
 * The parts of check_fake, one file each.
 */
#ifndef ECHOD_TESTS_UNIT_FAKE_H
#define ECHOD_TESTS_UNIT_FAKE_H

#include <check.h>

TCase *fake_calls_case(void); /* what calls give */
TCase *fake_limit_case(void); /* no descriptors */
TCase *fake_edges_case(void); /* full buffers, and what follows */
TCase *fake_echo_case(void);  /* what the server makes of it */

#endif
