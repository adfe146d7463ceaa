/* SPDX-License-Identifier: MIT */
/*
 * System and library calls of the code under test, in the test's hands.
 *
 * Programs that link faults.c are linked with -Wl,--wrap=NAME for all of its
 * calls.  Each call asks for its plan: the test's queue first, then its hook,
 * else it is an ordinary call.  Only calls from what is linked statically come
 * by here, Check's own among them: plan just before the call that it is for.
 */
#ifndef ECHOD_TESTS_UNIT_FAULTS_H
#define ECHOD_TESTS_UNIT_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

enum fault_call {
	FAULT_ABORT, /* ends the calling thread if planned to fail */
	FAULT_EPOLL_CREATE1,
	FAULT_EPOLL_CTL,
	FAULT_EPOLL_WAIT,
	FAULT_EVENTFD,
	FAULT_MALLOC,
	FAULT_PTHREAD_CREATE,
	FAULT_RECV, /* and call_receive_message */
	FAULT_SEND,
	FAULT_CALLS
};

/* All zero: an ordinary call. */
struct fault_plan {
	int error;   /* fail with this */
	size_t most; /* recv (not call_receive_message), send: at most so many
			bytes */
};

/* `flags` are those of recv and send, else 0. */
typedef struct fault_plan fault_hook(enum fault_call call, int flags);

/* What the next call, and the next after that, ... does. */
void fault_fail(enum fault_call call, int error);
void fault_shorten(enum fault_call call, size_t most);
void fault_pass(enum fault_call call);

/* What calls do for which nothing is queued; NULL is ordinary. */
void fault_set_hook(fault_hook *hook);

/* How often it was called; whether plans are left that nothing has used. */
unsigned int fault_count(enum fault_call call);
bool fault_is_pending(enum fault_call call);

/* The last call's arguments. */
struct fault_seen {
	uint32_t armed; /* epoll_ctl */
	int timeout;	/* epoll_wait */
	int count;	/* ... what it returned */
};
struct fault_seen fault_seen(void);

/* epoll_wait(2) never waits; or brings these events, once, and no other. */
void fault_epoll_poll(void);
void fault_epoll_bring(const struct epoll_event *events, int count);

/*
 * Let the kernel report anew what all descriptors registered with epoll are
 * ready for: after a failure or a short count that it knows nothing of.
 */
void fault_renew_edges(void);

#endif
