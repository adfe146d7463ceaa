/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/screen.h"

#include "echod/foreigners.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

int screen_open(struct screen *screen, const struct guard *guard, int fd,
		const struct socket_identity *identity, bool loop_ttl)
{
	bool ipv6 = identity->family == AF_INET6;
	bool ip = ipv6 || identity->family == AF_INET;
	struct address peer;

	socket_peer(fd, &peer);
	*screen = (struct screen){
		.guard = guard,
		.fd = fd,
		.connected = peer.length > 0,
		.loop_ttl = ip && loop_ttl,
	};
	if (!ip)
		return 0;
	socket_set_receive_ttl(fd, loop_ttl);
	screen->fence = fence_begin(fd);
	if (!ipv6)
		return 0;
	screen->foreigners = calloc(1, sizeof(*screen->foreigners));
	return screen->foreigners ? 0 : -ENOMEM;
}

void screen_close(struct screen *screen)
{
	free(screen->foreigners);
	screen->foreigners = NULL;
}

static bool is_unnamed(const struct msghdr *header)
{
	return header->msg_namelen <= sizeof(sa_family_t);
}

enum counter screen_refuses(const struct screen *screen,
			    const struct msghdr *header,
			    const struct packet_info *info)
{
	enum counter reason;

	if (header->msg_flags & MSG_TRUNC)
		return COUNTER_datagrams_refused_long;
	if (packet_info_is_group(info))
		return COUNTER_datagrams_refused_group;
	if (is_unnamed(header))
		return screen->connected ? SCREEN_PASSES
					 : COUNTER_datagrams_refused_unnamed;
	reason = guard_refuses_source(header->msg_name, info,
				      screen->fence == FENCE_STANDS);
	if (reason != GUARD_PASSES)
		return reason;
	if (guard_refuses_port(screen->guard, header->msg_name))
		return COUNTER_datagrams_refused_port;
	if (screen->loop_ttl && info->ttl <= 1)
		return COUNTER_datagrams_refused_ttl;
	return SCREEN_PASSES;
}

/*
 * What came in on `lo` does not, nor, as the guard has seen, what says itself
 * to be ours.
 */
bool screen_is_forged6(struct screen *screen, const struct msghdr *header,
		       const struct packet_info *info, uint64_t now)
{
	const struct sockaddr_in6 *peer = header->msg_name;

	if (is_unnamed(header) || packet_info_is_ipv4(info) ||
	    packet_info_interface(info) == LOOPBACK_INTERFACE ||
	    guard_says_ours(&peer->sin6_addr, info))
		return false;
	return !foreigners_have(screen->foreigners, screen->fd, peer, now);
}
