/* SPDX-License-Identifier: MIT */
/*
 * A worker: one thread with its own reactor, counters, scratch buffer and
 * queues.  It shares nothing with other workers but the descriptors of passed
 * listeners, the limit on connections and the log.  It does not know what it
 * serves: listeners, connections and datagram sockets put themselves into its
 * lists.
 */
#ifndef ECHOD_WORKER_H
#define ECHOD_WORKER_H

#include "common/list.h"
#include "echod/held.h"
#include "echod/idle.h"
#include "echod/lot.h"
#include "echod/pool.h"
#include "echod/quota.h"
#include "echod/reactor.h"
#include "echod/stats.h"
#include "echod/watch.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * For receiving from a stream.  Bulk throughput on loopback grows with it:
 * 16 KiB 1.0, 64 KiB 1.4, 256 KiB 1.8 GB/s; only what is used is ever touched.
 * It also takes the longest seqpacket record that a default send buffer
 * (net.core.wmem_default, 208 KiB) lets through.
 */
#define WORKER_SCRATCH_SIZE ((size_t)256 * 1024)

struct guard;
struct limiter;
struct worker;

/* What all workers have in common; constant but for the atomic ones. */
struct worker_policy {
	uint64_t idle_timeout;	/* µs, or USEC_INFINITY */
	uint64_t drain_timeout; /* µs */
	uint64_t busy_poll;	/* µs; 0: off */
	size_t hold_limit;	/* bytes that one worker may hold back */
	uint32_t max_connections;
	struct quota *quota;	 /* of each source; NULL: nobody is counted */
	uint64_t min_progress;	 /* bytes that who holds something up takes */
	uint64_t progress_time;	 /* ... in so many µs; 0: off */
	idle_handler *on_watch;	 /* ... of whom it is time to look at that */
	uint64_t preserve_after; /* µs; see parking.h */
	bool preserve;
	bool log_connections;
	bool udp_offload;
	bool loop_ttl;
	const struct guard *guard;
	struct worker *workers; /* all of them, side by side */
	size_t worker_count;
	struct limiter *limiter; /* of datagrams; NULL: none */
	atomic_uint connections; /* open or being accepted, all workers */
	_Atomic(struct worker *) asking; /* the others for room, or NULL */
};

/* What the server, or another worker, can ask one to do; a set of bits. */
enum worker_request {
	WORKER_ANSWER =
		1 << 0,	       /* only count the answer: the watchdog's probe */
	WORKER_PAUSE = 1 << 1, /* accept and receive nothing new */
	WORKER_RESUME = 1 << 2,
	WORKER_DRAIN = 1 << 3,	   /* echo what was received, then finish */
	WORKER_ABORT = 1 << 4,	   /* finish at once */
	WORKER_HAND_OVER = 1 << 5, /* leave connections to the next instance */
	WORKER_YIELD = 1 << 6,	   /* of a worker: see room.h */
	WORKER_GO_ON = 1 << 7,	   /* of a worker: there is room again */
};

typedef void worker_request_handler(struct worker *worker, unsigned requests);
typedef void worker_signal(void *context);

/* Waits, embedded in its owner, until there is room for a connection again. */
struct worker_waiter {
	struct list_node link;
	void (*on_capacity)(struct worker_waiter *waiter);
};

struct worker {
	/* Workers lie side by side: they are not to share a cache line. */
	_Alignas(CACHE_LINE) struct reactor reactor;
	struct worker_policy *policy;
	struct stats *stats; /* borrowed; written by nobody else */
	unsigned char
		*scratch; /* WORKER_SCRATCH_SIZE, for one call at a time */

	struct idle_queue connections; /* all of them */
	unsigned lagging;	       /* of those: see connection_lag.c */
	struct reactor_timer lag;
	struct held_pool held;	      /* of slow readers */
	struct pool watches;	      /* struct watch */
	struct idle_queue watched;    /* slow readers */
	struct idle_queue young;      /* not parked yet, by age */
	struct list_node late;	      /* to be parked only at a hand-over */
	struct list_node unparked;    /* to be parked, when there is room */
	struct worker_waiter parking; /* for that room */
	bool parking_starved;
	struct lot lot;
	struct list_node listeners, datagrams;
	struct list_node waiting; /* for capacity */
	struct reactor_timer retry;
	struct reactor_timer drain; /* for on_request's use while draining */
	uint64_t drain_deadline;

	pthread_t thread;
	sem_t running;
	int wake_fd; /* eventfd(2) */
	bool started;
	atomic_bool finished;
	struct event_source wake;
	atomic_uint requests; /* posted, not yet seen */
	atomic_uint answered; /* dealt with since they were last posted */
	worker_request_handler *on_request; /* in the worker's thread */
	worker_signal *on_answer; /* in the worker's thread, after on_request */
	void *context;
};

/*
 * Everything but the thread.  It counts on from what the counters say.  0 or
 * -errno; worker_deinit() is right after either.
 */
int worker_init(struct worker *worker, struct worker_policy *policy,
		struct stats *stats, idle_handler *on_idle,
		worker_request_handler *on_request, worker_signal *on_answer,
		void *context) MUST_CHECK;

/* The lists must be empty. */
void worker_deinit(struct worker *worker);

/* 0 or -errno (pthread_create(3)). */
int worker_start(struct worker *worker) MUST_CHECK;

/* Until the thread that was started runs. */
void worker_await(struct worker *worker);

/* Wait for the end of the thread, if it was started. */
void worker_join(struct worker *worker);

/* From one thread: on_request is called with these, perhaps with others. */
void worker_post(struct worker *worker, unsigned requests);

/* From another worker's thread: the same, and nobody hears of the answer. */
void worker_poke(struct worker *worker, unsigned requests);

/* Wake it again if it has not seen them, for a wake-up that was lost. */
void worker_remind(struct worker *worker);

/*
 * Were these dealt with since they were posted, or is the worker gone?  Post a
 * request again only when it was answered: answers are not told apart.
 */
bool worker_has_answered(struct worker *worker, unsigned requests);

/* In the worker's thread: leave the loop after this round. */
void worker_finish(struct worker *worker);

/* The worker of one of its event sources. */
static inline struct worker *worker_of(const struct event_source *source)
{
	return container_of(source->reactor, struct worker, reactor);
}

/*
 * One connection more; false if that would be too many.  Every success is
 * followed by one worker_release_connection() when it ends, which wakes the
 * waiters, or by one worker_cancel_connection() if it never began, which does
 * not: two waiters that fail would wake each other for ever.
 */
bool worker_reserve_connection(struct worker *worker) MUST_CHECK;

/* One more in any case, for which another one is going to be released. */
void worker_overbook_connection(struct worker *worker);

void worker_cancel_connection(struct worker *worker);
void worker_release_connection(struct worker *worker);

/*
 * Call the waiter back when a connection ends, or soon in any case.  It may be
 * waiting already.
 */
void worker_await_capacity(struct worker *worker, struct worker_waiter *waiter);

#endif
