/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/datagram.h"

#include "common/call.h"
#include "echod/datagram_batch.h"
#include "echod/datagram_judge.h"
#include "echod/offload.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Batches of a sweep: more than a receive queue holds, less than a flood. */
#define SWEEP_BUDGET 512

/* In a row: one may be an ICMP message's, which says nothing of the next. */
#define FAILURES_MAX 2

/* How long a refusal of trains is believed: routes and devices may change. */
#define REFUSAL_USEC USEC_PER_SEC

bool datagram_is_stuck(const struct datagram *datagram)
{
	return datagram->batch->sent < datagram->batch->count;
}

/* While the send buffer is full, want nothing but that it is not. */
static void datagram_want(struct datagram *datagram)
{
	bool starved = list_is_linked(&datagram->waiter.link);
	uint32_t receiving = datagram->paused || starved ? 0 : EPOLLIN;

	event_source_want(&datagram->source,
			  datagram_is_stuck(datagram) ? EPOLLOUT : receiving);
}

static void datagram_get_stuck(struct datagram *datagram)
{
	event_source_consume(&datagram->source, EPOLLOUT);
	datagram_want(datagram);
	/* Fails for want of memory, if at all; IN then wakes instead. */
	if (event_source_rearm(&datagram->source, EPOLLIN | EPOLLOUT) < 0)
		event_source_want(&datagram->source, EPOLLOUT | EPOLLIN);
}

/* A full send buffer is waited for; of Unix peers it is that peer's affair. */
static bool datagram_must_wait(const struct datagram *datagram, int error)
{
	return error == EAGAIN && !datagram->unix_peers;
}

/*
 * Send the train at the head of the replies one by one: the kernel refused it
 * as a whole.  0, or -EAGAIN if the send buffer is full; an error of one is
 * that one's own: count it, skip it.
 */
static int datagram_reply_one_by_one(struct datagram *datagram)
{
	struct datagram_batch *batch = datagram->batch;
	struct stats *stats = datagram->worker->stats;
	struct reply_plan *plan = &batch->plans[batch->sent];
	struct msghdr header = batch->messages[batch->sent].msg_hdr;
	struct iovec train = *header.msg_iov, one;

	header.msg_iov = &one;
	header.msg_controllen = plan->plain_controls;
	while (plan->datagrams > 0) {
		one.iov_base = (char *)train.iov_base + plan->done;
		one.iov_len = MIN(train.iov_len - plan->done, plan->segment);
		if (sendmsg(datagram->source.fd, &header,
			    MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			STATS_COUNT(stats, datagrams_sent, 1);
		else if (datagram_must_wait(datagram, errno))
			return -EAGAIN;
		else if (errno == EINTR)
			continue;
		else
			STATS_COUNT(stats, datagrams_unsent, 1);
		plan->done += plan->segment;
		plan->datagrams--;
	}
	batch->sent++;
	return 0;
}

/* The first unsent reply failed: 0 to go on, or -EAGAIN to wait. */
static int datagram_on_error(struct datagram *datagram, int error)
{
	struct reply_plan *plan =
		&datagram->batch->plans[datagram->batch->sent];

	if (error == EINTR)
		return 0;
	if (datagram_must_wait(datagram, error))
		return -EAGAIN;
	if (plan->datagrams > 1) {
		plan->one_by_one = true;
		/* The device cannot do it, so it is not this train's fault. */
		if (error == EIO)
			datagram->trains_after =
				datagram->worker->reactor.now + REFUSAL_USEC;
		return 0;
	}
	STATS_COUNT(datagram->worker->stats, datagrams_unsent, 1);
	datagram->batch->sent++;
	return 0;
}

/* Send the replies up to the first that the kernel refuses. */
static int datagram_reply_some(struct datagram *datagram)
{
	struct datagram_batch *batch = datagram->batch;
	unsigned end, datagrams = 0;
	int sent = call_send_many(
		datagram->source.fd, batch->messages + batch->sent,
		batch->count - batch->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent <= 0)
		return datagram_on_error(datagram, errno);
	for (end = batch->sent + (unsigned)sent; batch->sent < end;
	     batch->sent++)
		datagrams += batch->plans[batch->sent].datagrams;
	STATS_COUNT(datagram->worker->stats, datagrams_sent, datagrams);
	return 0;
}

/* Send all that is left: 0, or -EAGAIN if the send buffer is full. */
static int datagram_reply(struct datagram *datagram)
{
	struct datagram_batch *batch = datagram->batch;
	int error = 0;

	while (batch->sent < batch->count && error == 0)
		error = batch->plans[batch->sent].one_by_one
				? datagram_reply_one_by_one(datagram)
				: datagram_reply_some(datagram);
	return error;
}

/* Trains that are not wanted end when the last that waits has been taken. */
static void datagram_end_offload(struct datagram *datagram)
{
	if (datagram->offload_ends)
		datagram->offload_ends = !offload_end(datagram->source.fd);
}

static void datagram_on_capacity(struct worker_waiter *waiter)
{
	datagram_want(container_of(waiter, struct datagram, waiter));
}

/*
 * Leave the rest for the next turn; for later if that does not help.  Counted
 * once an episode, not once a pause.
 */
static void datagram_on_failure(struct datagram *datagram)
{
	if (++datagram->failures < FAILURES_MAX)
		return;
	datagram->failures = 0;
	if (!datagram->held_up)
		STATS_COUNT(datagram->worker->stats, receive_starved, 1);
	datagram->held_up = true;
	worker_await_capacity(datagram->worker, &datagram->waiter);
	datagram_want(datagram);
}

/* Whether trains are tried this time. */
static bool datagram_joins(const struct datagram *datagram)
{
	return datagram->joins &&
	       datagram->worker->reactor.now >= datagram->trains_after;
}

/*
 * Fill the batch: how many messages, 0 if none.  Fewer than fit means that the
 * queue is empty, but for an error: that may concern no datagram (an ICMP
 * message for a connected socket).
 */
static unsigned datagram_receive(struct datagram *datagram)
{
	struct datagram_batch *batch = datagram->batch;
	int received;

	batch_prepare(batch);
	batch->joins = datagram_joins(datagram);
	received = call_receive_many(datagram->source.fd, batch->messages,
				     batch->size, MSG_DONTWAIT);
	if (received < 0 && errno != EAGAIN) {
		if (errno != EINTR)
			datagram_on_failure(datagram);
		return 0;
	}
	datagram->failures = 0;
	datagram->held_up = false;
	if (received < (int)batch->size) {
		event_source_consume(&datagram->source, EPOLLIN);
		datagram_end_offload(datagram);
	}
	batch->dirty = (unsigned)MAX(received, 0);
	return batch->dirty;
}

static void datagram_echo(struct datagram *datagram)
{
	unsigned received = datagram_receive(datagram);

	if (received == 0)
		return;
	datagram_judge(datagram, received);
	if (datagram_reply(datagram) == -EAGAIN)
		datagram_get_stuck(datagram);
}

/* There may be room again. */
static void datagram_unstick(struct datagram *datagram)
{
	if (datagram_reply(datagram) == -EAGAIN) {
		event_source_consume(&datagram->source, EPOLLOUT);
		return;
	}
	/* If that fails, every datagram sent wakes once more: only a cost. */
	(void)!event_source_rearm(&datagram->source, EPOLLIN);
	event_source_raise(&datagram->source, EPOLLIN);
	datagram_want(datagram);
}

static void datagram_on_ready(struct event_source *source)
{
	struct datagram *datagram =
		container_of(source, struct datagram, source);

	if (datagram_is_stuck(datagram))
		datagram_unstick(datagram);
	else
		datagram_echo(datagram);
}

int datagram_open(struct datagram *datagram, struct worker *worker, int fd,
		  const struct socket_identity *identity)
{
	bool udp = identity->protocol == IPPROTO_UDP;
	bool trains = udp && worker->policy->udp_offload;
	int error;

	datagram->worker = worker;
	datagram->held_up = datagram->paused = false;
	datagram->unix_peers = identity->family == AF_UNIX;
	datagram->offload_ends = udp && !trains;
	datagram->joins = trains;
	datagram->trains_after = 0;
	datagram->failures = 0;
	limiter_judge_init(&datagram->judge, worker->policy->limiter);
	datagram->waiter.on_capacity = datagram_on_capacity;
	list_init(&datagram->waiter.link);
	list_init(&datagram->siblings);
	event_source_init(&datagram->source, fd, datagram_on_ready);
	if (trains)
		offload_begin(fd);
	datagram_end_offload(datagram);
	datagram->batch = NULL;
	error = screen_open(&datagram->screen, worker->policy->guard, fd,
			    identity, worker->policy->loop_ttl);
	if (error == 0) {
		datagram->batch = batch_new(datagram->unix_peers, trains);
		error = datagram->batch ? 0 : -ENOMEM;
	}
	if (error < 0) {
		datagram_close(datagram);
		return error;
	}
	socket_set_busy_poll(fd, worker->policy->busy_poll);
	error = reactor_add(&worker->reactor, &datagram->source, EPOLLIN,
			    EPOLLIN);
	if (error < 0) {
		datagram_close(datagram);
		return error;
	}
	list_append(&worker->datagrams, &datagram->siblings);
	return 0;
}

void datagram_close(struct datagram *datagram)
{
	event_source_remove(&datagram->source);
	list_remove(&datagram->siblings);
	list_remove(&datagram->waiter.link);
	screen_close(&datagram->screen);
	if (!datagram->batch)
		return;
	STATS_COUNT(datagram->worker->stats, datagrams_unsent,
		    batch_unsent(datagram->batch));
	free(datagram->batch);
	datagram->batch = NULL;
}

void datagram_pause(struct datagram *datagram)
{
	datagram->paused = true;
	datagram_want(datagram);
}

void datagram_resume(struct datagram *datagram)
{
	datagram->paused = false;
	datagram_want(datagram);
}

void datagram_sweep(struct datagram *datagram)
{
	event_source_raise(&datagram->source, EPOLLIN);
	for (int i = 0; i < SWEEP_BUDGET; i++) {
		if (!(datagram->source.ready & EPOLLIN) ||
		    list_is_linked(&datagram->waiter.link) ||
		    datagram_is_stuck(datagram))
			return;
		datagram_echo(datagram);
	}
}
