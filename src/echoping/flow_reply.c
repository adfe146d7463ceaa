/* SPDX-License-Identifier: MIT */
/*
 * What became of probes: replies judged, losses counted, both told.
 */
#include "config.h"

#include "echoping/flow.h"

#include "echoping/message.h"
#include "echoping/stamp.h"

#include <endian.h>
#include <string.h>

/* So much of a body tells whose it is: of others as much is rarely alike. */
#define BODY_MIN 8

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
	target_reach(flow->target, flow->candidate);
}

/*
 * A reply that came while we were held up is in time, unless it is known that
 * it is not: our clock says only when we looked.
 */
static bool is_late(const struct flow *flow, const struct reply *reply)
{
	return reply->clock == CLOCK_KERNEL &&
	       reply->rtt > flow->context->settings->timeout;
}

static void answer_probe(struct flow *flow, struct probe *probe,
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
	if (probe->state == PROBE_WAITING && is_late(flow, &reply))
		probe_settle(probe, PROBE_LOST);
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
	probe->state = PROBE_ANSWERED;
	report(flow, arrival, &reply);
}

/* Nothing that is remembered: forgotten, damaged, or not ours at all. */
static void answer_unknown(struct flow *flow, const struct arrival *arrival,
			   uint64_t sequence, size_t mismatch, bool ours)
{
	struct reply reply = reply_about(flow, sequence);

	reply.mismatch = 0;
	reply.faults = ours ? FAULT_CORRUPT : FAULT_FOREIGN;
	/* The time that it took is not known, but that it is over. */
	if (ours && flow_has_sent(flow, sequence)) {
		reply.mismatch = mismatch;
		reply.faults =
			damage(arrival, reply.expected, mismatch) | FAULT_LATE;
	}
	report(flow, arrival, &reply);
}

void flow_answer_to(struct flow *flow, uint64_t sequence,
		    const struct arrival *arrival, size_t mismatch)
{
	struct probe *probe = flow_find(flow, sequence);

	if (probe)
		answer_probe(flow, probe, arrival, mismatch);
	else
		answer_unknown(flow, arrival, sequence, mismatch, true);
}

/* What came, as far as it can be an echo: what is behind that is not. */
struct echo {
	const unsigned char *bytes;
	size_t size;
	bool ours; /* the nonce is, as far as there is one */
};

/* One that waits, whose body this is, if the number before it is not right. */
static struct probe *find_by_body(struct flow *flow, const struct echo *echo)
{
	struct list_node *link;

	if (!echo->ours || echo->size < MESSAGE_HEADER_SIZE + BODY_MIN)
		return NULL;
	list_for_each (link, &flow->context->waiting) {
		struct probe *probe = container_of(link, struct probe, link);

		if (probe->flow == flow &&
		    message_has_body(echo->bytes, echo->size, probe->sequence))
			return probe;
	}
	return NULL;
}

/* The nonce may be damaged; but of another run's hardly a byte is the same. */
static bool is_nearly_ours(const struct flow *flow, const struct echo *echo)
{
	uint64_t nonce = htole64(flow->nonce);
	const unsigned char *own = (const void *)&nonce;
	unsigned same = 0;

	for (size_t i = 0; i < sizeof(nonce); i++)
		same += echo->bytes[MESSAGE_SEQUENCE_SIZE + i] == own[i];
	return same >= sizeof(nonce) / 2;
}

/* The probe that was answered, or NULL if none is known to be. */
static struct probe *find_answered(struct flow *flow, const struct echo *echo,
				   uint64_t sequence)
{
	struct probe *numbered = flow_find(flow, sequence), *other;

	if (echo->size == 0)
		return flow_oldest(flow);
	if (message_has_body(echo->bytes, echo->size, sequence))
		return is_nearly_ours(flow, echo) ? numbered : NULL;
	other = find_by_body(flow, echo);
	if (other)
		return other;
	return echo->ours ? numbered : NULL;
}

/* With so little in it, it can be anyone's, unless it is as it should be. */
static bool is_anonymous(const struct flow *flow, const struct arrival *arrival)
{
	size_t expected = flow->context->settings->size;

	return MIN(arrival->size, expected) < MESSAGE_HEADER_SIZE &&
	       arrival->size != expected && is_from_elsewhere(flow, arrival);
}

void flow_answer(struct flow *flow, const struct arrival *arrival)
{
	struct echo echo = {
		.bytes = arrival->bytes,
		.size = MIN(arrival->size, flow->context->settings->size),
	};
	struct probe *probe;
	uint64_t sequence;
	size_t mismatch;

	echo.ours = message_is_ours(echo.bytes, echo.size, flow->nonce);
	sequence = message_sequence(echo.bytes, echo.size, flow_newest(flow));
	probe = find_answered(flow, &echo, sequence);
	if (probe)
		sequence = probe->sequence;
	mismatch =
		message_mismatch(echo.bytes, echo.size, sequence, flow->nonce);
	if (probe && !is_anonymous(flow, arrival))
		answer_probe(flow, probe, arrival, mismatch);
	else
		answer_unknown(flow, arrival, sequence, mismatch,
			       echo.ours && echo.size >= MESSAGE_HEADER_SIZE);
}
