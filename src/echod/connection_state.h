/* SPDX-License-Identifier: MIT */
/*
 * What a connection consists of.  Private to the connection module:
 * connection.c echoes, connection_life.c begins and ends.
 */
#ifndef ECHOD_CONNECTION_STATE_H
#define ECHOD_CONNECTION_STATE_H

#include "echod/connection.h"
#include "echod/connection_journal.h"
#include "echod/held.h"

enum connection_state {
	CONNECTION_ECHOING,
	CONNECTION_HOLDING,
	CONNECTION_FINISHING,
};

struct connection {
	struct event_source source;
	struct idle_entry idle;	 /* in the worker's connections */
	struct held_bytes *held; /* HOLDING; NULL if left with the kernel */
	struct stream stream;
	uint8_t state;
	bool peeks; /* always: bytes are left with the kernel until sent */
	bool draining, logged, sole, parkable, parked;
	bool duplicated; /* in some lot: close(2) does not end it */
};

static inline struct connection *connection_of(struct idle_entry *entry)
{
	return container_of(entry, struct connection, idle);
}

/*
 * Follows the connection in memory if it is parkable: a link of the worker's
 * young, its late, its unparked, or in its lot.
 */
static inline struct idle_entry *place_of(struct connection *connection)
{
	return (struct idle_entry *)(void *)(connection + 1);
}

/* Follows that if connections are logged. */
static inline struct connection_journal *journal_of(
	struct connection *connection)
{
	return (struct connection_journal *)(void *)(place_of(connection) +
						     connection->parkable);
}

/* In connection.c, the reactor's handler. */
void connection_on_ready(struct event_source *source);

/* In connection_life.c. */
void connection_drop_held(struct connection *connection);

/* With a FIN. */
void connection_close(struct connection *connection, const char *reason);

/* With a FIN, unless something is outstanding that a FIN would deny. */
void connection_end(struct connection *connection, const char *reason);

/* A call failed: the peer or the network ended it, or we cannot go on. */
void connection_fail(struct connection *connection, int error);

#endif
