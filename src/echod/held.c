/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/held.h"

#include <stdlib.h>
#include <string.h>

struct held_bytes *held_copy(const void *data, size_t length)
{
	struct held_bytes *held = malloc(sizeof(*held) + length);

	if (!held)
		return NULL;
	held->length = (uint32_t)length;
	held->sent = 0;
	memcpy(held->bytes, data, length);
	return held;
}

int held_send(struct held_bytes *held, const struct stream *stream,
	      size_t *sent)
{
	int error = stream_send(stream, held->bytes + held->sent,
				held->length - held->sent, sent);

	held->sent += (uint32_t)*sent;
	return error;
}
