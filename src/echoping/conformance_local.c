/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/conformance_local.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <string.h>
#include <unistd.h>

static void copy(struct address *address, const struct sockaddr *from)
{
	address->length = 0;
	if (!from ||
	    (from->sa_family != AF_INET && from->sa_family != AF_INET6))
		return;
	address->length = from->sa_family == AF_INET ? sizeof(address->in)
						     : sizeof(address->in6);
	memcpy(&address->any, from, address->length);
}

static void add(struct locals *locals, const struct ifaddrs *entry)
{
	struct local *local = &locals->list[locals->count];
	bool has_broadcast = entry->ifa_flags & IFF_BROADCAST;
	struct address mask = { 0 };

	copy(&local->address, entry->ifa_addr);
	copy(&mask, entry->ifa_netmask);
	copy(&local->broadcast, has_broadcast ? entry->ifa_broadaddr : NULL);
	local->mask = mask.in.sin_addr;
	local->interface = if_nametoindex(entry->ifa_name);
	if (local->address.length > 0)
		locals->count++;
}

void locals_find(struct locals *locals)
{
	struct ifaddrs *all = NULL;

	locals->count = 0;
	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *entry = all;
	     entry && locals->count < LOCAL_ADDRESSES_MAX;
	     entry = entry->ifa_next) {
		if (entry->ifa_flags & IFF_UP)
			add(locals, entry);
	}
	freeifaddrs(all);
}

static bool same_host(const struct address *a, const struct address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr);
}

bool local_is_loopback(const struct address *address)
{
	if (address->any.sa_family == AF_INET)
		return ntohl(address->in.sin_addr.s_addr) >> 24 ==
		       IN_LOOPBACKNET;
	return address->any.sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&address->in6.sin6_addr);
}

bool locals_have(const struct locals *locals, const struct address *address)
{
	if (local_is_loopback(address))
		return true;
	for (size_t i = 0; i < locals->count; i++) {
		if (same_host(&locals->list[i].address, address))
			return true;
	}
	return false;
}

const struct local *locals_toward(const struct locals *locals,
				  const struct address *target)
{
	struct address own = { .length = sizeof(own.in6) };
	const struct local *found = NULL;
	int fd = socket(target->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, &target->any, target->length) == 0 &&
	    getsockname(fd, &own.any, &own.length) == 0) {
		for (size_t i = 0; i < locals->count && !found; i++) {
			if (same_host(&locals->list[i].address, &own))
				found = &locals->list[i];
		}
	}
	if (fd >= 0)
		close(fd);
	return found;
}
