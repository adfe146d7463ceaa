/* SPDX-License-Identifier: MIT */
/*
 * Streams both ways at once: as much as the other side takes, while all that
 * comes back is read and verified, so that neither side waits for the other.
 * A connection counts as one message, which is received if all of it came back.
 */
#include "config.h"

#include "echoping/load_engines.h"

#include "echoping/load_call.h"
#include "echoping/load_link.h"
#include "echoping/pattern.h"

#include <errno.h>
#include <inttypes.h>

#define BULK_STRIDE	 4799
#define CORRUPT_TEXT_MAX 128

struct load_pipe {
	struct load_link link;
	uint64_t position, sent, received;
	bool counted;
	bool busy; /* part of it is under way */
};

static struct load_pipe *pipe_of(struct load_link *link)
{
	return container_of(link, struct load_pipe, link);
}

static size_t bulk_size(const struct load_plan *plan UNUSED)
{
	return sizeof(struct load_pipe);
}

static int bulk_prepare(struct load_worker *worker UNUSED)
{
	return 0;
}

static void bulk_release(struct load_worker *worker UNUSED)
{
}

static void bulk_init(struct load_worker *worker, struct load_link *link)
{
	pipe_of(link)->position =
		(uint64_t)BULK_STRIDE * load_link_number(worker, link);
}

static bool sends(const struct load_worker *worker)
{
	return worker->phase == PHASE_WARMUP ||
	       worker->phase == PHASE_MEASURING;
}

static void note_progress(struct load_worker *worker, struct load_pipe *pipe)
{
	bool busy = pipe->sent > pipe->received;

	if (busy && !pipe->busy)
		worker->under_way++;
	else if (!busy && pipe->busy)
		worker->under_way--;
	pipe->busy = busy;
}

static void send_piece(struct load_worker *worker, struct load_pipe *pipe)
{
	ssize_t sent = load_send(pipe->link.fd,
				 pattern_at(pipe->position + pipe->sent),
				 PATTERN_SPAN);

	if (sent < 0 && errno != EAGAIN) {
		load_link_fail(worker, &pipe->link, TROUBLE_CLOSED, "send",
			       errno, false);
		return;
	}
	pipe->sent += (uint64_t)MAX(sent, 0);
	note_progress(worker, pipe);
	/* More may fit: when the others had their turn. */
	if (sent == PATTERN_SPAN)
		load_link_watch(worker, &pipe->link, LINK_EVENTS | EPOLLOUT);
}

static void count(struct load_worker *worker, struct load_pipe *pipe)
{
	pipe->counted = true;
	worker->counts->tally.sent++;
}

static void start(struct load_worker *worker, struct load_pipe *pipe)
{
	if (!pipe->counted && worker->phase == PHASE_MEASURING)
		count(worker, pipe);
	if (sends(worker))
		load_link_watch(worker, &pipe->link, LINK_EVENTS | EPOLLOUT);
}

static void bulk_opened(struct load_worker *worker, struct load_link *link)
{
	start(worker, pipe_of(link));
}

static void bulk_begin(struct load_worker *worker, struct load_link *link)
{
	if (link->state == LINK_OPEN)
		start(worker, pipe_of(link));
}

static void bulk_ended(struct load_worker *worker, struct load_link *link)
{
	struct load_pipe *pipe = pipe_of(link);

	if (pipe->counted && pipe->busy)
		worker->counts->tally.lost++;
	else if (pipe->counted)
		worker->counts->tally.received++;
	pipe->counted = false;
	pipe->sent = pipe->received = 0;
	pipe->position += BULK_STRIDE;
	note_progress(worker, pipe);
}

static void reject(struct load_worker *worker, struct load_pipe *pipe,
		   size_t at)
{
	char text[CORRUPT_TEXT_MAX];

	snprintf(text, sizeof(text),
		 "connection %" PRIu32 ": byte %" PRIu64
		 " came back as another than was sent",
		 load_link_number(worker, &pipe->link), pipe->received + at);
	worker->counts->tally.corrupt++;
	pipe->busy = true; /* more is missing than counts say */
	worker->under_way += pipe->sent == pipe->received;
	load_link_fail(worker, &pipe->link, TROUBLE_CORRUPT, text, 0, true);
}

static void take_bytes(struct load_worker *worker, struct load_pipe *pipe,
		       size_t length)
{
	size_t allowed = MIN(length, pipe->sent - pipe->received);
	size_t right = pattern_mismatch(pipe->position + pipe->received,
					worker->scratch, allowed);

	if (right < length) {
		reject(worker, pipe, right);
		return;
	}
	pipe->received += length;
	if (worker->phase != PHASE_DRAINING)
		worker->counts->bytes += length;
	note_progress(worker, pipe);
}

static void receive(struct load_worker *worker, struct load_pipe *pipe,
		    uint32_t events)
{
	ssize_t length =
		load_receive(pipe->link.fd, worker->scratch, PATTERN_SPAN);

	worker->now = clock_now();
	if (length > 0)
		take_bytes(worker, pipe, (size_t)length);
	else if (length == 0)
		load_link_fail(worker, &pipe->link, TROUBLE_CLOSED,
			       "the other side has closed a connection", 0,
			       false);
	else if (errno != EAGAIN)
		load_link_fail(worker, &pipe->link, TROUBLE_CLOSED, "receive",
			       errno, false);
	if (length > 0 && pipe->link.state == LINK_OPEN &&
	    (length == PATTERN_SPAN ||
	     (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))))
		load_link_watch(worker, &pipe->link, LINK_EVENTS | EPOLLOUT);
}

static void bulk_on_ready(struct load_worker *worker, struct load_link *link,
			  uint32_t events)
{
	struct load_pipe *pipe = pipe_of(link);

	if (events & ~(uint32_t)EPOLLOUT)
		receive(worker, pipe, events);
	if ((events & EPOLLOUT) && link->state == LINK_OPEN && sends(worker))
		send_piece(worker, pipe);
}

const struct load_engine load_bulk = {
	.size = bulk_size,
	.prepare = bulk_prepare,
	.release = bulk_release,
	.init = bulk_init,
	.opened = bulk_opened,
	.on_ready = bulk_on_ready,
	.ended = bulk_ended,
	.begin = bulk_begin,
	.revive = load_link_remake,
};
