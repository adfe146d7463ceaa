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
	flow->target->reached = true;
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
static int send_some(struct flow *flow, size_t size)
{
	struct probe *probe = flow_nth(flow, flow->sent_count);
	ssize_t sent;

	message_write(flow->context->message, size, probe->sequence,
		      flow->nonce);
	if (flow->sent_part == 0 && !probe->connecting)
		probe->sent = clock_now();
	sent = send(flow->fd, flow->context->message + flow->sent_part,
		    size - flow->sent_part, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0)
		return -errno;
	flow->sent_part += (size_t)sent;
	flow->stamp_next += (uint32_t)sent;
	if (flow->sent_part < size)
		return 0;
	probe->stamp_id = flow->stamp_next - 1;
	flow->sent_count++;
	flow->sent_part = 0;
	return 0;
}

void flow_stream_send(struct flow *flow)
{
	size_t size = flow->context->settings->size;
	int error = 0;

	while (flow->state == FLOW_OPEN && flow->sent_count < flow->count &&
	       error == 0)
		error = send_some(flow, size);
	if (error == -EAGAIN || error == -EINTR)
		error = 0;
	if (error == 0 && flow->state == FLOW_OPEN)
		error = flow_watch(flow, flow->sent_count < flow->count);
	if (error < 0)
		flow_close(flow, strerrordesc_np(-error));
}

static void finish_connecting(struct flow *flow)
{
	int error = target_connected(flow->fd);

	if (error == 0) {
		stream_is_open(flow);
		flow_stream_send(flow);
		return;
	}
	close(flow->fd);
	flow->fd = -1;
	flow->state = FLOW_CLOSED;
	if (target_choose_next(flow->target) && flow_open(flow) == 0)
		return;
	/* Before the first probe nobody waits; it will try again, and tell. */
	flow_close(flow, flow->waiting > 0 ? strerrordesc_np(-error) : NULL);
}

/* The bytes in arrival are the next of the stream. */
static void take_bytes(struct flow *flow, struct arrival *arrival)
{
	size_t size = flow->context->settings->size, left = arrival->size;
	const unsigned char *bytes = arrival->bytes;

	while (left > 0 && flow->received_count < flow->sent_count) {
		struct probe *probe = flow_nth(flow, flow->received_count);
		size_t part = MIN(size - flow->received_part, left), same = 0;
		const unsigned char *expected =
			flow->context->message + flow->received_part;

		message_write(flow->context->message, size, probe->sequence,
			      flow->nonce);
		while (same < part && bytes[same] == expected[same])
			same++;
		arrival->size = size;
		flow->received_part += part;
		if (same < part) {
			flow_answer_probe(flow, probe, arrival,
					  flow->received_part - part + same);
			flow_close(flow, "the stream is corrupt");
			return;
		}
		bytes += part;
		left -= part;
		if (flow->received_part < size)
			return;
		flow->received_part = 0;
		flow->received_count++;
		flow_answer_probe(flow, probe, arrival, size);
	}
	if (left > 0)
		flow_close(flow, "more came back than was sent");
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
		flow_stream_send(flow);
	if (flow->state != FLOW_OPEN)
		return;
	if (flow->stamps)
		flow_read_errors(flow);
	size = receive(flow, &arrival);
	if (size > 0)
		take_bytes(flow, &arrival);
	else if (size == 0)
		flow_close(flow, "closed by the peer");
	else if (errno != EAGAIN && errno != EINTR)
		flow_close(flow, strerrordesc_np(errno));
	if (flow->state == FLOW_OPEN && is_done(flow))
		flow_close(flow, NULL);
}
