/* SPDX-License-Identifier: MIT */
/*
 * What peers did not take yet: for each that does not take everything a piece
 * of a worker's pool, as long as something is held.  The pool is as large as
 * what may be held altogether, and its memory goes back to the system when
 * nothing has been held for a while.
 */
#ifndef ECHOD_HELD_H
#define ECHOD_HELD_H

#include "echod/pool.h"
#include "echod/reactor.h"
#include "echod/stream.h"

#include <stdint.h>

struct held_bytes {
	uint32_t length, sent;
	unsigned char bytes[];
};

struct held_pool {
	struct reactor *reactor;
	struct pool pool;
	size_t bytes; /* held now, all together */
	struct reactor_timer trim;
};

/*
 * For pieces of up to `longest` bytes, of which `most` connections hold one
 * each at most, together up to `limit` bytes.  0 or -errno; held_pool_deinit()
 * is right after either.
 */
int held_pool_init(struct held_pool *held, struct reactor *reactor,
		   size_t longest, size_t limit, size_t most) MUST_CHECK;
void held_pool_deinit(struct held_pool *held);

/* Can one more be held, however long it is? */
static inline bool held_pool_has_room(const struct held_pool *held)
{
	return pool_has(&held->pool);
}

/* Hold a copy: its number, or 0 if there is no room. */
uint32_t held_copy(struct held_pool *held, const void *data,
		   size_t length) MUST_CHECK;
void held_drop(struct held_pool *held, uint32_t number);

/* Send on, as stream_send() does: 0 when all has been sent. */
int held_send(struct held_pool *held, uint32_t number,
	      const struct stream *stream, size_t *sent) MUST_CHECK;

#endif
