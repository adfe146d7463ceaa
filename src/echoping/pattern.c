/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/pattern.h"

#include <string.h>

unsigned char pattern_bytes[PATTERN_PERIOD + PATTERN_SPAN];

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom generators). */
static uint64_t next_random(uint64_t *state)
{
	uint64_t mix = (*state += UINT64_C(0x9e3779b97f4a7c15));

	mix = (mix ^ (mix >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	mix = (mix ^ (mix >> 27)) * UINT64_C(0x94d049bb133111eb);
	return mix ^ (mix >> 31);
}

void pattern_init(const struct fill *fill)
{
	uint64_t state = 862; /* RFC 862 */

	for (size_t i = 0; i < PATTERN_PERIOD; i++)
		pattern_bytes[i] = fill->length > 0
					   ? fill->bytes[i % fill->length]
					   : (unsigned char)next_random(&state);
	for (size_t i = PATTERN_PERIOD; i < sizeof(pattern_bytes); i++)
		pattern_bytes[i] = pattern_bytes[i - PATTERN_PERIOD];
}

/* Byte by byte: it is rare. */
static size_t find_mismatch(uint64_t position, const unsigned char *bytes,
			    size_t length)
{
	for (size_t at = 0; at < length; at++) {
		if (bytes[at] != pattern_at(position + at)[0])
			return at;
	}
	return length;
}

size_t pattern_find_mismatch(uint64_t position, const unsigned char *bytes,
			     size_t length)
{
	size_t done = 0, part = MIN(length, (size_t)PATTERN_SPAN);

	while (memcmp(pattern_at(position + done), bytes + done, part) == 0) {
		done += part;
		if (done == length)
			return length;
		part = MIN(length - done, (size_t)PATTERN_SPAN);
	}
	return done + find_mismatch(position + done, bytes + done, part);
}
