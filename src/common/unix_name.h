/* SPDX-License-Identifier: MIT */
/*
 * The text of Unix socket addresses: "/run/echo", or "@name" for the abstract
 * namespace, with \xHH for a byte outside printable ASCII and for a backslash.
 * Private to the address module; everyone else goes through address.h.
 */
#ifndef ECHOD_COMMON_UNIX_NAME_H
#define ECHOD_COMMON_UNIX_NAME_H

#include "common/address.h"

/* "@" and each byte escaped, with the NUL. */
#define UNIX_NAME_TEXT_MAX                                                     \
	(1 + 4 * sizeof(((struct sockaddr_un *)0)->sun_path) + 1)

/* 0, or -EINVAL with the reason as in endpoint_parse(). */
int unix_name_parse(const char *text, struct address *address,
		    const char **reason) MUST_CHECK;

/* "unnamed" for an address without a name. */
void unix_name_format(const struct address *address,
		      char text[UNIX_NAME_TEXT_MAX]);

#endif
