/* SPDX-License-Identifier: MIT */
/*
 * A limiter with a key that is always the same, and one who judges.
 *
 * Over the limit one in four is let through: whether somebody is over it, is
 * told by the judge's count, not by what becomes of a datagram.
 */
#ifndef ECHOD_TESTS_UNIT_LIMITER_RIG_H
#define ECHOD_TESTS_UNIT_LIMITER_RIG_H

#include "common/address.h"
#include "echod/limiter.h"

extern struct limiter_table table;
extern struct limiter limiter;
extern struct limiter_judge judge;

/* Nothing has come yet. */
void limiter_begin(uint32_t rate, uint32_t burst);

struct address source_of(const char *literal);
struct address source4(uint32_t host);

/* Of `network`, with this number in the bits of 64 that end at `end`. */
struct address source6(const char *network, unsigned end, uint64_t number);

/* Are so many datagrams within the limit? */
bool limiter_admits(const struct address *source, unsigned datagrams,
		    uint64_t usec);
bool admits(const char *literal, uint64_t usec);

/* How many single ones, at this moment, before one is not. */
unsigned admitted(const struct address *source, uint64_t usec);

/* Fixed numbers that look like chance (Vigna's splitmix64). */
uint64_t next_number(uint64_t *state);

#endif
