/* SPDX-License-Identifier: MIT */
/*
 * The open loop: when a thread's messages are due, and who sends them.
 *
 * Message number n of all threads is due n / rate after the start, whatever
 * comes back; of `threads` threads this one sends each that leaves `thread`
 * when divided by them, so that the threads take turns.  No error adds up: each
 * due time is computed from the number.
 *
 * Who has room for a message (a connection whose pipeline is not full) waits in
 * a list; whose turn it is sends, and goes to the list's end.
 * While the list is empty messages wait, and are overdue: `room_since` tells
 * this lag, for which the other side is to blame, from our own.
 */
#ifndef ECHOPING_LOAD_SCHEDULE_H
#define ECHOPING_LOAD_SCHEDULE_H

#include "common/list.h"
#include "common/macros.h"

#include <stdint.h>

struct load_schedule {
	uint64_t rate; /* messages a second of all threads; 0: closed loop */
	unsigned threads, thread;
	uint64_t start;
	uint64_t next;	       /* how many of ours were sent */
	struct list_node room; /* who can send */
	uint64_t room_since;   /* since when somebody can */
};

void load_schedule_init(struct load_schedule *schedule, uint64_t rate,
			unsigned threads, unsigned thread);

/* When the next message of ours is due, or the one that many after it. */
uint64_t load_schedule_due(const struct load_schedule *schedule,
			   uint64_t ahead);

/* How many of ours are due before this moment, sent or not. */
uint64_t load_schedule_due_before(const struct load_schedule *schedule,
				  uint64_t moment);

/* There is room for a message; again, or still. */
void load_schedule_offer(struct load_schedule *schedule,
			 struct list_node *place, uint64_t now);

/* There is none any more. */
void load_schedule_retire(struct list_node *place);

/* Whose turn it is; NULL if nobody has room. */
struct list_node *load_schedule_turn(struct load_schedule *schedule);

#endif
