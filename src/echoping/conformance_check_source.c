/* SPDX-License-Identifier: MIT */
/*
 * IPv6 datagrams from addresses that no honest one comes from: row 21.  An
 * answer to them goes to loopback, or from IPv6 to IPv4.  It is seen where the
 * service is on this machine, or the answer's address is ours.
 */
#include "config.h"

#include "echoping/conformance_forge.h"
#include "echoping/conformance_local.h"
#include "echoping/conformance_post.h"
#include "echoping/message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define NOT_IPV6 "the target is not IPv6"
#define UNSEEN	 "an answer could not be seen from here"

/* Send from there, with a port on which we hear whatever the family. */
static enum verdict ask_from(struct check *check, const struct in6_addr *source)
{
	unsigned char bytes[POST_SIZE];
	struct address own = { .length = sizeof(own.in6),
			       .in6.sin6_family = AF_INET6 };
	struct letter letter;
	struct post post;
	int outcome = 0, error = post_open(&post, check, &own);

	if (error == 0) {
		post_address(&post, &own);
		own.in6.sin6_addr = *source;
		message_write(bytes, sizeof(bytes), ++check->sequence,
			      check->nonce);
		error = forge_send(&own, &check->target->endpoint.address,
				   bytes, sizeof(bytes));
	}
	if (error == 0)
		outcome = post_listen(&post, &letter);
	post_close(&post);
	if (error == -EPERM)
		return CHECK_SKIPPED(check, "needs CAP_NET_RAW (run as root)");
	if (error < 0)
		return CHECK_SKIPPED(check, "%s", strerror(-error));
	return post_conclude_silence(check, outcome, &letter);
}

static bool is_ipv6(const struct check *check)
{
	return check->target->endpoint.address.any.sa_family == AF_INET6;
}

enum verdict check_source_unspecified(struct check *check)
{
	struct locals locals;

	if (!is_ipv6(check))
		return CHECK_SKIPPED(check, NOT_IPV6);
	locals_find(&locals);
	/* The kernel takes `::` for its own ::1. */
	if (!locals_have(&locals, &check->target->endpoint.address))
		return CHECK_SKIPPED(check, UNSEEN);
	return ask_from(check, &in6addr_any);
}

/* Our IPv4 address on the way to the target; on this machine, loopback. */
static bool find_ipv4(const struct check *check, struct in_addr *ipv4)
{
	const struct address *target = &check->target->endpoint.address;
	const struct local *toward;
	struct locals locals;

	locals_find(&locals);
	ipv4->s_addr = htonl(INADDR_LOOPBACK);
	if (locals_have(&locals, target))
		return true;
	toward = locals_toward(&locals, target);
	for (size_t i = 0; i < locals.count && toward; i++) {
		const struct local *local = &locals.list[i];

		if (local->interface == toward->interface &&
		    local->address.any.sa_family == AF_INET) {
			*ipv4 = local->address.in.sin_addr;
			return true;
		}
	}
	return false;
}

enum verdict check_source_mapped(struct check *check)
{
	struct in6_addr source = { .s6_addr[10] = 0xff, .s6_addr[11] = 0xff };
	struct in_addr ipv4;

	if (!is_ipv6(check))
		return CHECK_SKIPPED(check, NOT_IPV6);
	if (!find_ipv4(check, &ipv4))
		return CHECK_SKIPPED(check, UNSEEN);
	memcpy(source.s6_addr + 12, &ipv4, sizeof(ipv4));
	return ask_from(check, &source);
}

enum verdict check_source_compatible(struct check *check)
{
	struct locals locals;

	if (!is_ipv6(check))
		return CHECK_SKIPPED(check, NOT_IPV6);
	locals_find(&locals);
	for (size_t i = 0; i < locals.count; i++) {
		const struct address *own = &locals.list[i].address;

		if (own->any.sa_family == AF_INET6 &&
		    IN6_IS_ADDR_V4COMPAT(&own->in6.sin6_addr))
			return ask_from(check, &own->in6.sin6_addr);
	}
	return CHECK_SKIPPED(check, UNSEEN ": we have no such address");
}

enum verdict check_source_own(struct check *check)
{
	if (!is_ipv6(check))
		return CHECK_SKIPPED(check, NOT_IPV6);
	return CHECK_SKIPPED(check, "left out: who answers it would answer "
				    "itself without end");
}
