/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue of log entries: a ring of bytes, in which an entry takes as
 * much room as it is long.  Not synchronized.
 */
#ifndef ECHOD_LOG_RING_H
#define ECHOD_LOG_RING_H

#include "echod/log_entry.h"

#include <stdbool.h>
#include <stddef.h>

/* About 250 entries of ordinary length. */
#define LOG_RING_SIZE 65536

/* Empty when zeroed. */
struct log_ring {
	size_t start, used;
	unsigned char bytes[LOG_RING_SIZE];
};

/* Append a copy of the entry; false if there is no room for it. */
bool log_ring_put(struct log_ring *ring, const struct log_entry *entry);

/* Move the oldest entry out of a ring that is not empty. */
void log_ring_take(struct log_ring *ring, struct log_entry *entry);

static inline bool log_ring_is_empty(const struct log_ring *ring)
{
	return ring->used == 0;
}

#endif
