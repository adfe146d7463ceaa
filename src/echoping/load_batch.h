/* SPDX-License-Identifier: MIT */
/*
 * Datagrams in batches: the buffers of a thread, and the calls that empty and
 * fill them.
 *
 * With trains a batch is sent as one buffer that the kernel or the device cuts
 * (UDP_SEGMENT), and received likewise (UDP_GRO): see udp(7).
 */
#ifndef ECHOPING_LOAD_BATCH_H
#define ECHOPING_LOAD_BATCH_H

#include "common/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define BATCH_MAX                                                              \
	64 /* also what UDP_SEGMENT takes at least (UDP_MAX_SEGMENTS) */

struct load_batch {
	size_t size; /* of a message */
	bool trains;
	unsigned most; /* messages that are sent at once */

	unsigned char *out, *in;
	size_t room; /* of each datagram, or train, that comes in */
	struct iovec *out_vectors, *in_vectors;
	struct mmsghdr *out_headers, *in_headers;
	union batch_control *controls;

	/* What was received and not yet taken. */
	unsigned received, taken;
	size_t offset;
};

/* 0 or -ENOMEM. */
int load_batch_init(struct load_batch *batch, size_t size,
		    bool trains) MUST_CHECK;
void load_batch_deinit(struct load_batch *batch);

/* Have trains received by this socket; 0 or -errno. */
int load_batch_prepare(const struct load_batch *batch, int fd) MUST_CHECK;

/* Where the i-th message to be sent is written. */
unsigned char *load_batch_message(const struct load_batch *batch, unsigned i);

/* How many were sent, at least 1, or -errno. */
int load_batch_send(struct load_batch *batch, int fd,
		    unsigned count) MUST_CHECK;

/* How many datagrams or trains came, at least 1 and at most BATCH_MAX. */
int load_batch_receive(struct load_batch *batch, int fd) MUST_CHECK;

/* The next message of these; false after the last. */
bool load_batch_take(struct load_batch *batch, const unsigned char **bytes,
		     size_t *length);

#endif
