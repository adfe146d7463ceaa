/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/lot.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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

/* A message is one byte that says how it is to be read. */
#define FORMAT	   1
#define LENGTH_MAX 64 /* of whatever another version may have sent */

struct lot_message {
	struct list_node link; /* in the lot's messages */
	struct list_node live; /* places */
	size_t parked;
};

union rights {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(LOT_BATCH * sizeof(int))];
};

static struct lot_message *message_of(struct list_node *link)
{
	return container_of(link, struct lot_message, link);
}

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

static int input_of(int end)
{
	int length = 0;

	return ioctl(end, SIOCINQ, &length) < 0 ? 0 : length;
}

/* Both ends look alike: the exit is where something can be received. */
static bool is_turned(const int ends[2])
{
	return input_of(ends[0]) > 0;
}

bool lot_is_pair(const int ends[2])
{
	bool turned = is_turned(ends);
	int entrance = ends[turned ? 1 : 0], exit = ends[turned ? 0 : 1];
	int before = input_of(exit);
	const unsigned char nothing = FORMAT;

	if (send(entrance, &nothing, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return errno == EAGAIN;
	return input_of(exit) == before + 1;
}

void lot_take(struct lot *lot, const int ends[2])
{
	bool turned = is_turned(ends);

	lot->entrance = ends[turned ? 1 : 0];
	lot->exit = ends[turned ? 0 : 1];
	lot_set_limit(lot);
}

static void lot_forget(struct lot *lot, struct lot_message *message)
{
	lot->parked -= message->parked;
	lot->message_count--;
	list_remove(&message->link);
	free(message);
}

void lot_deinit(struct lot *lot)
{
	while (!list_is_empty(&lot->messages)) {
		struct lot_message *message = message_of(lot->messages.next);

		while (!list_is_empty(&message->live))
			list_remove(message->live.next);
		lot_forget(lot, message);
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
	unsigned char format = FORMAT;
	struct iovec payload = { &format, sizeof(format) };
	union rights rights;
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

static struct lot_message *message_new(void)
{
	struct lot_message *message = malloc(sizeof(*message));

	if (!message)
		return NULL;
	list_init(&message->link);
	list_init(&message->live);
	message->parked = 0;
	return message;
}

static void lot_append(struct lot *lot, struct lot_message *message,
		       size_t parked)
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
	message = message_new();
	if (!message)
		return -ENOMEM;
	for (; count < LOT_BATCH && place != places; place = place->next)
		fds[count++] = lot->descriptor_of(place);
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

static size_t list_length(const struct list_node *head)
{
	const struct list_node *node;
	size_t length = 0;

	list_for_each (node, head)
		length++;
	return length;
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

/* Those of the first messages that live go to the tail: 0 or -errno. */
static int lot_rotate(struct lot *lot)
{
	struct lot_message *fresh = message_new();
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
	while (messages-- > 0) {
		struct lot_message *first = message_of(lot->messages.next);

		list_append_all(&fresh->live, &first->live);
		lot_discard(lot->exit, 1);
		lot_forget(lot, first);
	}
	if (count > 0)
		lot_append(lot, fresh, count);
	else
		free(fresh);
	return 0;
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

void lot_compact(struct lot *lot)
{
	for (int i = 0; i < ROTATIONS && lot_is_sparse(lot); i++) {
		/* It is tried again when the next one dies or is parked. */
		if (lot_rotate(lot) < 0)
			return;
	}
}

void lot_leave(struct lot *lot, struct list_node *place)
{
	list_remove(place);
	lot->live--;
	lot_compact(lot);
}

/* The descriptors of a message that was received. */
static int take_rights(struct msghdr *header, int fds[LOT_BATCH])
{
	struct cmsghdr *control;
	size_t count = 0;

	for (control = CMSG_FIRSTHDR(header); control;
	     control = CMSG_NXTHDR(header, control)) {
		if (control->cmsg_level != SOL_SOCKET ||
		    control->cmsg_type != SCM_RIGHTS)
			continue;
		count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(control), count * sizeof(int));
	}
	return (int)count;
}

int lot_look(int end, size_t room, int fds[LOT_BATCH], size_t *length,
	     bool *lost)
{
	unsigned char bytes[LENGTH_MAX];
	struct iovec payload = { bytes, MIN(room, sizeof(bytes)) };
	union rights rights;
	struct msghdr header = {
		.msg_iov = &payload,
		.msg_iovlen = 1,
		.msg_control = &rights,
		.msg_controllen = sizeof(rights),
	};
	ssize_t result = recvmsg(end, &header,
				 MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*length = 0;
	*lost = false;
	if (result < 0)
		return errno == EAGAIN ? 0 : -errno;
	*length = (size_t)result;
	*lost = header.msg_flags & MSG_CTRUNC;
	return take_rights(&header, fds);
}

void lot_discard(int end, size_t length)
{
	unsigned char bytes[LENGTH_MAX];

	(void)!recv(end, bytes, length, MSG_DONTWAIT);
}
