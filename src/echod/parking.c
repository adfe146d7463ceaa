/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/parking.h"

uint64_t parking_timeout(uint64_t preserve_after)
{
	return preserve_after == USEC_INFINITY ? USEC_INFINITY
					       : preserve_after / 4 * 3;
}

/* The unparked, a message at a time. */
static int park_unparked(struct worker *worker)
{
	while (!list_is_empty(&worker->unparked)) {
		int error = lot_park(&worker->lot, &worker->unparked);
		struct list_node *place;

		if (error < 0)
			return error;
		list_for_each (place, lot_newest(&worker->lot))
			connection_on_parked(place);
	}
	return 0;
}

/* Counted once an episode, not once an attempt. */
static void park_or_wait(struct worker *worker)
{
	lot_compact(&worker->lot);
	if (park_unparked(worker) == 0) {
		worker->parking_starved = false;
		return;
	}
	if (!worker->parking_starved)
		STATS_COUNT(worker->stats, parking_starved, 1);
	worker->parking_starved = true;
	worker_await_capacity(worker, &worker->parking);
}

/*
 * All who are older than half of what was asked for, so that the next time is
 * at least a quarter away: messages are few and long, however the connections
 * came, and none gets as old as was asked without being parked.
 */
void parking_on_age(struct idle_entry *entry)
{
	struct worker *worker = connection_worker(&entry->link);
	uint64_t age = worker->policy->preserve_after / 2;
	struct list_node *link, *following;

	list_for_each_safe (link, following, &worker->young.entries) {
		struct idle_entry *next =
			container_of(link, struct idle_entry, link);

		if (worker->reactor.now - next->since < age)
			break;
		list_remove(link);
		list_append(&worker->unparked, link);
	}
	park_or_wait(worker);
}

void parking_on_capacity(struct worker_waiter *waiter)
{
	park_or_wait(container_of(waiter, struct worker, parking));
}

void parking_hand_over(struct worker *worker)
{
	struct list_node *link, *following;

	list_append_all(&worker->unparked, &worker->young.entries);
	list_append_all(&worker->unparked, &worker->late);
	(void)park_unparked(worker);
	list_remove(&worker->parking.link);
	/* Who is in it is no concern of ours any more: none of them is dead. */
	lot_deinit(&worker->lot);
	list_for_each_safe (link, following, &worker->connections.entries)
		connection_hand_over(
			container_of(link, struct idle_entry, link));
}

void parking_park_rest(struct worker *worker)
{
	if (!list_is_empty(&worker->unparked))
		park_or_wait(worker);
}
