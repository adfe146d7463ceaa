/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/lot_state.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The dead that are always put up with, beside as many as live. */
#define DEAD_MAX 256

/* In one go, so that whoever dies last does not pay for all before. */
#define ROTATIONS 8

/*
 * What the kernel charges to the send buffer for a message, at most: struct
 * sk_buff and the smallest buffer, 768 bytes in Linux 6.18.
 */
#define MESSAGE_COST 1024

void lot_init(struct lot *lot, lot_descriptor *descriptor_of, size_t parked_max)
{
	*lot = (struct lot){
		.entrance = -1,
		.exit = -1,
		.descriptor_of = descriptor_of,
		.parked_max = parked_max,
	};
	list_init(&lot->messages);
}

/* As much as net.core.wmem_max lets us have. */
static void lot_set_limit(struct lot *lot)
{
	int size = INT_MAX / 2;
	socklen_t length = sizeof(size);

	(void)setsockopt(lot->entrance, SOL_SOCKET, SO_SNDBUF, &size, length);
	if (getsockopt(lot->entrance, SOL_SOCKET, SO_SNDBUF, &size, &length) <
	    0)
		size = 0;
	lot->message_limit = (size_t)size / MESSAGE_COST;
}

int lot_open(struct lot *lot)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		       ends) < 0)
		return -errno;
	lot_take(lot, ends);
	return 0;
}

void lot_take(struct lot *lot, const int ends[2])
{
	bool turned = lot_is_turned(ends);

	lot->entrance = ends[turned ? 1 : 0];
	lot->exit = ends[turned ? 0 : 1];
	lot_set_limit(lot);
}

/* The first message is no more; whoever lived there has been moved. */
static void lot_forget_first(struct lot *lot)
{
	struct lot_message *first = message_of(list_take_first(&lot->messages));

	lot->parked -= first->parked;
	lot->message_count--;
	free(first);
}

void lot_deinit(struct lot *lot)
{
	while (!list_is_empty(&lot->messages)) {
		struct list_node *live = &message_of(lot->messages.next)->live;

		while (!list_is_empty(live))
			list_take_first(live);
		lot_forget_first(lot);
	}
	lot->live = 0;
	if (lot->entrance >= 0)
		close(lot->entrance);
	if (lot->exit >= 0)
		close(lot->exit);
	lot->entrance = lot->exit = -1;
}

static int lot_send(struct lot *lot, const int *fds, size_t count)
{
	unsigned char format = LOT_FORMAT;
	struct iovec payload = { &format, sizeof(format) };
	union lot_rights rights;
	struct msghdr header = {
		.msg_iov = &payload,
		.msg_iovlen = 1,
		.msg_control = &rights,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};

	memset(&rights, 0, sizeof(rights));
	rights.header.cmsg_level = SOL_SOCKET;
	rights.header.cmsg_type = SCM_RIGHTS;
	rights.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(&rights.header), fds, count * sizeof(int));
	if (sendmsg(lot->entrance, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return errno == EAGAIN ? -ENOBUFS : -errno;
	return 0;
}

struct lot_message *lot_message_new(void)
{
	struct lot_message *message = malloc(sizeof(*message));

	if (!message)
		return NULL;
	list_init(&message->link);
	list_init(&message->live);
	message->parked = 0;
	message->length = 1;
	return message;
}

/* Take what the message consists of out of the queue, where it is first. */
static void lot_drop(const struct lot *lot, const struct lot_message *message)
{
	unsigned char bytes[LOT_LENGTH_MAX];
	size_t left = message->length;

	while (left > 0) {
		ssize_t taken = recv(lot->exit, bytes, MIN(left, sizeof(bytes)),
				     MSG_DONTWAIT);

		if (taken <= 0 && errno != EINTR)
			return;
		left -= taken > 0 ? (size_t)taken : 0;
	}
}

void lot_append(struct lot *lot, struct lot_message *message, size_t parked)
{
	message->parked = parked;
	lot->parked += parked;
	lot->message_count++;
	list_append(&lot->messages, &message->link);
}

int lot_park(struct lot *lot, struct list_node *places)
{
	struct lot_message *message;
	struct list_node *place = places->next;
	int fds[LOT_BATCH], error;
	size_t count = 0;

	if (list_is_empty(places))
		return 0;
	/* The last place in the queue is for rotation. */
	if (lot->message_count + 1 >= lot->message_limit)
		return -ENOBUFS;
	message = lot_message_new();
	if (!message)
		return -ENOMEM;
	do {
		fds[count++] = lot->descriptor_of(place);
		place = place->next;
	} while (count < LOT_BATCH && place != places);
	error = lot_send(lot, fds, count);
	if (error < 0) {
		free(message);
		return error;
	}
	for (size_t i = 0; i < count; i++) {
		place = places->next;
		list_remove(place);
		list_append(&message->live, place);
	}
	lot->live += count;
	lot_append(lot, message, count);
	return 0;
}

struct list_node *lot_newest(struct lot *lot)
{
	return &message_of(lot->messages.previous)->live;
}

/* Of as many of the first messages as fit into one: their number. */
static size_t lot_gather(struct lot *lot, int fds[LOT_BATCH], size_t *count)
{
	struct list_node *link, *place;
	size_t messages = 0;

	*count = 0;
	list_for_each (link, &lot->messages) {
		struct lot_message *message = message_of(link);

		if (*count + list_length(&message->live) > LOT_BATCH)
			break;
		list_for_each (place, &message->live)
			fds[(*count)++] = lot->descriptor_of(place);
		messages++;
	}
	return messages;
}

/*
 * Those of the first messages that live go to the tail: how many messages are
 * gone from the head, at least one, or -errno.
 */
static int lot_rotate(struct lot *lot)
{
	struct lot_message *fresh = lot_message_new();
	int fds[LOT_BATCH], error = 0;
	size_t count, messages;

	if (!fresh)
		return -ENOMEM;
	messages = lot_gather(lot, fds, &count);
	if (count > 0)
		error = lot_send(lot, fds, count);
	if (error < 0) {
		free(fresh);
		return error;
	}
	for (size_t i = 0; i < messages; i++) {
		struct lot_message *first = message_of(lot->messages.next);

		list_append_all(&fresh->live, &first->live);
		lot_drop(lot, first);
		lot_forget_first(lot);
	}
	if (count > 0)
		lot_append(lot, fresh, count);
	else
		free(fresh);
	return (int)messages;
}

/* Too many dead, or messages that could be but half as many. */
static bool lot_is_sparse(const struct lot *lot)
{
	size_t needed = lot->live / LOT_BATCH + 1;
	size_t dead = lot->parked - lot->live;

	return dead > lot->live + DEAD_MAX ||
	       (dead > 0 && lot->parked + LOT_BATCH > lot->parked_max) ||
	       (lot->message_count > lot->message_limit / 4 * 3 &&
		lot->message_count > 2 * needed);
}

/*
 * First messages of which nobody lives.  This needs not send, which fails for
 * as long as this user has too many descriptors in flight.
 */
static void lot_drop_dead(struct lot *lot)
{
	while (!list_is_empty(&lot->messages)) {
		struct lot_message *first = message_of(lot->messages.next);

		if (!list_is_empty(&first->live))
			return;
		lot_drop(lot, first);
		lot_forget_first(lot);
	}
}

void lot_compact(struct lot *lot)
{
	if (lot->held)
		return;
	lot_drop_dead(lot);
	for (int i = 0; i < ROTATIONS && lot_is_sparse(lot); i++) {
		/* It is tried again when the next one dies or is parked. */
		if (lot_rotate(lot) < 0)
			return;
	}
}

int lot_renew(struct lot *lot)
{
	size_t left = lot->message_count;

	if (lot->held)
		return -EBUSY;
	while (left > 0) {
		int dropped = lot_rotate(lot);

		if (dropped < 0)
			return dropped;
		left -= MIN(left, (size_t)dropped);
	}
	return 0;
}

void lot_leave(struct lot *lot, struct list_node *place)
{
	list_remove(place);
	if (lot->exit < 0)
		return;
	lot->live--;
	lot_compact(lot);
}
