/* SPDX-License-Identifier: MIT */
/*
 * Messages as datagrams, or as records: each stands for itself, and may be
 * lost, doubled or overtaken (load_window.h).  A socket of its own, connected,
 * for each of --connections; a lost message frees its place in the pipeline.
 */
#include "config.h"

#include "echoping/load_engines.h"

#include "echoping/load_flow.h"

#include <errno.h>
#include <stdlib.h>
#include <linux/sock_diag.h>

/* As much as is allowed, which is less: net.core.rmem_max. */
#define RECEIVE_BUFFER (16 << 20)

static struct load_flow *flow_of(struct load_link *link)
{
	return container_of(link, struct load_flow, link);
}

static size_t datagram_size(const struct load_plan *plan)
{
	return offsetof(struct load_flow, window) +
	       load_window_size(plan->settings->pipeline);
}

static int datagram_prepare(struct load_worker *worker)
{
	const struct settings *settings = worker->plan->settings;
	struct load_batch *batch = calloc(1, sizeof(*batch));

	worker->state = batch;
	if (!batch)
		return -ENOMEM;
	return load_batch_init(batch, settings->size, settings->gso);
}

static void datagram_release(struct load_worker *worker)
{
	struct load_batch *batch = worker->state;

	if (batch)
		load_batch_deinit(batch);
	free(batch);
	worker->state = NULL;
}

static void datagram_init(struct load_worker *worker, struct load_link *link)
{
	struct load_flow *flow = flow_of(link);

	list_init(&flow->place);
	flow->nonce = worker->plan->nonce + load_link_number(worker, link);
	load_window_init(&flow->window, worker->pipeline);
}

static unsigned datagram_send_due(struct load_worker *worker,
				  struct list_node *place, unsigned count)
{
	struct load_flow *flow = container_of(place, struct load_flow, place);
	const struct load_batch *batch = worker->state;
	unsigned sent;

	count = MIN(count, load_flow_room(worker, flow));
	count = MIN(count, batch->trains ? batch->most : 1);
	sent = load_flow_send(worker, flow, count);
	for (unsigned i = 0; i < sent; i++)
		load_worker_record_lag(worker,
				       load_schedule_due(&worker->schedule, i));
	if (load_flow_room(worker, flow) == 0)
		load_schedule_retire(place);
	return sent;
}

static void lose(struct load_worker *worker, struct load_flow *flow,
		 struct load_sent *sent)
{
	load_window_lose(&flow->window, sent);
	worker->under_way--;
	if (sent->counted)
		worker->counts->tally.lost++;
}

static void lose_overdue(struct load_worker *worker, struct load_flow *flow)
{
	uint64_t timeout = worker->timeout;
	struct load_sent *sent;

	while ((sent = load_window_oldest(&flow->window)) &&
	       worker->now - sent->sent > timeout)
		lose(worker, flow, sent);
}

static void count_faults(struct tally *tally, unsigned faults)
{
	tally->duplicate += (faults & FAULT_DUPLICATE) != 0;
	tally->reordered += (faults & FAULT_REORDERED) != 0;
	tally->late += (faults & FAULT_LATE) != 0;
	tally->corrupt += (faults & FAULT_CORRUPT) != 0;
	tally->truncated += (faults & FAULT_TRUNCATED) != 0;
	tally->foreign += (faults & FAULT_FOREIGN) != 0;
}

static void count_first(struct load_worker *worker,
			const struct load_sent *sent, unsigned faults)
{
	struct load_counts *counts = worker->counts;

	if (faults & (FAULT_CORRUPT | FAULT_TRUNCATED)) {
		counts->tally.lost++;
		return;
	}
	counts->tally.received++;
	counts->bytes += worker->size;
	histogram_record(&counts->tally.rtt, worker->now - sent->sent);
	if (load_worker_is_open_loop(worker))
		histogram_record(&counts->intended, worker->now - sent->due);
}

static void take_reply(struct load_worker *worker, struct load_flow *flow,
		       const unsigned char *bytes, size_t length)
{
	struct load_sent *sent;
	bool first;
	unsigned faults =
		load_window_judge(&flow->window, bytes, length, worker->size,
				  flow->nonce, &sent, &first);

	if (sent && first)
		worker->under_way--;
	if (sent && !sent->counted)
		return;
	count_faults(&worker->counts->tally, faults);
	if (sent && first)
		count_first(worker, sent, faults);
}

/* Records end with an empty one, again and again; our own may be empty, too. */
static bool is_end(const struct load_worker *worker, size_t length,
		   uint32_t events)
{
	return length == 0 &&
	       target_type(worker->plan->target) == SOCK_SEQPACKET &&
	       (worker->size > 0 || (events & EPOLLRDHUP));
}

static void cannot_receive(struct load_worker *worker, struct load_flow *flow,
			   int error)
{
	if (error == EAGAIN)
		return;
	if (!target_is_udp(worker->plan->target)) {
		load_flow_fail(worker, flow, TROUBLE_CLOSED, "receive", error);
		return;
	}
	load_flow_count_error(worker, TROUBLE_RECEIVE, "receive", error);
	load_link_watch(worker, &flow->link, LINK_EVENTS);
}

static void receive(struct load_worker *worker, struct load_flow *flow,
		    uint32_t events)
{
	struct load_batch *batch = worker->state;
	int count = load_batch_receive(batch, flow->link.fd);
	const unsigned char *bytes;
	size_t length;

	worker->now = clock_now();
	lose_overdue(worker, flow);
	if (count < 0) {
		cannot_receive(worker, flow, -count);
		return;
	}
	while (load_batch_take(batch, &bytes, &length)) {
		if (is_end(worker, length, events)) {
			load_flow_fail(worker, flow, TROUBLE_CLOSED,
				       "the other side has closed a connection",
				       0);
			return;
		}
		take_reply(worker, flow, bytes, length);
	}
	/* More may be there: look again, after the others. */
	if (count == BATCH_MAX || (events & (EPOLLRDHUP | EPOLLERR)))
		load_link_watch(worker, &flow->link, LINK_EVENTS);
}

static void datagram_on_ready(struct load_worker *worker,
			      struct load_link *link, uint32_t events)
{
	struct load_flow *flow = flow_of(link);

	if (flow->blocked && (events & EPOLLOUT)) {
		flow->blocked = false;
		load_link_watch(worker, link, LINK_EVENTS);
	}
	receive(worker, flow, events);
	if (link->state == LINK_OPEN && !flow->blocked)
		load_flow_use_room(worker, flow);
}

/* Datagrams that the kernel could not queue at this socket: socket(7). */
static uint32_t read_drops(const struct load_flow *flow)
{
	uint32_t values[SK_MEMINFO_VARS] = { 0 };
	socklen_t length = sizeof(values);

	(void)getsockopt(flow->link.fd, SOL_SOCKET, SO_MEMINFO, values,
			 &length);
	return values[SK_MEMINFO_DROPS];
}

static void datagram_opened(struct load_worker *worker, struct load_link *link)
{
	struct load_flow *flow = flow_of(link);
	int size = RECEIVE_BUFFER;
	int error = load_batch_prepare(worker->state, link->fd);

	if (setsockopt(link->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
		       sizeof(size)) < 0)
		(void)setsockopt(link->fd, SOL_SOCKET, SO_RCVBUF, &size,
				 sizeof(size));
	if (error < 0)
		(void)load_flow_gives_up_trains(worker, EINVAL);
	flow->drops = 0;
	flow->blocked = false;
	load_flow_use_room(worker, flow);
}

static void datagram_ended(struct load_worker *worker, struct load_link *link)
{
	struct load_flow *flow = flow_of(link);
	struct load_sent *sent;

	load_schedule_retire(&flow->place);
	worker->counts->socket_drops += read_drops(flow) - flow->drops;
	while ((sent = load_window_oldest(&flow->window)))
		lose(worker, flow, sent);
	flow->window.missing = 0;
}

static void datagram_begin(struct load_worker *worker, struct load_link *link)
{
	struct load_flow *flow = flow_of(link);

	if (link->state != LINK_OPEN)
		return;
	if (worker->phase == PHASE_MEASURING) {
		flow->drops = read_drops(flow);
		load_window_forget(&flow->window);
	}
	load_flow_use_room(worker, flow);
}

/* What failed to be sent is tried again now, too. */
static void datagram_check(struct load_worker *worker, struct load_link *link)
{
	struct load_flow *flow = flow_of(link);

	lose_overdue(worker, flow);
	flow->blocked = false;
	load_flow_use_room(worker, flow);
}

const struct load_engine load_datagram = {
	.size = datagram_size,
	.prepare = datagram_prepare,
	.release = datagram_release,
	.init = datagram_init,
	.opened = datagram_opened,
	.on_ready = datagram_on_ready,
	.ended = datagram_ended,
	.begin = datagram_begin,
	.check = datagram_check,
	.revive = load_link_remake,
	.send_due = datagram_send_due,
};
