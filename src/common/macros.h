/* SPDX-License-Identifier: MIT */
/*
 * What the language leaves out and every file needs.
 */
#ifndef ECHOD_COMMON_MACROS_H
#define ECHOD_COMMON_MACROS_H

#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* The object that embeds `member`, given a pointer to that member. */
#define container_of(pointer, type, member)                                    \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define MUST_CHECK		 __attribute__((warn_unused_result))
#define UNUSED			 __attribute__((unused))
/* Kept out of line, where it costs the path that is taken nothing. */
#define COLD __attribute__((cold, noinline))
/* What a short way round it would have to pay for, were it part of that. */
#define APART __attribute__((noinline))

/* One cache line on every machine that Debian builds for is at most this. */
#define CACHE_LINE 64

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_INFINITY UINT64_MAX

/* A moment that much later, if need be USEC_INFINITY. */
static inline uint64_t usec_add(uint64_t moment, uint64_t span)
{
	return span > USEC_INFINITY - moment ? USEC_INFINITY : moment + span;
}

/* What to append to a noun. */
#define PLURAL(count) ((count) == 1 ? "" : "s")

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
