/* SPDX-License-Identifier: MIT */
/*
 * The parts of check_succession, and what they share: one instance after the
 * other, in one process, and a manager that keeps what it is given.
 *
 * Link with -Wl,--wrap=memfd_create, service_store, service_take_sockets
 * and socketpair.
 */
#ifndef ECHOD_TESTS_UNIT_SUCCESSION_H
#define ECHOD_TESTS_UNIT_SUCCESSION_H

#include "echod/succession.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/sockets.h"
#include "unit/store_rig.h"

/* Both ends of a lot, a socket of our own, a record; and one to ask. */
#define NEEDED 5

TCase *succession_failure_case(void); /* crashes, losses, strange records */

extern struct options options;
extern struct record record;
extern struct intake intake;
extern struct crew crew;
extern struct succession succession;
extern struct address server; /* where clients connect to */
extern struct fault memfd_create_fault, socketpair_fault;
extern struct fault store_record_fault; /* of service_store(), for a record */

/* Checked fixture; at the end nothing is kept. */
void succession_setup(void);
void succession_teardown(void);

/* An instance of so many workers; its end, by WORKER_DRAIN, ..._HAND_OVER. */
void begin_instance(size_t workers);
void end_instance(unsigned how);

/* Turn all workers once. */
void turn_workers(void);

/* Connected, and echoed to; once more. */
int connect_client(void);
void expect_echo(int client, const char *text);

/* Since the first instance. */
uint64_t counted(enum counter counter);

/* All that this instance has, and nothing else, is kept. */
void expect_stored(size_t workers, const char *record_name);

#endif
