/* SPDX-License-Identifier: MIT */
/*
 * Connections that stand and say nothing, but for one echo when all stand; and
 * of them --busy, evenly spread, that go on echoing in the measurement.
 *
 * There may be a million: what is kept of each is 32 bytes.  They echo in the
 * order of their numbers, HOLD_ECHOING_MAX at a time; one that was lost still
 * stands.  What ends is not made again: how many still stand is the result.
 *
 * At the end each is closed in order (RFC 9293, 3.6), HOLD_PARTING_MAX at a
 * time: a kernel that is left a million half-closed ones that no process has
 * gives many of them up, and their other sides never learn of it.
 */
#include "config.h"

#include "echoping/load_engines.h"

#include "echoping/load_call.h"
#include "echoping/load_link.h"
#include "echoping/pattern.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define HOLD_ECHOING_MAX 128
#define HOLD_PARTING_MAX 256
#define HOLD_STRIDE	 4799

struct load_held {
	struct load_link link;	 /* since: while echoing, since it was sent */
	uint32_t sent, received; /* bytes of the present message */
	uint32_t echoes;	 /* messages before it */
	enum {
		HELD_SILENT,
		HELD_ECHOING,
		HELD_ECHOED
	} state;
};
_Static_assert(sizeof(struct load_held) <= 32, "there may be a million");

struct load_hold {
	uint32_t next, oldest; /* to echo next; that may be echoing still */
};

static struct load_held *held_of(struct load_link *link)
{
	return container_of(link, struct load_held, link);
}

static size_t hold_size(const struct load_plan *plan UNUSED)
{
	return sizeof(struct load_held);
}

static int hold_prepare(struct load_worker *worker)
{
	worker->state = calloc(1, sizeof(struct load_hold));
	return worker->state ? 0 : -ENOMEM;
}

static void hold_release(struct load_worker *worker)
{
	free(worker->state);
	worker->state = NULL;
}

static void hold_init(struct load_worker *worker UNUSED,
		      struct load_link *link UNUSED)
{
}

static uint64_t position_of(const struct load_worker *worker,
			    const struct load_held *held)
{
	uint64_t number = load_link_number(worker, &held->link);

	return HOLD_STRIDE * number + (uint64_t)held->echoes * worker->size;
}

/* Of every so many connections one. */
static bool is_busy(const struct load_worker *worker,
		    const struct load_link *link)
{
	const struct settings *settings = worker->plan->settings;
	uint64_t number = load_link_number(worker, link);
	uint64_t busy = settings->busy, all = settings->connections;

	return (number + 1) * busy / all > number * busy / all;
}

static void hold_opened(struct load_worker *worker, struct load_link *link)
{
	worker->now = clock_now();
	histogram_record(&worker->counts->connect, worker->now - link->since);
}

static void settle(struct load_worker *worker, struct load_held *held)
{
	held->state = HELD_ECHOED;
	worker->under_way--;
}

static void lose(struct load_worker *worker, struct load_held *held)
{
	settle(worker, held);
	worker->counts->tally.lost++;
}

static void hold_ended(struct load_worker *worker, struct load_link *link)
{
	struct load_held *held = held_of(link);

	if (held->state == HELD_ECHOING)
		lose(worker, held);
}

static void fail(struct load_worker *worker, struct load_held *held,
		 enum load_trouble trouble, const char *what, int error)
{
	load_link_fail(worker, &held->link, trouble, what, error, true);
}

static void send_some(struct load_worker *worker, struct load_held *held)
{
	size_t wanted = worker->size - held->sent;
	size_t piece = MIN(wanted, (size_t)PATTERN_SPAN);
	ssize_t sent = load_send(
		held->link.fd,
		pattern_at(position_of(worker, held) + held->sent), piece);

	if (sent < 0 && errno != EAGAIN) {
		fail(worker, held, TROUBLE_CLOSED, "send", errno);
		return;
	}
	held->sent += (uint32_t)MAX(sent, 0);
	if ((size_t)MAX(sent, 0) < wanted)
		load_link_watch(worker, &held->link, LINK_EVENTS | EPOLLOUT);
}

static void echo_once(struct load_worker *worker, struct load_link *link)
{
	struct load_held *held = held_of(link);

	if (link->state != LINK_OPEN)
		return;
	worker->now = link->since = clock_now();
	held->state = HELD_ECHOING;
	worker->counts->tally.sent++;
	worker->under_way++;
	send_some(worker, held);
}

/* Whose bytes all came back: of another one the next would be out of place. */
static void echo_again(struct load_worker *worker, struct load_link *link)
{
	struct load_held *held = held_of(link);

	if (worker->phase != PHASE_MEASURING || !is_busy(worker, link))
		return;
	held->echoes++;
	held->sent = held->received = 0;
	echo_once(worker, link);
}

static void lose_overdue(struct load_worker *worker, struct load_hold *hold)
{
	for (; hold->oldest < hold->next; hold->oldest++) {
		struct load_link *link = load_worker_link(worker, hold->oldest);

		if (held_of(link)->state != HELD_ECHOING)
			continue;
		if (worker->now - link->since < worker->timeout)
			return;
		lose(worker, held_of(link));
	}
}

static void hold_round(struct load_worker *worker)
{
	struct load_hold *hold = worker->state;

	if (worker->phase != PHASE_WARMUP)
		return;
	lose_overdue(worker, hold);
	while (hold->next < worker->count &&
	       worker->under_way < HOLD_ECHOING_MAX)
		echo_once(worker, load_worker_link(worker, hold->next++));
	if (hold->next == worker->count && worker->under_way == 0)
		load_worker_is_ready(worker, PHASE_WARMUP);
}

/* All of a message is back. */
static void finish(struct load_worker *worker, struct load_held *held)
{
	struct tally *tally = &worker->counts->tally;
	uint64_t rtt = worker->now - held->link.since;

	if (held->state != HELD_ECHOING) {
		tally->late++;
		return;
	}
	settle(worker, held);
	if (rtt < worker->timeout) {
		tally->received++;
		histogram_record(&tally->rtt, rtt);
	} else {
		tally->lost++;
		tally->late++;
	}
	echo_again(worker, &held->link);
}

static void take_bytes(struct load_worker *worker, struct load_held *held,
		       size_t length)
{
	size_t allowed = MIN(length, held->sent - held->received);
	size_t right =
		pattern_mismatch(position_of(worker, held) + held->received,
				 worker->scratch, allowed);
	struct load_counts *counts = worker->counts;

	worker->now = clock_now();
	if (right < length) {
		counts->tally.corrupt++;
		fail(worker, held, TROUBLE_CORRUPT,
		     "what came back is not what was sent", 0);
		return;
	}
	held->received += (uint32_t)length;
	counts->bytes += length;
	if (held->received < worker->size)
		return;
	finish(worker, held);
}

static void hold_on_ready(struct load_worker *worker, struct load_link *link,
			  uint32_t events)
{
	struct load_held *held = held_of(link);
	ssize_t length;

	if ((events & EPOLLOUT) && held->state == HELD_ECHOING &&
	    held->sent < worker->size)
		send_some(worker, held);
	if (!(events & ~(uint32_t)EPOLLOUT) || link->state != LINK_OPEN)
		return;
	length = load_receive(link->fd, worker->scratch, PATTERN_SPAN);
	if (length > 0)
		take_bytes(worker, held, (size_t)length);
	else if (length == 0)
		fail(worker, held, TROUBLE_CLOSED,
		     "the other side has closed a connection", 0);
	else if (errno != EAGAIN)
		fail(worker, held, TROUBLE_CLOSED, "receive", errno);
	/* What follows a whole message comes with an edge of its own. */
	if (length > 0 && link->state == LINK_OPEN && held->received > 0)
		load_link_watch(worker, link, LINK_EVENTS | EPOLLOUT);
}

static void hold_begin(struct load_worker *worker, struct load_link *link)
{
	const struct load_held *held = held_of(link);

	if (held->state == HELD_ECHOED && held->received == worker->size)
		echo_again(worker, link);
}

/* Until the other side ends, the main thread calls, or time is over. */
static void sleep_while_open(struct load_worker *worker,
			     const struct load_link *link, uint64_t until)
{
	struct pollfd polled[] = {
		{ .fd = link->fd, .events = POLLIN },
		{ .fd = worker->wake_fd, .events = POLLIN },
	};
	uint64_t count;

	(void)poll(polled, ARRAY_SIZE(polled),
		   (int)((until - worker->now) / NSEC_PER_MSEC) + 1);
	if (polled[1].revents)
		(void)!read(worker->wake_fd, &count, sizeof(count));
}

/* 0 once the other side has ended it, too, or why it does not: an errno. */
static int await_end(struct load_worker *worker, const struct load_link *link,
		     uint64_t until)
{
	for (;;) {
		ssize_t length =
			load_receive(link->fd, worker->scratch, PATTERN_SPAN);

		if (length == 0)
			return 0;
		if (length < 0 && errno != EAGAIN)
			return errno;
		worker->now = clock_now();
		if (worker->now >= until || load_worker_is_abandoned(worker))
			return ETIMEDOUT;
		if (length < 0)
			sleep_while_open(worker, link, until);
	}
}

/* Of these, as many as are open; false if there is no point in going on. */
static bool part_some(struct load_worker *worker, uint32_t first, uint32_t end)
{
	uint64_t until = clock_now() + worker->timeout;
	int error = 0;

	for (uint32_t i = first; i < end; i++) {
		const struct load_link *link = load_worker_link(worker, i);

		if (link->state == LINK_OPEN)
			(void)shutdown(link->fd, SHUT_WR);
	}
	for (uint32_t i = first; i < end && error != ETIMEDOUT; i++) {
		struct load_link *link = load_worker_link(worker, i);

		if (link->state != LINK_OPEN)
			continue;
		error = await_end(worker, link, until);
		if (error != 0)
			load_link_tell_end(worker, error);
		load_link_close(worker, link);
	}
	return error != ETIMEDOUT;
}

static void hold_part(struct load_worker *worker)
{
	uint32_t first = 0;

	while (first < worker->tried && !load_worker_is_abandoned(worker)) {
		uint32_t end = MIN(first + HOLD_PARTING_MAX, worker->tried);

		if (!part_some(worker, first, end))
			return;
		first = end;
	}
}

const struct load_engine load_hold = {
	.size = hold_size,
	.prepare = hold_prepare,
	.release = hold_release,
	.init = hold_init,
	.opened = hold_opened,
	.on_ready = hold_on_ready,
	.ended = hold_ended,
	.begin = hold_begin,
	.round = hold_round,
	.part = hold_part,
};
