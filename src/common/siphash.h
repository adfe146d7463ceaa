/* SPDX-License-Identifier: MIT */
/*
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF",
 * 2012), for tables that strangers fill: who does not know the key cannot
 * choose what comes to lie together.
 *
 * Only for messages of 15 bytes, which are two blocks and all that is needed: a
 * word, and the lower seven bytes of another, each from its lowest byte on.
 */
#ifndef ECHOD_COMMON_SIPHASH_H
#define ECHOD_COMMON_SIPHASH_H

#include <stdint.h>

#define SIPHASH_LENGTH UINT64_C(15)

struct siphash_key {
	uint64_t words[2];
};

static inline uint64_t siphash_rotate(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static inline void siphash_round(uint64_t v[static 4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = siphash_rotate(v[1], 13) ^ v[0];
	v[3] = siphash_rotate(v[3], 16) ^ v[2];
	v[0] = siphash_rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = siphash_rotate(v[1], 17) ^ v[2];
	v[3] = siphash_rotate(v[3], 21) ^ v[0];
	v[2] = siphash_rotate(v[2], 32);
}

static inline void siphash_absorb(uint64_t v[static 4], uint64_t block)
{
	v[3] ^= block;
	siphash_round(v);
	v[0] ^= block;
}

/* The topmost byte of `tail` is not looked at. */
static inline uint64_t siphash(const struct siphash_key *key, uint64_t word,
			       uint64_t tail)
{
	uint64_t v[4] = {
		key->words[0] ^ UINT64_C(0x736f6d6570736575),
		key->words[1] ^ UINT64_C(0x646f72616e646f6d),
		key->words[0] ^ UINT64_C(0x6c7967656e657261),
		key->words[1] ^ UINT64_C(0x7465646279746573),
	};

	siphash_absorb(v, word);
	siphash_absorb(v, tail << 8 >> 8 | SIPHASH_LENGTH << 56);
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		siphash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
