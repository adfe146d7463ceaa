/* SPDX-License-Identifier: MIT */
/*
 * Socket addresses as text: the syntax of systemd.socket(5)'s Listen*=, with
 * a scheme in front.
 *
 *   tcp:HOST:PORT  udp:HOST:PORT  mptcp:HOST:PORT  HOST:PORT  PORT
 *   unix:PATH  unix-dgram:PATH  unix-seqpacket:PATH  vsock:CID:PORT
 *
 * HOST is a name, an IPv4 address or an IPv6 address in brackets (with %scope
 * if need be); `*` or nothing is any address, IPv4 and IPv6.  PATH is absolute,
 * or `@name` for the abstract namespace; \xHH in it is that byte.  Without a
 * scheme both TCP and UDP are meant.  CID is a number; `*` or nothing is any.
 * "HOST:" and "CID:" may be left out.  Port 0 lets the kernel choose.
 */
#ifndef ECHOD_COMMON_ADDRESS_H
#define ECHOD_COMMON_ADDRESS_H

#include "common/macros.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <linux/vm_sockets.h>

enum transport {
	TRANSPORT_TCP,
	TRANSPORT_UDP,
	TRANSPORT_MPTCP,
	TRANSPORT_UNIX,
	TRANSPORT_UNIX_DGRAM,
	TRANSPORT_UNIX_SEQPACKET,
	TRANSPORT_VSOCK,
};

/* A socket address of any family; length 0 is "none" (an unnamed peer). */
struct address {
	socklen_t length;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		struct sockaddr_vm vm;
	};
};

/* Where to listen, or whom to talk to. */
struct endpoint {
	enum transport transport;
	bool wildcard; /* one family of `*`: may be left out if not supported */
	struct address address;
};

/* Room for any formatted address with its scheme, escapes included. */
#define ADDRESS_TEXT_MAX 512

/* Room for what one text can stand for: TCP and UDP at up to 16 addresses. */
#define ENDPOINTS_MAX 32

/*
 * Parse `text` into at most ENDPOINTS_MAX endpoints; host names are resolved
 * with getaddrinfo(3).  Returns how many, or -EINVAL with *reason set to a
 * static phrase that completes "address 'TEXT' ..." ("has no port").
 */
int endpoint_parse(const char *text, struct endpoint list[ENDPOINTS_MAX],
		   const char **reason) MUST_CHECK;

/* "tcp", "unix-dgram", ... as written in front of an address. */
const char *transport_name(enum transport transport);

/* SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET. */
int transport_type(enum transport transport);

/*
 * Write the address as endpoint_parse() reads it, without scheme (but for
 * vsock): "127.0.0.1:7", "[fe80::1%eth0]:7", "/run/echo", "@name",
 * "vsock:2:7", "unnamed".  Bytes of a Unix name outside printable ASCII, and
 * backslashes, appear as \xHH, so that the text is safe in logs and terminals.
 * An IPv4-mapped IPv6 address is written as the IPv4 address that it is.
 */
void address_format(const struct address *address, char text[ADDRESS_TEXT_MAX]);

/* The same with the scheme in front: "tcp:127.0.0.1:7". */
void endpoint_format(const struct endpoint *endpoint,
		     char text[ADDRESS_TEXT_MAX]);

/* The port in host byte order; 0 if it is to be chosen or there is none. */
uint32_t address_port(const struct address *address);

/* No effect on families without ports. */
void address_set_port(struct address *address, uint16_t port);

/* Turn an IPv4-mapped IPv6 address into the IPv4 address that it is. */
void address_unmap(struct address *address);

#endif
