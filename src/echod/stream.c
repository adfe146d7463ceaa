/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/stream.h"

#include <errno.h>
#include <sys/socket.h>

static ssize_t receive(int fd, void *buffer, size_t size, int flags)
{
	ssize_t result;

	do
		result = recv(fd, buffer, size, flags | MSG_DONTWAIT);
	while (result < 0 && errno == EINTR);
	return result;
}

int stream_receive(const struct stream *stream, void *buffer, size_t size,
		   bool peek, size_t *received)
{
	/* For records MSG_TRUNC asks for the real length: unix(7). */
	int flags = (peek ? MSG_PEEK : 0) | (stream->records ? MSG_TRUNC : 0);
	ssize_t result = receive(stream->fd, buffer, size, flags);

	*received = result < 0 ? 0 : (size_t)result;
	return result < 0 ? -errno : 0;
}

int stream_send(const struct stream *stream, const void *data, size_t length,
		size_t *sent)
{
	ssize_t result;

	do
		result = send(stream->fd, data, length,
			      MSG_DONTWAIT | MSG_NOSIGNAL);
	while (result < 0 && errno == EINTR);
	*sent = result < 0 ? 0 : (size_t)result;
	if (result < 0)
		return -errno;
	return *sent < length ? -EAGAIN : 0;
}

void stream_consume(const struct stream *stream, void *buffer, size_t length)
{
	/* On TCP MSG_TRUNC discards without copying: tcp(7). */
	int discard = stream->tcp ? MSG_TRUNC : 0;
	ssize_t taken;

	do {
		taken = receive(stream->fd, buffer, length, discard);
		if (taken > 0)
			length -= (size_t)taken;
	} while (taken > 0 && length > 0 && !stream->records);
}
