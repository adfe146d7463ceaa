/* SPDX-License-Identifier: MIT */
/*
 * How long a program spends outside its system calls: to be linked with it, by
 * --wrap of the functions below (see ld(1)).
 *
 * getrusage(2) cannot tell: a kernel that accounts by ticks books much of the
 * way into a call and out of it, where interrupts are off, as user time; a call
 * that does nothing counts tens of nanoseconds then.  So the time-stamp counter
 * is read before and after each call, and what lies between one call and the
 * next is added up, our own reading included.
 *
 * At the end the thread with the most calls says, as JSON on standard error,
 * how many it made, and the nanoseconds between them.
 */
#include "config.h"

#include "common/macros.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#define THREADS_MAX 64

struct thread_time {
	_Alignas(CACHE_LINE) uint64_t left; /* when the last call returned */
	uint64_t outside, calls;
};

static struct thread_time threads[THREADS_MAX];
static atomic_uint thread_count;
static __thread struct thread_time *mine;

static uint64_t first_tick, first_nsec;

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)time.tv_nsec;
}

#ifdef __x86_64__
static inline uint64_t tick(void)
{
	return __builtin_ia32_rdtsc();
}
#else
static inline uint64_t tick(void)
{
	return now();
}
#endif

static inline void enter(void)
{
	if (!mine)
		mine = &threads[atomic_fetch_add(&thread_count, 1) %
				THREADS_MAX];
	if (mine->left > 0)
		mine->outside += tick() - mine->left;
	mine->calls++;
}

static inline void leave(void)
{
	mine->left = tick();
}

__attribute__((constructor)) static void begin(void)
{
	first_tick = tick();
	first_nsec = now();
}

__attribute__((destructor)) static void end(void)
{
	double nsec_per_tick =
		(double)(now() - first_nsec) / (double)(tick() - first_tick);
	const struct thread_time *busiest = threads;

	for (int i = 1; i < THREADS_MAX; i++) {
		if (threads[i].calls > busiest->calls)
			busiest = &threads[i];
	}
	fprintf(stderr, "{\"calls\":%" PRIu64 ",\"outside_ns\":%.0f}\n",
		busiest->calls, (double)busiest->outside * nsec_per_tick);
}

/*
 * TIMED(TYPE, NAME, PARAMETERS, ARGUMENTS): what the linker calls instead of
 * the function NAME.
 */
#define TIMED(type, name, parameters, arguments)                               \
	type __real_##name parameters;                                         \
	type __wrap_##name parameters;                                         \
	type __wrap_##name parameters                                          \
	{                                                                      \
		type result;                                                   \
                                                                               \
		enter();                                                       \
		result = __real_##name arguments;                              \
		leave();                                                       \
		return result;                                                 \
	}

/* Of a plain program, and of those with common/call.h. */
TIMED(ssize_t, recv, (int fd, void *bytes, size_t size, int flags),
      (fd, bytes, size, flags))
TIMED(ssize_t, call_receive, (int fd, void *bytes, size_t size, int flags),
      (fd, bytes, size, flags))
TIMED(ssize_t, send, (int fd, const void *bytes, size_t size, int flags),
      (fd, bytes, size, flags))
TIMED(ssize_t, call_send, (int fd, const void *bytes, size_t size, int flags),
      (fd, bytes, size, flags))
TIMED(int, epoll_wait,
      (int fd, struct epoll_event *events, int count, int timeout),
      (fd, events, count, timeout))
