/* SPDX-License-Identifier: MIT */
/*
 * Which ports are answered: row 5.  An answer to a port on which another
 * service lives can begin an exchange without end.
 */
#include "config.h"

#include "echoping/conformance_forge.h"
#include "echoping/conformance_local.h"
#include "echoping/conformance_post.h"
#include "echoping/conformance_wait.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Only a privileged process has a port below. */
#define RESERVED_PORTS 1024

/* Of these some are free on any machine. */
#define LOW_PORT_MIN 900

/* Where a datagram to the target leaves from; false if that is unknown. */
static bool find_own(const struct check *check, struct address *own)
{
	const struct address *target = &check->target->endpoint.address;
	const struct local *local;
	struct locals locals;

	*own = check->source->address;
	if (own->length > 0)
		return own->any.sa_family == target->any.sa_family;
	locals_find(&locals);
	local = locals_toward(&locals, target);
	if (local)
		*own = local->address;
	return local != NULL;
}

enum verdict check_port_0(struct check *check)
{
	static const unsigned char bytes[POST_SIZE];
	const struct address *target = &check->target->endpoint.address;
	struct address own;
	int watch, error;
	bool answered, seen;

	if (!find_own(check, &own))
		return CHECK_SKIPPED(check, "the way to it is unknown");
	watch = forge_watch(target->any.sa_family);
	if (watch < 0)
		return CHECK_SKIPPED(check, "needs CAP_NET_RAW (run as root)");
	address_set_port(&own, 0);
	error = forge_send(&own, target, bytes, sizeof(bytes));
	answered = check_is_answered(check);
	seen = forge_sees(watch, target->any.sa_family, address_port(target), 0,
			  wait_now() + check_grace(check));
	close(watch);
	if (error < 0)
		return CHECK_SKIPPED(check, "%s", strerror(-error));
	if (!answered)
		return CHECK_FAILED(
			check, "afterwards an ordinary one is not answered");
	return seen ? CHECK_FAILED(check, "answered")
		    : CHECK_OK(check, "not answered");
}

/* Ask from this address and port, which must not be answered. */
static enum verdict ask_from(struct check *check, struct post *post, int error)
{
	struct letter letter;
	int outcome;

	if (error == 0)
		error = post_send(post, NULL, POST_SIZE);
	if (error < 0) {
		post_close(post);
		return CHECK_SKIPPED(check, "%s", strerror(-error));
	}
	outcome = post_listen(post, &letter);
	post_close(post);
	return post_conclude_silence(check, outcome, &letter);
}

enum verdict check_low_port(struct check *check)
{
	const struct address *target = &check->target->endpoint.address;
	uint16_t port = RESERVED_PORTS;
	struct address own;
	struct post post;
	int error;

	if (!find_own(check, &own))
		return CHECK_SKIPPED(check, "the way to it is unknown");
	do {
		address_set_port(&own, --port);
		error = post_open(&post, check, &own);
	} while ((error == -EADDRINUSE || port == address_port(target)) &&
		 port > LOW_PORT_MIN);
	if (error == -EACCES)
		return CHECK_SKIPPED(
			check, "needs CAP_NET_BIND_SERVICE (run as root)");
	return ask_from(check, &post, error);
}

/* Another address of this machine than the target's. */
static bool find_other(const struct check *check, struct address *other)
{
	const struct address *target = &check->target->endpoint.address;
	struct locals locals;

	if (!find_own(check, other))
		return false;
	if (target->any.sa_family == AF_INET && local_is_loopback(target)) {
		other->in.sin_addr.s_addr =
			htonl(ntohl(target->in.sin_addr.s_addr) ^ 3);
		return true;
	}
	locals_find(&locals);
	if (!locals_have(&locals, target))
		return true;
	for (size_t i = 0; i < locals.count; i++) {
		*other = locals.list[i].address;
		address_set_port(other, (uint16_t)address_port(target));
		if (other->any.sa_family == target->any.sa_family &&
		    !post_same_address(other, target) &&
		    !(other->any.sa_family == AF_INET6 &&
		      IN6_IS_ADDR_LINKLOCAL(&other->in6.sin6_addr)))
			return true;
	}
	return false;
}

enum verdict check_own_port(struct check *check)
{
	uint16_t port =
		(uint16_t)address_port(&check->target->endpoint.address);
	struct address other;
	struct post post;
	int error;

	if (!find_other(check, &other))
		return CHECK_SKIPPED(check, "no other address is known here");
	address_set_port(&other, port);
	error = post_open(&post, check, &other);
	if (error == -EADDRINUSE)
		return CHECK_SKIPPED(check, "port %u of this machine is taken",
				     port);
	if (error == -EACCES)
		return CHECK_SKIPPED(
			check, "needs CAP_NET_BIND_SERVICE (run as root)");
	return ask_from(check, &post, error);
}

/* The same as an IPv4-mapped IPv6 address, for a socket of that family. */
static struct address map(const struct address *ipv4)
{
	struct address mapped = {
		.length = sizeof(mapped.in6),
		.in6 = { .sin6_family = AF_INET6,
			 .sin6_port = ipv4->in.sin_port },
	};
	unsigned char *bytes = mapped.in6.sin6_addr.s6_addr;

	bytes[10] = bytes[11] = 0xff;
	memcpy(bytes + 12, &ipv4->in.sin_addr, sizeof(ipv4->in.sin_addr));
	return mapped;
}

/* Ask an IPv4 target from an IPv6 socket. */
static int ask_mapped(struct check *check, struct letter *reply)
{
	struct address any = { .length = sizeof(any.in6),
			       .in6.sin6_family = AF_INET6 };
	struct address to = map(&check->target->endpoint.address);
	struct post post;
	int error = post_open(&post, check, &any);

	if (error == 0)
		error = post_ask(&post, &to, POST_SIZE, reply);
	post_close(&post);
	/* Without IPv6 on this machine there is nothing to be asked. */
	return error == -EAFNOSUPPORT || error == -ENETUNREACH ? 0 : error;
}

enum verdict check_high_ports(struct check *check)
{
	bool ipv4 = check->target->endpoint.address.any.sa_family == AF_INET;
	struct letter reply;
	struct post post;
	int error = post_open(&post, check, NULL);

	if (error == 0)
		error = post_ask(&post, NULL, POST_SIZE, &reply);
	post_close(&post);
	if (error == 0 && ipv4 && !check->source->text)
		error = ask_mapped(check, &reply);
	if (error < 0)
		return post_conclude(check, &reply, POST_SIZE, error);
	return CHECK_OK(check, "answered%s",
			ipv4 ? ", from an IPv6 socket (v4-mapped), too" : "");
}
