/* SPDX-License-Identifier: MIT */
/*
 * No connection is lost to a restart, an upgrade or a crash: who is parked in
 * the workers' lots, and when.
 *
 * What has been echoed of a TCP stream is the kernel's knowledge (position.h),
 * not ours, and while connections are preserved user space owns no byte; so a
 * duplicate of the descriptor is all that the next instance needs, even if this
 * one is killed.  Connections that have lived for `preserve_after` are parked,
 * many at a time; shorter ones cost nothing.
 *
 *    young ── by age ──► unparked ── room in the lot ──► parked
 *    late ─── at a hand-over ──► unparked
 */
#ifndef ECHOD_PARKING_H
#define ECHOD_PARKING_H

#include "echod/connection.h"
#include "echod/service.h"
#include "echod/socket.h"
#include "echod/worker.h"

#include <stdbool.h>
#include <stddef.h>

/* --- In the worker's thread --- */

/* For its queue of the young, whose timeout is this for `preserve_after`. */
uint64_t parking_timeout(uint64_t preserve_after);
void parking_on_age(struct idle_entry *entry);

/* For its waiter. */
void parking_on_capacity(struct worker_waiter *waiter);

/*
 * Leave all connections to the next instance.  Those for which there is no room
 * stay, and no more are parked.
 */
void parking_hand_over(struct worker *worker);

/* --- At the start, before there are threads --- */

/* Park the unparked, or let them wait for room. */
void parking_park_rest(struct worker *worker);

struct parking_lot {
	int number;	     /* in its name */
	int ends[2], fds;    /* of those that came back under that name */
	size_t left[2];	     /* bytes of what lay there then */
	struct worker *user; /* or NULL: to be given up */
	bool strangers;	     /* among them are others than TCP */
};

/* What a connection is called after in the log; borrowed for good. */
typedef const char *parking_label(void *context,
				  const struct socket_identity *identity);

struct parking_seen;

/* Lots that the manager kept, and what became of what lay in them. */
struct parking {
	struct worker *workers;
	size_t worker_count, next_worker;
	struct parking_lot *lots;
	size_t lot_count;
	struct parking_seen *seen; /* sockets so far */
	void *seen_tree;	   /* of them, see tsearch(3) */
	bool poisoned, spread;	   /* reset all; move all */
	parking_label *label_of;   /* or NULL: after the kind of socket */
	void *context;
	unsigned adopted, reset, lost;
	uint64_t skipped; /* bytes that had been echoed already */
};

/*
 * Take the lots out of what was kept, and give every worker one, if
 * connections are to be preserved: what lacks is made and stored.  0 or -errno;
 * parking_settle() and parking_end() are right after either.
 */
int parking_begin(struct parking *parking, struct worker *workers, size_t count,
		  struct service_socket *kept, size_t kept_count,
		  bool preserve) MUST_CHECK;

/*
 * Adopt what lies in the lots; `poisoned`: reset it instead.  If the workers
 * are not as many as before, connections are spread over them anew.
 */
void parking_adopt(struct parking *parking, bool poisoned);

/* Give up the lots that no worker needs, or all if not `preserve`. */
void parking_settle(struct parking *parking, bool preserve);

/*
 * Give up all, unless they were `handed_over`; the workers may be gone by now.
 * Idempotent.
 */
void parking_end(struct parking *parking, bool handed_over);

#endif
