/* SPDX-License-Identifier: MIT */
/*
 * Who gets a reply.  An echo service that answers a datagram from another
 * service, whose address somebody forged, starts an endless exchange (RFC 4732,
 * CVE-2024-2169): so it does not answer ports on which services live.  Pure:
 * no system calls, constant once the sockets are known.
 */
#ifndef ECHOD_GUARD_H
#define ECHOD_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct guard {
	uint64_t refused_ports[65536 / 64]; /* a bit each */
};

/* Refuse port 0, to which nothing can be sent, and those below 1024. */
void guard_init(struct guard *guard);

/* Refuse this port, too: one that we serve datagrams on. */
void guard_refuse_port(struct guard *guard, uint16_t port);

/* Is the peer's port refused?  Addresses without ports never are. */
bool guard_refuses_port(const struct guard *guard, const struct sockaddr *peer);

/*
 * Is it an IPv6 address that no host sends from, but that the kernel delivers
 * all the same?  A reply to `::` would go to ::1, one to a v4-mapped address
 * to an IPv4 host, perhaps to 127.0.0.1.  A mapped one is right, and not
 * refused, in what is `ipv4`: an IPv4 packet on a socket for both.
 */
bool guard_refuses_source(const struct sockaddr *peer, bool ipv4);

#endif
