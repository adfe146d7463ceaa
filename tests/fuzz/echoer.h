/* SPDX-License-Identifier: MIT */
/*
 * The code under test, on the fake kernel: a worker without a thread, and a
 * listener or datagram sockets.  Whatever its owner lets happen, after each
 * turn the worker's account agrees with the kernel's, and once the world is at
 * rest nothing is left undone.
 */
#ifndef ECHOD_TESTS_FUZZ_ECHOER_H
#define ECHOD_TESTS_FUZZ_ECHOER_H

#include "echod/datagram.h"
#include "echod/guard.h"
#include "echod/limiter.h"
#include "echod/listener.h"
#include "echod/quota.h"
#include "echod/worker.h"

#include <stdbool.h>

struct echoer {
	struct stats stats;
	struct worker worker;
	uint64_t taken;		/* accepted and received when it had paused */
	uint64_t echoed_before; /* the kernel's account when it began */
	struct limiter limiter;
	struct listener listener;
	struct worker_policy policy; /* set by the owner */
	struct datagram datagram;
	struct guard guard;
	struct quota quota;
	int fd;		/* of the listener or of the datagram socket */
	unsigned asked; /* the last request */
	unsigned excess_before;
	bool paused, stopping;
	bool resting; /* it has paused */
	bool parks;   /* connections can be parked */
};

/*
 * A new schedule: the fake kernel begins anew, and the policy limits nothing.
 * How many there were is told at the end of the program.
 */
void echoer_init(struct echoer *echoer);

/* Before anything is served: how much one source may have and send. */
void echoer_limit_connections(struct echoer *echoer, unsigned per_source);
void echoer_limit_datagrams(struct echoer *echoer, unsigned rate,
			    unsigned burst, const struct siphash_key *key);

/* Begin to serve: a worker is made. */
void echoer_begin(struct echoer *echoer);

/* Serve streams. */
void echoer_listen(struct echoer *echoer, int fd, bool tcp, bool shared,
		   bool passed);

/* Serve datagrams. */
void echoer_receive(struct echoer *echoer, int fd, bool unix_peers);

/* Poll and dispatch, once, and see that all is in order. */
void echoer_turn(struct echoer *echoer);

/* Park all connections; kill the server after so many system calls. */
void echoer_park(struct echoer *echoer);
void echoer_kill(struct echoer *echoer, unsigned calls);

/* It was killed: another one takes over what was left. */
void echoer_succeed(struct echoer *echoer);

/*
 * Ask the worker for something, chosen by any number; nothing if an earlier
 * request is on its way.
 */
void echoer_request_any(struct echoer *echoer, unsigned which);

/*
 * Nothing fails any more, and peers take what is there.  Until the worker
 * waits, and nothing moves; it may not take turns for nothing before.  Then
 * everything has been done that can be.
 */
void echoer_settle(struct echoer *echoer);

/* Stop, settle, and give everything back, after so many steps. */
void echoer_end(struct echoer *echoer, size_t taken);

#endif
