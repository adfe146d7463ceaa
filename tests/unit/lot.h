/* SPDX-License-Identifier: MIT */
/*
 * The parts of check_lot, and what they share: one lot, and who is parked in
 * it, by the test's own account.
 *
 * Link with -Wl,--wrap= malloc, recv, __recv_chk, sendmsg and socketpair.
 */
#ifndef ECHOD_TESTS_UNIT_LOT_H
#define ECHOD_TESTS_UNIT_LOT_H

#include "echod/lot.h"
#include "unit/census.h"
#include "unit/harness.h"
#include "unit/injection.h"

TCase *lot_rotation_case(void); /* when, and who is still there then */
TCase *lot_failure_case(void);	/* what the kernel refuses, and crashes */
TCase *lot_message_case(void);	/* of whatever another has left */

/* Of these, what meets the limit on descriptors. */
TCase *lot_failure_limit_case(void);
TCase *lot_message_limit_case(void);

#define MEMBERS_MAX 8192

struct member {
	struct list_node place;
	int fd;
	bool alive; /* the descriptor is the test's */
};

extern struct lot lot;
extern int exit_end;		 /* a duplicate of the lot's exit */
extern struct list_node waiting; /* to be parked */
extern struct member members[MEMBERS_MAX];
extern size_t member_count; /* all that there have ever been */

extern struct fault malloc_fault, sendmsg_fault, socketpair_fault;
extern unsigned receptions;    /* calls of recv(2) so far */
extern unsigned crash_at_recv; /* the process ends instead; 0: it does not */

extern unsigned sends; /* calls of sendmsg(2), too */

/* Checked fixture. */
void lot_setup(void);
void lot_teardown(void);

/* New members wait to be parked; are parked, in messages as full as can be. */
void add_members(size_t count);
void park_waiting(void);
void park_members(size_t count);

/* They all have one socket, and count as dead. */
void add_twins(size_t count);

/* One message each. */
void park_singly(size_t count);

/* Dies: leaves the lot. */
void leave(struct member *member);

/* Those of a range, by their order; all but every n-th of it. */
void leave_range(size_t first, size_t count);
void thin_out(size_t first, size_t count, size_t n);

size_t living_count(void);

/*
 * Everyone alive is in the queue, once; the queue is as long as the lot says.
 * After a crash, in the queue that is left: at least once.
 */
void expect_exact(void);
void expect_no_gap(void);

#endif
