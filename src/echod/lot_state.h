/* SPDX-License-Identifier: MIT */
/*
 * What a lot's queue consists of.  Private to the lot module: lot.c parks,
 * lot_look.c has what came back.
 */
#ifndef ECHOD_LOT_STATE_H
#define ECHOD_LOT_STATE_H

#include "echod/lot.h"

#include <sys/socket.h>

/* A message of ours is this one byte, beside its descriptors. */
#define LOT_FORMAT 1

/* Taken at once of what another version may have sent. */
#define LOT_LENGTH_MAX 64

struct lot_message {
	struct list_node link; /* in the lot's messages */
	struct list_node live; /* places */
	size_t parked;
	size_t length; /* in bytes */
};

static inline struct lot_message *message_of(struct list_node *link)
{
	return container_of(link, struct lot_message, link);
}

union lot_rights {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(LOT_BATCH * sizeof(int))];
};

/* NULL if there is no memory. */
struct lot_message *lot_message_new(void);

void lot_append(struct lot *lot, struct lot_message *message, size_t parked);

/* Ends look alike: can something be received at the first, which is the exit?
 */
bool lot_is_turned(const int ends[2]);

#endif
