/* SPDX-License-Identifier: MIT */
/*
 * What an earlier instance left in its lots, and workers without threads that
 * are to adopt it.
 */
#ifndef ECHOD_TESTS_UNIT_ADOPT_RIG_H
#define ECHOD_TESTS_UNIT_ADOPT_RIG_H

#include "echod/parking.h"
#include "unit/census.h"
#include "unit/rig.h"

#define WORKERS_MAX 3

extern struct parking parking;
extern struct worker workers[WORKERS_MAX];
extern struct worker_policy adopt_policy;

/* A lot that was left: two ends, both the test's; what is sent to [0] lies. */
struct left_lot {
	int ends[2];
};

/* Checked fixture: so many workers are there, once adopt_with() was called. */
void adopt_setup(void);
void adopt_teardown(void);

/* A pair; what a manager gives of it, under this name, in this order. */
struct left_lot leave_lot(void);
void keep(const char *name, int fd);
void keep_lot(const char *name, const struct left_lot *lot);

/* One message of these. */
void leave(const struct left_lot *lot, const int *fds, size_t count);

/* A connection of which only what was left knows; the client's end. */
int leave_connection(const struct left_lot *lot);

/* What echod has at the start: workers; lots; adoption; the lots that remain.
 */
void make_workers(size_t count);
int begin(bool preserve);
void adopt_with(size_t count, bool preserve, bool poisoned);

/* Turn all workers once. */
void turn_workers(void);
#define WORKERS_UNTIL(condition) AWAIT((turn_workers(), (condition)))

void expect_echo_of(int client, const char *text);

/* Of all workers together. */
uint64_t adopt_count(enum counter counter);
#define ADOPT_COUNT(name) adopt_count(COUNTER_##name)
size_t connections_of(const struct worker *worker);

/* Those that are parked: each lies in its worker's lot. */
size_t parked_in_all(void);

#endif
