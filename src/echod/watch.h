/* SPDX-License-Identifier: MIT */
/*
 * Whether a peer for whom something is held takes anything.
 *
 * One that opens its window by a byte now and then would keep its connection,
 * and what is held for it, for ever: neither TCP_USER_TIMEOUT nor keepalive
 * ends that.  So it is looked at once a minute or so, and has to take some
 * bytes in between.  The first look only notes how much it had taken by then.
 */
#ifndef ECHOD_WATCH_H
#define ECHOD_WATCH_H

#include "echod/idle.h"

#include <stdbool.h>
#include <stdint.h>

struct connection;

/* In the worker's pool, one for each connection that holds something. */
struct watch {
	struct idle_entry entry; /* in the worker's `watched` */
	struct connection *connection;
	uint64_t taken;	   /* at the last look that saw enough */
	uint64_t patience; /* so many more looks may see less */
	bool looked;
};

/*
 * A look: by now it has taken so many bytes, from where is nobody's business.
 * Has it taken `minimum` since the last look, or may it wait for another one?
 * Of what it takes only pieces of up to `piece` bytes can be seen, 0 if it is
 * every byte: it has the time that one of these takes.
 */
bool watch_look(struct watch *watch, uint64_t taken, uint64_t minimum,
		uint64_t piece);

#endif
