/* SPDX-License-Identifier: MIT */
/*
 * A UDP socket that is served with trains, and a kernel that refuses them.
 *
 * Numbers are datagrams of four bytes, as in datagram_rig.h: in one batch they
 * are joined to a train, and each comes back by itself.
 */
#ifndef ECHOD_TESTS_UNIT_DATAGRAM_TRAIN_H
#define ECHOD_TESTS_UNIT_DATAGRAM_TRAIN_H

#include "unit/datagram_rig.h"
#include "unit/injection.h"

#include <check.h>

/* Of sendmsg(2), and of sendmmsg(2) for messages of any kind. */
extern struct fault sendmsg_fault, sendmmsg_fault;
extern unsigned sendmmsg_most; /* messages a call, unless 0 */
extern unsigned messages_sent; /* by all calls of sendmmsg(2) */
extern int train_error;	       /* of each train, by sendmmsg(2), unless 0 */
extern unsigned trains_tried;  /* ... how often */

extern int client; /* on 127.0.0.1 */

/* Serve 127.0.0.1, with trains. */
void train_setup(void);
void train_teardown(void);
void serve_with_trains(struct address address);

/* Numbers arrive, all, before the next turn: as datagrams, as one train. */
void let_arrive(int from, unsigned first, unsigned count);
void let_train_arrive(int from, const struct address *to, unsigned first,
		      unsigned count);

/* Of the client, in one batch: each comes back. */
void expect_echoed_together(unsigned first, unsigned count);

/* Each datagram was received, sent, and not sent, so often. */
void expect_counts(uint64_t received, uint64_t sent, uint64_t unsent);

/* There is room in the send buffer again: the kernel would report it. */
void make_room(void);

TCase *datagram_train_failure_case(void);
TCase *datagram_train_stuck_case(void);

#endif
