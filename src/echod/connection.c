/* SPDX-License-Identifier: MIT */
/*
 * Armed once for everything, edge-triggered.  On the fast path one echo is one
 * recv and one send, through the worker's scratch buffer: only what the peer
 * does not take is copied, into a piece of the worker's pool, for as long as
 * something is held.
 *
 * When the pool is used up, or if the connection is to outlive the process,
 * bytes are left with the kernel instead: they are received with MSG_PEEK and
 * consumed only as far as they could be sent.  Then there is nothing to hold,
 * for one more system call, which several short messages share where that is
 * the rule (connection_lag.c).  Others than TCP leave bytes with the kernel
 * always: only for TCP can a buffer of our own be given up with a reset; a Unix
 * socket that is closed tells its peer of a loss only by what is left unread.
 */
#include "config.h"

#include "echod/connection_state.h"

#include "echod/socket.h"

#include <errno.h>
#include <sys/socket.h>

/* While one of these is remembered, a short read proves nothing. */
#define MORE_TO_COME (EPOLLPRI | EPOLLRDHUP | EPOLLERR | EPOLLHUP)

static void connection_count(struct connection *connection, size_t received,
			     size_t sent)
{
	struct worker *worker = worker_of(&connection->source);

	STATS_COUNT(worker->stats, bytes_received, received);
	STATS_COUNT(worker->stats, bytes_sent, sent);
	if (received + sent > 0)
		idle_queue_touch(&worker->connections, &connection->idle);
	if (connection->logged) {
		journal_of(connection)->received += received;
		journal_of(connection)->sent += sent;
	}
}

/*
 * The peer takes no more.  Until it does, want nothing but that.  `rest` is
 * NULL if the bytes were left with the kernel.
 */
static void connection_hold(struct connection *connection,
			    const unsigned char *rest, size_t length)
{
	struct worker *worker = worker_of(&connection->source);

	/* There is room for it: see connection_must_peek(). */
	if (rest)
		connection->held = held_copy(&worker->held, rest, length);
	else if (!connection->peeks)
		STATS_COUNT(worker->stats, buffer_limited, 1);
	connection->state = CONNECTION_HOLDING;
	event_source_consume(&connection->source, EPOLLOUT);
	event_source_want(&connection->source, EPOLLOUT);
	connection_watch(connection);
}

static void connection_resume(struct connection *connection)
{
	connection_drop_held(connection);
	connection_unwatch(connection);
	connection->state = CONNECTION_ECHOING;
	event_source_want(&connection->source, EPOLLIN);
}

static void connection_flush(struct connection *connection)
{
	struct worker *worker = worker_of(&connection->source);
	size_t sent;
	int error;

	if (!connection->held) {
		connection_resume(connection);
		return;
	}
	error = held_send(&worker->held, connection->held, &connection->stream,
			  &sent);
	if (error < 0 && error != -EAGAIN) {
		connection_fail(connection, -error);
		return;
	}
	connection_count(connection, 0, sent);
	if (error == 0)
		connection_resume(connection);
	else
		event_source_consume(&connection->source, EPOLLOUT);
}

/*
 * Draining, and everything received has been sent.  TCP: a FIN goes out, but
 * the socket is kept until the peer's kernel has it all.  Closed earlier, it
 * would answer bytes that arrive late with a reset, which overtakes what is
 * still in the send queue.  Others hand over directly, kernel to kernel.
 */
static void connection_finish(struct connection *connection)
{
	if (!connection->stream.tcp) {
		connection_close(connection, "stopping");
		return;
	}
	(void)shutdown(connection->source.fd, SHUT_WR);
	connection->state = CONNECTION_FINISHING;
	event_source_want(&connection->source, EPOLLIN);
	connection_settle(&connection->idle);
}

/* Nothing can be received, `error` tells why. */
static void connection_on_nothing(struct connection *connection, int error)
{
	if (error != EAGAIN) {
		connection_fail(connection, error);
		return;
	}
	/* At the urgent mark a signal may have been in the way: tried again. */
	if ((connection->source.ready & EPOLLPRI) &&
	    socket_unread(connection->source.fd) > 0)
		return;
	event_source_consume(&connection->source, EPOLLIN | MORE_TO_COME);
	if (connection->draining)
		connection_finish(connection);
}

/*
 * `received` bytes stand in the scratch buffer, peeked at or consumed, behind
 * those that were echoed before and are still unread.
 */
static void connection_reply(struct connection *connection, size_t before,
			     size_t received, bool peeked)
{
	struct worker *worker = worker_of(&connection->source);
	const unsigned char *data = worker->scratch + before;
	size_t sent;
	int error = stream_send(&connection->stream, data, received, &sent);
	int lost = 0;

	if (error < 0 && error != -EAGAIN) {
		connection_fail(connection, -error);
		return;
	}
	/* An empty record is consumed when it was sent, not when it was not. */
	if (peeked && (sent > 0 || error == 0))
		lost = connection_consume(connection, sent, error == 0);
	connection_count(connection, peeked ? sent : received, sent);
	/* What could not be consumed would be echoed twice. */
	if (lost < 0) {
		connection_fail(connection, -lost);
		return;
	}
	if (error == -EAGAIN)
		connection_hold(connection, peeked ? NULL : data + sent,
				received - sent);
	/*
	 * A short read empties a TCP receive queue unless it stopped at urgent
	 * data or a FIN; a Unix one may also have stopped at a descriptor.
	 */
	else if (connection->stream.tcp &&
		 before + received < WORKER_SCRATCH_SIZE &&
		 !connection->draining &&
		 !(connection->source.ready & MORE_TO_COME))
		event_source_consume(&connection->source, EPOLLIN);
}

static bool connection_must_peek(const struct connection *connection)
{
	return connection->peeks ||
	       !held_pool_has_room(&worker_of(&connection->source)->held);
}

static void connection_echo(struct connection *connection)
{
	struct worker *worker = worker_of(&connection->source);
	bool peek = connection_must_peek(connection);
	size_t before = connection->echoed;
	struct stream_input input;
	int error;

	/* The end, and an urgent mark, show only at the head of the queue. */
	if (before > 0 && (connection->source.ready & MORE_TO_COME)) {
		(void)connection_catch_up(connection);
		return;
	}
	error = stream_receive(&connection->stream, worker->scratch,
			       WORKER_SCRATCH_SIZE, peek, &input);
	if (error < 0) {
		connection_on_nothing(connection, -error);
	} else if (input.end) {
		connection_close(connection, "closed by peer");
	} else if (input.length > WORKER_SCRATCH_SIZE) {
		connection_fail(connection, EMSGSIZE);
	} else if (before > 0 && input.length <= before) {
		(void)connection_catch_up(connection);
	} else {
		connection_reply(connection, before, input.length - before,
				 peek);
	}
}

/* After our FIN: late bytes cannot be echoed and stay unread, hence a reset. */
static void connection_on_finishing(struct connection *connection)
{
	bool broken = connection->source.ready & EPOLLERR;

	event_source_consume(&connection->source, EPOLLIN | MORE_TO_COME);
	if (broken)
		connection_end(connection, "stopping");
	else
		connection_settle(&connection->idle);
}

void connection_on_ready(struct event_source *source)
{
	struct connection *connection =
		container_of(source, struct connection, source);

	switch ((enum connection_state)connection->state) {
	case CONNECTION_ECHOING:
		connection_echo(connection);
		break;
	case CONNECTION_HOLDING:
		connection_flush(connection);
		break;
	case CONNECTION_FINISHING:
		connection_on_finishing(connection);
		break;
	}
}
