/* SPDX-License-Identifier: MIT */
/*
 * Things of one size, taken and given back without the allocator: address space
 * for all that there can ever be is reserved at the start, and becomes memory
 * where it is used, from the lowest on.
 *
 * They are known by numbers from 1 on, which take half of a pointer's room; 0
 * is none.  What was given last is taken first, for it is still in the cache.
 */
#ifndef ECHOD_POOL_H
#define ECHOD_POOL_H

#include "common/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool {
	unsigned char *base; /* NULL if there is none of them */
	size_t size;	     /* of each: a multiple of 4 */
	uint32_t count;
	uint32_t fresh; /* from this on nothing was taken yet */
	uint32_t used;
	uint32_t free; /* the one given last; its first 4 bytes name the next */
};

/* 0 or -errno (mmap(2)); pool_deinit() is right after either. */
int pool_init(struct pool *pool, size_t size, size_t count) MUST_CHECK;

/* Whatever was taken from it is gone.  Idempotent. */
void pool_deinit(struct pool *pool);

/* One of them, as its last owner left it, or 0 if all are taken. */
uint32_t pool_take(struct pool *pool) MUST_CHECK;
void pool_give(struct pool *pool, uint32_t number);

/* If all are back, give the memory of all but the first `kept` back, too. */
void pool_trim(struct pool *pool, uint32_t kept);

static inline bool pool_has(const struct pool *pool)
{
	return pool->used < pool->count;
}

static inline void *pool_at(const struct pool *pool, uint32_t number)
{
	return pool->base + (number - 1) * pool->size;
}

#endif
