/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/guard.h"

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

bool guard_refuses_ipv6(const struct in6_addr *peer, bool ipv4)
{
	return IN6_IS_ADDR_UNSPECIFIED(peer) || IN6_IS_ADDR_V4COMPAT(peer) ||
	       (IN6_IS_ADDR_V4MAPPED(peer) && !ipv4);
}
