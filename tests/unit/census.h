/* SPDX-License-Identifier: MIT */
/*
 * What lies in a parking lot, found out as the next instance would, from a
 * duplicate of its exit; nothing is taken out.
 */
#ifndef ECHOD_TESTS_UNIT_CENSUS_H
#define ECHOD_TESTS_UNIT_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CENSUS_MAX 8192

struct census {
	size_t messages, bytes;
	size_t count; /* of descriptors, in the order of the queue */
	uint64_t cookies[CENSUS_MAX];
};

/* Look at all messages; none of their descriptors stays open. */
void census_take(struct census *census, int exit);

/* How often the socket is there. */
size_t census_of(const struct census *census, int fd);

/* The two together, for one socket. */
size_t parked_at(int exit, int fd);

/* Send a message as any instance might have: bytes and descriptors. */
void leave_message(int entrance, const void *bytes, size_t length,
		   const int *fds, size_t count);

/* As many descriptors as the hard limit allows. */
void raise_descriptor_limit(void);

#endif
