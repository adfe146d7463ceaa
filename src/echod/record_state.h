/* SPDX-License-Identifier: MIT */
/*
 * How a record is laid out and read.  Private to the record module.
 */
#ifndef ECHOD_RECORD_STATE_H
#define ECHOD_RECORD_STATE_H

#include "echod/record.h"

/* CLOCK_MONOTONIC in µs: it goes on when the process is restarted. */
uint64_t record_clock(void);

/* Where the counters of so many threads end, and the limiter's table begins. */
uint64_t record_counters_end(size_t threads);

/* All of it, or false.  Whatever the descriptor is, nothing can fault. */
bool record_read(int fd, void *data, size_t size, uint64_t offset);

/* In record_limiter.c: what sources owe, by a record that has been checked. */
void record_take_debts(struct record *record, int fd,
		       const struct record_head *left);

#endif
