/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fuzz/fake_name.h"

#include <arpa/inet.h>
#include <string.h>

#define FIRST_PORT 40000

static int family;

void fake_name_family(int chosen)
{
	family = chosen;
}

static socklen_t name_unix(const struct fake_record *record,
			   union fake_name *name)
{
	name->un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	name->un.sun_path[0] = (char)('a' + record->peer);
	return record->kind == FAKE_UNNAMED
		       ? (socklen_t)sizeof(sa_family_t)
		       : offsetof(struct sockaddr_un, sun_path) + 2;
}

static in_port_t port_of(const struct fake_record *record)
{
	switch (record->kind) {
	case FAKE_PORT_ZERO:
		return 0;
	case FAKE_PORT_LOW:
		return htons((uint16_t)(1 + record->peer));
	default:
		return htons((uint16_t)(FIRST_PORT + record->peer));
	}
}

/* 198.51.100.PEER, 2001:db8::PEER, or one that no host has. */
socklen_t fake_name_of(const struct fake_record *record, union fake_name *name)
{
	memset(name, 0, sizeof(*name));
	switch (family) {
	case AF_UNIX:
		return name_unix(record, name);
	case AF_INET:
		name->in.sin_family = AF_INET;
		name->in.sin_port = port_of(record);
		name->in.sin_addr.s_addr = htonl(0xc6336401 + record->peer);
		return sizeof(name->in);
	default:
		name->in6.sin6_family = AF_INET6;
		name->in6.sin6_port = port_of(record);
		if (record->kind == FAKE_SOURCE && record->peer % 2 == 0)
			return sizeof(name->in6);
		if (record->kind != FAKE_SOURCE)
			name->in6.sin6_addr.s6_addr32[0] = htonl(0x20010db8);
		name->in6.sin6_addr.s6_addr[15] = (uint8_t)(2 + record->peer);
		return sizeof(name->in6);
	}
}

/* Asked at one of two addresses of ours, 192.0.2.1 and 2. */
struct in_addr fake_local4(const struct fake_record *record)
{
	return (struct in_addr){ htonl(0xc0000201 + record->id / 8 % 2) };
}

struct in6_addr fake_local6(const struct fake_record *record)
{
	struct in6_addr address = { .s6_addr = { 0x20, 1, 0xd, 0xb8, 0, 1 } };

	if (record->kind == FAKE_GROUP)
		address.s6_addr[0] = 0xff;
	address.s6_addr[15] = (uint8_t)(1 + record->id / 8 % 2);
	return address;
}
