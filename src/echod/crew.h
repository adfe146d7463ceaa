/* SPDX-License-Identifier: MIT */
/*
 * The crew: all workers, and who of them serves which socket.
 */
#ifndef ECHOD_CREW_H
#define ECHOD_CREW_H

#include "echod/guard.h"
#include "echod/intake.h"
#include "echod/stats.h"
#include "echod/worker.h"

#include <stdbool.h>
#include <stddef.h>

struct listener;
struct datagram;

struct crew {
	struct worker_policy policy;
	struct guard guard;
	struct quota quota;
	struct stats *stats; /* borrowed; one for each worker */
	struct worker *workers;
	size_t worker_count; /* initialized ones */
	struct listener *listeners;
	size_t listener_count; /* open ones */
	struct datagram *datagrams;
	size_t datagram_count;
};

/* The number of CPUs that this process may run on, at least 1. */
unsigned crew_cpu_count(void);

/*
 * Set what all workers have in common.  What the intake and `count` workers
 * leave of the limit on descriptors is there for connections.
 */
void crew_set_policy(struct crew *crew, const struct options *options,
		     const struct intake *intake, size_t count);

/*
 * Make `count` workers for the sockets of the intake, whose connections are
 * consumed, counting in as many `stats`; no thread runs yet.  `on_answer` is
 * called in the workers' threads.  0 or -errno; crew_deinit() is right after
 * either.
 */
int crew_init(struct crew *crew, struct intake *intake, struct stats *stats,
	      size_t count, worker_signal *on_answer, void *context) MUST_CHECK;

/* 0, all threads running, or -errno (pthread_create(3)). */
int crew_start(struct crew *crew) MUST_CHECK;

/* Keep the threads that run on their CPUs; 0, or -errno as affinity_pin(). */
int crew_pin(struct crew *crew, const struct options *options) MUST_CHECK;

void crew_post(struct crew *crew, unsigned requests);
void crew_remind(struct crew *crew);
bool crew_has_answered(struct crew *crew, unsigned requests);
bool crew_is_finished(struct crew *crew);

unsigned crew_connections(const struct crew *crew);
void crew_collect(const struct crew *crew, struct stats_snapshot *sum);

/* Stop the threads that run, and free everything; idempotent. */
void crew_deinit(struct crew *crew);

#endif
