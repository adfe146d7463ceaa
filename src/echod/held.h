/* SPDX-License-Identifier: MIT */
/*
 * What a peer did not take yet: a buffer that exists for as long as something
 * is held, and is exactly as large.
 */
#ifndef ECHOD_HELD_H
#define ECHOD_HELD_H

#include "echod/stream.h"

#include <stdint.h>

struct held_bytes {
	uint32_t length, sent;
	unsigned char bytes[];
};

/* A copy, to be freed with free(3); NULL if there is no memory. */
struct held_bytes *held_copy(const void *data, size_t length) MUST_CHECK;

/* Send on, as stream_send() does: 0 when all has been sent. */
int held_send(struct held_bytes *held, const struct stream *stream,
	      size_t *sent) MUST_CHECK;

#endif
