/* SPDX-License-Identifier: MIT */
/*
 * How long a program spends outside its system calls: to be preloaded.
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
#include <dlfcn.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 64

struct thread_time {
	_Alignas(64) uint64_t left; /* when the last call returned */
	uint64_t outside, calls;
};

static struct thread_time threads[THREADS_MAX];
static atomic_uint thread_count;
static __thread struct thread_time *mine;

static long (*real_syscall)(long number, ...);
static ssize_t (*real_recv)(int fd, void *bytes, size_t size, int flags);
static ssize_t (*real_send)(int fd, const void *bytes, size_t size, int flags);
static int (*real_epoll_wait)(int fd, struct epoll_event *events, int count,
			      int timeout);

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
	*(void **)&real_syscall = dlsym(RTLD_NEXT, "syscall");
	*(void **)&real_recv = dlsym(RTLD_NEXT, "recv");
	*(void **)&real_send = dlsym(RTLD_NEXT, "send");
	*(void **)&real_epoll_wait = dlsym(RTLD_NEXT, "epoll_wait");
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

long syscall(long number, ...)
{
	long argument[6], result;
	va_list arguments;

	enter();
	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		argument[i] = va_arg(arguments, long);
	va_end(arguments);
	result = real_syscall(number, argument[0], argument[1], argument[2],
			      argument[3], argument[4], argument[5]);
	leave();
	return result;
}

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
	ssize_t result;

	enter();
	result = real_recv(fd, bytes, size, flags);
	leave();
	return result;
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
	ssize_t result;

	enter();
	result = real_send(fd, bytes, size, flags);
	leave();
	return result;
}

int epoll_wait(int fd, struct epoll_event *events, int count, int timeout)
{
	int result;

	enter();
	result = real_epoll_wait(fd, events, count, timeout);
	leave();
	return result;
}
