/* SPDX-License-Identifier: MIT */
/*
 * Recovery is rotation, too: of each message that an earlier instance left, all
 * are adopted and sent again before it is dropped.  Whoever dies meanwhile
 * leaves duplicates, which have the same cookie.
 */
#include "config.h"

#include "echod/parking.h"

#include "echod/position.h"
#include "echod/socket.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* --- Which lots there are --- */

static int compare_cookies(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

/* Has it been adopted already?  Or is there no telling? */
static bool parking_has_seen(struct parking *parking, int fd)
{
	uint64_t *cookie = malloc(sizeof(*cookie));
	uint64_t **found = NULL;

	if (cookie) {
		*cookie = socket_cookie(fd);
		found = tsearch(cookie, &parking->cookies, compare_cookies);
	}
	if (found && *found == cookie)
		return *cookie == 0;
	free(cookie);
	return true;
}

static bool parking_has_number(const struct parking *parking, int number)
{
	for (size_t i = 0; i < parking->lot_count; i++) {
		if (parking->lots[i].number == number)
			return true;
	}
	return false;
}

/* One of that number that lacks an end. */
static struct parking_lot *parking_half(struct parking *parking, int number)
{
	for (size_t i = 0; i < parking->lot_count; i++) {
		struct parking_lot *lot = &parking->lots[i];

		if (lot->number == number && lot->fds == 1)
			return lot;
	}
	return NULL;
}

/* NULL if there is no memory. */
static struct parking_lot *parking_add_lot(struct parking *parking, int number)
{
	struct parking_lot *lot = reallocarray(
		parking->lots, parking->lot_count + 1, sizeof(*parking->lots));

	if (!lot)
		return NULL;
	parking->lots = lot;
	lot += parking->lot_count++;
	*lot = (struct parking_lot){ .number = number, .ends = { -1, -1 } };
	return lot;
}

/* The descriptor is consumed. */
static int parking_claim_end(struct parking *parking, int number, int fd)
{
	struct parking_lot *lot = parking_half(parking, number);

	/* Seen, lest it is adopted if it lies in a lot, too. */
	if (!socket_is_unix_stream(fd) || parking_has_seen(parking, fd)) {
		close(fd);
		return 0;
	}
	if (!lot)
		lot = parking_add_lot(parking, number);
	if (!lot) {
		close(fd);
		return -ENOMEM;
	}
	lot->ends[lot->fds++] = fd;
	return 0;
}

static int parking_claim(struct parking *parking, struct service_socket *kept,
			 size_t count)
{
	int error = 0;

	for (size_t i = 0; i < count && error == 0; i++) {
		struct service_socket *socket = &kept[i];
		int number = service_name_number(socket->name, SERVICE_LOT);

		if (number < 0)
			continue;
		error = parking_claim_end(parking, number, socket->fd);
		socket->fd = -1;
	}
	return error;
}

static void lot_name(char name[static 32], int number)
{
	(void)snprintf(name, 32, SERVICE_LOT "%d", number);
}

static int parking_make_lot(struct parking *parking, struct worker *user)
{
	struct parking_lot *lot;
	int number = 0, error;
	char name[32];

	while (parking_has_number(parking, number))
		number++;
	lot = parking_add_lot(parking, number);
	if (!lot)
		return -ENOMEM;
	error = lot_open(&user->lot);
	if (error < 0)
		return error;
	lot->user = user;
	lot_name(name, number);
	service_store(name, (int[]){ user->lot.entrance, user->lot.exit }, 2);
	return 0;
}

/* Is it all that there is of that number, and a pair indeed? */
static bool parking_is_whole(const struct parking *parking,
			     const struct parking_lot *lot)
{
	for (size_t i = 0; i < parking->lot_count; i++) {
		const struct parking_lot *other = &parking->lots[i];

		if (other != lot && other->number == lot->number)
			return false;
	}
	return lot->fds == 2 && lot_is_pair(lot->ends);
}

/* One that came back, or a new one. */
static int parking_give_lot(struct parking *parking, struct worker *user)
{
	for (size_t i = 0; i < parking->lot_count; i++) {
		struct parking_lot *lot = &parking->lots[i];

		if (lot->user || !parking_is_whole(parking, lot))
			continue;
		lot_take(&user->lot, lot->ends);
		lot->user = user;
		return 0;
	}
	return parking_make_lot(parking, user);
}

/* A worker's share of the descriptors that may be in flight: unix(7). */
static size_t parking_share(size_t workers)
{
	struct rlimit limit = { .rlim_cur = RLIM_INFINITY };

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	return (size_t)(limit.rlim_cur / workers);
}

static void parking_prepare(struct worker *worker, size_t share)
{
	lot_init(&worker->lot, connection_descriptor, share);
	worker->parking.on_capacity = parking_on_capacity;
	idle_queue_init(&worker->young, &worker->reactor,
			parking_timeout(worker->policy->preserve_after),
			parking_on_age);
}

/* What is parked from now on is none of what came back. */
static void parking_measure(struct parking *parking)
{
	for (size_t i = 0; i < parking->lot_count; i++) {
		struct parking_lot *lot = &parking->lots[i];

		for (int end = 0; end < lot->fds; end++)
			lot->left[end] = socket_unread(lot->ends[end]);
	}
}

int parking_begin(struct parking *parking, struct worker *workers, size_t count,
		  struct service_socket *kept, size_t kept_count, bool preserve)
{
	int error;

	*parking = (struct parking){
		.workers = workers,
		.worker_count = count,
	};
	error = parking_claim(parking, kept, kept_count);
	for (size_t i = 0; i < count && preserve && error == 0; i++) {
		parking_prepare(&workers[i], parking_share(count));
		error = parking_give_lot(parking, &workers[i]);
	}
	parking_measure(parking);
	return error;
}

/* --- What lies in them --- */

/* Skip what was echoed of it already: 0 or -errno as position_read(). */
static int parking_catch_up(struct parking *parking, int fd)
{
	size_t echoed;
	int error = position_read(fd, &echoed);

	if (error == 0)
		error = position_skip(fd, echoed);
	if (error == 0)
		parking->skipped += echoed;
	return error;
}

/* Consumes the descriptor. */
static int parking_resume(struct parking *parking, int fd,
			  const struct socket_identity *identity)
{
	struct worker *worker = &parking->workers[parking->next_worker++ %
						  parking->worker_count];
	const struct connection_origin origin = {
		.name = socket_scheme(identity),
		.tcp = socket_is_tcp(identity),
		.records = identity->type == SOCK_SEQPACKET,
		.sole = true,
		.adopted = true,
	};
	struct address peer;

	if (!worker_reserve_connection(worker)) {
		close(fd);
		return -EMFILE;
	}
	socket_peer(fd, &peer);
	return connection_open(worker, fd, &origin, &peer);
}

/* Nobody else has it any more when the message is dropped. */
static void parking_reset(int fd)
{
	socket_disconnect(fd);
	close(fd);
}

/*
 * One descriptor, which is consumed.  What is no connection, or no connection
 * any more, was parked by somebody else or has ended while it was.
 */
static void parking_adopt_one(struct parking *parking, int fd, bool poisoned)
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
	} else if (error < 0 || poisoned) {
		parking->reset++;
		parking_reset(fd);
	} else if (parking_resume(parking, fd, &identity) < 0) {
		parking->lost++;
	} else {
		parking->adopted++;
	}
}

/* One message: its length, 0 if there was none. */
static size_t parking_adopt_message(struct parking *parking, int end,
				    size_t left, bool poisoned)
{
	int fds[LOT_BATCH], count;
	size_t length;
	bool lost;

	count = lot_look(end, left, fds, &length, &lost);
	for (int i = 0; i < count; i++)
		parking_adopt_one(parking, fds[i], poisoned);
	if (lost)
		parking->lost++;
	for (size_t i = 0; i < parking->worker_count; i++)
		parking_park_adopted(&parking->workers[i]);
	if (length > 0)
		lot_discard(end, length);
	return length;
}

/* So much lay there at first; what was sent to it since is our own. */
static void parking_empty(struct parking *parking, int end, size_t left,
			  bool poisoned)
{
	while (left > 0) {
		size_t length;

		length = parking_adopt_message(parking, end, left, poisoned);
		if (length == 0)
			return;
		left -= MIN(left, length);
	}
}

void parking_adopt(struct parking *parking, bool poisoned)
{
	for (size_t i = 0; i < parking->lot_count; i++) {
		struct parking_lot *lot = &parking->lots[i];

		for (int end = 0; end < lot->fds; end++)
			parking_empty(parking, lot->ends[end], lot->left[end],
				      poisoned);
	}
	for (size_t i = 0; i < parking->worker_count; i++)
		parking_park_rest(&parking->workers[i]);
}

/* --- Which lots there are to be --- */

static void unstore(const struct parking_lot *lot)
{
	char name[32];

	lot_name(name, lot->number);
	service_unstore(name);
}

static void parking_give_up(struct parking_lot *lot)
{
	if (lot->user)
		lot_deinit(&lot->user->lot);
	for (int end = 0; end < lot->fds && !lot->user; end++)
		close(lot->ends[end]);
	unstore(lot);
}

void parking_settle(struct parking *parking, bool preserve)
{
	size_t kept = 0;

	for (size_t i = 0; i < parking->lot_count; i++) {
		struct parking_lot *lot = &parking->lots[i];

		if (preserve && lot->user)
			parking->lots[kept++] = *lot;
		else
			parking_give_up(lot);
	}
	parking->lot_count = kept;
	tdestroy(parking->cookies, free);
	parking->cookies = NULL;
}

void parking_end(struct parking *parking, bool handed_over)
{
	for (size_t i = 0; i < parking->lot_count && !handed_over; i++)
		unstore(&parking->lots[i]);
	free(parking->lots);
	parking->lots = NULL;
	parking->lot_count = 0;
}
