/* SPDX-License-Identifier: MIT */
/*
 * Connections that are made for one message each, one after the other.
 *
 *   connect ──► send ──► receive ──► shutdown(SHUT_WR) ──► their FIN ──► close
 *   |-connect-|
 *   |------------------------------ rtt ------------------------------|
 *
 * What is measured is the life of a connection as its client sees it.  Waiting
 * for their FIN is part of it: a close() that does not wait can be counted far
 * faster than connections really end.  In the beginning each connection is made
 * once, in PHASE_OPENING, to see whether there is somebody.
 */
#include "config.h"

#include "echoping/load_engines.h"

#include "echoping/load_call.h"
#include "echoping/load_link.h"
#include "echoping/pattern.h"

#include <errno.h>

#define CYCLE_STRIDE 4799

struct load_cycle {
	struct load_link link;
	struct list_node place;
	uint64_t position, due;
	uint32_t sent, received;
	bool active;  /* from before connect to after close */
	bool counted; /* begun in the measurement */
};

static struct load_cycle *cycle_of(struct load_link *link)
{
	return container_of(link, struct load_cycle, link);
}

static size_t connect_size(const struct load_plan *plan UNUSED)
{
	return sizeof(struct load_cycle);
}

static int connect_prepare(struct load_worker *worker UNUSED)
{
	return 0;
}

static void connect_release(struct load_worker *worker UNUSED)
{
}

static void connect_init(struct load_worker *worker, struct load_link *link)
{
	struct load_cycle *cycle = cycle_of(link);

	list_init(&cycle->place);
	cycle->position =
		(uint64_t)CYCLE_STRIDE * load_link_number(worker, link);
}

static void activate(struct load_worker *worker, struct load_cycle *cycle)
{
	if (cycle->active)
		return;
	cycle->active = cycle->counted = true;
	worker->under_way++;
}

static void begin(struct load_worker *worker, struct load_cycle *cycle)
{
	worker->now = clock_now();
	activate(worker, cycle);
	worker->down--;
	load_link_make(worker, &cycle->link);
}

/* Closed loop: the next connection at once.  Open loop: when one is due. */
static void begin_next(struct load_worker *worker, struct load_link *link)
{
	struct load_cycle *cycle = cycle_of(link);

	if (worker->phase != PHASE_WARMUP && worker->phase != PHASE_MEASURING)
		return;
	if (load_worker_is_open_loop(worker)) {
		load_schedule_offer(&worker->schedule, &cycle->place,
				    worker->now);
		return;
	}
	cycle->due = worker->now;
	begin(worker, cycle);
}

static unsigned connect_send_due(struct load_worker *worker,
				 struct list_node *place, unsigned count UNUSED)
{
	struct load_cycle *cycle =
		container_of(place, struct load_cycle, place);

	cycle->due = load_schedule_due(&worker->schedule, 0);
	load_schedule_retire(place);
	begin(worker, cycle);
	load_worker_record_lag(worker, cycle->due);
	return 1;
}

static void deactivate(struct load_worker *worker, struct load_cycle *cycle)
{
	cycle->active = false;
	cycle->sent = cycle->received = 0;
	cycle->position += CYCLE_STRIDE;
	worker->under_way--;
}

/* For want of a port nothing was sent. */
static void connect_failed(struct load_worker *worker, struct load_link *link,
			   int error)
{
	struct load_cycle *cycle = cycle_of(link);

	activate(worker, cycle);
	if (cycle->counted && error != EADDRNOTAVAIL) {
		worker->counts->tally.sent++;
		worker->counts->tally.lost++;
	}
	deactivate(worker, cycle);
}

static void connect_ended(struct load_worker *worker, struct load_link *link)
{
	struct load_cycle *cycle = cycle_of(link);

	if (!cycle->active)
		return;
	if (cycle->counted)
		worker->counts->tally.lost++;
	deactivate(worker, cycle);
}

static void fail(struct load_worker *worker, struct load_cycle *cycle,
		 enum load_trouble trouble, const char *what, int error)
{
	load_link_fail(worker, &cycle->link, trouble, what, error, true);
}

static void send_some(struct load_worker *worker, struct load_cycle *cycle)
{
	size_t wanted = worker->size - cycle->sent;
	size_t piece = MIN(wanted, (size_t)PATTERN_SPAN);
	ssize_t sent =
		load_send(cycle->link.fd,
			  pattern_at(cycle->position + cycle->sent), piece);

	if (sent < 0 && errno != EAGAIN) {
		fail(worker, cycle, TROUBLE_CLOSED, "send", errno);
		return;
	}
	cycle->sent += (uint32_t)MAX(sent, 0);
	if ((size_t)MAX(sent, 0) < wanted)
		load_link_watch(worker, &cycle->link, LINK_EVENTS | EPOLLOUT);
}

static void connect_opened(struct load_worker *worker, struct load_link *link)
{
	struct load_cycle *cycle = cycle_of(link);

	activate(worker, cycle);
	worker->now = clock_now();
	if (cycle->counted) {
		worker->counts->tally.sent++;
		histogram_record(&worker->counts->connect,
				 worker->now - link->since);
	}
	send_some(worker, cycle);
}

static void count_cycle(struct load_worker *worker, struct load_cycle *cycle)
{
	struct load_counts *counts = worker->counts;

	if (!cycle->counted)
		return;
	counts->tally.received++;
	counts->bytes += worker->size;
	histogram_record(&counts->tally.rtt, worker->now - cycle->link.since);
	if (load_worker_is_open_loop(worker))
		histogram_record(&counts->intended, worker->now - cycle->due);
}

static void complete(struct load_worker *worker, struct load_cycle *cycle)
{
	worker->now = clock_now();
	count_cycle(worker, cycle);
	deactivate(worker, cycle);
	load_link_close(worker, &cycle->link);
	begin_next(worker, &cycle->link);
}

static void take_bytes(struct load_worker *worker, struct load_cycle *cycle,
		       size_t length)
{
	size_t allowed = MIN(length, cycle->sent - cycle->received);
	size_t right = pattern_mismatch(cycle->position + cycle->received,
					worker->scratch, allowed);

	if (right < length) {
		worker->counts->tally.corrupt++;
		fail(worker, cycle, TROUBLE_CORRUPT,
		     "what came back is not what was sent", 0);
		return;
	}
	cycle->received += (uint32_t)length;
	if (cycle->received == worker->size)
		(void)shutdown(cycle->link.fd, SHUT_WR);
	/* The FIN may be there already. */
	load_link_watch(worker, &cycle->link, LINK_EVENTS | EPOLLOUT);
}

static void connect_on_ready(struct load_worker *worker, struct load_link *link,
			     uint32_t events)
{
	struct load_cycle *cycle = cycle_of(link);
	uint32_t size = worker->size;
	ssize_t length;

	if ((events & EPOLLOUT) && cycle->sent < size)
		send_some(worker, cycle);
	if (!(events & ~(uint32_t)EPOLLOUT) || link->state != LINK_OPEN)
		return;
	length = load_receive(link->fd, worker->scratch, PATTERN_SPAN);
	if (length > 0)
		take_bytes(worker, cycle, (size_t)length);
	else if (length == 0 && cycle->received == size)
		complete(worker, cycle);
	else if (length == 0)
		fail(worker, cycle, TROUBLE_CLOSED,
		     "the other side has closed before all came back", 0);
	else if (errno != EAGAIN)
		fail(worker, cycle, TROUBLE_CLOSED, "receive", errno);
}

static void connect_begin(struct load_worker *worker, struct load_link *link)
{
	struct load_cycle *cycle = cycle_of(link);

	if (worker->phase == PHASE_MEASURING)
		cycle->counted = false;
	if (link->state == LINK_DOWN && !cycle->active)
		begin_next(worker, link);
}

static void connect_check(struct load_worker *worker, struct load_link *link)
{
	if (worker->now - link->since > worker->timeout)
		fail(worker, cycle_of(link), TROUBLE_CLOSED,
		     "connect, echo and close", ETIMEDOUT);
}

const struct load_engine load_connect = {
	.size = connect_size,
	.prepare = connect_prepare,
	.release = connect_release,
	.init = connect_init,
	.opened = connect_opened,
	.failed = connect_failed,
	.on_ready = connect_on_ready,
	.ended = connect_ended,
	.begin = connect_begin,
	.check = connect_check,
	.revive = begin_next,
	.send_due = connect_send_due,
};
