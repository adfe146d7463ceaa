/* SPDX-License-Identifier: MIT */
/*
 * A peer that takes next to nothing of what is held for it loses its
 * connection.
 */
#include "config.h"

#include "echod/connection_state.h"

#include "echod/position.h"

/* As large the kernel makes the pieces of a Unix stream, or somewhat less. */
#define PIECE ((uint64_t)64 * 1024)

static struct watch *watch_of(const struct connection *connection)
{
	return pool_at(&worker_of(&connection->source)->watches,
		       connection->watch);
}

void connection_watch(struct connection *connection)
{
	struct worker *worker = worker_of(&connection->source);

	/* There are as many as connections, or none if nobody is watched. */
	connection->watch = pool_take(&worker->watches);
	if (connection->watch == 0)
		return;
	*watch_of(connection) = (struct watch){ .connection = connection };
	idle_queue_add(&worker->watched, &watch_of(connection)->entry);
}

void connection_unwatch(struct connection *connection)
{
	struct worker *worker = worker_of(&connection->source);

	if (connection->watch == 0)
		return;
	idle_queue_remove(&watch_of(connection)->entry);
	pool_give(&worker->watches, connection->watch);
	connection->watch = 0;
}

void connection_on_watch(struct idle_entry *entry)
{
	struct watch *watch = container_of(entry, struct watch, entry);
	struct connection *connection = watch->connection;
	struct worker *worker = worker_of(&connection->source);
	bool tcp = connection->stream.tcp;
	uint64_t taken;

	/* What cannot be told is not held against it. */
	if (position_taken(connection->source.fd, tcp, &taken) < 0 ||
	    watch_look(watch, taken, worker->policy->min_progress,
		       tcp ? 0 : PIECE)) {
		idle_queue_touch(&worker->watched, entry);
		return;
	}
	STATS_COUNT(worker->stats, connections_stalled, 1);
	connection_end(connection, "stalled");
}
