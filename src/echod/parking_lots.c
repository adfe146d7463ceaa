/* SPDX-License-Identifier: MIT */
/*
 * Which lots there are: those that came back, and one for each worker.
 */
#include "config.h"

#include "echod/parking_state.h"

#include "echod/socket.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* Found by a tree (tsearch(3)), and owned by a list. */
struct parking_seen {
	uint64_t cookie;
	struct parking_seen *older;
};

static int compare_seen(const void *a, const void *b)
{
	const struct parking_seen *left = a, *right = b;

	return (left->cookie > right->cookie) - (left->cookie < right->cookie);
}

/* Zero is no cookie, but what there is if it cannot be asked for. */
bool parking_has_seen(struct parking *parking, int fd)
{
	struct parking_seen *new = malloc(sizeof(*new)), **found = NULL;

	if (new) {
		new->cookie = socket_cookie(fd);
		new->older = parking->seen;
		found = tsearch(new, &parking->seen_tree, compare_seen);
	}
	if (found && *found == new) {
		parking->seen = new;
		return new->cookie == 0;
	}
	if (!found)
		parking->lost++;
	free(new);
	return true;
}

static void parking_keep_in_list(void *seen UNUSED)
{
}

static void parking_forget_seen(struct parking *parking)
{
	tdestroy(parking->seen_tree, parking_keep_in_list);
	parking->seen_tree = NULL;
	while (parking->seen) {
		struct parking_seen *older = parking->seen->older;

		free(parking->seen);
		parking->seen = older;
	}
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
		int number = service_name_number(kept[i].name, SERVICE_LOT);

		if (number < 0)
			continue;
		error = parking_claim_end(parking, number, kept[i].fd);
		kept[i].fd = -1;
	}
	return error;
}

/* What was called a lot and was none does not come back. */
static void parking_unstore_foreign(const struct parking *parking,
				    const struct service_socket *kept,
				    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int number = service_name_number(kept[i].name, SERVICE_LOT);

		if (number >= 0 && !parking_has_number(parking, number))
			service_unstore(kept[i].name);
	}
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
	(void)service_store(name, (int[]){ user->lot.entrance, user->lot.exit },
			    2);
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
	worker->lot.held = true;
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
	parking_unstore_foreign(parking, kept, kept_count);
	for (size_t i = 0; i < count && preserve && error == 0; i++) {
		parking_prepare(&workers[i], parking_share(count));
		error = parking_give_lot(parking, &workers[i]);
	}
	parking_measure(parking);
	return error;
}

static void unstore(const struct parking_lot *lot)
{
	char name[32];

	lot_name(name, lot->number);
	service_unstore(name);
}

/* Our ends; the worker's are its own. */
static void parking_close(struct parking_lot *lot)
{
	for (int end = 0; end < lot->fds && !lot->user; end++)
		close(lot->ends[end]);
	lot->fds = 0;
}

bool parking_is_done(const struct parking *parking)
{
	for (size_t i = 0; i < parking->worker_count; i++) {
		if (!list_is_empty(&parking->workers[i].unparked))
			return false;
	}
	return true;
}

void parking_settle(struct parking *parking, bool preserve)
{
	bool needed = preserve && !parking_is_done(parking);
	size_t kept = 0;

	for (size_t i = 0; i < parking->lot_count; i++) {
		struct parking_lot *lot = &parking->lots[i];

		parking_close(lot);
		/* Who has no room by now is counted, and waits for some. */
		if (lot->user)
			lot->user->lot.held = false;
		if (!preserve && lot->user)
			lot_deinit(&lot->user->lot);
		if (needed || (preserve && lot->user))
			parking->lots[kept++] = *lot;
		else
			unstore(lot);
	}
	parking->lot_count = kept;
	parking_forget_seen(parking);
}

void parking_end(struct parking *parking, bool handed_over)
{
	for (size_t i = 0; i < parking->lot_count && !handed_over; i++)
		unstore(&parking->lots[i]);
	free(parking->lots);
	parking->lots = NULL;
	parking->lot_count = 0;
}
