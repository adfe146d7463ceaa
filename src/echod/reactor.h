/* SPDX-License-Identifier: MIT */
/*
 * The reactor (Schmidt): demultiplexes readiness with edge-triggered epoll(7)
 * and dispatches it to the owners of event sources.  It knows no sockets.
 *
 * Poll and dispatch are two phases.  reactor_poll() only merges what the
 * kernel says into the sources' `ready` masks; no handler runs, so nothing can
 * be freed under the event array.  reactor_dispatch() then calls each source
 * that is ready for something wanted, once.  Removing a source unlinks it: a
 * stale event cannot exist.
 *
 * An edge is remembered until its owner says that it saw EAGAIN
 * (event_source_consume).  A handler does a bounded amount of work and returns
 * without consuming if there is more: it is called again in the next round,
 * after everybody else.  Back-pressure is event_source_want(), no system call.
 */
#ifndef ECHOD_REACTOR_H
#define ECHOD_REACTOR_H

#include "common/list.h"
#include "common/macros.h"
#include "echod/spin.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct event_source;
struct reactor_timer;

typedef void event_handler(struct event_source *source);
typedef void timer_handler(struct reactor_timer *timer);

/* What one epoll_wait(2) brings; the rest waits in the kernel for the next. */
#define EVENTS_PER_POLL 256

struct reactor {
	int epoll_fd;
	bool stopping;
	uint64_t now; /* CLOCK_MONOTONIC in µs, read once a loop */
	struct spin spin;
	struct list_node ready;
	struct list_node timers;
	/* Here, not on the stack, where hardening would clear it each time. */
	struct epoll_event events[EVENTS_PER_POLL];
};

/* Embedded in its owner; unregistered while `reactor` is NULL. */
struct event_source {
	struct reactor *reactor;
	struct list_node ready_link; /* linked iff (ready & wanted) */
	event_handler *on_ready;
	int fd; /* borrowed: the owner closes it */
	uint32_t wanted, ready;
};

/* Embedded in its owner.  A reactor has a handful: they are in no order. */
struct reactor_timer {
	struct list_node link;
	uint64_t deadline; /* µs, CLOCK_MONOTONIC */
	timer_handler *on_expiry;
};

/* 0 or -errno (epoll_create1(2)). */
int reactor_init(struct reactor *reactor) MUST_CHECK;

/*
 * Spin for up to so many µs before blocking, as long as that is of use, and let
 * the kernel do so with the device's queues where it can (see
 * ioctl_eventpoll(2) of Linux 6.9).  0: never, as at first.
 */
void reactor_set_busy_poll(struct reactor *reactor, uint64_t usec);

/* All sources must have been removed. */
void reactor_deinit(struct reactor *reactor);

void event_source_init(struct event_source *source, int fd,
		       event_handler *on_ready);

/*
 * Register the source once, for the events in `armed` (EPOLLET is implied) of
 * which `wanted` are to be dispatched.  0 or -errno (epoll_ctl(2)).
 */
int reactor_add(struct reactor *reactor, struct event_source *source,
		uint32_t armed, uint32_t wanted) MUST_CHECK;

/* Change what the kernel reports: 0 or -errno.  Not for EPOLLEXCLUSIVE. */
int event_source_rearm(struct event_source *source, uint32_t armed) MUST_CHECK;

/*
 * Idempotent; before the descriptor is closed.  False if the kernel did not do
 * it: as long as the file is open elsewhere it reports events, which nobody is
 * told of, but the source has to stay where it is.
 */
bool event_source_remove(struct event_source *source);

/*
 * The same without a system call, for a descriptor that the owner closes at
 * once and has never duplicated: closing it ends the registration (epoll(7)).
 */
void event_source_forget(struct event_source *source);

/* From now on dispatch only these; no system call. */
void event_source_want(struct event_source *source, uint32_t wanted);

/* "I saw EAGAIN": forget these until the kernel reports them anew. */
void event_source_consume(struct event_source *source, uint32_t events);

/* Act as if the kernel had reported these. */
void event_source_raise(struct event_source *source, uint32_t events);

/* (Re)start the timer, on_expiry being set; it expires once. */
void reactor_timer_start(struct reactor *reactor, struct reactor_timer *timer,
			 uint64_t deadline);
void reactor_timer_stop(struct reactor_timer *timer);
void reactor_timer_init(struct reactor_timer *timer, timer_handler *on_expiry);

/* Wait until something is ready or a timer is due: 0 or -errno. */
int reactor_poll(struct reactor *reactor) MUST_CHECK;

/* Call the handlers of ready sources, then of due timers, each once. */
void reactor_dispatch(struct reactor *reactor);

/* Poll and dispatch until reactor_stop(): 0, or -errno from epoll_wait(2). */
int reactor_run(struct reactor *reactor) MUST_CHECK;
void reactor_stop(struct reactor *reactor);

/* CLOCK_MONOTONIC now, in µs; prefer `now` of the reactor. */
uint64_t reactor_clock(void);

#endif
