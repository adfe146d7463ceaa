/* SPDX-License-Identifier: MIT */
/*
 * Flows of datagrams: UDP through a socket that is not connected, so that a
 * reply from an address that was not asked is seen; Unix datagrams and records
 * (seqpacket) through connected ones.
 */
#include "config.h"

#include "echoping/flow.h"

#include "echoping/message.h"
#include "echoping/stamp.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Received at one go, so that other flows have their turn. */
#define BURST 64

static int prepare(struct flow *flow)
{
	int family = flow->target->endpoint.address.any.sa_family;
	int error;

	if (target_is_udp(flow->target)) {
		flow->stamps = stamp_enable(flow->fd);
		stamp_enable_errors(flow->fd, family);
		flow->stamp_next = 0;
	} else {
		error = target_connect(flow->target, flow->fd);
		if (error < 0)
			return error;
	}
	return flow_watch(flow, false);
}

int flow_datagram_open(struct flow *flow)
{
	struct flow_context *context = flow->context;
	const char *what;
	int error;

	flow->fd = target_open(flow->target, context->settings, context->source,
			       flow->number, &what);
	if (flow->fd < 0)
		return flow->fd;
	error = prepare(flow);
	if (error < 0) {
		flow_close(flow, NULL);
		return error;
	}
	flow->state = FLOW_OPEN;
	return 0;
}

static ssize_t send_message(struct flow *flow, struct probe *probe)
{
	const struct address *to = &flow->target->endpoint.address;
	const struct flow_context *context = flow->context;
	bool named = target_is_udp(flow->target);

	probe->stamp_id = flow->stamp_next;
	probe->sent = clock_now();
	return sendto(flow->fd, context->message, context->settings->size,
		      MSG_NOSIGNAL | MSG_DONTWAIT, named ? &to->any : NULL,
		      named ? to->length : 0);
}

/* Ports are chosen by the kernel when the first datagram leaves. */
static void learn_port(struct flow *flow)
{
	struct address own = { .length = sizeof(own) - sizeof(own.length) };

	if (getsockname(flow->fd, &own.any, &own.length) == 0)
		flow->port = (uint16_t)address_port(&own);
}

/* Count anew: whether a failed call has used up an id depends on the kernel. */
static void restart_stamps(struct flow *flow)
{
	if (flow->stamps)
		flow->stamps = stamp_enable(flow->fd);
	flow->stamp_next = 0;
}

static void fail_to_send(struct flow *flow, struct probe *probe, int error)
{
	flow_lose(probe, strerrordesc_np(error), NULL);
	if (target_is_udp(flow->target))
		restart_stamps(flow);
	else if (error != EAGAIN && error != EMSGSIZE && error != ENOBUFS)
		flow_close(flow, "the connection ended");
}

void flow_datagram_send(struct flow *flow, struct probe *probe)
{
	ssize_t sent;

	message_write(flow->context->message, flow->context->settings->size,
		      probe->sequence, flow->nonce);
	probe->connecting = false;
	sent = send_message(flow, probe);
	if (sent < 0 && target_is_udp(flow->target)) {
		/* Perhaps an ICMP error for an earlier one; it sent nothing. */
		flow_read_errors(flow);
		if (probe->state != PROBE_WAITING)
			return; /* it was taken for that one */
		restart_stamps(flow);
		sent = send_message(flow, probe);
	}
	if (sent < 0) {
		fail_to_send(flow, probe, errno);
		return;
	}
	flow->stamp_next++;
	if (flow->port == 0)
		learn_port(flow);
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
		.msg_name = &arrival->from.any,
		.msg_namelen =
			sizeof(arrival->from) - sizeof(arrival->from.length),
		.msg_iov = &payload,
		.msg_iovlen = 1,
		.msg_control = &room,
		.msg_controllen = sizeof(room),
	};
	ssize_t size = recvmsg(flow->fd, &message, MSG_DONTWAIT);

	if (size < 0)
		return size;
	arrival->when = clock_now();
	arrival->from.length = message.msg_namelen;
	arrival->stamp = stamp_received(&message);
	arrival->bytes = payload.iov_base;
	arrival->size = (size_t)size;
	/* Seqpacket names nobody, Unix datagrams their sender. */
	if (!target_is_udp(flow->target))
		arrival->from = flow->target->endpoint.address;
	return size;
}

/* Of a connection: does this result mean that it is over? */
static bool has_ended(const struct flow *flow, ssize_t size)
{
	if (target_is_udp(flow->target) || size > 0)
		return false;
	if (size < 0)
		return errno != EAGAIN && errno != EINTR;
	return target_type(flow->target) == SOCK_SEQPACKET &&
	       flow->context->settings->size > 0;
}

void flow_datagram_on_ready(struct flow *flow)
{
	struct arrival arrival;

	if (target_is_udp(flow->target))
		flow_read_errors(flow);
	for (int i = 0; i < BURST; i++) {
		ssize_t size = receive(flow, &arrival);

		if (has_ended(flow, size)) {
			flow_close(flow, size < 0 ? strerrordesc_np(errno)
						  : "closed by the peer");
			return;
		}
		if (size < 0 && errno != EINTR)
			return;
		if (size >= 0)
			flow_answer(flow, &arrival);
	}
	flow->context->unread = true;
}
