/* SPDX-License-Identifier: MIT */
/*
 * What became of probes: replies judged, losses counted, both told.
 */
#include "config.h"

#include "echoping/flow.h"

#include "echoping/message.h"
#include "echoping/stamp.h"

#include <string.h>

static void probe_settle(struct probe *probe, enum probe_state state)
{
	list_remove(&probe->link);
	probe->flow->waiting--;
	probe->state = state;
	if (state == PROBE_LOST)
		probe->flow->tally.lost++;
}

static struct reply reply_about(const struct flow *flow, uint64_t sequence)
{
	return (struct reply){
		.target = flow->target,
		.flow = flow->number,
		.port = flow->port,
		.sequence = sequence,
		.expected = flow->context->settings->size,
		.when = clock_of_day(),
	};
}

void flow_lose(struct probe *probe, const char *reason,
	       const struct address *from)
{
	struct flow *flow = probe->flow;
	struct reply reply = reply_about(flow, probe->sequence);

	probe_settle(probe, PROBE_LOST);
	if (reason)
		flow->tally.errors++;
	if (from)
		reply.from = *from;
	reply.reason = reason;
	reply.rtt = clock_now() - probe->sent;
	flow->context->reporter->lost(flow->context->settings, &reply);
}

/* For replies that say nothing. */
static struct probe *oldest_waiting(struct flow *flow)
{
	uint64_t size = (uint64_t)flow->ring_mask + 1;
	uint64_t n = flow->count > size ? flow->count - size : 0;

	for (; n < flow->count; n++) {
		if (flow_nth(flow, n)->state == PROBE_WAITING)
			return flow_nth(flow, n);
	}
	return NULL;
}

/*
 * By the kernel's clock if that can be: its round trip lies within ours, unless
 * the time of day was set meanwhile.
 */
static void measure(const struct probe *probe, const struct arrival *arrival,
		    struct reply *reply)
{
	uint64_t rtt = arrival->stamp - probe->stamp;

	reply->rtt_known = true;
	reply->connected = probe->connecting;
	reply->rtt = arrival->when - probe->sent;
	if (probe->connecting || probe->stamp == 0 ||
	    arrival->stamp <= probe->stamp || rtt > reply->rtt)
		return;
	reply->clock = CLOCK_KERNEL;
	reply->rtt = rtt;
}

static void count_faults(struct tally *tally, unsigned faults)
{
	tally->duplicate += (faults & FAULT_DUPLICATE) != 0;
	tally->reordered += (faults & FAULT_REORDERED) != 0;
	tally->late += (faults & FAULT_LATE) != 0;
	tally->corrupt += (faults & FAULT_CORRUPT) != 0;
	tally->truncated += (faults & FAULT_TRUNCATED) != 0;
	tally->misaddressed += (faults & FAULT_MISADDRESSED) != 0;
	tally->foreign += (faults & FAULT_FOREIGN) != 0;
}

static void report(struct flow *flow, const struct arrival *arrival,
		   struct reply *reply)
{
	reply->size = arrival->size;
	reply->from = arrival->from;
	count_faults(&flow->tally, reply->faults);
	flow->context->reporter->reply(flow->context->settings, reply);
}

static bool is_from_elsewhere(const struct flow *flow,
			      const struct arrival *arrival)
{
	const struct address *asked = &flow->target->endpoint.address;

	return target_is_udp(flow->target) &&
	       (arrival->from.length != asked->length ||
		memcmp(&arrival->from.any, &asked->any, asked->length) != 0);
}

/* What is wrong with the bytes: corrupt, truncated, both, or nothing. */
static unsigned damage(const struct arrival *arrival, size_t expected,
		       size_t mismatch)
{
	unsigned faults = 0;

	if (arrival->size < expected)
		faults |= FAULT_TRUNCATED;
	if (mismatch < MIN(arrival->size, expected) || arrival->size > expected)
		faults |= FAULT_CORRUPT;
	return faults;
}

static void receive_in_time(struct flow *flow, struct probe *probe,
			    struct reply *reply)
{
	probe_settle(probe, PROBE_ANSWERED);
	flow->tally.received++;
	flow->tally.kernel_clock += reply->clock == CLOCK_KERNEL;
	histogram_record(&flow->tally.rtt, reply->rtt);
	flow->target->reached = true;
}

void flow_answer_probe(struct flow *flow, struct probe *probe,
		       const struct arrival *arrival, size_t mismatch)
{
	struct reply reply = reply_about(flow, probe->sequence);
	unsigned broken = damage(arrival, reply.expected, mismatch);

	reply.faults = broken;
	reply.mismatch = mismatch;
	if (is_from_elsewhere(flow, arrival))
		reply.faults |= FAULT_MISADDRESSED;
	if (probe->state == PROBE_ANSWERED)
		reply.faults |= FAULT_DUPLICATE;
	else
		measure(probe, arrival, &reply);
	if (probe->state == PROBE_LOST)
		reply.faults |= FAULT_LATE;
	if (!broken && probe->state != PROBE_ANSWERED) {
		if (probe->sequence < flow->furthest)
			reply.faults |= FAULT_REORDERED;
		flow->furthest = MAX(flow->furthest, probe->sequence);
	}
	if (probe->state == PROBE_WAITING && broken)
		probe_settle(probe, PROBE_LOST);
	else if (probe->state == PROBE_WAITING)
		receive_in_time(flow, probe, &reply);
	report(flow, arrival, &reply);
}

/* Nothing that is remembered: forgotten, damaged, or not ours at all. */
static void answer_unknown(struct flow *flow, const struct arrival *arrival,
			   uint64_t sequence, size_t mismatch, bool ours)
{
	struct reply reply = reply_about(flow, sequence);

	reply.mismatch = 0;
	reply.faults = ours ? FAULT_CORRUPT : FAULT_FOREIGN;
	if (ours && flow_has_sent(flow, sequence))
		reply.faults =
			damage(arrival, reply.expected, mismatch) | FAULT_LATE;
	report(flow, arrival, &reply);
}

void flow_answer(struct flow *flow, const struct arrival *arrival)
{
	size_t expected = flow->context->settings->size;
	bool ours = message_is_ours(arrival->bytes, arrival->size, flow->nonce);
	uint64_t sequence = message_sequence(arrival->bytes, arrival->size,
					     flow_newest(flow));
	struct probe *probe = flow_find(flow, sequence);
	size_t mismatch;

	if (arrival->size == 0)
		probe = oldest_waiting(flow);
	if (probe)
		sequence = probe->sequence;
	mismatch =
		message_mismatch(arrival->bytes, MIN(arrival->size, expected),
				 sequence, flow->nonce);
	if (probe &&
	    (ours || message_has_body(arrival->bytes, arrival->size, sequence)))
		flow_answer_probe(flow, probe, arrival, mismatch);
	else
		answer_unknown(flow, arrival, sequence, mismatch,
			       ours && arrival->size >= MESSAGE_HEADER_SIZE);
}
