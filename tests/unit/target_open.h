/* SPDX-License-Identifier: MIT */
/*
 * The parts of check_target_open, and what they share.
 */
#ifndef ECHOD_TESTS_UNIT_TARGET_OPEN_H
#define ECHOD_TESTS_UNIT_TARGET_OPEN_H

#include "echoping/target.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#include <stdbool.h>

TCase *target_bind_case(void); /* sockets that are bound to a source */

/* Filled by these; `what` by an opening that fails. */
extern struct settings settings;
extern struct source source;
extern struct target target;
extern const char *what;

/* False where there is no network of one's own: the test then returns. */
bool target_begin(const char *text);
void target_set_source(const char *text);

/* Open for this flow; connect, which may be done at once or later. */
int target_open_flow(unsigned flow);
void target_begin_to_connect(int fd);

/* It cannot be opened; `culprit` is named, and no descriptor left behind. */
void target_expect_failure(int error, const char *culprit);

#endif
