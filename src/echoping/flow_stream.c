/* SPDX-License-Identifier: MIT */
/*
 * Flows over a stream: messages follow each other on one connection, or (with
 * --connect) each has one of its own.  A reply is known by its place.
 */
#include "config.h"

#include "echoping/flow.h"

#include "echoping/message.h"
#include "echoping/stamp.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/*
 * The kernel knows when the last byte of a message left.  That is when all of
 * it left if it is one segment; and only TCP proper says it.
 */
static bool has_stamps(const struct flow *flow)
{
	int segment = 0;
	socklen_t length = sizeof(segment);

	return flow->target->endpoint.transport == TRANSPORT_TCP &&
	       getsockopt(flow->fd, IPPROTO_TCP, TCP_MAXSEG, &segment,
			  &length) == 0 &&
	       flow->context->settings->size <= (uint32_t)segment &&
	       stamp_enable(flow->fd);
}

static void stream_is_open(struct flow *flow)
{
	struct address own = { .length = sizeof(own) - sizeof(own.length) };

	flow->state = FLOW_OPEN;
	target_reach(flow->target, flow->candidate);
	/* Begin with what waits: the rest went with the connection before, or
	 * was given up meanwhile. */
	while (flow->sent_count < flow->count &&
	       flow_nth(flow, flow->sent_count)->state != PROBE_WAITING)
		flow->sent_count++;
	flow->received_count = flow->sent_count;
	flow->stamps = has_stamps(flow);
	flow->stamp_next = 0;
	if (getsockname(flow->fd, &own.any, &own.length) == 0)
		flow->port = (uint16_t)address_port(&own);
}

int flow_stream_open(struct flow *flow)
{
	struct flow_context *context = flow->context;
	const char *what;
	int error;

	flow->fd = target_open(flow->target, context->settings, context->source,
			       flow->number, &what);
	if (flow->fd < 0)
		return flow->fd;
	error = target_connect(flow->target, flow->fd);
	if (error == 0 || error == -EINPROGRESS) {
		int failed = flow_watch(flow, error < 0);

		if (failed < 0)
			error = failed;
	}
	if (error < 0 && error != -EINPROGRESS) {
		close(flow->fd);
		flow->fd = -1;
		return error;
	}
	flow->state = FLOW_CONNECTING;
	if (error == 0)
		stream_is_open(flow);
	return 0;
}

/* Messages from sent_count on wait to be sent, the first one in part. */
static int send_some(struct flow *flow, size_t size, const struct probe *fresh)
{
	uint64_t sequence = flow_sequence(flow, flow->sent_count);
	struct probe *probe = flow_find(flow, sequence);
	ssize_t sent;

	message_write(flow->context->message, size, sequence, flow->nonce);
	/* Of any other one the time that it stood in line counts, too. */
	if (fresh && probe == fresh && flow->sent_part == 0 &&
	    !fresh->connecting)
		probe->sent = clock_now();
	sent = send(flow->fd, flow->context->message + flow->sent_part,
		    size - flow->sent_part, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0)
		return -errno;
	flow->sent_part += (size_t)sent;
	flow->stamp_next += (uint32_t)sent;
	if (flow->sent_part < size)
		return 0;
	if (probe)
		probe->stamp_id = flow->stamp_next - 1;
	flow->sent_count++;
	flow->sent_part = 0;
	return 0;
}

void flow_stream_send(struct flow *flow, const struct probe *fresh)
{
	size_t size = flow->context->settings->size;
	int error = 0;

	while (flow->state == FLOW_OPEN && flow->sent_count < flow->count &&
	       error == 0)
		error = send_some(flow, size, fresh);
	if (error == -EAGAIN || error == -EINTR)
		error = 0;
	if (error == 0 && flow->state == FLOW_OPEN)
		error = flow_watch(flow, flow->sent_count < flow->count);
	if (error < 0)
		flow_close(flow, strerrordesc_np(-error));
}

static void finish_connecting(struct flow *flow)
{
	struct target *target = flow->target;
	int error = target_connected(flow->fd);

	/* Meanwhile another flow has found which address it is to be. */
	if (error == 0 && target->reached && flow->candidate != target->chosen)
		error = -ECONNABORTED;
	if (error == 0) {
		stream_is_open(flow);
		flow_stream_send(flow, NULL);
		return;
	}
	close(flow->fd);
	flow->fd = -1;
	flow->state = FLOW_CLOSED;
	if (flow_choose_next(flow) && flow_open_next(flow) == 0)
		return;
	/* Before the first probe nobody waits; it will try again, and tell. */
	flow_close(flow, flow->waiting > 0 ? strerrordesc_np(-error) : NULL);
}

/*
 * The next message as it should come back; how much of it may be on its way:
 * of what is still being sent, what was sent so far.
 */
static size_t expect(struct flow *flow)
{
	size_t size = flow->context->settings->size;

	message_write(flow->context->message, size,
		      flow_sequence(flow, flow->received_count), flow->nonce);
	return (flow->received_count < flow->sent_count ? size
							: flow->sent_part) -
	       flow->received_part;
}

static void answer(struct flow *flow, const struct arrival *arrival,
		   size_t mismatch)
{
	struct arrival message = *arrival;

	message.size = flow->context->settings->size;
	flow_answer_to(flow, flow_sequence(flow, flow->received_count),
		       &message, mismatch);
}

/* Take what belongs to one message. */
static void take_part(struct flow *flow, struct arrival *rest)
{
	size_t part = MIN(expect(flow), rest->size), same = 0;
	const unsigned char *expected =
		flow->context->message + flow->received_part;

	if (part == 0) {
		flow_close(flow, "more came back than was sent");
		return;
	}
	while (same < part && rest->bytes[same] == expected[same])
		same++;
	flow->received_part += same;
	rest->bytes += same;
	rest->size -= same;
	if (same < part) {
		answer(flow, rest, flow->received_part);
		flow_close(flow, "the stream is corrupt");
	} else if (flow->received_part == flow->context->settings->size) {
		answer(flow, rest, flow->received_part);
		flow->received_part = 0;
		flow->received_count++;
	}
}

/* The bytes in arrival are the next of the stream. */
static void take_bytes(struct flow *flow, const struct arrival *arrival)
{
	struct arrival rest = *arrival;

	while (rest.size > 0 && flow->state == FLOW_OPEN)
		take_part(flow, &rest);
}

static ssize_t receive(struct flow *flow, struct arrival *arrival)
{
	union {
		struct cmsghdr alignment;
		char bytes[STAMP_CONTROL_SIZE];
	} room;
	struct iovec payload = { flow->context->buffer,
				 flow->context->buffer_size };
	struct msghdr message = {
		.msg_iov = &payload,
		.msg_iovlen = 1,
		.msg_control = &room,
		.msg_controllen = sizeof(room),
	};
	ssize_t size = recvmsg(flow->fd, &message, MSG_DONTWAIT);

	if (size < 0)
		return size;
	arrival->when = clock_now();
	arrival->stamp = stamp_received(&message);
	arrival->bytes = payload.iov_base;
	arrival->size = (size_t)size;
	arrival->from = flow->target->endpoint.address;
	return size;
}

/* After each of its probes the connection of --connect is done with. */
static bool is_done(const struct flow *flow)
{
	return flow->context->settings->connect &&
	       flow->received_count == flow->count;
}

void flow_stream_on_ready(struct flow *flow, uint32_t events)
{
	struct arrival arrival;
	ssize_t size;

	if (flow->state == FLOW_CONNECTING) {
		finish_connecting(flow);
		return;
	}
	if (events & EPOLLOUT)
		flow_stream_send(flow, NULL);
	if (flow->state != FLOW_OPEN)
		return;
	if (flow->stamps)
		flow_read_errors(flow);
	size = receive(flow, &arrival);
	flow->context->unread |= size == (ssize_t)flow->context->buffer_size;
	if (size > 0)
		take_bytes(flow, &arrival);
	else if (size == 0)
		flow_close(flow, "closed by the peer");
	else if (errno != EAGAIN && errno != EINTR)
		flow_close(flow, strerrordesc_np(errno));
	if (flow->state == FLOW_OPEN && is_done(flow))
		flow_close(flow, NULL);
}
