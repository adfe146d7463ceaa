/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* A scheme, a host name or path, a port. */
#define TARGET_TEXT_MAX 1024

#define STRING_OF(number) #number
#define TEXT_OF(number)	  STRING_OF(number)

/* With a scope behind its % or without; such a host has no port. */
static bool is_bare_ipv6(const char *host)
{
	size_t length = strcspn(host, "%");
	char address[INET6_ADDRSTRLEN];
	struct in6_addr in6;

	if (length >= sizeof(address))
		return false;
	memcpy(address, host, length);
	address[length] = '\0';
	return inet_pton(AF_INET6, address, &in6) == 1;
}

/* "HOST" gets `port`; "::1", which cannot have one yet, brackets, too. */
static int add_port(const char *host, const char *port, char *text, size_t size,
		    const char **reason)
{
	const char *bracket = host[0] == '[' ? strchr(host, ']') : NULL;
	bool bare = is_bare_ipv6(host);
	int length;

	*reason = "has no host (such as localhost:7)";
	if (host[0] == '\0' || host[0] == '*' || (host[0] == ':' && !bare))
		return -EINVAL;
	*reason = "is a port without a host (write localhost:PORT)";
	if (host[strspn(host, "0123456789")] == '\0')
		return -EINVAL;
	*reason = "has something other than :PORT behind its bracket";
	if (bracket && bracket[1] != ':' && bracket[1] != '\0')
		return -EINVAL;
	if (bare)
		length = snprintf(text, size, "[%s]:%s", host, port);
	else if (strchr(bracket ? bracket : host, ':'))
		length = snprintf(text, size, "%s", host);
	else
		length = snprintf(text, size, "%s:%s", host, port);
	*reason = "is too long";
	return (size_t)length >= size ? -EINVAL : 0;
}

/* "vsock:2" is a context id here; as an address to listen on, a port. */
static int complete_vsock(const char *rest, char *text, const char **reason)
{
	int length = snprintf(text, TARGET_TEXT_MAX, "vsock:%s%s", rest,
			      strchr(rest, ':') ? "" : ":" TEXT_OF(ECHO_PORT));

	*reason = "is too long";
	return length >= TARGET_TEXT_MAX ? -EINVAL : 0;
}

/* How much of the text is "tcp:" and the like, behind which hosts stand. */
static size_t scheme_length(const char *text)
{
	static const char *const schemes[] = { "tcp:", "udp:", "mptcp:" };

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		if (strncmp(text, schemes[i], strlen(schemes[i])) == 0)
			return strlen(schemes[i]);
	}
	return 0;
}

/* Write a target as endpoint_parse() reads it: with a port. */
static int complete(const char *given, bool udp, char *text,
		    const char **reason)
{
	size_t scheme = scheme_length(given), length = scheme;

	if (strncmp(given, "vsock:", 6) == 0)
		return complete_vsock(given + 6, text, reason);
	memcpy(text, given, scheme);
	/* A word alone is a host, also if it is called "unix". */
	if (!strchr(given, ':') && given[0] != '/' && given[0] != '@')
		length = (size_t)sprintf(text, "%s", udp ? "udp:" : "tcp:");
	return add_port(given + scheme, TEXT_OF(ECHO_PORT), text + length,
			TARGET_TEXT_MAX - length, reason);
}

/* What is something to listen on only. */
static bool can_be_asked(const struct address *address, const char **reason)
{
	*reason = "has no context id (such as vsock:2:7; 2 is the host)";
	if (address->any.sa_family == AF_VSOCK &&
	    address->vm.svm_cid == VMADDR_CID_ANY)
		return false;
	*reason = "has port 0, where nothing can be asked (7 if left out)";
	return address->any.sa_family == AF_UNIX || address_port(address) > 0;
}

static void target_choose(struct target *target, int candidate)
{
	target->chosen = candidate;
	target->endpoint = target->candidates[candidate];
	endpoint_format(&target->endpoint, target->text);
}

static bool fits_family(const struct endpoint *endpoint, int family)
{
	sa_family_t is = endpoint->address.any.sa_family;

	return family == AF_UNSPEC || (is != AF_INET && is != AF_INET6) ||
	       is == family;
}

int target_resolve(struct target *target, const char *text,
		   const struct settings *settings, const char **reason)
{
	struct endpoint found[ENDPOINTS_MAX];
	char whole[TARGET_TEXT_MAX];
	bool plain;
	int count;

	*target = (struct target){ .name = text };
	if (complete(text, settings->udp, whole, reason) < 0)
		return -EINVAL;
	count = endpoint_parse(whole, found, reason);
	if (count < 0)
		return -EINVAL;
	if (!can_be_asked(&found[0].address, reason))
		return -EINVAL;
	/* Without a scheme it is TCP as well as UDP. */
	plain = found[0].transport != found[count - 1].transport;
	for (int i = 0; i < count; i++) {
		if (fits_family(&found[i], settings->family) &&
		    (!plain ||
		     (found[i].transport == TRANSPORT_UDP) == settings->udp))
			target->candidates[target->candidate_count++] =
				found[i];
	}
	*reason = settings->family == AF_INET
			  ? "has no IPv4 address (leave -4 out)"
			  : "has no IPv6 address (leave -6 out)";
	if (target->candidate_count == 0)
		return -EINVAL;
	target_choose(target, 0);
	return 0;
}

bool target_choose_next(struct target *target)
{
	if (target->reached)
		return false;
	target_choose(target, (target->chosen + 1) % target->candidate_count);
	return target->chosen != 0;
}

void target_reach(struct target *target, int candidate)
{
	if (!target->reached && candidate != target->chosen)
		target_choose(target, candidate);
	target->reached = true;
}

int target_type(const struct target *target)
{
	return transport_type(target->endpoint.transport);
}

bool target_is_udp(const struct target *target)
{
	return target->endpoint.transport == TRANSPORT_UDP;
}

size_t target_size_max(const struct target *target)
{
	if (target_type(target) == SOCK_STREAM)
		return MESSAGE_SIZE_MAX;
	if (target->endpoint.address.any.sa_family == AF_INET)
		return DATAGRAM_SIZE_MAX_IPV4;
	return DATAGRAM_SIZE_MAX;
}

/* The first that fits; its port is followed by those of other flows. */
static int source_choose(struct source *source, const struct endpoint *found,
			 int count, const struct settings *settings,
			 const char **reason)
{
	uint32_t port = address_port(&found[0].address);

	*reason = "has a port too high for so many --flows (the last one's is "
		  "above 65535)";
	if (port + settings->flows - 1 > UINT16_MAX)
		return -EINVAL;
	*reason = "is of the other IP family (see -4 and -6)";
	for (int i = 0; i < count; i++) {
		if (fits_family(&found[i], settings->family)) {
			source->address = found[i].address;
			return 0;
		}
	}
	return -EINVAL;
}

int source_resolve(struct source *source, const struct settings *settings,
		   const char **reason)
{
	struct endpoint found[ENDPOINTS_MAX];
	char whole[TARGET_TEXT_MAX] = "udp:";
	bool word;
	int count;

	*source = (struct source){ .text = settings->source };
	if (!source->text)
		return 0;
	/* To the kernel "eth0:1" is eth0, as it was for ifconfig(8). */
	word = !strchr(source->text, ':');
	if (word && if_nametoindex(source->text) != 0) {
		source->interface = source->text;
		return 0;
	}
	if (add_port(source->text, "0", whole + 4, sizeof(whole) - 4, reason) <
	    0)
		return -EINVAL;
	count = endpoint_parse(whole, found, reason);
	if (count < 0 && word)
		*reason = "is neither an address nor an interface of this "
			  "machine";
	if (count < 0)
		return -EINVAL;
	return source_choose(source, found, count, settings, reason);
}

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

static int set_options(const struct target *target, int fd,
		       const struct settings *settings, const char **what)
{
	int family = target->endpoint.address.any.sa_family;

	if (target->endpoint.transport == TRANSPORT_TCP ||
	    target->endpoint.transport == TRANSPORT_MPTCP)
		(void)set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	*what = "--tos";
	if (settings->tos >= 0 && family == AF_INET &&
	    set_int(fd, IPPROTO_IP, IP_TOS, settings->tos) < 0)
		return -errno;
	if (settings->tos >= 0 && family == AF_INET6 &&
	    set_int(fd, IPPROTO_IPV6, IPV6_TCLASS, settings->tos) < 0)
		return -errno;
	/* Behind IP_TOS, which sets the priority, too: ip(7). */
	*what = "--priority";
	if (settings->priority >= 0 &&
	    set_int(fd, SOL_SOCKET, SO_PRIORITY, settings->priority) < 0)
		return -errno;
	return 0;
}

static int bind_address(const struct target *target, int fd,
			struct address address, unsigned flow)
{
	uint32_t port = address_port(&address);

	if (address.any.sa_family != target->endpoint.address.any.sa_family)
		return -EAFNOSUPPORT;
	if (port > 0 && flow > UINT16_MAX - port)
		return -EADDRNOTAVAIL;
	if (port > 0)
		address_set_port(&address, (uint16_t)(port + flow));
	else
		(void)set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	/* A connection that we ended keeps its port for a minute. */
	if (port > 0 && target_type(target) == SOCK_STREAM)
		(void)set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	return bind(fd, &address.any, address.length) < 0 ? -errno : 0;
}

static int bind_source(const struct target *target, int fd,
		       const struct source *source, unsigned flow,
		       const char **what)
{
	const struct sockaddr nameless = { .sa_family = AF_UNIX };
	int error = 0;

	*what = "--source";
	if (source->interface &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, source->interface,
		       (socklen_t)strlen(source->interface)) < 0)
		return -errno;
	if (source->address.length > 0)
		error = bind_address(target, fd, source->address, flow);
	if (error < 0)
		return error;
	/* A peer can answer only who has a name: autobind, see unix(7). */
	*what = "bind";
	if (target->endpoint.transport == TRANSPORT_UNIX_DGRAM &&
	    bind(fd, &nameless, sizeof(nameless.sa_family)) < 0)
		return -errno;
	return 0;
}

int target_open(const struct target *target, const struct settings *settings,
		const struct source *source, unsigned flow, const char **what)
{
	int protocol = target->endpoint.transport == TRANSPORT_MPTCP
			       ? IPPROTO_MPTCP
			       : 0;
	int fd = socket(target->endpoint.address.any.sa_family,
			target_type(target) | SOCK_NONBLOCK | SOCK_CLOEXEC,
			protocol);
	int error;

	*what = "socket";
	if (fd < 0)
		return -errno;
	error = set_options(target, fd, settings, what);
	if (error == 0)
		error = bind_source(target, fd, source, flow, what);
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

int target_connect(const struct target *target, int fd)
{
	const struct address *address = &target->endpoint.address;

	return connect(fd, &address->any, address->length) < 0 ? -errno : 0;
}

int target_connected(int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		return -errno;
	return -error;
}
