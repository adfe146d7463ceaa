/* SPDX-License-Identifier: MIT */
/*
 * Addresses: what they are called, and the way from address to text.
 *
 * What is written here, endpoint_parse() reads back to the same address.  Hence
 * IPv4-mapped IPv6 addresses become IPv4 on both ways, and both ways know \xHH
 * for a byte of a Unix name.  Addresses come from peers, so nothing in them is
 * trusted: not a length, not a terminating NUL, not a printable name.
 */
#include "config.h"

#include "common/address.h"
#include "common/unix_name.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

/* Room for an address alone, so that a scheme still fits in front of it. */
#define PLAIN_TEXT_MAX (ADDRESS_TEXT_MAX - sizeof("unix-seqpacket:"))

_Static_assert(UNIX_NAME_TEXT_MAX <= PLAIN_TEXT_MAX, "every name has room");

static const struct {
	const char *name;
	int type;
} transports[] = {
	[TRANSPORT_TCP] = { "tcp", SOCK_STREAM },
	[TRANSPORT_UDP] = { "udp", SOCK_DGRAM },
	[TRANSPORT_MPTCP] = { "mptcp", SOCK_STREAM },
	[TRANSPORT_UNIX] = { "unix", SOCK_STREAM },
	[TRANSPORT_UNIX_DGRAM] = { "unix-dgram", SOCK_DGRAM },
	[TRANSPORT_UNIX_SEQPACKET] = { "unix-seqpacket", SOCK_SEQPACKET },
	[TRANSPORT_VSOCK] = { "vsock", SOCK_STREAM },
};

const char *transport_name(enum transport transport)
{
	return transports[transport].name;
}

int transport_type(enum transport transport)
{
	return transports[transport].type;
}

static sa_family_t address_family(const struct address *address)
{
	if (address->length < sizeof(address->any.sa_family))
		return AF_UNSPEC;
	return address->any.sa_family;
}

void address_unmap(struct address *address)
{
	struct address in = {
		.length = sizeof(in.in),
		.in = { .sin_family = AF_INET },
	};

	if (address_family(address) != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr))
		return;
	in.in.sin_port = address->in6.sin6_port;
	memcpy(&in.in.sin_addr, &address->in6.sin6_addr.s6_addr[12],
	       sizeof(in.in.sin_addr));
	*address = in;
}

static void write_in(const struct sockaddr_in *in, char *text)
{
	char host[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
	snprintf(text, PLAIN_TEXT_MAX, "%s:%u", host, ntohs(in->sin_port));
}

/*
 * getaddrinfo(3) takes a name behind the % of link-local addresses only.  The
 * kernel takes nearly any byte in a name; one that would garble the text is
 * written as its number.
 */
static bool scope_name(const struct sockaddr_in6 *in6, char name[IF_NAMESIZE])
{
	const char *c;

	if (!IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) &&
	    !IN6_IS_ADDR_MC_LINKLOCAL(&in6->sin6_addr))
		return false;
	if (!if_indextoname(in6->sin6_scope_id, name))
		return false;
	for (c = name; *c != '\0'; c++) {
		if (*c <= ' ' || *c > '~' || *c == '\\' || *c == ']')
			return false;
	}
	return true;
}

static void write_in6(const struct sockaddr_in6 *in6, char *text)
{
	char host[INET6_ADDRSTRLEN], name[IF_NAMESIZE];
	unsigned int port = ntohs(in6->sin6_port);

	inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
	if (in6->sin6_scope_id == 0)
		snprintf(text, PLAIN_TEXT_MAX, "[%s]:%u", host, port);
	else if (scope_name(in6, name))
		snprintf(text, PLAIN_TEXT_MAX, "[%s%%%s]:%u", host, name, port);
	else
		snprintf(text, PLAIN_TEXT_MAX, "[%s%%%" PRIu32 "]:%u", host,
			 in6->sin6_scope_id, port);
}

static void write_vm(const struct sockaddr_vm *vm, uint32_t port, char *text)
{
	if (vm->svm_cid == VMADDR_CID_ANY)
		snprintf(text, PLAIN_TEXT_MAX, "vsock:*:%" PRIu32, port);
	else
		snprintf(text, PLAIN_TEXT_MAX, "vsock:%" PRIu32 ":%" PRIu32,
			 vm->svm_cid, port);
}

static void write_plain(const struct address *address, char *text)
{
	struct address plain = *address;

	address_unmap(&plain);
	switch (address_family(&plain)) {
	case AF_INET:
		write_in(&plain.in, text);
		return;
	case AF_INET6:
		write_in6(&plain.in6, text);
		return;
	case AF_VSOCK:
		write_vm(&plain.vm, address_port(&plain), text);
		return;
	case AF_UNIX:
		unix_name_format(&plain, text);
		return;
	default:
		snprintf(text, PLAIN_TEXT_MAX, "unnamed");
		return;
	}
}

void address_format(const struct address *address, char text[ADDRESS_TEXT_MAX])
{
	write_plain(address, text);
}

void endpoint_format(const struct endpoint *endpoint,
		     char text[ADDRESS_TEXT_MAX])
{
	/* This one scheme is part of the address already. */
	if (endpoint->transport != TRANSPORT_VSOCK) {
		text = stpcpy(text, transport_name(endpoint->transport));
		*text++ = ':';
	}
	write_plain(&endpoint->address, text);
}

uint32_t address_port(const struct address *address)
{
	switch (address_family(address)) {
	case AF_INET:
		return ntohs(address->in.sin_port);
	case AF_INET6:
		return ntohs(address->in6.sin6_port);
	case AF_VSOCK:
		return address->vm.svm_port == VMADDR_PORT_ANY
			       ? 0
			       : address->vm.svm_port;
	default:
		return 0;
	}
}

void address_set_port(struct address *address, uint16_t port)
{
	switch (address_family(address)) {
	case AF_INET:
		address->in.sin_port = htons(port);
		break;
	case AF_INET6:
		address->in6.sin6_port = htons(port);
		break;
	case AF_VSOCK:
		address->vm.svm_port = port ? port : VMADDR_PORT_ANY;
		break;
	default:
		break;
	}
}
