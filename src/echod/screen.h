/* SPDX-License-Identifier: MIT */
/*
 * The screen of a datagram socket: which of the datagrams that it hears have a
 * reply.  It knows what the socket is and what the kernel says of each, and
 * asks the guard, which judges, about the rest; see guard.h for the rules.
 *
 * With --loop-ttl each reply has the TTL of what it answers less one, and one
 * that cannot have less has none: however two such services are made to answer
 * each other, they end within 255 datagrams.
 */
#ifndef ECHOD_SCREEN_H
#define ECHOD_SCREEN_H

#include "echod/fence.h"
#include "echod/guard.h"
#include "echod/packet_info.h"
#include "echod/socket.h"
#include "echod/stats.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct foreigners;

/* Nothing speaks against a reply. */
#define SCREEN_PASSES GUARD_PASSES

struct screen {
	const struct guard *guard;
	struct foreigners *foreigners; /* allocated; NULL: not IPv6 */
	int fd;			       /* borrowed */
	bool connected; /* peers without a name can be answered */
	bool loop_ttl;
	enum fence fence;
};

/*
 * Screen what comes to this socket, and prepare it for that.  0, or -ENOMEM;
 * screen_close() is right after either, and idempotent.
 */
int screen_open(struct screen *screen, const struct guard *guard, int fd,
		const struct socket_identity *identity,
		bool loop_ttl) MUST_CHECK;
void screen_close(struct screen *screen);

/* All that waited has been received: what comes now has passed the fence. */
static inline void screen_settle(struct screen *screen)
{
	if (screen->fence == FENCE_NEW)
		screen->fence = FENCE_STANDS;
}

/* Why a datagram is not to be answered: the counter, or SCREEN_PASSES. */
enum counter screen_refuses(const struct screen *screen,
			    const struct msghdr *header,
			    const struct packet_info *info);

/*
 * Does one that passes come from another IPv6 address of this host, but by the
 * network?  To be asked last, as the kernel may have to be.  `now` is in µs, of
 * CLOCK_MONOTONIC.
 */
bool screen_is_forged6(struct screen *screen, const struct msghdr *header,
		       const struct packet_info *info, uint64_t now);

static inline bool screen_is_forged(struct screen *screen,
				    const struct msghdr *header,
				    const struct packet_info *info,
				    uint64_t now)
{
	return screen->foreigners &&
	       screen_is_forged6(screen, header, info, now);
}

#endif
