/* SPDX-License-Identifier: MIT */
/*
 * Instances that continue a record, and how they end.
 */
#ifndef ECHOD_TESTS_UNIT_INSTANCE_RIG_H
#define ECHOD_TESTS_UNIT_INSTANCE_RIG_H

#include "echod/record.h"

#include <stdint.h>

/* What ends a process, by this signal. */
typedef void ending(int number);

/* It sends the signal to itself. */
void signal_itself(int number);

/*
 * An instance that counts 7 bytes sent in the second block, and ends by this.
 * Without a core dump, and without a sanitizer's report, which would end it
 * otherwise.
 */
void end_instance(struct record *of, ending *end, int number);

/* By the clock of the record's marks. */
uint64_t now_usec(void);

#endif
