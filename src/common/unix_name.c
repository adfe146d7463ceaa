/* SPDX-License-Identifier: MIT */
/*
 * A path may fill sun_path without a NUL behind it; an abstract name starts
 * with a NUL, may contain others and is exactly as long as the address says.
 */
#include "config.h"

#include "common/unix_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEX_DIGITS  "0123456789abcdefABCDEF"
#define NAME_OFFSET offsetof(struct sockaddr_un, sun_path)

/* Longer than any name, its NUL included. */
#define NAME_ROOM sizeof(((struct sockaddr_un *)0)->sun_path)

static int hex_value(char digit)
{
	return digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

/* The next byte of the name, escaped or not; -EINVAL: a bad escape. */
static int byte_scan(const char **text)
{
	const char *at = *text;

	if (at[0] != '\\') {
		*text += 1;
		return (unsigned char)at[0];
	}
	if (at[1] != 'x' || strspn(at + 2, HEX_DIGITS) < 2)
		return -EINVAL;
	*text += 4;
	return hex_value(at[2]) << 4 | hex_value(at[3]);
}

/* Fill name[0 .. room - 1]; returns why that is impossible, or NULL. */
static const char *name_scan(const char *text, char *name, size_t room,
			     size_t *length)
{
	int byte;

	for (*length = 0; *text != '\0'; ++*length) {
		byte = byte_scan(&text);
		if (byte < 0)
			return "has a backslash that is not \\xHH";
		if (*length == room)
			return "has a path that is longer than 107 bytes";
		name[*length] = (char)byte;
	}
	return NULL;
}

static const char *abstract_parse(const char *text, struct address *address)
{
	const char *reason;
	size_t length;

	if (*text == '\0')
		return "has no name behind its @";
	reason = name_scan(text, address->un.sun_path + 1, NAME_ROOM - 1,
			   &length);
	address->length = (socklen_t)(NAME_OFFSET + 1 + length);
	return reason;
}

static const char *path_parse(const char *text, struct address *address)
{
	const char *reason;
	size_t length;

	if (*text == '\0')
		return "has no path";
	if (*text != '/')
		return "has a path that is not absolute";
	reason = name_scan(text, address->un.sun_path, NAME_ROOM - 1, &length);
	if (!reason && strlen(address->un.sun_path) < length)
		reason = "has a path with a NUL in it";
	address->length = (socklen_t)(NAME_OFFSET + length + 1);
	return reason;
}

int unix_name_parse(const char *text, struct address *address,
		    const char **reason)
{
	*address = (struct address){ .un = { .sun_family = AF_UNIX } };
	*reason = *text == '@' ? abstract_parse(text + 1, address)
			       : path_parse(text, address);
	return *reason ? -EINVAL : 0;
}

static char *byte_write(char *text, char byte)
{
	if (byte >= ' ' && byte <= '~' && byte != '\\') {
		*text = byte;
		return text + 1;
	}
	return text +
	       snprintf(text, sizeof("\\xHH"), "\\x%02x", (unsigned char)byte);
}

void unix_name_format(const struct address *address,
		      char text[UNIX_NAME_TEXT_MAX])
{
	const char *name = address->un.sun_path;
	size_t length, i = 0;

	if (address->length <= NAME_OFFSET) {
		snprintf(text, UNIX_NAME_TEXT_MAX, "unnamed");
		return;
	}
	length = MIN(address->length - NAME_OFFSET, NAME_ROOM);
	if (name[0] == '\0') {
		*text++ = '@';
		i = 1;
	} else {
		length = strnlen(name, length);
	}
	for (; i < length; i++)
		text = byte_write(text, name[i]);
	*text = '\0';
}
