/* SPDX-License-Identifier: MIT */
/*
 * A listener: accepts connections from one listening socket.
 *
 * When there are no descriptors, no memory, or too many connections of which
 * none is idle, it pauses: it wants nothing but does not consume, for after
 * EMFILE the kernel reports the waiting connection never again.  It resumes
 * when a connection ends, or after a tenth of a second, whichever is first.
 */
#ifndef ECHOD_LISTENER_H
#define ECHOD_LISTENER_H

#include "echod/connection.h"
#include "echod/worker.h"

struct listener {
	struct event_source source;
	struct list_node siblings; /* in the worker's listeners */
	struct worker_waiter waiter;
	struct worker *worker;
	struct connection_origin origin;
	bool passed;  /* its backlog outlives us */
	bool held_up; /* nothing was accepted since it paused */
	bool shared;  /* by several workers */
	bool paused;  /* as it was told to */
};

/*
 * Accept from `fd` (borrowed) in this worker; with `shared`, other workers do
 * the same from the same socket.  `passed` and `origin` are the caller's to
 * set.  0 or -errno (epoll_ctl(2)).
 */
int listener_open(struct listener *listener, struct worker *worker, int fd,
		  bool shared) MUST_CHECK;

/* Idempotent; connections live on. */
void listener_close(struct listener *listener);

/* Accept nothing until listener_resume(). */
void listener_pause(struct listener *listener);
void listener_resume(struct listener *listener);

/* Accept all that is waiting now, as far as there is room for it. */
void listener_sweep(struct listener *listener);

#endif
