/* SPDX-License-Identifier: MIT */
/*
 * What a connection consists of.  Private to the connection module:
 * connection.c echoes, connection_life.c begins and ends.
 */
#ifndef ECHOD_CONNECTION_STATE_H
#define ECHOD_CONNECTION_STATE_H

#include "echod/connection.h"
#include "echod/connection_journal.h"

enum connection_state {
	CONNECTION_ECHOING,
	CONNECTION_HOLDING,
	CONNECTION_FINISHING,
};

/* There may be a million: what follows is numbers where it can be. */
struct connection {
	struct event_source source;
	struct idle_entry idle; /* in the worker's connections */
	uint32_t held;	/* HOLDING: in the worker's pool; 0: with the kernel */
	uint32_t watch; /* HOLDING: in the worker's, see connection_watch.c */
	struct stream stream;
	uint32_t quota; /* of its source, to be given back */
	/* Echoed and still unread, in bytes and messages: connection_lag.c. */
	uint16_t echoed : 12, lag : 4;
	uint8_t state;
	bool peeks : 1; /* always: bytes are left with the kernel until sent */
	bool draining : 1, logged : 1, sole : 1, parkable : 1, parked : 1;
	bool duplicated : 1; /* in some lot: close(2) does not end it */
	bool may_lag : 1;
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

/* In connection_watch.c: begin, and end, to look whether it takes anything. */
void connection_watch(struct connection *connection);
void connection_unwatch(struct connection *connection);

/*
 * In connection_lag.c.  They were sent: take them out of the receive queue, and
 * those that were left there before; or leave them, if they `may_stay`, for
 * now.  0 or -errno (recv(2)).
 */
int connection_consume(struct connection *connection, size_t sent,
		       bool may_stay) MUST_CHECK;

/* Only those that were left before, if there are any: 0 or -errno. */
int connection_consume_left(struct connection *connection) MUST_CHECK;

/* The same: false if that failed, which is its end. */
bool connection_catch_up(struct connection *connection);

/* Nobody is going to consume it: the connection ends here. */
void connection_forget_lag(struct connection *connection);

/* In connection_life.c. */
void connection_drop_held(struct connection *connection);

/* With a FIN. */
void connection_close(struct connection *connection, const char *reason);

/* With a FIN, unless something is outstanding that a FIN would deny. */
void connection_end(struct connection *connection, const char *reason);

/* A call failed: the peer or the network ended it, or we cannot go on. */
void connection_fail(struct connection *connection, int error);

#endif
