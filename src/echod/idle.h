/* SPDX-License-Identifier: MIT */
/*
 * Who has been idle for too long: a queue in the order of last activity.
 *
 * All entries of a queue have the same timeout, so the one that was touched
 * longest ago expires first, and touching is moving to the tail: no heap, no
 * wheel, one timer of the reactor for the whole queue.
 *
 * A queue without a timeout (USEC_INFINITY) keeps the order for whoever wants
 * to know who is idle.  To move an entry costs the cache lines of its two
 * neighbours, so that it is moved only if it has stood for a quarter of a
 * second: it may have been active that much later than it says.
 */
#ifndef ECHOD_IDLE_H
#define ECHOD_IDLE_H

#include "common/list.h"
#include "echod/reactor.h"

#include <stdint.h>

struct idle_entry {
	struct list_node link;
	uint64_t since; /* µs of the reactor's clock */
};

typedef void idle_handler(struct idle_entry *entry);

struct idle_queue {
	struct reactor *reactor;
	struct list_node entries; /* the longest idle first */
	uint64_t timeout;	  /* µs, or USEC_INFINITY */
	uint64_t slack;		  /* µs by which `since` may be too early */
	struct reactor_timer timer;
	idle_handler *on_idle;
};

/* on_idle must remove the entry that it is given, or touch it. */
void idle_queue_init(struct idle_queue *queue, struct reactor *reactor,
		     uint64_t timeout, idle_handler *on_idle);

/* The entry is not in a queue. */
void idle_queue_add(struct idle_queue *queue, struct idle_entry *entry);

/* For idle_queue_touch() only. */
void idle_queue_renew(struct idle_queue *queue, struct idle_entry *entry);

/* "Something happened." */
static inline void idle_queue_touch(struct idle_queue *queue,
				    struct idle_entry *entry)
{
	if (queue->reactor->now - entry->since >= queue->slack)
		idle_queue_renew(queue, entry);
}

/* Who is idle longest, for at least this long; NULL if nobody is. */
struct idle_entry *idle_queue_longest(struct idle_queue *queue, uint64_t span);

/* Idempotent. */
void idle_queue_remove(struct idle_entry *entry);

#endif
