/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/stream.h"

#include "common/call.h"

#include <errno.h>
#include <sys/socket.h>

/*
 * What was peeked at is there; but at the urgent mark recv(2) says EAGAIN if a
 * signal is in the way, such as the one of a debugger.
 */
#define INTERRUPTIONS_MAX 1000

static inline ssize_t receive(int fd, void *buffer, size_t size, int flags)
{
	ssize_t result;

	do
		result = call_receive(fd, buffer, size, flags | MSG_DONTWAIT);
	while (result < 0 && errno == EINTR);
	return result;
}

/*
 * Of an empty record and of the end the kernel says the same: 0 bytes.  But
 * with a record come its sender's credentials, and with the end none.  There is
 * room for nothing else, so that descriptors passed by a peer are dropped.
 */
static ssize_t receive_record(int fd, void *buffer, size_t size, int flags,
			      bool *end)
{
	struct iovec payload = { buffer, size };
	union {
		struct cmsghdr alignment;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct msghdr header;
	ssize_t result;

	do {
		header = (struct msghdr){
			.msg_iov = &payload,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control),
		};
		/* MSG_TRUNC asks for the record's real length: unix(7). */
		result = call_receive_message(fd, &header,
					      flags | MSG_TRUNC | MSG_DONTWAIT);
	} while (result < 0 && errno == EINTR);
	*end = result == 0 && header.msg_controllen == 0;
	return result;
}

int stream_receive(const struct stream *stream, void *buffer, size_t size,
		   bool peek, struct stream_input *input)
{
	int flags = peek ? MSG_PEEK : 0;
	ssize_t result;

	if (stream->records) {
		result = receive_record(stream->fd, buffer, size, flags,
					&input->end);
	} else {
		result = receive(stream->fd, buffer, size, flags);
		input->end = result == 0;
	}
	input->length = result < 0 ? 0 : (size_t)result;
	return result < 0 ? -errno : 0;
}

int stream_send(const struct stream *stream, const void *data, size_t length,
		size_t *sent)
{
	ssize_t result;

	do
		result = call_send(stream->fd, data, length,
				   MSG_DONTWAIT | MSG_NOSIGNAL);
	while (result < 0 && errno == EINTR);
	*sent = result < 0 ? 0 : (size_t)result;
	if (result < 0)
		return -errno;
	return *sent < length ? -EAGAIN : 0;
}

int stream_consume(const struct stream *stream, void *buffer, size_t length)
{
	/* On TCP MSG_TRUNC discards without copying: tcp(7). */
	int discard = stream->tcp ? MSG_TRUNC : 0;
	int interrupted = 0;
	ssize_t taken;

	do {
		taken = receive(stream->fd, buffer, length, discard);
		if (taken > 0)
			length -= (size_t)taken;
		else if (taken < 0 && (errno != EAGAIN ||
				       ++interrupted == INTERRUPTIONS_MAX))
			return -errno;
	} while (taken != 0 && length > 0);
	return length > 0 ? -EIO : 0;
}
