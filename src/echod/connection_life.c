/* SPDX-License-Identifier: MIT */
/*
 * How a connection begins, and the ways in which it ends.  While it is parked,
 * others have a duplicate of its descriptor, so that close(2) would end
 * nothing: it is shut down first.
 */
#include "config.h"

#include "echod/connection_state.h"

#include "echod/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ARMED (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLOUT)

void connection_drop_held(struct connection *connection)
{
	if (connection->held == 0)
		return;
	held_drop(&worker_of(&connection->source)->held, connection->held);
	connection->held = 0;
}

/* Give up the descriptor and the memory; what was counted stays counted. */
static void connection_free(struct connection *connection, const char *reason)
{
	struct worker *worker = worker_of(&connection->source);
	bool gone = true;

	if (connection->logged)
		connection_journal_write(journal_of(connection),
					 worker->reactor.now, reason);
	connection_drop_held(connection);
	connection_forget_lag(connection);
	connection_unwatch(connection);
	if (connection->quota != 0)
		quota_give(worker->policy->quota, connection->quota);
	idle_queue_remove(&connection->idle);
	if (connection->parkable)
		idle_queue_remove(place_of(connection));
	if (connection->sole && !connection->duplicated)
		event_source_forget(&connection->source);
	else
		gone = event_source_remove(&connection->source);
	close(connection->source.fd);
	if (gone)
		free(connection);
	worker_release_connection(worker);
}

/*
 * Not so if bytes are left with the kernel until they were sent; and what was
 * adopted is not lost with us, but found to contradict its counters.
 */
static bool connection_owns_bytes(const struct connection *connection)
{
	return connection->stream.tcp && !connection->peeks &&
	       !connection->duplicated;
}

static void connection_leave(struct connection *connection, const char *reason)
{
	struct worker *worker = worker_of(&connection->source);

	if (connection->parked)
		lot_leave(&worker->lot, &place_of(connection)->link);
	if (connection->duplicated)
		socket_shut_down(connection->source.fd);
	STATS_COUNT(worker->stats, connections_closed, 1);
	connection_free(connection, reason);
}

void connection_close(struct connection *connection, const char *reason)
{
	if (connection_owns_bytes(connection))
		(void)socket_set_abortive(connection->source.fd, false);
	connection_leave(connection, reason);
}

/* For a connection that is broken, or that echod ends with bytes left over. */
static void connection_reset(struct connection *connection, const char *reason)
{
	if (connection->duplicated)
		socket_disconnect(connection->source.fd);
	else
		socket_reset_on_close(connection->source.fd);
	connection_leave(connection, reason);
}

/* Of what arrived, which for a FIN has to be all. */
static bool connection_echoed_all(struct connection *connection)
{
	int fd = connection->source.fd;

	if (connection->state == CONNECTION_HOLDING)
		return false;
	if (connection_consume_left(connection) < 0)
		return false;
	if (socket_unread(fd) > 0)
		return false;
	if (!connection->duplicated)
		return true;
	/* close(2) would look once more, and as it shuts down; shutdown(2) has
	   only that reset which arrives from then on (RFC 1122, 4.2.2.13). */
	socket_shut_down(fd);
	return socket_unread(fd) == 0;
}

void connection_end(struct connection *connection, const char *reason)
{
	if (connection_echoed_all(connection)) {
		connection_close(connection, reason);
		return;
	}
	STATS_COUNT(worker_of(&connection->source)->stats, connections_reset,
		    1);
	connection_reset(connection, reason);
}

void connection_fail(struct connection *connection, int error)
{
	struct worker *worker = worker_of(&connection->source);

	if (!connection_journal_is_theirs(error))
		STATS_COUNT(worker->stats, connections_reset, 1);
	connection_reset(connection, connection_journal_reason(error));
}

void connection_settle(struct idle_entry *entry)
{
	struct connection *connection = connection_of(entry);

	if (connection->state == CONNECTION_FINISHING &&
	    socket_unacknowledged(connection->source.fd) == 0)
		connection_end(connection, "stopping");
}

static struct connection *connection_new(struct worker *worker, int fd,
					 const struct connection_origin *origin,
					 const struct address *peer)
{
	bool logged = worker->policy->log_connections && peer;
	bool parkable = worker->policy->preserve && origin->sole;
	struct connection *connection =
		malloc(sizeof(*connection) +
		       (parkable ? sizeof(struct idle_entry) : 0) +
		       (logged ? sizeof(struct connection_journal) : 0));

	if (!connection)
		return NULL;
	*connection = (struct connection){
		.stream = { fd, origin->tcp, origin->records },
		.state = CONNECTION_ECHOING,
		.peeks = worker->policy->preserve || !origin->tcp,
		/* It may still lie in a lot that the manager has to close. */
		.sole = origin->sole && !origin->adopted,
		.parkable = parkable,
		.may_lag = parkable && origin->tcp && origin->roomy,
		.duplicated = origin->adopted && origin->tcp,
		.logged = logged,
	};
	event_source_init(&connection->source, fd, connection_on_ready);
	if (logged)
		*journal_of(connection) = (struct connection_journal){
			.listener = origin->name,
			.opened = worker->reactor.now,
			.peer = *peer,
		};
	return connection;
}

/*
 * Only TCP has counters by which the next instance sees what was echoed, even
 * if we die between sending and consuming.  Others can be parked only when we
 * go in peace.
 */
static void connection_await_parking(struct connection *connection)
{
	struct worker *worker = worker_of(&connection->source);
	struct idle_entry *place = place_of(connection);

	if (connection->stream.tcp)
		idle_queue_add(&worker->young, place);
	else
		list_append(&worker->late, &place->link);
}

/* Only newcomers can be too many: the others are there already. */
static int connection_admit(struct worker *worker,
			    const struct connection_origin *origin,
			    const struct address *peer, uint32_t *source)
{
	*source = 0;
	if (!worker->policy->quota)
		return 0;
	return quota_take(worker->policy->quota, peer,
			  origin->adopted || !origin->sole, source);
}

/* It is not to be served, for want of memory or because it is refused. */
static void connection_dismiss(struct worker *worker, int fd,
			       const struct connection_origin *origin,
			       int error)
{
	/* As an earlier instance had it, it may lie in a lot. */
	if (origin->adopted) {
		socket_disconnect(fd);
		socket_shut_down(fd);
	} else {
		/* It may have sent something: no FIN is to look like its echo.
		 */
		socket_reset_on_close(fd);
	}
	if (error == -EDQUOT)
		STATS_COUNT(worker->stats, connections_refused_source, 1);
	close(fd);
	worker_cancel_connection(worker);
}

static int connection_begin(struct worker *worker, int fd,
			    const struct connection_origin *origin,
			    const struct address *peer, uint32_t quota,
			    struct connection **begun)
{
	struct connection *connection =
		connection_new(worker, fd, origin, peer);
	int error;

	if (!connection)
		return -ENOMEM;
	connection->quota = quota;
	error = reactor_add(&worker->reactor, &connection->source, ARMED,
			    EPOLLIN);
	if (error < 0)
		free(connection);
	else
		*begun = connection;
	return error;
}

int connection_open(struct worker *worker, int fd,
		    const struct connection_origin *origin,
		    const struct address *peer)
{
	struct connection *connection = NULL;
	uint32_t quota;
	int error = connection_admit(worker, origin, peer, &quota);

	if (error == 0) {
		error = connection_begin(worker, fd, origin, peer, quota,
					 &connection);
		if (error < 0 && quota != 0)
			quota_give(worker->policy->quota, quota);
	}
	if (!connection) {
		connection_dismiss(worker, fd, origin, error);
		return error;
	}
	/* Should we be killed, no FIN is to hide what we had not sent yet. */
	if (connection_owns_bytes(connection))
		(void)socket_set_abortive(fd, true);
	idle_queue_add(&worker->connections, &connection->idle);
	if (connection->parkable)
		connection_await_parking(connection);
	if (origin->adopted)
		STATS_COUNT(worker->stats, connections_adopted, 1);
	else
		STATS_COUNT(worker->stats, connections_accepted, 1);
	return 0;
}

bool connection_is_late(struct idle_entry *entry)
{
	const struct connection *connection = connection_of(entry);

	/* What it received came in time, but we were not run. */
	return connection->state == CONNECTION_ECHOING &&
	       socket_unread(connection->source.fd) > connection->echoed;
}

void connection_evict(struct idle_entry *entry)
{
	struct connection *connection = connection_of(entry);

	STATS_COUNT(worker_of(&connection->source)->stats, connections_evicted,
		    1);
	connection_end(connection, "made room");
}

void connection_on_idle(struct idle_entry *entry)
{
	struct connection *connection = connection_of(entry);
	struct worker *worker = worker_of(&connection->source);

	if (connection_is_late(entry)) {
		idle_queue_touch(&worker->connections, entry);
		return;
	}
	STATS_COUNT(worker->stats, connections_idled, 1);
	connection_end(connection, "idle");
}

void connection_drain(struct idle_entry *entry)
{
	struct connection *connection = connection_of(entry);

	connection->draining = true;
	connection_answer(entry);
}

void connection_abort(struct idle_entry *entry)
{
	connection_end(connection_of(entry), "stopping");
}

static struct connection *placed_at(struct list_node *place)
{
	void *entry = container_of(place, struct idle_entry, link);

	return (struct connection *)entry - 1;
}

struct worker *connection_worker(struct list_node *place)
{
	return worker_of(&placed_at(place)->source);
}

int connection_descriptor(struct list_node *place)
{
	return placed_at(place)->source.fd;
}

void connection_on_parked(struct list_node *place)
{
	placed_at(place)->parked = placed_at(place)->duplicated = true;
}

void connection_give_up(struct list_node *place)
{
	struct connection *connection = placed_at(place);

	connection->duplicated = true;
	connection_end(connection, "cannot be kept");
}

void connection_answer(struct idle_entry *entry)
{
	/* There may be no edge: look for what has been received. */
	event_source_raise(&connection_of(entry)->source, EPOLLIN);
}

void connection_hand_over(struct idle_entry *entry)
{
	struct connection *connection = connection_of(entry);

	if (!connection->parked)
		return;
	/* What cannot be consumed is skipped by the next instance. */
	(void)!connection_consume_left(connection);
	connection_free(connection, "handed over");
}
