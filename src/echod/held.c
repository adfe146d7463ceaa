/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/held.h"

#include <string.h>

/*
 * Of a pool that drained so many pieces stay memory: connections that carry as
 * much as they can hold something back every now and then.
 */
#define KEPT 4

/* For so long nothing has to be held for the rest to go. */
#define TRIM_USEC USEC_PER_SEC

static void held_on_trim(struct reactor_timer *timer)
{
	struct held_pool *held = container_of(timer, struct held_pool, trim);

	pool_trim(&held->pool, KEPT);
}

int held_pool_init(struct held_pool *held, struct reactor *reactor,
		   size_t longest, size_t limit, size_t most)
{
	held->reactor = reactor;
	held->bytes = 0;
	reactor_timer_init(&held->trim, held_on_trim);
	return pool_init(&held->pool, sizeof(struct held_bytes) + longest,
			 MIN(limit / longest, most));
}

void held_pool_deinit(struct held_pool *held)
{
	if (held->pool.base)
		reactor_timer_stop(&held->trim);
	pool_deinit(&held->pool);
}

uint32_t held_copy(struct held_pool *held, const void *data, size_t length)
{
	uint32_t number = pool_take(&held->pool);
	struct held_bytes *bytes;

	if (number == 0)
		return 0;
	bytes = pool_at(&held->pool, number);
	bytes->length = (uint32_t)length;
	bytes->sent = 0;
	memcpy(bytes->bytes, data, length);
	held->bytes += length;
	reactor_timer_stop(&held->trim);
	return number;
}

void held_drop(struct held_pool *held, uint32_t number)
{
	const struct held_bytes *bytes = pool_at(&held->pool, number);

	held->bytes -= bytes->length;
	pool_give(&held->pool, number);
	if (held->pool.used == 0 && held->pool.fresh > KEPT + 1)
		reactor_timer_start(held->reactor, &held->trim,
				    held->reactor->now + TRIM_USEC);
}

int held_send(struct held_pool *held, uint32_t number,
	      const struct stream *stream, size_t *sent)
{
	struct held_bytes *bytes = pool_at(&held->pool, number);
	int error = stream_send(stream, bytes->bytes + bytes->sent,
				bytes->length - bytes->sent, sent);

	bytes->sent += (uint32_t)*sent;
	return error;
}
