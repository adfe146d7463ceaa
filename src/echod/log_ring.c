/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/log_ring.h"

#include "common/macros.h"

#include <string.h>

/* What stands in the ring before an entry's fields. */
struct record_header {
	uint16_t length, level;
};

static void copy_in(struct log_ring *ring, const void *data, size_t length)
{
	size_t end = (ring->start + ring->used) % LOG_RING_SIZE;
	size_t first = MIN(length, LOG_RING_SIZE - end);

	memcpy(ring->bytes + end, data, first);
	memcpy(ring->bytes, (const char *)data + first, length - first);
	ring->used += length;
}

static void copy_out(struct log_ring *ring, void *data, size_t length)
{
	size_t first = MIN(length, LOG_RING_SIZE - ring->start);

	memcpy(data, ring->bytes + ring->start, first);
	memcpy((char *)data + first, ring->bytes, length - first);
	ring->start = (ring->start + length) % LOG_RING_SIZE;
	ring->used -= length;
}

bool log_ring_put(struct log_ring *ring, const struct log_entry *entry)
{
	struct record_header header = { entry->length, entry->level };

	if (LOG_RING_SIZE - ring->used < sizeof(header) + entry->length)
		return false;
	copy_in(ring, &header, sizeof(header));
	copy_in(ring, entry->fields, entry->length);
	return true;
}

void log_ring_take(struct log_ring *ring, struct log_entry *entry)
{
	struct record_header header;

	copy_out(ring, &header, sizeof(header));
	copy_out(ring, entry->fields, header.length);
	entry->length = header.length;
	entry->level = header.level;
}
