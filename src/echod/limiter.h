/* SPDX-License-Identifier: MIT */
/*
 * How many datagrams of a source are answered: so many a second, and a burst.
 *
 * The model is GCRA (ITU-T I.371, Annex A, as virtual scheduling).  All that is
 * known of a source is a moment, when time will have paid for what it has sent.
 * What of it is still to come is its debt: each datagram adds to it, the clock
 * pays it off, and who owes a burst is refused, which adds nothing.  Whose
 * moment has passed owes nothing: the entry is free, and nobody has to tidy up.
 * So somebody who forges a source for each datagram fills little of the table,
 * and if a bucket is full, who owes least makes room.
 *
 * Over the limit one message in four is let through all the same, by chance:
 * who forges the address of a victim cannot silence it, and a loop of two
 * services, which is one datagram, dies at the first that is not.
 *
 * A source is judged three times: as an address, and as a member of two
 * networks, so that nobody multiplies the rate by having many addresses.
 *
 *            rate    IPv4  IPv6     a network has 256 (IPv4) or 65,536 times as
 *               1    /32   /64      many addresses as that below, and 32 times
 *              32    /24   /48      the rate: it takes an eighth of a /24, each
 *            1024    /16   /32      at full rate, to hold up the rest
 *
 * Time is counted in 1/1024 of what a datagram takes at the rate: a datagram
 * adds 1024, 32 or 1.  An entry is one word, and a bucket a line of the cache:
 *
 *    63        40 39                            0
 *   |    tag     |  moment, modulo 2^40          |   0: never used
 *
 * After 2^39 units (6 days at 1000 a second, 9 minutes at a million) everybody
 * gets other places, as the number of this half turn of the clock is hashed,
 * too: so no moment that is found is older than that, and which of two is later
 * is never in doubt.  All debts are forgotten then, once.
 *
 * All threads share the table, by plain loads and stores: of two that judge one
 * source in the same instant, one may go uncounted.  Pure: no system calls.
 */
#ifndef ECHOD_LIMITER_H
#define ECHOD_LIMITER_H

#include "common/macros.h"
#include "common/siphash.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define LIMITER_LEVELS 3

/* 4 MiB */
#define LIMITER_BUCKETS	    65536
#define LIMITER_BUCKET_SIZE 8

/* With these, what anyone can owe is less than half a turn of the clock. */
#define LIMITER_RATE_MAX  1000000
#define LIMITER_BURST_MAX 100000000

/* Datagrams: a second, 0 for any number, and at once, at least 1. */
struct limiter_rate {
	uint32_t rate, burst;
};

struct limiter_bucket {
	_Alignas(CACHE_LINE) atomic_uint_least64_t entries[LIMITER_BUCKET_SIZE];
};

/* How the table begins, in the machine's byte order. */
struct limiter_head {
	_Alignas(CACHE_LINE) uint32_t version;
	struct limiter_rate rate;
	struct siphash_key key;
};

/* It may outlive the process (record.h).  As zeros nobody owes anything. */
struct limiter_table {
	struct limiter_head head;
	struct limiter_bucket buckets[LIMITER_BUCKETS];
};

struct limiter {
	struct limiter_table *table; /* borrowed */
	uint64_t rate;
	uint64_t debt_max;		    /* more than anyone can owe */
	uint64_t tolerated[LIMITER_LEVELS]; /* debts */
};

/* Where a source, or a network that it is in, is found, or may be. */
struct limiter_place {
	uint64_t tag; /* above a moment */
	atomic_uint_least64_t *entry;
};

/* How many sources are remembered: a power of two. */
#define LIMITER_KNOWN 256

/* A source that came lately: its places need not be hashed again. */
struct limiter_known {
	_Alignas(CACHE_LINE) uint64_t bits;
	uint64_t kind; /* 0: none */
	struct limiter_place places[LIMITER_LEVELS];
};

/*
 * Whoever judges: one thread.  What it remembers spares it hashing, and decides
 * nothing: who fills it with forged sources has each hashed, as without it.
 */
struct limiter_judge {
	struct limiter *limiter;
	uint64_t usec, now, turn; /* the same in µs, in units, in half turns */
	uint64_t refusals;
	size_t last; /* the source that came last, of these */
	struct limiter_known known[LIMITER_KNOWN];
};

/* The table, which must be zeros, is given this key. */
void limiter_init(struct limiter *limiter, struct limiter_table *table,
		  const struct limiter_rate *rate,
		  const struct siphash_key *key);

/*
 * Go on with what another instance left, whose table began so: false if it is
 * of no use.  Then whole buckets are taken, from the first of these on, of
 * which the words may be anything.
 */
bool limiter_continue(struct limiter *limiter, const struct limiter_head *left);
void limiter_take(struct limiter *limiter, size_t first, const uint64_t *words,
		  size_t count, uint64_t usec);

/* The limiter is borrowed; NULL: there is no limit. */
void limiter_judge_init(struct limiter_judge *judge, struct limiter *limiter);

/*
 * Is a message of so many datagrams not to be answered?  A train is answered
 * whole if one of them may be, and all of them are owed.  `usec` is
 * CLOCK_MONOTONIC; threads may differ by a second.  Loopback addresses and
 * families without networks are never refused.
 */
bool limiter_refuses(struct limiter_judge *judge, const struct sockaddr *peer,
		     unsigned datagrams, uint64_t usec);

#endif
