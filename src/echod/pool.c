/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/pool.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Nothing unless it is in use.  Some compilers come without it. */
#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(from, size)	((void)(from), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(from, size) ((void)(from), (void)(size))
#endif

static size_t pool_length(const struct pool *pool)
{
	return pool->size * pool->count;
}

int pool_init(struct pool *pool, size_t size, size_t count)
{
	void *base;

	*pool = (struct pool){
		.size = size,
		.count = (uint32_t)MIN(count, (size_t)UINT32_MAX - 1),
		.fresh = 1,
	};
	if (pool->count == 0)
		return 0;
	/* Of what is never touched nobody has to promise that it is there. */
	base = mmap(NULL, pool_length(pool), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED) {
		pool->count = 0;
		return -errno;
	}
	pool->base = base;
	return 0;
}

void pool_deinit(struct pool *pool)
{
	if (!pool->base)
		return;
	ASAN_UNPOISON_MEMORY_REGION(pool->base, pool_length(pool));
	(void)munmap(pool->base, pool_length(pool));
	*pool = (struct pool){ 0 };
}

uint32_t pool_take(struct pool *pool)
{
	uint32_t number = pool->free;

	if (!pool_has(pool))
		return 0;
	pool->used++;
	if (number == 0)
		return pool->fresh++;
	ASAN_UNPOISON_MEMORY_REGION(pool_at(pool, number), pool->size);
	memcpy(&pool->free, pool_at(pool, number), sizeof(pool->free));
	return number;
}

void pool_give(struct pool *pool, uint32_t number)
{
	memcpy(pool_at(pool, number), &pool->free, sizeof(pool->free));
	pool->free = number;
	pool->used--;
	/* Whoever uses it all the same is found out. */
	ASAN_POISON_MEMORY_REGION(pool_at(pool, number), pool->size);
}

void pool_trim(struct pool *pool, uint32_t kept)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t from = (kept * pool->size + page - 1) & ~(page - 1);
	size_t to = (pool->fresh - 1) * pool->size;

	if (pool->used > 0)
		return;
	ASAN_UNPOISON_MEMORY_REGION(pool->base, to);
	if (from < to)
		(void)madvise(pool->base + from, to - from, MADV_DONTNEED);
	pool->free = 0;
	pool->fresh = 1;
}
