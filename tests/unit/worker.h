/* SPDX-License-Identifier: MIT */
/*
 * The parts of check_worker, and what they share.
 */
#ifndef ECHOD_TESTS_UNIT_WORKER_H
#define ECHOD_TESTS_UNIT_WORKER_H

#include "echod/worker.h"
#include "unit/harness.h"

TCase *worker_capacity_case(void); /* room for connections */

/* Checked fixture: a worker without a thread, for two connections. */
extern struct worker worker;
extern struct worker_policy policy;
void worker_setup(void);
void worker_teardown(void);

#endif
