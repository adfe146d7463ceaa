/* SPDX-License-Identifier: MIT */
/*
 * The bytes that are sent: a sequence that can be had at any position for
 * nothing, so that each byte that comes back can be checked for little more.
 *
 * The sequence repeats after PATTERN_PERIOD bytes, a prime: nothing that is
 * lost, doubled or moved on the way is likely to be a multiple of it.  It is
 * kept once and a half, so that up to PATTERN_SPAN bytes from any position lie
 * in one piece: they are sent from there and compared with memcmp(3).
 */
#ifndef ECHOPING_PATTERN_H
#define ECHOPING_PATTERN_H

#include "echoping/settings.h"

#include <string.h>

#define PATTERN_PERIOD 65521
#define PATTERN_SPAN   262144 /* bytes that can be had at once */

extern unsigned char pattern_bytes[PATTERN_PERIOD + PATTERN_SPAN];

/*
 * Fill the sequence, before anything else here: with `fill` again and again,
 * or, if that is empty, with bytes that look random and are the same in every
 * run.
 */
void pattern_init(const struct fill *fill);

/* PATTERN_SPAN bytes from this position on. */
static inline const unsigned char *pattern_at(uint64_t position)
{
	return pattern_bytes + position % PATTERN_PERIOD;
}

/* What pattern_mismatch() is, if need be in several pieces. */
size_t pattern_find_mismatch(uint64_t position, const unsigned char *bytes,
			     size_t length);

/*
 * The first of `length` bytes that differs from the sequence from `position`
 * on; `length` if none does.
 */
static inline size_t pattern_mismatch(uint64_t position,
				      const unsigned char *bytes, size_t length)
{
	/* Nearly always all is right, and lies in one piece. */
	if (length <= PATTERN_SPAN &&
	    memcmp(pattern_at(position), bytes, length) == 0)
		return length;
	return pattern_find_mismatch(position, bytes, length);
}

#endif
