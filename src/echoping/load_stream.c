/* SPDX-License-Identifier: MIT */
/*
 * Messages on streams.
 *
 * To the connection all is one stream of the pattern, from a position of its
 * own on, so that what belongs to another connection is seen.  Nothing is
 * built or kept: it is sent from the pattern, and what comes is compared with
 * it.  Message k is bytes k * size to (k + 1) * size.
 *
 *   0       done       begun                in messages
 *   |--------|----------|
 *        received   sent   begun * size     in bytes
 *
 * From `done` to `begun` are the messages under way, at most --pipeline; their
 * times are in a ring.
 */
#include "config.h"

#include "echoping/load_engines.h"

#include "echoping/load_call.h"
#include "echoping/load_link.h"
#include "echoping/pattern.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* Streams start so far apart; with those made before at the same place. */
#define STREAM_STRIDE	 4799
#define STREAM_REMAKE	 15073
#define CORRUPT_TEXT_MAX 128

struct message_times {
	uint64_t sent, due;
};

struct load_stream {
	struct load_link link;
	struct list_node place;
	uint64_t position; /* of the first byte, in the pattern */
	uint64_t sent, received;
	uint64_t begun, done;
	uint64_t counted_from;	      /* messages before were warm-up */
	struct message_times times[]; /* as many as fit the mask */
};

static struct load_stream *stream_of(struct load_link *link)
{
	return container_of(link, struct load_stream, link);
}

static size_t stream_size(const struct load_plan *plan)
{
	return sizeof(struct load_stream) +
	       (plan->ring_mask + 1) * sizeof(struct message_times);
}

static int stream_prepare(struct load_worker *worker UNUSED)
{
	return 0;
}

static void stream_release(struct load_worker *worker UNUSED)
{
}

static void stream_init(struct load_worker *worker, struct load_link *link)
{
	struct load_stream *stream = stream_of(link);

	list_init(&stream->place);
	stream->position =
		(uint64_t)STREAM_STRIDE * load_link_number(worker, link);
}

static COLD void fail(struct load_worker *worker, struct load_stream *stream,
		      enum load_trouble trouble, const char *what, int error)
{
	load_link_fail(worker, &stream->link, trouble, what, error,
		       trouble == TROUBLE_CORRUPT);
}

/* It takes only this much, or -1 and errno. */
static COLD void send_rest_later(struct load_worker *worker,
				 struct load_stream *stream, ssize_t sent)
{
	if (sent < 0 && errno != EAGAIN) {
		fail(worker, stream, TROUBLE_CLOSED, "send", errno);
		return;
	}
	stream->sent += (uint64_t)MAX(sent, 0);
	load_link_watch(worker, &stream->link, LINK_EVENTS | EPOLLOUT);
}

/* One piece a call: what is left has its turn when others had theirs. */
static inline void send_some(struct load_worker *worker,
			     struct load_stream *stream)
{
	uint64_t wanted = stream->begun * worker->size - stream->sent;
	size_t piece = (size_t)MIN(wanted, PATTERN_SPAN);
	ssize_t sent =
		load_send(stream->link.fd,
			  pattern_at(stream->position + stream->sent), piece);

	if (sent == (ssize_t)wanted)
		stream->sent += wanted;
	else
		send_rest_later(worker, stream, sent);
}

/* The next message is under way; it is sent by send_some(). */
static inline void begin_message(struct load_worker *worker,
				 struct load_stream *stream, uint64_t due)
{
	stream->times[stream->begun++ & worker->ring_mask] =
		(struct message_times){
			.sent = worker->now,
			.due = due,
		};
	worker->counts->tally.sent++;
	worker->under_way++;
}

static bool has_room(const struct load_worker *worker,
		     const struct load_stream *stream)
{
	return stream->begun - stream->done < worker->pipeline;
}

/* Closed loop: as many messages as there is room for.  Open loop: offer it. */
static inline void use_room(struct load_worker *worker,
			    struct load_stream *stream)
{
	if (load_worker_is_open_loop(worker)) {
		load_schedule_offer(&worker->schedule, &stream->place,
				    worker->now);
		return;
	}
	if (worker->phase != PHASE_WARMUP && worker->phase != PHASE_MEASURING)
		return;
	while (has_room(worker, stream))
		begin_message(worker, stream, worker->now);
	send_some(worker, stream);
}

/* One: whose turn is next may be another. */
static unsigned stream_send_due(struct load_worker *worker,
				struct list_node *place, unsigned count UNUSED)
{
	struct load_stream *stream =
		container_of(place, struct load_stream, place);
	uint64_t due = load_schedule_due(&worker->schedule, 0);

	begin_message(worker, stream, due);
	load_worker_record_lag(worker, due);
	if (!has_room(worker, stream))
		load_schedule_retire(place);
	send_some(worker, stream);
	return 1;
}

static void count_message(struct load_worker *worker,
			  const struct message_times *times)
{
	struct load_counts *counts = worker->counts;
	uint64_t rtt = worker->now - times->sent;

	counts->bytes += worker->size;
	if (rtt > worker->timeout) {
		counts->tally.lost++;
		counts->tally.late++;
		return;
	}
	counts->tally.received++;
	histogram_record(&counts->tally.rtt, rtt);
	if (load_worker_is_open_loop(worker))
		histogram_record(&counts->intended, worker->now - times->due);
}

/* Whatever is complete by now. */
static void finish_messages(struct load_worker *worker,
			    struct load_stream *stream)
{
	uint64_t mask = worker->ring_mask, size = worker->size;
	uint64_t end = stream->done * size + size;

	for (; end <= stream->received; end += size) {
		worker->under_way--;
		if (stream->done >= stream->counted_from)
			count_message(worker,
				      &stream->times[stream->done & mask]);
		stream->done++;
	}
}

static COLD void reject(struct load_worker *worker, struct load_stream *stream,
			size_t at)
{
	char text[CORRUPT_TEXT_MAX];
	uint64_t position = stream->received + at;

	if (position >= stream->sent)
		snprintf(text, sizeof(text),
			 "connection %" PRIu32 " brings more than the %" PRIu64
			 " bytes that were sent",
			 load_link_number(worker, &stream->link), stream->sent);
	else
		snprintf(text, sizeof(text),
			 "connection %" PRIu32 ": byte %" PRIu64
			 " came back as 0x%02x instead of 0x%02x",
			 load_link_number(worker, &stream->link), position,
			 worker->scratch[at],
			 pattern_at(stream->position + position)[0]);
	worker->counts->tally.corrupt++;
	fail(worker, stream, TROUBLE_CORRUPT, text, 0);
}

/*
 * The fast path: one recv(), one reading of the clock, one memcmp(), one
 * sample, one send().  The time read is both the end of this round trip and
 * the begin of the next: all that lies in between is ours.
 */
static void take_bytes(struct load_worker *worker, struct load_stream *stream,
		       size_t length)
{
	size_t allowed = MIN(length, stream->sent - stream->received);
	size_t right;

	worker->now = clock_now();
	right = pattern_mismatch(stream->position + stream->received,
				 worker->scratch, allowed);
	if (right < length) {
		reject(worker, stream, right);
		return;
	}
	stream->received += length;
	finish_messages(worker, stream);
	if (has_room(worker, stream))
		use_room(worker, stream);
}

static void receive(struct load_worker *worker, struct load_stream *stream,
		    uint32_t events)
{
	ssize_t length =
		load_receive(stream->link.fd, worker->scratch, PATTERN_SPAN);

	if (length > 0)
		take_bytes(worker, stream, (size_t)length);
	else if (length == 0)
		fail(worker, stream, TROUBLE_CLOSED,
		     "the other side has closed a connection", 0);
	else if (errno != EAGAIN)
		fail(worker, stream, TROUBLE_CLOSED, "receive", errno);
	if (stream->link.state != LINK_OPEN || length <= 0)
		return;
	/* More may be there, or the end: look again, after the others. */
	if (length == PATTERN_SPAN ||
	    (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
		load_link_watch(worker, &stream->link, LINK_EVENTS | EPOLLOUT);
}

static void stream_on_ready(struct load_worker *worker, struct load_link *link,
			    uint32_t events)
{
	struct load_stream *stream = stream_of(link);

	if (events & ~(uint32_t)EPOLLOUT)
		receive(worker, stream, events);
	if ((events & EPOLLOUT) && link->state == LINK_OPEN &&
	    stream->sent < stream->begun * worker->size)
		send_some(worker, stream);
}

static void stream_opened(struct load_worker *worker, struct load_link *link)
{
	struct load_stream *stream = stream_of(link);

	use_room(worker, stream);
}

/* The messages under way are lost; the next stream is another one. */
static void stream_ended(struct load_worker *worker, struct load_link *link)
{
	struct load_stream *stream = stream_of(link);
	uint64_t counted = MAX(stream->done, stream->counted_from);

	load_schedule_retire(&stream->place);
	worker->under_way -= stream->begun - stream->done;
	if (stream->begun > counted)
		worker->counts->tally.lost += stream->begun - counted;
	stream->position += STREAM_REMAKE;
	stream->sent = stream->received = 0;
	stream->begun = stream->done = stream->counted_from = 0;
}

static void stream_begin(struct load_worker *worker, struct load_link *link)
{
	struct load_stream *stream = stream_of(link);

	if (worker->phase == PHASE_MEASURING)
		stream->counted_from = stream->begun;
	if (link->state == LINK_OPEN && has_room(worker, stream))
		use_room(worker, stream);
}

const struct load_engine load_stream = {
	.size = stream_size,
	.prepare = stream_prepare,
	.release = stream_release,
	.init = stream_init,
	.opened = stream_opened,
	.on_ready = stream_on_ready,
	.ended = stream_ended,
	.begin = stream_begin,
	.revive = load_link_remake,
	.send_due = stream_send_due,
};
