/* SPDX-License-Identifier: MIT */
/*
 * Calls are allowed by name, and by arguments where that says more: the kernel
 * decides on a name alone by looking into a bitmap, so that the calls of each
 * message have no arguments here, and cost next to nothing.
 *
 * What the C library does on its way, and can do without, is answered with an
 * error that it takes.  All else is a bug, or somebody else's code: SIGSYS, by
 * which record.c notes the fault.  It is not the kernel that kills: then three
 * such ends in a row would not count, and a connection that causes them would
 * end each instance that takes it over.  The handler cannot be replaced, since
 * sigaction(2) is not among the calls.
 */
#include "config.h"

#include "echod/sandbox_calls.h"

#include "common/macros.h"

#include <errno.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#ifdef SANDBOX_LOGS
#define FORBIDDEN SCMP_ACT_LOG
#else
#define FORBIDDEN SCMP_ACT_TRAP
#endif

/* Younger architectures have only the more general ones. */
#ifdef __NR_epoll_wait
#define EPOLL_WAIT SCMP_SYS(epoll_wait)
#else
#define EPOLL_WAIT SCMP_SYS(epoll_pwait)
#endif
#ifdef __NR_poll
#define POLL SCMP_SYS(poll)
#else
#define POLL SCMP_SYS(ppoll)
#endif
#ifdef __NR_unlink
#define UNLINK SCMP_SYS(unlink)
#else
#define UNLINK SCMP_SYS(unlinkat)
#endif

/* An argument of 32 bits, of which the kernel ignores the rest of the register.
 */
#define INT_IS(argument, value)                                                \
	{                                                                      \
		argument, SCMP_CMP_MASKED_EQ, UINT32_MAX, value                \
	}

/* What a tracer makes of a call that is to be skipped: seccomp(2). */
#define SKIPPED (-1)

/* With kill and unlink at most 26: tests/functional/test_sandbox.py. */
static const struct call {
	int number;
	unsigned count;
	struct scmp_arg_cmp argument;
} allowed[] = {
	/* echoing: connection.c, datagram.c, reactor.c */
	{ .number = SCMP_SYS(recvfrom) },
	{ .number = SCMP_SYS(sendto) },
	{ .number = EPOLL_WAIT },
	{ .number = SCMP_SYS(recvmmsg) },
	{ .number = SCMP_SYS(sendmmsg) },
	{ .number = SCMP_SYS(accept4) },
	{ .number = SCMP_SYS(epoll_ctl) },
	{ .number = SCMP_SYS(close) },
	/* one of a train; descriptors into a lot */
	{ .number = SCMP_SYS(sendmsg) },
	/* a reset, what is not inherited from listeners; counters */
	{ .number = SCMP_SYS(setsockopt) },
	{ .number = SCMP_SYS(getsockopt) },
	/* what is left in queues, at an end */
	{ .number = SCMP_SYS(ioctl),
	  .count = 1,
	  .argument = INT_IS(1, SIOCINQ) },
	{ .number = SCMP_SYS(ioctl),
	  .count = 1,
	  .argument = INT_IS(1, SIOCOUTQ) },
	/* the end of what is parked; with AF_UNSPEC, for which 2 bytes do */
	{ .number = SCMP_SYS(shutdown) },
	{ .number = SCMP_SYS(connect),
	  .count = 1,
	  .argument = INT_IS(2, sizeof(sa_family_t)) },
	/* at a limit; standard error that takes no more */
	{ .number = POLL },
	/* from thread to thread, signals, the log */
	{ .number = SCMP_SYS(read) },
	{ .number = SCMP_SYS(write) },
	{ .number = SCMP_SYS(futex) },
	/* the clock, where it is no part of the process (vdso(7)) */
	{ .number = SCMP_SYS(clock_gettime) },
	/* memory: the heap, and giving back */
	{ .number = SCMP_SYS(brk) },
	{ .number = SCMP_SYS(munmap) },
	{ .number = SCMP_SYS(madvise),
	  .count = 1,
	  .argument = INT_IS(2, MADV_DONTNEED) },
	/* the end; of a fault, see record.c, for which see also below */
	{ .number = SCMP_SYS(exit) },
	{ .number = SCMP_SYS(exit_group) },
	{ .number = SKIPPED },
};

/* What is called all the same, and what happens then: nothing but this. */
static const struct answer {
	int number;
	unsigned error;
} answers[] = {
	/* A thread that ends blocks signals; they are blocked. */
	{ SCMP_SYS(rt_sigprocmask), 0 },
	/* Faults are caught until the end, whatever record_close() wants. */
	{ SCMP_SYS(rt_sigaction), EPERM },
	/* malloc(3) can do without, when the heap has come to an end. */
	{ SCMP_SYS(mmap), ENOMEM },
	/* After SIGSTOP, of a wait with a timeout: its caller waits again. */
	{ SCMP_SYS(restart_syscall), EINTR },
};

static int allow(scmp_filter_ctx filter, const struct call *call)
{
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call->number,
				      call->count, &call->argument);
}

static int allow_all(scmp_filter_ctx filter, bool unlinks)
{
	const struct call fault = {
		.number = SCMP_SYS(kill),
		.count = 1,
		.argument = INT_IS(0, (scmp_datum_t)getpid()),
	};
	const struct call file = { .number = UNLINK };
	int error = allow(filter, &fault);

	if (error == 0 && unlinks)
		error = allow(filter, &file);
	for (size_t i = 0; i < ARRAY_SIZE(allowed) && error == 0; i++)
		error = allow(filter, &allowed[i]);
	return error;
}

static int answer_all(scmp_filter_ctx filter)
{
	int error = 0;

	for (size_t i = 0; i < ARRAY_SIZE(answers) && error == 0; i++)
		error = seccomp_rule_add(filter,
					 SCMP_ACT_ERRNO(answers[i].error),
					 answers[i].number, 0);
	return error;
}

static int set_attributes(scmp_filter_ctx filter)
{
	int error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	if (error == 0)
		error = seccomp_attr_set(filter, SCMP_FLTATR_API_TSKIP, 1);
	/* A tree instead of a list: for those with arguments. */
	if (error == 0)
		error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return error;
}

int sandbox_calls_limit(bool unlinks)
{
	scmp_filter_ctx filter = seccomp_init(FORBIDDEN);
	int error;

	if (!filter)
		return -ENOMEM;
	error = set_attributes(filter);
	if (error == 0)
		error = allow_all(filter, unlinks);
	if (error == 0)
		error = answer_all(filter);
	if (error == 0)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return error;
}

#ifdef SANDBOX_LOGS
const char *const sandbox_calls_note =
	"this build permits all system calls, and has the kernel log those "
	"that it should not make: it is for tests";
const int sandbox_calls_note_level = LOG_WARNING;
#else
const char *const sandbox_calls_note;
const int sandbox_calls_note_level = LOG_DEBUG;
#endif
