/* SPDX-License-Identifier: MIT */
/*
 * How many connections a source has, and may have: an IPv4 address, or the /64
 * of an IPv6 one, within which a host chooses freely.  Loopback, and whatever
 * has no such address, has no limit.
 *
 * The table is there for all connections at once, shared by all workers, and
 * visited only when one begins and when it ends.  Its hash is strongly
 * universal, with a random key: whatever addresses somebody chooses, chains are
 * as short on average, and two sources are as rarely taken for one, as by
 * chance.
 */
#ifndef ECHOD_QUOTA_H
#define ECHOD_QUOTA_H

#include "common/address.h"
#include "echod/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct quota {
	pthread_mutex_t mutex;
	uint32_t limit; /* of one source; 0: nobody is counted */
	uint64_t key[3];
	struct pool sources, buckets;
};

/*
 * For at most so many connections.  0 or -errno (mmap(2), getrandom(2));
 * quota_deinit() is right after either.
 */
int quota_init(struct quota *quota, uint32_t limit,
	       size_t connections) MUST_CHECK;
void quota_deinit(struct quota *quota);

/*
 * One connection more of this source.  0, and what to give back, which is 0 for
 * whom there is no limit; or -EDQUOT if that would be too many, unless it has
 * to be (`forced`).
 */
int quota_take(struct quota *quota, const struct address *peer, bool forced,
	       uint32_t *source) MUST_CHECK;
void quota_give(struct quota *quota, uint32_t source);

#endif
