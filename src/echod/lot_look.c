/* SPDX-License-Identifier: MIT */
/*
 * Lots that came back: what lies in them is looked at, and becomes ours.
 */
#include "config.h"

#include "echod/lot_state.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>

static int input_of(int end)
{
	int length = 0;

	return ioctl(end, SIOCINQ, &length) < 0 ? 0 : length;
}

bool lot_is_turned(const int ends[2])
{
	return input_of(ends[0]) > 0;
}

/* A byte that is sent to one is received by the other, and leaves no trace. */
static bool is_connected(int entrance, int exit)
{
	unsigned char byte = LOT_FORMAT;

	return send(entrance, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 &&
	       recv(exit, &byte, 1, MSG_DONTWAIT) == 1;
}

bool lot_is_pair(const int ends[2])
{
	bool turned = lot_is_turned(ends);
	int entrance = ends[turned ? 1 : 0], exit = ends[turned ? 0 : 1];
	int sent = 0;

	/* What was sent there and not received lies in the other one. */
	if (input_of(exit) > 0)
		return ioctl(entrance, SIOCOUTQ, &sent) == 0 && sent > 0;
	return is_connected(entrance, exit);
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

static bool peek_from(int end, int offset)
{
	return setsockopt(end, SOL_SOCKET, SO_PEEK_OFF, &offset,
			  sizeof(offset)) == 0;
}

int lot_look(int end, size_t offset, int fds[LOT_BATCH], size_t *length,
	     bool *lost)
{
	unsigned char bytes[LOT_LENGTH_MAX];
	struct iovec payload = { bytes, sizeof(bytes) };
	union lot_rights rights;
	struct msghdr header = {
		.msg_iov = &payload,
		.msg_iovlen = 1,
		.msg_control = &rights,
		.msg_controllen = sizeof(rights),
	};
	ssize_t result;

	*length = 0;
	*lost = false;
	/* socket(7); without it, a peek is always at the head. */
	if (!peek_from(end, (int)offset))
		return -errno;
	result = recvmsg(end, &header,
			 MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	(void)peek_from(end, -1);
	if (result < 0)
		return -errno;
	*length = (size_t)result;
	*lost = header.msg_flags & MSG_CTRUNC;
	return take_rights(&header, fds);
}

int lot_add(struct lot *lot, size_t length, size_t parked,
	    struct list_node *living)
{
	struct lot_message *message = lot_message_new();

	if (!message)
		return -ENOMEM;
	message->length = length;
	lot->live += list_length(living);
	list_append_all(&message->live, living);
	lot_append(lot, message, parked);
	return 0;
}
