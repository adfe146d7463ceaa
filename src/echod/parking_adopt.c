/* SPDX-License-Identifier: MIT */
/*
 * Recovery only looks: what lies in a lot stays there, and becomes what the
 * worker has parked in it.  So whoever dies meanwhile leaves it as it was. Only
 * who moves to another worker is parked anew, and is then in two lots for a
 * while, which the next recovery tells by the cookie.  Until all who move have
 * found room, or recovery ends, no lot drops anybody: the old one may be all
 * that they have.
 */
#include "config.h"

#include "echod/parking_state.h"

#include "echod/position.h"
#include "echod/socket.h"

#include <errno.h>
#include <unistd.h>

/* Skip what was echoed of it already: 0 or -errno. */
static int parking_catch_up(struct parking *parking, int fd)
{
	size_t skipped;
	int error = position_catch_up(fd, &skipped);

	if (error == 0)
		parking->skipped += skipped;
	return error;
}

/*
 * Whom it is to be served by: as before, unless the workers are not those who
 * had the lots.
 */
static struct worker *parking_worker_for(struct parking *parking,
					 const struct parking_lot *lot)
{
	if (lot->user && !parking->spread)
		return lot->user;
	return &parking->workers[parking->next_worker++ %
				 parking->worker_count];
}

/*
 * Of TCP: it stays in the lot if that is its worker's, or has to be parked in
 * another.  Whoever has no counters has to leave it before being served.
 */
static void parking_place(struct worker *worker, const struct parking_lot *lot,
			  struct list_node *staying)
{
	struct list_node *place = worker->young.entries.previous;

	list_remove(place);
	list_append(worker == lot->user ? staying : &worker->unparked, place);
}

/* It cannot be served: what lies in the lot keeps it open no longer. */
static void parking_reset(int fd)
{
	socket_disconnect(fd);
	socket_shut_down(fd);
	close(fd);
}

/* Consumes the descriptor: 0 or -errno. */
static int parking_resume(struct parking *parking, struct parking_lot *lot,
			  int fd, const struct socket_identity *identity,
			  struct list_node *staying)
{
	struct worker *worker = parking_worker_for(parking, lot);
	const struct connection_origin origin = {
		.name = parking->label_of
				? parking->label_of(parking->context, identity)
				: socket_scheme(identity),
		.tcp = socket_is_tcp(identity),
		.records = identity->type == SOCK_SEQPACKET,
		.sole = true,
		.adopted = true,
		.roomy = socket_is_roomy(fd),
	};
	struct address peer;
	int error;

	if (!worker_reserve_connection(worker)) {
		parking_reset(fd);
		return -EMFILE;
	}
	socket_peer(fd, &peer);
	error = connection_open(worker, fd, &origin, &peer);
	if (error < 0)
		return error;
	if (!origin.tcp)
		lot->strangers = true;
	else if (worker->policy->preserve)
		parking_place(worker, lot, staying);
	return 0;
}

/*
 * One descriptor, which is consumed.  What is no connection, or no connection
 * any more, was parked by somebody else or has ended while it was.
 */
static void parking_adopt_one(struct parking *parking, struct parking_lot *lot,
			      int fd, struct list_node *staying)
{
	struct socket_identity identity;
	const char *reason;
	int error = 0;

	if (parking_has_seen(parking, fd) ||
	    socket_identify(fd, &identity, &reason) < 0 ||
	    identity.kind != SOCKET_CONNECTION) {
		close(fd);
		return;
	}
	if (socket_is_tcp(&identity))
		error = parking_catch_up(parking, fd);
	if (error == -ENOTCONN) {
		close(fd);
	} else if (error < 0 || parking->poisoned) {
		parking->reset++;
		STATS_COUNT(parking->workers->stats, connections_reset, 1);
		STATS_COUNT(parking->workers->stats, connections_closed, 1);
		parking_reset(fd);
	} else if (parking_resume(parking, lot, fd, &identity, staying) < 0) {
		parking->lost++;
		STATS_COUNT(parking->workers->stats, connections_closed, 1);
	} else {
		parking->adopted++;
	}
}

/*
 * The message at `offset` of what lay there at first: its length.  What cannot
 * be looked at is the rest, of which nobody lives.
 */
static size_t parking_look(struct parking *parking, struct parking_lot *lot,
			   int end, size_t offset, size_t *parked,
			   struct list_node *staying)
{
	int fds[LOT_BATCH];
	size_t length;
	bool lost;
	int count = lot_look(lot->ends[end], offset, fds, &length, &lost);

	for (int i = 0; i < count; i++)
		parking_adopt_one(parking, lot, fds[i], staying);
	*parked = count > 0 ? (size_t)count : 0;
	if (length > 0 && !lost)
		return length;
	parking->lost++;
	*parked = LOT_BATCH;
	return length > 0 ? length : lot->left[end] - offset;
}

/*
 * Who stays lives in the lot.  Without memory for that they are parked anew;
 * the lot has a message more than it knows of, so that it drops others later
 * than it thinks, and never earlier.
 */
static void parking_stay(struct worker *worker, size_t length, size_t parked,
			 struct list_node *staying)
{
	struct list_node *place;

	if (lot_add(&worker->lot, length, parked, staying) < 0) {
		list_append_all(&worker->unparked, staying);
		return;
	}
	list_for_each (place, lot_newest(&worker->lot))
		connection_on_parked(place);
}

static void parking_adopt_end(struct parking *parking, struct parking_lot *lot,
			      int end)
{
	bool own = lot->user && lot->ends[end] == lot->user->lot.exit;
	size_t offset = 0, length, parked;

	for (; offset < lot->left[end]; offset += length) {
		struct list_node staying;

		list_init(&staying);
		length = parking_look(parking, lot, end, offset, &parked,
				      &staying);
		if (own) {
			parking_stay(lot->user, length, parked, &staying);
		} else if (lot->user) {
			/* It lies at the wrong end: it is parked anew. */
			list_append_all(&lot->user->unparked, &staying);
		}
	}
}

/* Are there lots that nobody uses, or that nobody used? */
static bool parking_has_changed(const struct parking *parking)
{
	for (size_t i = 0; i < parking->lot_count; i++) {
		if (!parking->lots[i].user || parking->lots[i].fds == 0)
			return true;
	}
	return false;
}

/*
 * Who has no counters may not be found there once it has been served: it leaves
 * the lot, or ends.
 */
static void parking_part(struct parking *parking, struct parking_lot *lot)
{
	if (lot->user && lot_renew(&lot->user->lot) == 0)
		return;
	for (size_t i = 0; i < parking->worker_count; i++) {
		struct list_node *late = &parking->workers[i].late;

		while (!list_is_empty(late))
			connection_give_up(late->next);
	}
}

void parking_adopt(struct parking *parking, bool poisoned)
{
	bool done;

	parking->poisoned = poisoned;
	parking->spread = parking_has_changed(parking);
	for (size_t i = 0; i < parking->lot_count; i++) {
		for (int end = 0; end < parking->lots[i].fds; end++)
			parking_adopt_end(parking, &parking->lots[i], end);
	}
	for (size_t i = 0; i < parking->worker_count; i++)
		parking_park_rest(&parking->workers[i]);
	done = parking_is_done(parking);
	for (size_t i = 0; i < parking->worker_count; i++)
		parking->workers[i].lot.held = !done;
	for (size_t i = 0; i < parking->lot_count; i++) {
		/* A lot without a user is given up, if it can be. */
		if (parking->lots[i].strangers &&
		    (parking->lots[i].user || !done))
			parking_part(parking, &parking->lots[i]);
	}
}
