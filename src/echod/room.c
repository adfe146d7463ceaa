/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/room.h"

#include "echod/connection.h"

/* Who was active less than this ago is in use. */
#define IDLE_USEC USEC_PER_SEC

/* Of those that are late only: then it is we who were idle. */
#define LATE_MAX 16

struct idle_entry *room_find(struct worker *worker)
{
	struct idle_queue *queue = &worker->connections;

	/* While it stops they end, or are left to the next instance. */
	if (list_is_linked(&worker->drain.link))
		return NULL;
	for (int i = 0; i < LATE_MAX; i++) {
		struct idle_entry *entry = idle_queue_longest(queue, IDLE_USEC);

		if (!entry || !connection_is_late(entry))
			return entry;
		idle_queue_touch(queue, entry);
	}
	return NULL;
}

static void pass_on(struct worker *worker)
{
	struct worker_policy *policy = worker->policy;
	struct worker *next = worker + 1;

	if (next == policy->workers + policy->worker_count)
		next = policy->workers;
	worker_poke(next, WORKER_YIELD);
}

void room_ask(struct worker *worker)
{
	struct worker *nobody = NULL;

	if (worker->policy->worker_count > 1 &&
	    atomic_compare_exchange_strong(&worker->policy->asking, &nobody,
					   worker))
		pass_on(worker);
}

/* Is there room now?  Then nobody has to go. */
static bool room_make(struct worker *worker)
{
	struct idle_entry *leaving;

	if (atomic_load(&worker->policy->connections) <
	    worker->policy->max_connections)
		return true;
	leaving = room_find(worker);
	if (leaving)
		connection_evict(leaving);
	return leaving != NULL;
}

void room_on_yield(struct worker *worker)
{
	struct worker_policy *policy = worker->policy;
	struct worker *asker = atomic_load(&policy->asking);

	/* Nobody has an idle one: the asker tries again by itself. */
	if (asker == worker) {
		atomic_store(&policy->asking, NULL);
		return;
	}
	if (!room_make(worker)) {
		pass_on(worker);
		return;
	}
	atomic_store(&policy->asking, NULL);
	worker_poke(asker, WORKER_GO_ON);
}
