/* SPDX-License-Identifier: MIT */
/*
 * IPv6 addresses that are not ours.
 *
 * A datagram from the network whose source is another address of this host
 * would make us answer a service of this host in our name.  For IPv4 the kernel
 * drops it; for IPv6 it does not.  Nor does it list the addresses of the
 * network that a passed socket belongs to, which may be another than ours
 * (PrivateNetwork=).  But it tells of each whether it is one: a message to be
 * sent from an address that is not ours is refused, and one that is not to be
 * sent (MSG_PROBE) costs nothing else.
 *
 * So each source is asked about, and remembered for a second if it is not ours.
 * What is remembered spares calls and decides nothing: who fills it with forged
 * sources makes each datagram of a new one that would be answered, as its
 * network is within its limit, cost one call, which does less than answering
 * it, and nobody loses a reply.
 */
#ifndef ECHOD_FOREIGNERS_H
#define ECHOD_FOREIGNERS_H

#include "common/macros.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* A power of two; as many peers a second are asked about once. */
#define FOREIGNERS_MAX 1024

/* How long an address may be ours before it is known. */
#define FOREIGNERS_USEC USEC_PER_SEC

struct foreigner {
	struct in6_addr address;
	uint32_t scope; /* of a link-local one */
	uint64_t until; /* µs, CLOCK_MONOTONIC; 0: none */
};

/* Those of one socket; all 0: nobody is known. */
struct foreigners {
	struct foreigner list[FOREIGNERS_MAX];
};

/*
 * Is the peer not of this host, as far as the socket's network goes?  An
 * address that is ours without being assigned (a local route to a whole prefix)
 * is not known; where sockets may send from any address
 * (net.ipv6.ip_nonlocal_bind), none is.
 */
bool foreigners_have(struct foreigners *foreigners, int fd,
		     const struct sockaddr_in6 *peer, uint64_t now);

#endif
