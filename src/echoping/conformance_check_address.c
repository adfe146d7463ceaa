/* SPDX-License-Identifier: MIT */
/*
 * Which address answers, and which must not: rows 3 and 4.
 */
#include "config.h"

#include "echoping/conformance_local.h"
#include "echoping/conformance_post.h"
#include "echoping/conformance_wait.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* All addresses of one family that may be the service's. */
#define ASKED_MAX (LOCAL_ADDRESSES_MAX + ENDPOINTS_MAX)

struct asked {
	size_t count;
	uint64_t first; /* the number of the datagram to the first of them */
	struct address list[ASKED_MAX];
};

static void asked_add(struct asked *asked, const struct address *address,
		      const struct address *target)
{
	struct address *next = &asked->list[asked->count];

	if (asked->count == ASKED_MAX ||
	    address->any.sa_family != target->any.sa_family)
		return;
	*next = *address;
	address_set_port(next, (uint16_t)address_port(target));
	for (size_t i = 0; i < asked->count; i++) {
		if (post_same_address(&asked->list[i], next))
			return;
	}
	asked->count++;
}

static void asked_add_loopback(struct asked *asked,
			       const struct address *target)
{
	static const char *const more[] = { "127.0.0.2", "127.1.2.3",
					    "127.255.255.254" };
	struct address address = {
		.length = sizeof(address.in),
		.in.sin_family = AF_INET,
	};

	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		address.in.sin_addr.s_addr = inet_addr(more[i]);
		asked_add(asked, &address, target);
	}
}

/* The target first, then what it has beside that, as far as is known. */
static void asked_gather(struct asked *asked, const struct target *target)
{
	const struct address *main = &target->endpoint.address;
	struct locals locals;

	asked->count = 0;
	asked_add(asked, main, main);
	for (int i = 0; i < target->candidate_count; i++)
		asked_add(asked, &target->candidates[i].address, main);
	locals_find(&locals);
	if (!locals_have(&locals, main))
		return;
	for (size_t i = 0; i < locals.count; i++)
		asked_add(asked, &locals.list[i].address, main);
	asked_add_loopback(asked, main);
}

/*
 * Where to ask from.  On one machine a reply to the address that was asked
 * would come from there by itself: so ask from the target's own.
 */
static int open_asking(struct post *post, struct check *check)
{
	struct address own = check->target->endpoint.address;
	struct locals locals;

	address_set_port(&own, 0);
	locals_find(&locals);
	if (check->source->text || !locals_have(&locals, &own))
		return post_open(post, check, NULL);
	return post_open(post, check, &own);
}

/* Ask each; how many are answered from where they were asked. */
static int ask_each(struct post *post, struct asked *asked, unsigned *right,
		    struct letter *stray)
{
	uint64_t timeout = post->check->settings->timeout, moment;
	bool answered[ASKED_MAX] = { false };
	unsigned open = 0;
	int error = 0;

	asked->first = post->check->sequence + 1;
	for (size_t i = 0; i < asked->count; i++) {
		/* Where no way leads from our address nobody is asked. */
		open += post_send(post, &asked->list[i], POST_SIZE) == 0;
	}
	moment = wait_now() + timeout / 2;
	while (error == 0 && *right < open) {
		uint64_t at;

		error = post_receive(post, moment, stray);
		at = stray->sequence - asked->first;
		if (error < 0 || !stray->ours || at >= asked->count)
			continue;
		if (!post_same_address(&stray->from, &asked->list[at]))
			return -EADDRNOTAVAIL;
		*right += !answered[at];
		answered[at] = true;
		/* Others may not be served: no need to wait as long. */
		moment = MIN(moment, wait_now() + check_grace(post->check));
	}
	return error == -ETIMEDOUT && *right > 0 ? 0 : error;
}

enum verdict check_reply_address(struct check *check)
{
	struct asked asked;
	struct letter stray = { 0 };
	struct post post;
	char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX];
	unsigned right = 0;
	int error = open_asking(&post, check);

	asked_gather(&asked, check->target);
	if (error == 0)
		error = ask_each(&post, &asked, &right, &stray);
	if (error == -ETIMEDOUT) /* perhaps it was lost */
		error = ask_each(&post, &asked, &right, &stray);
	post_close(&post);
	if (error == -EADDRNOTAVAIL) {
		address_format(&asked.list[stray.sequence - asked.first], to);
		address_format(&stray.from, from);
		return CHECK_FAILED(check, "%.100s is asked, %.100s answers",
				    to, from);
	}
	if (error < 0)
		return post_conclude(check, &stray, POST_SIZE, error);
	return CHECK_OK(check, "of %zu address%s %u answer%s, each for itself",
			asked.count, asked.count == 1 ? "" : "es", right,
			right == 1 ? "s" : "");
}

/*
 * Is the letter from the target, and not from another service of the network,
 * as far as can be told?  `usual` is where its ordinary replies come from.
 */
static bool is_from_target(const struct check *check,
			   const struct address *usual,
			   const struct letter *letter)
{
	const struct target *target = check->target;
	struct locals locals;

	if (address_port(&letter->from) !=
	    address_port(&target->endpoint.address))
		return false;
	if (post_same_address(&letter->from, usual))
		return true;
	locals_find(&locals);
	if (locals_have(&locals, &target->endpoint.address))
		return locals_have(&locals, &letter->from);
	for (int i = 0; i < target->candidate_count; i++) {
		if (post_same_address(&letter->from,
				      &target->candidates[i].address))
			return true;
	}
	return false;
}

/* Be able to send to a group of hosts, by that interface. */
static int prepare_group(const struct post *post, const struct address *group,
			 unsigned interface)
{
	struct ip_mreqn out = { .imr_ifindex = (int)interface };
	int on = 1;

	if (setsockopt(post->fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) < 0)
		return -errno;
	if (group->any.sa_family == AF_INET && interface > 0 &&
	    setsockopt(post->fd, IPPROTO_IP, IP_MULTICAST_IF, &out,
		       sizeof(out)) < 0)
		return -errno;
	return 0;
}

/* Send to a group of hosts, of which the target is one. */
static enum verdict ask_group(struct check *check, const struct address *group,
			      unsigned interface)
{
	struct letter letter, usual = { 0 };
	struct post ordinary, post = { .fd = -1 };
	int outcome, error = post_open(&ordinary, check, NULL);

	if (error == 0)
		error = post_ask(&ordinary, NULL, POST_SIZE, &usual);
	post_close(&ordinary);
	if (error == 0)
		error = post_open(&post, check, NULL);
	if (error == 0)
		error = prepare_group(&post, group, interface);
	if (error == 0)
		error = post_send(&post, group, POST_SIZE);
	if (error < 0) {
		post_close(&post);
		return CHECK_SKIPPED(check, "%s", strerror(-error));
	}
	outcome = post_listen(&post, &letter);
	while (outcome == 1 && !is_from_target(check, &usual.from, &letter))
		outcome = post_receive(&post, wait_now() + check_grace(check),
				       &letter) == 0;
	post_close(&post);
	return post_conclude_silence(check, outcome, &letter);
}

/* Is the target a neighbour in this network of ours? */
static bool is_neighbour(const struct local *local,
			 const struct address *target)
{
	return ((local->address.in.sin_addr.s_addr ^
		 target->in.sin_addr.s_addr) &
		local->mask.s_addr) == 0;
}

enum verdict check_broadcast(struct check *check)
{
	const struct address *target = &check->target->endpoint.address;
	const struct local *local;
	struct locals locals;
	struct address group = *target;

	if (target->any.sa_family != AF_INET)
		return CHECK_SKIPPED(check, "IPv6 has no broadcast");
	locals_find(&locals);
	local = locals_toward(&locals, target);
	if (local_is_loopback(target))
		group.in.sin_addr.s_addr = inet_addr("127.255.255.255");
	else if (!local || local->broadcast.length == 0 ||
		 !is_neighbour(local, target))
		return CHECK_SKIPPED(check, "it is in no network of this "
					    "machine that has broadcast");
	else
		group.in.sin_addr = local->broadcast.in.sin_addr;
	return ask_group(check, &group, 0);
}

enum verdict check_multicast(struct check *check)
{
	const struct address *target = &check->target->endpoint.address;
	const struct local *local;
	struct locals locals;
	struct address group = *target;

	locals_find(&locals);
	local = locals_toward(&locals, target);
	if (!local)
		return CHECK_SKIPPED(check, "the way to it is unknown");
	if (target->any.sa_family == AF_INET) {
		if (!local_is_loopback(target) && !is_neighbour(local, target))
			return CHECK_SKIPPED(
				check, "it is in no network of this machine");
		group.in.sin_addr.s_addr = htonl(INADDR_ALLHOSTS_GROUP);
	} else {
		inet_pton(AF_INET6, "ff02::1", &group.in6.sin6_addr);
		group.in6.sin6_scope_id = local->interface;
	}
	return ask_group(check, &group, local->interface);
}
