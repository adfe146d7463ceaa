/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/load_flow.h"

#include "echoping/message.h"

#include <errno.h>
#include <string.h>

void load_flow_fail(struct load_worker *worker, struct load_flow *flow,
		    enum load_trouble trouble, const char *what, int error)
{
	load_link_fail(worker, &flow->link, trouble, what, error, false);
}

void load_flow_count_error(struct load_worker *worker,
			   enum load_trouble trouble, const char *what,
			   int error)
{
	worker->counts->tally.errors++;
	if (load_plan_tells(worker->plan, trouble))
		report_trouble(worker->plan->target, "%s: %s%s", what,
			       strerrordesc_np(error),
			       error == ECONNREFUSED
				       ? " (is the service running there?)"
				       : "");
}

/* A device that cannot cut trains, or a path that is too narrow for one. */
bool load_flow_gives_up_trains(struct load_worker *worker, int error)
{
	struct load_batch *batch = worker->state;

	if (!batch->trains ||
	    (error != EIO && error != EINVAL && error != EMSGSIZE))
		return false;
	batch->trains = false;
	if (load_plan_tells(worker->plan, TROUBLE_TRAINS))
		report_trouble(worker->plan->target,
			       "--gso: %s (going on without it)",
			       strerrordesc_np(error));
	return true;
}

static void cannot_send(struct load_worker *worker, struct load_flow *flow,
			int error)
{
	bool udp = target_is_udp(worker->plan->target);

	if (load_flow_gives_up_trains(worker, error))
		return;
	if (error != EAGAIN && !udp) {
		load_flow_fail(worker, flow, TROUBLE_CLOSED, "send", error);
		return;
	}
	if (error == EAGAIN)
		load_link_watch(worker, &flow->link, LINK_EVENTS | EPOLLOUT);
	else
		load_flow_count_error(worker, TROUBLE_SEND, "send", error);
	flow->blocked = true;
	load_schedule_retire(&flow->place);
}

/* Put so many messages into the batch, and send them; returns how many were. */
unsigned load_flow_send(struct load_worker *worker, struct load_flow *flow,
			unsigned count)
{
	struct load_batch *batch = worker->state;
	bool scheduled = load_worker_is_open_loop(worker);
	struct load_sent *sent[BATCH_MAX];
	int result;

	for (unsigned i = 0; i < count; i++) {
		sent[i] = load_window_add(
			&flow->window, worker->now,
			scheduled ? load_schedule_due(&worker->schedule, i)
				  : worker->now);
		message_write(load_batch_message(batch, i), batch->size,
			      sent[i]->sequence, flow->nonce);
	}
	result = load_batch_send(batch, flow->link.fd, count);
	for (unsigned i = (unsigned)MAX(result, 0); i < count; i++)
		load_window_undo(&flow->window, sent[i]);
	if (result < 0) {
		cannot_send(worker, flow, -result);
		return 0;
	}
	worker->counts->tally.sent += (unsigned)result;
	worker->under_way += (unsigned)result;
	return (unsigned)result;
}

unsigned load_flow_room(const struct load_worker *worker,
			const struct load_flow *flow)
{
	return worker->pipeline - flow->window.under_way;
}

/* Trains leave when they are at least half as long as they can be. */
static unsigned shortest(const struct load_worker *worker)
{
	const struct load_batch *batch = worker->state;
	unsigned longest = MIN(batch->most, worker->pipeline);

	return batch->trains ? (longest + 1) / 2 : 1;
}

void load_flow_use_room(struct load_worker *worker, struct load_flow *flow)
{
	const struct load_batch *batch = worker->state;
	unsigned left;

	if (load_worker_is_open_loop(worker)) {
		if (load_flow_room(worker, flow) > 0)
			load_schedule_offer(&worker->schedule, &flow->place,
					    worker->now);
		return;
	}
	if (worker->phase != PHASE_WARMUP && worker->phase != PHASE_MEASURING)
		return;
	while (flow->link.state == LINK_OPEN && !flow->blocked &&
	       (left = load_flow_room(worker, flow)) >= shortest(worker))
		(void)load_flow_send(worker, flow, MIN(left, batch->most));
}
