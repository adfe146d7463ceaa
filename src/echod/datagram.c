/* SPDX-License-Identifier: MIT */
/*
 * One array of mmsghdr serves recvmmsg(2) and sendmmsg(2): a reply is the
 * message that was received, with the control data turned round.  After
 * screening, messages [0, count) are to be sent, and [sent, count) still are.
 */
#include "config.h"

#include "echod/datagram.h"
#include "echod/guard.h"
#include "echod/packet_info.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Enough that the cost of a system call is spread; one turn of a socket that
 * is flooded delays others by no more than this many datagrams.
 */
#define BATCH_MAX 32

/* Batches of a sweep: more than a receive queue holds, less than a flood. */
#define SWEEP_BUDGET 512

/* The longest UDP payload is 65,527 bytes, on IPv6. */
#define UDP_ROOM 65536

/* A Unix datagram can be as long as its sender's buffer: net.core.wmem_max. */
#define UNIX_ROOM      (256 * 1024)
#define UNIX_BATCH_MAX 8

/*
 * Two packet infos, and whatever else an earlier owner of a passed socket may
 * have asked for: what is cut off is not to be the packet info.
 */
#define CONTROL_ROOM 256

struct message_room {
	struct address peer;
	struct iovec payload;
	union {
		struct cmsghdr alignment;
		char bytes[CONTROL_ROOM];
	} control;
};

struct datagram_batch {
	unsigned size;	/* messages that fit */
	size_t room;	/* bytes for each */
	unsigned dirty; /* to be prepared before the next use */
	unsigned count; /* to be sent */
	unsigned sent;
	bool controls;
	struct mmsghdr messages[BATCH_MAX];
	struct message_room rooms[BATCH_MAX];
	unsigned char payloads[]; /* only what is used is ever touched */
};

static struct datagram_batch *batch_new(bool unix_peers)
{
	unsigned size = unix_peers ? UNIX_BATCH_MAX : BATCH_MAX;
	size_t room = unix_peers ? UNIX_ROOM : UDP_ROOM;
	struct datagram_batch *batch = malloc(sizeof(*batch) + size * room);

	if (!batch)
		return NULL;
	batch->size = size;
	batch->room = room;
	batch->dirty = size;
	batch->count = batch->sent = 0;
	/*
	 * Unix peers can pass descriptors.  Without room for control data the
	 * kernel drops them; with it they would pile up here.
	 */
	batch->controls = !unix_peers;
	for (unsigned i = 0; i < size; i++)
		batch->rooms[i].payload.iov_base = batch->payloads + i * room;
	return batch;
}

/* Point message i at room i, all of it. */
static void message_prepare(struct datagram_batch *batch, unsigned i)
{
	struct message_room *room = &batch->rooms[i];

	room->payload.iov_len = batch->room;
	batch->messages[i].msg_hdr = (struct msghdr){
		.msg_name = &room->peer.any,
		.msg_namelen =
			sizeof(room->peer) - offsetof(struct address, any),
		.msg_iov = &room->payload,
		.msg_iovlen = 1,
		.msg_control = batch->controls ? &room->control : NULL,
		.msg_controllen = batch->controls ? sizeof(room->control) : 0,
	};
}

static bool peer_is_unnamed(const struct msghdr *header)
{
	return header->msg_namelen <= sizeof(sa_family_t);
}

/* May this peer, which has a name, be answered?  Counted, if not. */
static bool datagram_screen_peer(struct datagram *datagram,
				 const struct sockaddr *peer,
				 const struct packet_info *info)
{
	struct stats *stats = &datagram->worker->stats;

	if (guard_refuses_source(peer, packet_info_is_ipv4(info)))
		STATS_COUNT(stats, datagrams_refused_source, 1);
	else if (guard_refuses_port(datagram->worker->policy->guard, peer))
		STATS_COUNT(stats, datagrams_refused_port, 1);
	else
		return true;
	return false;
}

/* Turn a received message into its reply: false, and counted, if refused. */
static bool datagram_screen_one(struct datagram *datagram,
				struct mmsghdr *message)
{
	struct stats *stats = &datagram->worker->stats;
	struct msghdr *header = &message->msg_hdr;
	struct packet_info info;

	packet_info_read(header, &info);
	if (header->msg_flags & MSG_TRUNC)
		STATS_COUNT(stats, datagrams_refused_long, 1);
	else if (packet_info_is_group(&info))
		STATS_COUNT(stats, datagrams_refused_group, 1);
	else if (peer_is_unnamed(header) && !datagram->connected)
		STATS_COUNT(stats, datagrams_refused_unnamed, 1);
	else if (peer_is_unnamed(header) ||
		 datagram_screen_peer(datagram, header->msg_name, &info)) {
		packet_info_write(header, &info);
		header->msg_iov->iov_len = message->msg_len;
		if (peer_is_unnamed(header))
			header->msg_namelen = 0;
		return true;
	}
	return false;
}

/* Leave replies to the first `received` messages as messages [0, count). */
static void datagram_screen(struct datagram *datagram, unsigned received)
{
	struct datagram_batch *batch = datagram->batch;

	batch->count = batch->sent = 0;
	for (unsigned i = 0; i < received; i++) {
		if (!datagram_screen_one(datagram, &batch->messages[i]))
			continue;
		batch->messages[batch->count++] = batch->messages[i];
	}
}

bool datagram_is_stuck(const struct datagram *datagram)
{
	return datagram->batch->sent < datagram->batch->count;
}

/* While the send buffer is full, want nothing but that it is not. */
static void datagram_want(struct datagram *datagram)
{
	uint32_t receiving = datagram->paused ? 0 : EPOLLIN;

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

/*
 * The first unsent message failed.  A full send buffer is waited for; any other
 * error is that message's own: count it, skip it.
 */
static bool datagram_may_go_on(struct datagram *datagram, int error)
{
	if (error == EINTR)
		return true;
	if (error == EAGAIN && !datagram->unix_peers)
		return false;
	STATS_COUNT(&datagram->worker->stats, datagrams_unsent, 1);
	datagram->batch->sent++;
	return true;
}

/* Send all that is left: 0, or -EAGAIN if the send buffer is full. */
static int datagram_reply(struct datagram *datagram)
{
	struct datagram_batch *batch = datagram->batch;

	while (batch->sent < batch->count) {
		int sent = sendmmsg(datagram->source.fd,
				    batch->messages + batch->sent,
				    batch->count - batch->sent,
				    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent > 0) {
			STATS_COUNT(&datagram->worker->stats, datagrams_sent,
				    (unsigned)sent);
			batch->sent += (unsigned)sent;
		} else if (!datagram_may_go_on(datagram, errno)) {
			return -EAGAIN;
		}
	}
	return 0;
}

/*
 * Fill the batch: how many messages, 0 if none.  Fewer than fit means that the
 * queue is empty; an error, too, but one that concerns no datagram (an ICMP
 * message for a connected socket) leaves the rest for the next turn.
 */
static unsigned datagram_receive(struct datagram *datagram)
{
	struct datagram_batch *batch = datagram->batch;
	int received;

	for (unsigned i = 0; i < batch->dirty; i++)
		message_prepare(batch, i);
	batch->dirty = 0;
	received = recvmmsg(datagram->source.fd, batch->messages, batch->size,
			    MSG_DONTWAIT, NULL);
	if (received < (int)batch->size && (received >= 0 || errno == EAGAIN))
		event_source_consume(&datagram->source, EPOLLIN);
	if (received <= 0)
		return 0;
	batch->dirty = (unsigned)received;
	STATS_COUNT(&datagram->worker->stats, datagrams_received,
		    (unsigned)received);
	return (unsigned)received;
}

static void datagram_echo(struct datagram *datagram)
{
	unsigned received = datagram_receive(datagram);

	if (received == 0)
		return;
	datagram_screen(datagram, received);
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
	if (event_source_rearm(&datagram->source, EPOLLIN) < 0)
		event_source_consume(&datagram->source, EPOLLOUT);
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
	struct address peer;
	int error;

	socket_peer(fd, &peer);
	datagram->worker = worker;
	datagram->paused = false;
	datagram->connected = peer.length > 0;
	datagram->unix_peers = identity->family == AF_UNIX;
	list_init(&datagram->siblings);
	event_source_init(&datagram->source, fd, datagram_on_ready);
	datagram->batch = batch_new(datagram->unix_peers);
	if (!datagram->batch)
		return -ENOMEM;
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
	if (!datagram->batch)
		return;
	STATS_COUNT(&datagram->worker->stats, datagrams_unsent,
		    datagram->batch->count - datagram->batch->sent);
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
		    datagram_is_stuck(datagram))
			return;
		datagram_echo(datagram);
	}
}
