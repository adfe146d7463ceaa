/* SPDX-License-Identifier: MIT */
/*
 * One thread of a load: its epoll, its connections, its counts.
 *
 * Threads share nothing.  The main thread asks all of them for a *turn*: each
 * changes over to its other slice of counts, takes over the phase, and says so;
 * the slice that it left is then the main thread's, to read and to reset, until
 * the next turn.  No lock, and nothing but one load a round, is needed.
 *
 *   OPENING    connections are made; hold: until all stand
 *   WARMUP     messages flow, and are not counted; hold: each echoes once
 *   MEASURING  what is sent from now on is counted, whatever becomes of it
 *   DRAINING   nothing is sent; what is under way is awaited, up to --timeout
 *
 * What is done with a connection is the affair of an engine, of which there is
 * one for each kind of load.
 */
#ifndef ECHOPING_LOAD_WORKER_H
#define ECHOPING_LOAD_WORKER_H

#include "echoping/load_counts.h"
#include "echoping/load_plan.h"
#include "echoping/load_schedule.h"
#include "echoping/stamp.h"

#include <pthread.h>
#include <sys/epoll.h>

/* What a round deals with at most. */
#define LOAD_EVENTS_MAX 64

enum load_phase {
	PHASE_OPENING,
	PHASE_WARMUP,
	PHASE_MEASURING,
	PHASE_DRAINING,
};

/* What the main thread says; the rest is valid once `turn` was read. */
struct load_control {
	atomic_uint turn;
	enum load_phase phase;
	uint64_t start;	     /* of the schedule */
	atomic_bool abandon; /* do not even wait for what is under way */
	int answered_fd;     /* eventfd(2): a worker has something to say */
};

struct load_worker;

/* The beginning of whatever an engine keeps for a connection. */
struct load_link {
	uint64_t since; /* when it began to connect */
	int fd;		/* -1: none */
	enum {
		LINK_DOWN,
		LINK_CONNECTING,
		LINK_OPEN
	} state;
};

/* Times are worker->now; `link` is one of the worker's, and open. */
struct load_engine {
	/* How large are its connections, with the link in front? */
	size_t (*size)(const struct load_plan *plan);
	/* 0 or -errno; links are made afterwards; release also after failure */
	int (*prepare)(struct load_worker *worker);
	void (*release)(struct load_worker *worker);
	void (*init)(struct load_worker *worker, struct load_link *link);

	void (*opened)(struct load_worker *worker, struct load_link *link);
	/* It could not be made; or NULL. */
	void (*failed)(struct load_worker *worker, struct load_link *link,
		       int error);
	void (*on_ready)(struct load_worker *worker, struct load_link *link,
			 uint32_t events);
	/* It is closed next: what is under way on it is lost. */
	void (*ended)(struct load_worker *worker, struct load_link *link);
	/* The phase is another; the link may be in any state. */
	void (*begin)(struct load_worker *worker, struct load_link *link);
	/* Every now and then, or NULL: of an open one, look for what takes too
	 * long; of one that is down, make it again. */
	void (*check)(struct load_worker *worker, struct load_link *link);
	void (*revive)(struct load_worker *worker, struct load_link *link);
	/* Open loop: so many are due; send one or, as a train, more.  Returns
	 * how many; if it is 0 the place has retired. */
	unsigned (*send_due)(struct load_worker *worker,
			     struct list_node *place, unsigned count);
	/* Once a round; or NULL. */
	void (*round)(struct load_worker *worker);
	/* At the end: close what is to be closed with care; or NULL. */
	void (*part)(struct load_worker *worker);
};

struct load_worker {
	/* What every message needs, close together. */
	_Alignas(CACHE_LINE) uint64_t now;
	struct load_counts *counts; /* one of the slices */
	unsigned char *scratch;	    /* PATTERN_SPAN bytes */
	uint64_t under_way;	    /* messages; what else engines wait for */
	uint64_t timeout;	    /* as in the settings; ring_mask: plan */
	uint64_t ring_mask;
	uint32_t size, pipeline;
	enum load_phase phase;
	bool open_loop;

	struct load_plan *plan;
	const struct load_engine *engine;
	struct load_control *control;
	pthread_t thread;
	int epoll_fd, wake_fd;

	/* Its connections: the numbers from `first` on. */
	uint32_t first, count;
	char *links;
	size_t link_size;
	uint32_t tried; /* so many have been made, or have failed to be */
	uint32_t connecting, down, open;

	uint64_t check_at, drain_until;
	uint64_t user, system; /* ns of CPU when the measurement began */
	struct load_schedule schedule;
	uint64_t late_at; /* when we last sent late though there was room */
	struct epoll_event events[LOAD_EVENTS_MAX];
	void *state; /* the engine's */

	struct load_counts slices[2];
	unsigned turn;
	uint64_t turned_at;

	/* For the main thread: */
	atomic_uint turned;    /* the last turn that was taken */
	atomic_uint ready;     /* phases that it is through with */
	atomic_uint open_seen; /* connections */
	atomic_bool finished;
};

/*
 * Make a worker for the connections from `first` on, with its thread; 0 or
 * -errno.  End with join, which awaits the thread's end, and deinit.
 */
int load_worker_init(struct load_worker *worker, struct load_plan *plan,
		     const struct load_engine *engine,
		     struct load_control *control, unsigned number) MUST_CHECK;
int load_worker_start(struct load_worker *worker) MUST_CHECK;
void load_worker_wake(struct load_worker *worker);
void load_worker_join(struct load_worker *worker);
void load_worker_deinit(struct load_worker *worker);

/* The slice that was left with the last turn: the main thread's. */
struct load_counts *load_worker_left(struct load_worker *worker);

/* For engines: is this phase over as far as this worker goes? */
void load_worker_is_ready(struct load_worker *worker, enum load_phase phase);

/* Open loop?  Then record how late a message is that is sent now. */
static inline bool load_worker_is_open_loop(const struct load_worker *worker)
{
	return worker->open_loop;
}

void load_worker_record_lag(struct load_worker *worker, uint64_t due);

/* Is it to end at once? */
static inline bool load_worker_is_abandoned(const struct load_worker *worker)
{
	return atomic_load_explicit(&worker->control->abandon,
				    memory_order_relaxed);
}

/* The link with this index, and the other way round. */
static inline struct load_link *load_worker_link(
	const struct load_worker *worker, uint32_t index)
{
	return (struct load_link *)(void *)(worker->links +
					    index * worker->link_size);
}

static inline uint32_t load_worker_index(const struct load_worker *worker,
					 const struct load_link *link)
{
	return (uint32_t)((size_t)((const char *)link - worker->links) /
			  worker->link_size);
}

#endif
