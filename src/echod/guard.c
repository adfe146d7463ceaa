/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/guard.h"

/* As IPPORT_RESERVED of <netinet/in.h>: only a privileged process binds them.
 */
#define RESERVED_PORTS 1024

/*
 * Services above that answer whoever asks, mostly used for reflection (TA14-
 * 017A of US-CERT): SSDP, NFS, WS-Discovery, mDNS, LLMNR, memcached.
 */
static const uint16_t service_ports[] = { 1900, 2049, 3702, 5353, 5355, 11211 };

void guard_refuse_port(struct guard *guard, uint16_t port)
{
	ports_add(&guard->refused, port, port);
}

void guard_init(struct guard *guard, const struct ports *allowed)
{
	*guard = (struct guard){ 0 };
	ports_add(&guard->refused, 0, RESERVED_PORTS - 1);
	for (size_t i = 0; i < ARRAY_SIZE(service_ports); i++)
		guard_refuse_port(guard, service_ports[i]);
	if (allowed)
		ports_remove(&guard->refused, allowed);
	guard_refuse_port(guard, 0);
}

/* Of 0/8 ("this network"), 224/4 or 240/4: by one comparison. */
static bool is_no_host4(in_addr_t address)
{
	return (ntohl(address) >> 24) - 1 >= 224 - 1;
}

/* Of ::/96, but for ::1; v4-mapped; or multicast. */
static bool is_no_host6(const struct in6_addr *address)
{
	const uint32_t *words = address->s6_addr32;

	if (words[0] != 0 || words[1] != 0)
		return IN6_IS_ADDR_MULTICAST(address);
	return (words[2] == 0 && words[3] != htonl(1)) ||
	       IN6_IS_ADDR_V4MAPPED(address);
}

/* The kernel does not say it of what was queued before it was asked. */
static bool is_from_here(const struct packet_info *info, bool fenced)
{
	return fenced || packet_info_interface(info) <= LOOPBACK_INTERFACE;
}

static bool says_ours4(in_addr_t peer, const struct packet_info *info)
{
	return ntohl(peer) >> 24 == IN_LOOPBACKNET ||
	       (info->info4 && peer == info->info4->ipi_addr.s_addr);
}

bool guard_says_ours(const struct in6_addr *peer,
		     const struct packet_info *info)
{
	return IN6_IS_ADDR_LOOPBACK(peer) ||
	       (info->info6 &&
		IN6_ARE_ADDR_EQUAL(peer, &info->info6->ipi6_addr));
}

static enum counter refuses4(in_addr_t peer, const struct packet_info *info,
			     bool fenced)
{
	if (is_no_host4(peer))
		return COUNTER_datagrams_refused_source;
	if (says_ours4(peer, info) && !is_from_here(info, fenced))
		return COUNTER_datagrams_refused_own;
	return GUARD_PASSES;
}

static enum counter refuses6(const struct in6_addr *peer,
			     const struct packet_info *info, bool fenced)
{
	/* On a socket for both. */
	if (packet_info_is_ipv4(info) && IN6_IS_ADDR_V4MAPPED(peer))
		return refuses4(peer->s6_addr32[3], info, fenced);
	if (is_no_host6(peer))
		return COUNTER_datagrams_refused_source;
	if (guard_says_ours(peer, info) && !is_from_here(info, fenced))
		return COUNTER_datagrams_refused_own;
	return GUARD_PASSES;
}

enum counter guard_refuses_source(const struct sockaddr *peer,
				  const struct packet_info *info, bool fenced)
{
	const void *any = peer;
	const struct sockaddr_in *in = any;
	const struct sockaddr_in6 *in6 = any;
	sa_family_t family;

	memcpy(&family, &peer->sa_family, sizeof(family));
	if (family == AF_INET)
		return refuses4(in->sin_addr.s_addr, info, fenced);
	if (family == AF_INET6)
		return refuses6(&in6->sin6_addr, info, fenced);
	return GUARD_PASSES;
}
