/* SPDX-License-Identifier: MIT */
/*
 * Room for newcomers when there are as many connections as there may be: who
 * has been idle longest goes, if that is a second at least.
 *
 * A worker looks among its own first.  If none of them is idle it asks the
 * others, one after the other: whoever has one that is ends it, and tells the
 * asker, who tries again.  One question goes round at a time, for all workers
 * together, and only while somebody waits to be accepted, so that at most one
 * connection goes for each that comes.
 */
#ifndef ECHOD_ROOM_H
#define ECHOD_ROOM_H

#include "echod/worker.h"

/* The worker's own connection that may go; NULL if none is idle. */
struct idle_entry *room_find(struct worker *worker);

/* Let another worker make room, unless somebody asks already. */
void room_ask(struct worker *worker);

/* For WORKER_YIELD: make room for the asker, or pass the question on. */
void room_on_yield(struct worker *worker);

#endif
