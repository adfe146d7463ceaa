/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/flow.h"

#include "echoping/message.h"
#include "echoping/stamp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

int flow_init(struct flow *flow, struct flow_context *context,
	      struct target *target, unsigned number, unsigned step,
	      size_t remembered)
{
	size_t size = 1;

	while (size < remembered)
		size *= 2;
	*flow = (struct flow){
		.context = context,
		.target = target,
		.number = number,
		.step = step,
		.fd = -1,
		.nonce = message_nonce(),
		.ring = calloc(size, sizeof(*flow->ring)),
		.ring_mask = (uint32_t)(size - 1),
	};
	return flow->ring ? tally_init(&flow->tally) : -ENOMEM;
}

void flow_deinit(struct flow *flow)
{
	if (flow->fd >= 0)
		close(flow->fd);
	flow->fd = -1;
	free(flow->ring);
	flow->ring = NULL;
	tally_deinit(&flow->tally);
}

/* --- Probes --- */

struct probe *flow_nth(struct flow *flow, uint64_t n)
{
	return &flow->ring[n & flow->ring_mask];
}

uint64_t flow_sequence(const struct flow *flow, uint64_t n)
{
	return flow->number + 1 + n * flow->step;
}

/* Which of the flow's own it is; `count` if it is none. */
static uint64_t index_of(const struct flow *flow, uint64_t sequence)
{
	uint64_t n = (sequence - 1 - flow->number) / flow->step;

	if (sequence <= flow->number || flow_sequence(flow, n) != sequence)
		return flow->count;
	return MIN(n, flow->count);
}

bool flow_has_sent(const struct flow *flow, uint64_t sequence)
{
	return index_of(flow, sequence) < flow->count;
}

uint64_t flow_newest(const struct flow *flow)
{
	return flow_sequence(flow, MAX(flow->count, 1) - 1);
}

struct probe *flow_find(struct flow *flow, uint64_t sequence)
{
	struct probe *probe = flow_nth(flow, index_of(flow, sequence));

	return probe->sequence == sequence && sequence > 0 ? probe : NULL;
}

struct probe *flow_oldest(struct flow *flow)
{
	struct list_node *link;

	list_for_each (link, &flow->context->waiting) {
		struct probe *probe = container_of(link, struct probe, link);

		if (probe->flow == flow)
			return probe;
	}
	return NULL;
}

void flow_lose_all(struct flow *flow, const char *reason)
{
	struct list_node *link, *following;

	list_for_each_safe (link, following, &flow->context->waiting) {
		struct probe *probe = container_of(link, struct probe, link);

		if (probe->flow == flow)
			flow_lose(probe, reason, NULL);
	}
}

uint64_t flow_next_expiry(const struct flow_context *context)
{
	struct list_node *first = context->waiting.next;

	if (list_is_empty(&context->waiting))
		return NSEC_INFINITY;
	return container_of(first, struct probe, link)->sent +
	       context->settings->timeout;
}

void flow_expire(struct flow_context *context, uint64_t now)
{
	while (flow_next_expiry(context) <= now)
		flow_lose(
			container_of(context->waiting.next, struct probe, link),
			NULL, NULL);
}

/* With --connect, is there a connection of an earlier probe still? */
static bool is_for_one_probe(const struct flow *flow)
{
	return flow->context->settings->connect &&
	       target_type(flow->target) == SOCK_STREAM;
}

/* Has another flow gone on to another address?  (A stream finds out itself.) */
static bool is_astray(const struct flow *flow)
{
	return target_is_udp(flow->target) && flow->state == FLOW_OPEN &&
	       flow->candidate != flow->target->chosen;
}

void flow_probe(struct flow *flow)
{
	struct flow_context *context = flow->context;
	struct probe *probe = flow_nth(flow, flow->count);
	int error = 0;

	if (probe->state == PROBE_WAITING)
		flow_lose(probe, "too many are under way", NULL);
	if (is_for_one_probe(flow) || is_astray(flow))
		flow_close(flow, NULL);
	*probe = (struct probe){
		.flow = flow,
		.sequence = flow_sequence(flow, flow->count),
		.sent = clock_now(),
		.state = PROBE_WAITING,
		.connecting = flow->state != FLOW_OPEN,
	};
	list_init(&probe->link);
	list_append(&context->waiting, &probe->link);
	flow->count++;
	flow->waiting++;
	flow->tally.sent++;
	if (flow->state == FLOW_CLOSED)
		error = flow_open(flow);
	if (error < 0)
		flow_close(flow, strerrordesc_np(-error));
	else if (target_type(flow->target) == SOCK_STREAM)
		flow_stream_send(flow, probe);
	else
		flow_datagram_send(flow, probe);
}

/* --- Sockets --- */

static int open_once(struct flow *flow)
{
	flow->candidate = flow->target->chosen;
	return target_type(flow->target) == SOCK_STREAM
		       ? flow_stream_open(flow)
		       : flow_datagram_open(flow);
}

/* Each once; and the one that another flow has gone on to is the next. */
bool flow_choose_next(struct flow *flow)
{
	struct target *target = flow->target;

	if (flow->candidate == target->chosen) {
		if (target->reached)
			return false;
		(void)target_choose_next(target);
	}
	return ++flow->tries < target->candidate_count;
}

int flow_open_next(struct flow *flow)
{
	int error;

	do
		error = open_once(flow);
	while (error < 0 && flow_choose_next(flow));
	return error;
}

int flow_open(struct flow *flow)
{
	flow->tries = 0;
	return flow_open_next(flow);
}

void flow_close(struct flow *flow, const char *reason)
{
	if (flow->fd >= 0)
		close(flow->fd);
	flow->fd = -1;
	flow->state = FLOW_CLOSED;
	flow->wants_out = false;
	flow->sent_part = flow->received_part = 0;
	if (reason && flow->waiting == 0)
		report_trouble(flow->target, "%s", reason);
	else if (reason)
		flow_lose_all(flow, reason);
}

int flow_watch(struct flow *flow, bool out)
{
	bool known = flow->state != FLOW_CLOSED;
	struct epoll_event event = {
		.events = EPOLLIN | (out ? EPOLLOUT : 0U),
		.data.ptr = flow,
	};

	if (known && out == flow->wants_out)
		return 0;
	flow->wants_out = out;
	return epoll_ctl(flow->context->epoll_fd,
			 known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, flow->fd,
			 &event) < 0
		       ? -errno
		       : 0;
}

void flow_on_ready(struct flow *flow, uint32_t events)
{
	if (flow->fd < 0)
		return;
	if (target_type(flow->target) == SOCK_STREAM)
		flow_stream_on_ready(flow, events);
	else
		flow_datagram_on_ready(flow);
}

/* The one whose last byte, or datagram, had this id: mostly the newest. */
static void stamp_probe(struct flow *flow, const struct stamp_event *event)
{
	uint64_t remembered = MIN(flow->count, (uint64_t)flow->ring_mask + 1);

	for (uint64_t i = 1; i <= remembered; i++) {
		struct probe *probe = flow_nth(flow, flow->count - i);

		if (probe->stamp_id != event->id || probe->stamp != 0)
			continue;
		probe->stamp = event->when;
		return;
	}
}

/* The probe that an ICMP error is about, by what it quotes of it, or NULL. */
static struct probe *find_quoted(struct flow *flow, size_t length)
{
	const unsigned char *bytes = flow->context->buffer;

	/* Some routers quote nothing but the headers. */
	if (length == 0)
		return flow_oldest(flow);
	if (!message_is_ours(bytes, length, flow->nonce))
		return NULL;
	return flow_find(flow,
			 message_sequence(bytes, length, flow_newest(flow)));
}

/* An address that sends errors, and has sent no reply, is given up. */
static void leave_address(struct flow *flow, int error)
{
	if (error == EMSGSIZE || flow->target->candidate_count == 1 ||
	    flow->target->reached)
		return;
	(void)flow_choose_next(flow);
	flow_lose_all(flow, strerrordesc_np(error));
	flow_close(flow, NULL);
}

void flow_read_errors(struct flow *flow)
{
	struct flow_context *context = flow->context;
	struct stamp_event event;

	while (stamp_next(flow->fd, context->buffer, context->buffer_size,
			  &event) == 0) {
		struct probe *probe;

		if (event.sent) {
			stamp_probe(flow, &event);
			continue;
		}
		probe = find_quoted(flow, event.length);
		if (probe && probe->state == PROBE_WAITING)
			flow_lose(probe, strerrordesc_np(event.error),
				  &event.from);
		if (target_is_udp(flow->target))
			leave_address(flow, event.error);
	}
}
