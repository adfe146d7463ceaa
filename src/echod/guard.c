/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/guard.h"

#include <netinet/in.h>

/* As IPPORT_RESERVED of <netinet/in.h>: only a privileged process binds them.
 */
#define RESERVED_PORTS 1024

void guard_refuse_port(struct guard *guard, uint16_t port)
{
	guard->refused_ports[port / 64] |= UINT64_C(1) << port % 64;
}

void guard_init(struct guard *guard)
{
	*guard = (struct guard){ 0 };
	for (uint16_t port = 0; port < RESERVED_PORTS; port++)
		guard_refuse_port(guard, port);
}

static bool is_refused(const struct guard *guard, in_port_t network_port)
{
	uint16_t port = ntohs(network_port);

	return guard->refused_ports[port / 64] >> port % 64 & 1;
}

bool guard_refuses_port(const struct guard *guard, const struct sockaddr *peer)
{
	const void *any = peer;
	const struct sockaddr_in *in = any;
	const struct sockaddr_in6 *in6 = any;

	switch (peer->sa_family) {
	case AF_INET:
		return is_refused(guard, in->sin_port);
	case AF_INET6:
		return is_refused(guard, in6->sin6_port);
	default:
		return false;
	}
}

bool guard_refuses_source(const struct sockaddr *peer, bool ipv4)
{
	const void *any = peer;
	const struct sockaddr_in6 *in6 = any;

	if (peer->sa_family != AF_INET6)
		return false;
	return IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) ||
	       IN6_IS_ADDR_V4COMPAT(&in6->sin6_addr) ||
	       (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) && !ipv4);
}
