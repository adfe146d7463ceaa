/* SPDX-License-Identifier: MIT */
/*
 * The data path's system calls on a stream socket, none of which blocks.
 */
#ifndef ECHOD_STREAM_H
#define ECHOD_STREAM_H

#include "common/macros.h"

#include <stdbool.h>
#include <stddef.h>

struct stream {
	int fd;
	bool tcp;     /* TCP proper */
	bool records; /* a seqpacket: one record a call */
};

struct stream_input {
	size_t length; /* above `size` for a record that did not fit */
	bool end;      /* nothing will follow; length is 0 */
};

/*
 * Receive into `buffer`: 0 and *input, or -errno (recv(2)).  With `peek` the
 * bytes also stay in the receive queue.  That an empty record is not taken for
 * the end needs SO_PASSCRED: see stream.c.
 */
int stream_receive(const struct stream *stream, void *buffer, size_t size,
		   bool peek, struct stream_input *input) MUST_CHECK;

/*
 * Send what can be sent now, *sent bytes: 0 if that is all, -EAGAIN if the
 * peer takes no more, another -errno if the connection is broken (send(2)).
 */
int stream_send(const struct stream *stream, const void *data, size_t length,
		size_t *sent) MUST_CHECK;

/*
 * Take `length` bytes, or the record of that length, that were peeked at out
 * of the receive queue; `buffer` has room for them and is overwritten.  0, or
 * -errno: then it is unknown what is left.
 */
int stream_consume(const struct stream *stream, void *buffer,
		   size_t length) MUST_CHECK;

#endif
