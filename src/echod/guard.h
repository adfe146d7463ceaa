/* SPDX-License-Identifier: MIT */
/*
 * Who gets a reply.  An echo service that answers a datagram whose source is
 * forged can be made to exchange datagrams with another service without end
 * (RFC 4732, CVE-2024-2169), or to deliver them to services that trust its host
 * alone.  So it does not answer ports on which services live, addresses that no
 * host has, and its own host's addresses, unless the datagram comes from there.
 * Pure: no system calls, constant once the sockets are known.
 *
 *   source port     0 or ours: never; known for services: unless allowed
 *   source address  0/8, 224/4 and above, ::, ff00::/8, ::/96: never;
 *                   ::ffff:0:0/96: as IPv4, in IPv4 packets, else never;
 *                   127/8, ::1, the destination: only from this host
 *
 * That another IPv6 address is ours cannot be seen in a datagram: see
 * foreigners.h.
 */
#ifndef ECHOD_GUARD_H
#define ECHOD_GUARD_H

#include "common/ports.h"
#include "echod/packet_info.h"
#include "echod/stats.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

struct guard {
	struct ports refused;
};

/* No reason not to answer. */
#define GUARD_PASSES COUNTER_COUNT

/*
 * Refuse the ports of services, but for these (NULL: none), and port 0, to
 * which nothing can be sent.
 */
void guard_init(struct guard *guard, const struct ports *allowed);

/* Refuse this port, too: one that we serve datagrams on. */
void guard_refuse_port(struct guard *guard, uint16_t port);

/*
 * Why a datagram is not to be answered, judged by its source: the counter, or
 * GUARD_PASSES.  `fenced`: it has passed the fence (fence.h), so that what it
 * says of being from this host is true.  Without, that is believed of what came
 * in on `lo`, and of what the kernel does not say it of.
 */
enum counter guard_refuses_source(const struct sockaddr *peer,
				  const struct packet_info *info, bool fenced);

/* Does it say to be from this host: from loopback or its own destination? */
bool guard_says_ours(const struct in6_addr *peer,
		     const struct packet_info *info);

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

	/* Copied, as whoever calls may know it as another type. */
	memcpy(&family, &peer->sa_family, sizeof(family));
	if (family != AF_INET && family != AF_INET6)
		return false;
	memcpy(&port, &in->sin_port, sizeof(port));
	return ports_have(&guard->refused, ntohs(port));
}

#endif
