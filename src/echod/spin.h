/* SPDX-License-Identifier: MIT */
/*
 * Whether it is worth while to spin before blocking.
 *
 * To block and be woken costs more than a round trip takes on a fast network;
 * who looks again and again instead has the event at once, for a core's time.
 * That pays only if events come soon after one another.  So each wait is held
 * against the time that may be spent spinning: after some that were longer,
 * spinning stops, and one that was shorter starts it again.
 */
#ifndef ECHOD_SPIN_H
#define ECHOD_SPIN_H

#include "common/macros.h"

#include <stdint.h>

/* So many waits in a row have to be too long. */
#define SPIN_PATIENCE 8

struct spin {
	uint64_t span; /* µs to spin; 0: never, USEC_INFINITY: do not block */
	unsigned useless; /* waits in a row that were longer */
};

/* How long to spin now, in µs. */
static inline uint64_t spin_budget(const struct spin *spin)
{
	return spin->useless < SPIN_PATIENCE ? spin->span : 0;
}

/* The wait for something took so long altogether, in µs. */
static inline void spin_learn(struct spin *spin, uint64_t waited)
{
	if (waited <= spin->span)
		spin->useless = 0;
	else if (spin->useless < SPIN_PATIENCE)
		spin->useless++;
}

#endif
