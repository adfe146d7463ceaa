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

/* Within PATTERN_SPAN bytes.  Nearly always all is right: memcmp(3) is fast. */
static size_t mismatch_within(const unsigned char *expected,
			      const unsigned char *bytes, size_t length)
{
	size_t same = 0;

	if (memcmp(expected, bytes, length) == 0)
		return length;
	while (expected[same] == bytes[same])
		same++;
	return same;
}

size_t pattern_mismatch(uint64_t position, const unsigned char *bytes,
			size_t length)
{
	size_t done = 0, same = 0, part = 0;

	while (done < length && same == part) {
		part = MIN(length - done, (size_t)PATTERN_SPAN);
		same = mismatch_within(pattern_at(position + done),
				       bytes + done, part);
		done += same;
	}
	return done;
}
