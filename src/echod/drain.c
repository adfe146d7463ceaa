/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/drain.h"

#include "echod/connection.h"
#include "echod/datagram.h"
#include "echod/listener.h"
#include "echod/parking.h"
#include "echod/room.h"

/*
 * That a peer's kernel has acknowledged everything is no event of epoll(7): it
 * has to be asked for.
 */
#define SETTLE_INTERVAL_USEC (10 * USEC_PER_MSEC)

typedef void listener_verb(struct listener *listener);
typedef void datagram_verb(struct datagram *datagram);
typedef void connection_verb(struct idle_entry *entry);

static void for_each_listener(struct worker *worker, listener_verb *verb)
{
	struct list_node *link, *following;

	list_for_each_safe (link, following, &worker->listeners)
		verb(container_of(link, struct listener, siblings));
}

static void for_each_datagram(struct worker *worker, datagram_verb *verb)
{
	struct list_node *link, *following;

	list_for_each_safe (link, following, &worker->datagrams)
		verb(container_of(link, struct datagram, siblings));
}

/* The verb may end the connection. */
static void for_each_connection(struct worker *worker, connection_verb *verb)
{
	struct list_node *link, *following;

	list_for_each_safe (link, following, &worker->connections.entries)
		verb(container_of(link, struct idle_entry, link));
}

static void drain_end(struct worker *worker)
{
	reactor_timer_stop(&worker->drain);
	for_each_listener(worker, listener_close);
	for_each_connection(worker, connection_abort);
	for_each_datagram(worker, datagram_close);
	worker_finish(worker);
}

/* Connections have ended, and no reply waits for room in a send buffer. */
static bool drain_is_done(const struct worker *worker)
{
	struct list_node *link;

	list_for_each (link, &worker->datagrams) {
		if (datagram_is_stuck(
			    container_of(link, struct datagram, siblings)))
			return false;
	}
	return list_is_empty(&worker->connections.entries);
}

static void drain_on_tick(struct reactor_timer *timer)
{
	struct worker *worker = container_of(timer, struct worker, drain);
	uint64_t now = worker->reactor.now;

	for_each_connection(worker, connection_settle);
	if (drain_is_done(worker) || now >= worker->drain_deadline)
		drain_end(worker);
	else
		reactor_timer_start(&worker->reactor, timer,
				    now + SETTLE_INTERVAL_USEC);
}

static void drain_listener(struct listener *listener)
{
	if (!listener->passed)
		listener_sweep(listener);
	listener_close(listener);
}

/* After the next round, in which connections look at their queues. */
static void drain_go_on(struct worker *worker, timer_handler *on_round)
{
	worker->drain_deadline =
		usec_add(worker->reactor.now, worker->policy->drain_timeout);
	worker->drain.on_expiry = on_round;
	reactor_timer_start(&worker->reactor, &worker->drain,
			    worker->reactor.now);
}

static void drain_begin(struct worker *worker)
{
	for_each_listener(worker, drain_listener);
	for_each_datagram(worker, datagram_sweep);
	for_each_connection(worker, connection_drain);
	drain_go_on(worker, drain_on_tick);
}

/* What could be answered at once has been. */
static void hand_over_end(struct reactor_timer *timer)
{
	struct worker *worker = container_of(timer, struct worker, drain);

	parking_hand_over(worker);
	STATS_COUNT(worker->stats, connections_unparked,
		    list_length(&worker->connections.entries));
	for_each_connection(worker, connection_drain);
	timer->on_expiry = drain_on_tick;
	reactor_timer_start(&worker->reactor, timer, worker->reactor.now);
}

/*
 * What waits in listeners and in the receive queues of datagrams waits there
 * for the next instance.
 */
static void hand_over_begin(struct worker *worker)
{
	for_each_listener(worker, listener_close);
	for_each_datagram(worker, datagram_pause);
	for_each_connection(worker, connection_answer);
	drain_go_on(worker, hand_over_end);
}

void drain_on_request(struct worker *worker, unsigned requests)
{
	if (requests & WORKER_ABORT) {
		drain_end(worker);
		return;
	}
	if (requests & WORKER_YIELD)
		room_on_yield(worker);
	if (requests & WORKER_PAUSE) {
		for_each_listener(worker, listener_pause);
		for_each_datagram(worker, datagram_pause);
	}
	if (requests & WORKER_RESUME) {
		for_each_listener(worker, listener_resume);
		for_each_datagram(worker, datagram_resume);
	}
	if (requests & WORKER_DRAIN)
		drain_begin(worker);
	else if (requests & WORKER_HAND_OVER)
		hand_over_begin(worker);
}
