/* SPDX-License-Identifier: MIT */
/*
 * Who gets a reply.  An echo service that answers a datagram from another
 * service, whose address somebody forged, starts an endless exchange (RFC 4732,
 * CVE-2024-2169): so it does not answer ports on which services live.  Pure:
 * no system calls, constant once the sockets are known.
 */
#ifndef ECHOD_GUARD_H
#define ECHOD_GUARD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

struct guard {
	uint64_t refused_ports[65536 / 64]; /* a bit each */
};

/* Refuse port 0, to which nothing can be sent, and those below 1024. */
void guard_init(struct guard *guard);

/* Refuse this port, too: one that we serve datagrams on. */
void guard_refuse_port(struct guard *guard, uint16_t port);

/*
 * Is it an IPv6 address that no host sends from, but that the kernel delivers
 * all the same?  A reply to `::` would go to ::1, one to a v4-mapped address
 * to an IPv4 host, perhaps to 127.0.0.1.  A mapped one is right, and not
 * refused, in what is `ipv4`: an IPv4 packet on a socket for both.
 */
bool guard_refuses_ipv6(const struct in6_addr *peer, bool ipv4);

/* The same for any address: only IPv6 ones are refused. */
static inline bool guard_refuses_source(const struct sockaddr *peer, bool ipv4)
{
	const void *any = peer;
	const struct sockaddr_in6 *in6 = any;
	sa_family_t family;

	/* Copied, as whoever calls may know it as another type. */
	memcpy(&family, &peer->sa_family, sizeof(family));
	return family == AF_INET6 && guard_refuses_ipv6(&in6->sin6_addr, ipv4);
}

/*
 * Is the peer's port refused?  Addresses without ports never are; the others
 * have it at the same place.
 */
static inline bool guard_refuses_port(const struct guard *guard,
				      const struct sockaddr *peer)
{
	const void *any = peer;
	const struct sockaddr_in *in = any;
	sa_family_t family;
	in_port_t port;

	memcpy(&family, &peer->sa_family, sizeof(family));
	if (family != AF_INET && family != AF_INET6)
		return false;
	memcpy(&port, &in->sin_port, sizeof(port));
	port = ntohs(port);
	return guard->refused_ports[port / 64] >> port % 64 & 1;
}

#endif
