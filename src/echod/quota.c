/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/quota.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/*
 * Known by its hash alone: that of two given sources is the same once in 2^32,
 * and then they only share what they may have.
 */
struct source {
	uint32_t hash, count;
	uint32_t next; /* in its bucket's chain */
};

/* A chain has two sources, if each connection has another one. */
#define SOURCES_PER_BUCKET 2

int quota_init(struct quota *quota, uint32_t limit, size_t connections)
{
	size_t buckets = limit == 0 ? 0 : connections / SOURCES_PER_BUCKET + 1;
	int error;

	*quota = (struct quota){ .limit = limit };
	pthread_mutex_init(&quota->mutex, NULL);
	if (getrandom(quota->key, sizeof(quota->key), 0) < 0)
		return -errno;
	error = pool_init(&quota->buckets, sizeof(uint32_t), buckets);
	if (error == 0)
		error = pool_init(&quota->sources, sizeof(struct source),
				  limit == 0 ? 0 : connections);
	return error;
}

void quota_deinit(struct quota *quota)
{
	pool_deinit(&quota->sources);
	pool_deinit(&quota->buckets);
}

/* False if it has no limit.  No IPv6 address begins as an IPv4 one reads. */
static bool prefix_of(const struct address *peer, uint64_t *prefix)
{
	struct address address = *peer;
	uint32_t half[2];

	if (peer->length == 0)
		return false;
	address_unmap(&address);
	switch (address.any.sa_family) {
	case AF_INET:
		*prefix = ntohl(address.in.sin_addr.s_addr);
		return *prefix >> 24 != IN_LOOPBACKNET;
	case AF_INET6:
		memcpy(half, &address.in6.sin6_addr, sizeof(half));
		*prefix = (uint64_t)ntohl(half[0]) << 32 | ntohl(half[1]);
		return !IN6_IS_ADDR_LOOPBACK(&address.in6.sin6_addr);
	default:
		return false;
	}
}

/* Pair-multiply-shift: Thorup, High Speed Hashing for Integers and Strings. */
static uint32_t hash_of(const struct quota *quota, uint64_t prefix)
{
	uint64_t low = (uint32_t)prefix, high = prefix >> 32;

	return (uint32_t)(((quota->key[0] + high) * (quota->key[1] + low) +
			   quota->key[2]) >>
			  32);
}

static struct source *source_at(const struct quota *quota, uint32_t number)
{
	return pool_at(&quota->sources, number);
}

/* Where the number of the source stands, or 0 as the end of its chain. */
static uint32_t *find(const struct quota *quota, uint32_t hash)
{
	uint32_t bucket =
		(uint32_t)((uint64_t)hash * quota->buckets.count >> 32);
	uint32_t *place = pool_at(&quota->buckets, bucket + 1);

	while (*place != 0 && source_at(quota, *place)->hash != hash)
		place = &source_at(quota, *place)->next;
	return place;
}

static int count_one(struct quota *quota, uint32_t hash, bool forced,
		     uint32_t *number)
{
	uint32_t *place = find(quota, hash);

	if (*place == 0) {
		*place = pool_take(&quota->sources);
		if (*place == 0)
			return forced ? 0 : -EDQUOT;
		*source_at(quota, *place) = (struct source){ .hash = hash };
	} else if (source_at(quota, *place)->count >= quota->limit && !forced) {
		return -EDQUOT;
	}
	source_at(quota, *place)->count++;
	*number = *place;
	return 0;
}

int quota_take(struct quota *quota, const struct address *peer, bool forced,
	       uint32_t *source)
{
	uint64_t prefix;
	int error;

	*source = 0;
	if (quota->limit == 0 || !prefix_of(peer, &prefix))
		return 0;
	pthread_mutex_lock(&quota->mutex);
	error = count_one(quota, hash_of(quota, prefix), forced, source);
	pthread_mutex_unlock(&quota->mutex);
	return error;
}

static void count_one_less(struct quota *quota, uint32_t number)
{
	struct source *source = source_at(quota, number);

	if (--source->count > 0)
		return;
	*find(quota, source->hash) = source->next;
	pool_give(&quota->sources, number);
}

void quota_give(struct quota *quota, uint32_t source)
{
	if (source == 0)
		return;
	pthread_mutex_lock(&quota->mutex);
	count_one_less(quota, source);
	pthread_mutex_unlock(&quota->mutex);
}
