/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/journal.h"

#include "echod/log_entry.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* By name each time: whoever listens there may be another by then. */
static const struct sockaddr_un address = {
	.sun_family = AF_UNIX,
	.sun_path = "/run/systemd/journal/socket",
};

static int journal = -1;

/* For fields with line breaks, and the priority. */
#define ROOM 256

struct message {
	size_t length;
	char bytes[LOG_ENTRY_MAX + ROOM];
};

void journal_open(void)
{
	if (journal < 0)
		journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static void append(struct message *message, const void *bytes, size_t length)
{
	memcpy(message->bytes + message->length, bytes, length);
	message->length += length;
}

/*
 * "NAME=value\n"; or, if there are line breaks in the value, "NAME\n", its
 * length in 64 bits, little-endian, the value, "\n".
 */
static void message_add(struct message *message, const struct iovec *field)
{
	const char *text = field->iov_base, *value;
	size_t length = field->iov_len, name;
	unsigned char size[8];

	if (message->length + length + sizeof(size) + 2 >
	    sizeof(message->bytes))
		return;
	value = memchr(text, '=', length);
	if (value && memchr(text, '\n', length)) {
		name = (size_t)(value - text);
		append(message, text, name);
		append(message, "\n", 1);
		text += name + 1;
		length -= name + 1;
		for (size_t i = 0; i < sizeof(size); i++)
			size[i] = (unsigned char)((uint64_t)length >> 8 * i);
		append(message, size, sizeof(size));
	}
	append(message, text, length);
	append(message, "\n", 1);
}

int journal_sendv(const struct iovec *fields, int count)
{
	struct message message = { .length = 0 };
	ssize_t sent;

	for (int i = 0; i < count; i++)
		message_add(&message, &fields[i]);
	journal_open();
	do
		sent = sendto(journal, message.bytes, message.length,
			      MSG_NOSIGNAL, (const struct sockaddr *)&address,
			      sizeof(address));
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}
