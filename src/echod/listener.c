/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/listener.h"

#include "echod/room.h"
#include "echod/socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Accepted in one turn: few, so that others have theirs.  Of a shared listener
 * even fewer: what one worker does not take, others do.
 */
#define ACCEPT_BUDGET	     8
#define ACCEPT_BUDGET_SHARED 2

#define ARMED  EPOLLIN
#define SHARED (EPOLLIN | EPOLLEXCLUSIVE)

enum accept_outcome {
	ACCEPT_OK,
	ACCEPT_NEXT,	/* that one is gone, try the next */
	ACCEPT_EMPTY,	/* nobody is waiting */
	ACCEPT_LIMITED, /* too many connections already */
	ACCEPT_STARVED, /* no descriptors or no memory */
};

/*
 * accept(2): errors of the new connection are reported by the call that would
 * have returned it, and are no reason to stop.
 */
static enum accept_outcome accept_outcome_of(int error)
{
	switch (error) {
	case EAGAIN:
		return ACCEPT_EMPTY;
	case ECONNABORTED:
	case EINTR:
	case EPERM: /* a firewall */
	case EPROTO:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ETIMEDOUT:
		return ACCEPT_NEXT;
	default: /* EMFILE, ENFILE, ENOBUFS, ENOMEM; a bug must not spin */
		return ACCEPT_STARVED;
	}
}

/* Whom it is from costs a little: only the log and the quota ask. */
static int listener_take(struct listener *listener, struct address *peer)
{
	const struct worker_policy *policy = listener->worker->policy;
	bool asked = policy->log_connections || policy->quota;

	peer->length =
		asked ? sizeof(*peer) - offsetof(struct address, any) : 0;
	return accept4(listener->source.fd, asked ? &peer->any : NULL,
		       asked ? &peer->length : NULL,
		       SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* A connection has been reserved. */
static enum accept_outcome listener_accept_one(struct listener *listener)
{
	struct worker *worker = listener->worker;
	struct address peer;
	int fd = listener_take(listener, &peer), error;

	if (fd < 0) {
		enum accept_outcome outcome = accept_outcome_of(errno);

		worker_cancel_connection(worker);
		if (outcome == ACCEPT_NEXT)
			STATS_COUNT(worker->stats, accept_failed, 1);
		return outcome;
	}
	if (!listener->origin.tcp)
		socket_prepare_accepted(fd, listener->origin.records);
	error = connection_open(worker, fd, &listener->origin, &peer);
	if (error == -EDQUOT)
		return ACCEPT_NEXT;
	if (error < 0) {
		STATS_COUNT(worker->stats, accept_failed, 1);
		return ACCEPT_STARVED;
	}
	return ACCEPT_OK;
}

/*
 * At the limit somebody has to go for each newcomer: but only when it is there
 * and served, so that nobody goes in vain.
 */
static enum accept_outcome listener_accept_at_limit(struct listener *listener)
{
	struct worker *worker = listener->worker;
	enum accept_outcome outcome;
	struct idle_entry *leaving;

	if (!socket_is_pending(listener->source.fd))
		return ACCEPT_EMPTY;
	leaving = room_find(worker);
	if (!leaving) {
		room_ask(worker);
		return ACCEPT_LIMITED;
	}
	worker_overbook_connection(worker);
	outcome = listener_accept_one(listener);
	if (outcome == ACCEPT_OK)
		connection_evict(leaving);
	return outcome;
}

static enum accept_outcome listener_accept(struct listener *listener)
{
	return worker_reserve_connection(listener->worker)
		       ? listener_accept_one(listener)
		       : listener_accept_at_limit(listener);
}

/* Counted once an episode, not once a retry. */
static void listener_await_capacity(struct listener *listener,
				    enum counter counter)
{
	struct worker *worker = listener->worker;

	if (!listener->held_up)
		stats_add(worker->stats, counter, 1);
	listener->held_up = true;
	event_source_want(&listener->source, 0);
	worker_await_capacity(worker, &listener->waiter);
}

static int listener_register(struct listener *listener)
{
	return reactor_add(&listener->worker->reactor, &listener->source,
			   listener->shared ? SHARED : ARMED, EPOLLIN);
}

/*
 * EPOLLEXCLUSIVE wakes who has been registered longest and is waiting: the same
 * worker time and again, unless it gets in line behind the others.
 */
static void listener_get_in_line(struct listener *listener)
{
	event_source_remove(&listener->source);
	event_source_consume(&listener->source, EPOLLIN);
	if (listener_register(listener) < 0)
		listener_await_capacity(listener, COUNTER_accept_starved);
}

/* Accept some: false if it paused. */
static bool listener_accept_some(struct listener *listener, int budget)
{
	int failed = 0;

	for (int i = 0; i < budget; i++) {
		switch (listener_accept(listener)) {
		case ACCEPT_OK:
			listener->held_up = false;
			break;
		case ACCEPT_NEXT:
			failed++;
			break;
		case ACCEPT_EMPTY:
			event_source_consume(&listener->source, EPOLLIN);
			return true;
		case ACCEPT_LIMITED:
			listener_await_capacity(listener,
						COUNTER_accept_limited);
			return false;
		case ACCEPT_STARVED:
			listener_await_capacity(listener,
						COUNTER_accept_starved);
			return false;
		}
	}
	if (failed < budget)
		return true;
	/* Whatever fails them all, a firewall say, goes on for a while. */
	listener_await_capacity(listener, COUNTER_accept_starved);
	return false;
}

static void listener_on_ready(struct event_source *source)
{
	struct listener *listener =
		container_of(source, struct listener, source);

	if (!listener->shared)
		(void)listener_accept_some(listener, ACCEPT_BUDGET);
	else if (listener_accept_some(listener, ACCEPT_BUDGET_SHARED))
		listener_get_in_line(listener);
}

static void listener_on_capacity(struct worker_waiter *waiter)
{
	struct listener *listener =
		container_of(waiter, struct listener, waiter);

	/* It could not get in line again for want of memory. */
	if (!listener->source.reactor && listener_register(listener) < 0)
		worker_await_capacity(listener->worker, waiter);
	else
		event_source_want(&listener->source,
				  listener->paused ? 0 : EPOLLIN);
}

int listener_open(struct listener *listener, struct worker *worker, int fd,
		  bool shared)
{
	int error;

	listener->worker = worker;
	listener->held_up = listener->paused = false;
	listener->shared = shared;
	listener->waiter.on_capacity = listener_on_capacity;
	list_init(&listener->waiter.link);
	list_init(&listener->siblings);
	event_source_init(&listener->source, fd, listener_on_ready);
	socket_set_busy_poll(fd, worker->policy->busy_poll);
	error = listener_register(listener);
	if (error < 0)
		return error;
	list_append(&worker->listeners, &listener->siblings);
	return 0;
}

void listener_close(struct listener *listener)
{
	event_source_remove(&listener->source);
	list_remove(&listener->waiter.link);
	list_remove(&listener->siblings);
}

void listener_pause(struct listener *listener)
{
	listener->paused = true;
	event_source_want(&listener->source, 0);
}

void listener_resume(struct listener *listener)
{
	listener->paused = false;
	event_source_want(&listener->source, EPOLLIN);
}

void listener_sweep(struct listener *listener)
{
	enum accept_outcome outcome = ACCEPT_OK;
	int failed = 0;

	while (outcome == ACCEPT_OK ||
	       (outcome == ACCEPT_NEXT && failed < ACCEPT_BUDGET)) {
		outcome = listener_accept(listener);
		failed = outcome == ACCEPT_NEXT ? failed + 1 : 0;
	}
}
