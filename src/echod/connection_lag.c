/* SPDX-License-Identifier: MIT */
/*
 * A preserved connection has to consume what it peeked at and sent, which is a
 * third system call.  But what was echoed need not be consumed at once: we
 * remember how much that is, and should we be killed, the kernel's counters
 * tell the next instance (see position.h).  So one call does for several short
 * messages.
 *
 * Meanwhile they are peeked at again with each message, take room in the peer's
 * window, and memory of the kernel's.  So they are few, and short; and nothing
 * is left unread for long when no more arrives.
 */
#include "config.h"

#include "echod/connection_state.h"

/*
 * Messages.  With more, peeking at them costs what the call did: of the rate of
 * connections that are not preserved, requests had 0.86 with 1, 0.96 to 1.01
 * with 3 to 6, 0.95 with 8 and 15 (make bench BENCH=--only=preserve-rr, AMD
 * EPYC, 2026-11-27).
 */
#define LAG_MAX 4

/* Bytes: a small part of a receive buffer that is roomy. */
#define LAG_BYTES_MAX 3072

/* As many bits as they have. */
#define ECHOED_MASK 0xfffU
_Static_assert(LAG_BYTES_MAX <= ECHOED_MASK, "they are counted");

/* Connections of one worker. */
#define LAGGING_MAX 4096

/* How long the peer must have been silent, or somewhat less. */
#define LAG_USEC (250 * USEC_PER_MSEC)

/* Of one expiry, so that a crowd that falls silent at once delays nobody. */
#define EXPIRY_BUDGET 64

void connection_forget_lag(struct connection *connection)
{
	if (connection->lag > 0)
		worker_of(&connection->source)->lagging--;
	connection->lag = 0;
	connection->echoed = 0;
}

static int take(struct connection *connection, size_t sent)
{
	struct worker *worker = worker_of(&connection->source);
	size_t length = connection->echoed + sent;

	connection_forget_lag(connection);
	return stream_consume(&connection->stream, worker->scratch, length);
}

int connection_consume_left(struct connection *connection)
{
	return connection->echoed > 0 ? take(connection, 0) : 0;
}

bool connection_catch_up(struct connection *connection)
{
	int error = connection_consume_left(connection);

	if (error < 0)
		connection_fail(connection, -error);
	return error == 0;
}

static void lag_on_expiry(struct reactor_timer *timer)
{
	struct worker *worker = container_of(timer, struct worker, lag);
	struct list_node *link = worker->connections.entries.previous;
	unsigned unseen = worker->lagging;
	int budget = EXPIRY_BUDGET;

	/* Who lags was heard of lately, and stands at the end of the line. */
	for (; unseen > 0; link = link->previous) {
		struct connection *connection = connection_of(
			container_of(link, struct idle_entry, link));

		if (connection->lag == 0)
			continue;
		unseen--;
		if (worker->reactor.now - connection->idle.since < LAG_USEC)
			continue;
		/* Whoever fails is not in line any more. */
		if (!connection_catch_up(connection) || --budget == 0)
			break;
	}
	if (worker->lagging > 0)
		reactor_timer_start(&worker->reactor, timer,
				    worker->reactor.now +
					    (unseen > 0 ? 0 : LAG_USEC));
}

static bool may_lag(const struct connection *connection, size_t sent)
{
	return connection->may_lag && connection->lag + 1 < LAG_MAX &&
	       connection->echoed + sent <= LAG_BYTES_MAX &&
	       (connection->lag > 0 ||
		worker_of(&connection->source)->lagging < LAGGING_MAX);
}

static void lag_more(struct connection *connection, size_t sent)
{
	struct worker *worker = worker_of(&connection->source);

	if (connection->lag == 0)
		worker->lagging++;
	connection->lag++;
	connection->echoed = (connection->echoed + sent) & ECHOED_MASK;
	if (list_is_linked(&worker->lag.link))
		return;
	worker->lag.on_expiry = lag_on_expiry;
	reactor_timer_start(&worker->reactor, &worker->lag,
			    worker->reactor.now + LAG_USEC);
}

int connection_consume(struct connection *connection, size_t sent,
		       bool may_stay)
{
	if (!may_stay || !may_lag(connection, sent))
		return take(connection, sent);
	lag_more(connection, sent);
	return 0;
}
