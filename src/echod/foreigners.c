/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/foreigners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Of <linux/socket.h>: do as if, but do not send. */
#define MSG_PROBE 0x10

/* Any but 0, which is refused: nothing is sent to it. */
#define NO_PORT 9

/* Of the discard-only prefix (RFC 6666), which no host has. */
static const struct in6_addr nowhere = { .s6_addr = { [0] = 1, [15] = 1 } };

/*
 * Would the kernel send from this address?  EINVAL of IPV6_PKTINFO (ipv6(7)) is
 * the only answer that denies it: whatever else is wrong comes later.
 */
static bool may_send_from(int fd, const struct in6_addr *address,
			  uint32_t scope)
{
	struct sockaddr_in6 to = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(NO_PORT),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	struct in6_pktinfo from = { *address, scope };
	union {
		struct cmsghdr cmsg;
		char bytes[CMSG_SPACE(sizeof(from))];
	} control = { .cmsg = { CMSG_LEN(sizeof(from)), IPPROTO_IPV6,
				IPV6_PKTINFO } };
	struct msghdr header = { .msg_name = &to,
				 .msg_namelen = sizeof(to),
				 .msg_control = &control,
				 .msg_controllen = CMSG_LEN(sizeof(from)) };

	memcpy(CMSG_DATA(&control.cmsg), &from, sizeof(from));
	return sendmsg(fd, &header,
		       MSG_PROBE | MSG_CONFIRM | MSG_DONTWAIT | MSG_NOSIGNAL) >=
		       0 ||
	       errno != EINVAL;
}

/* Where it would send from anywhere, that it would says nothing. */
static bool is_ours(int fd, const struct in6_addr *address, uint32_t scope)
{
	return may_send_from(fd, address, scope) &&
	       !may_send_from(fd, &nowhere, 0);
}

/*
 * Where a peer is noted: not keyed, for who chooses to be noted where another
 * one is only has both asked about more often.
 */
static struct foreigner *place_of(struct foreigners *foreigners,
				  const struct in6_addr *address)
{
	const uint32_t *words = address->s6_addr32;
	uint32_t mixed = words[0] ^ words[1] ^ words[2] ^ words[3];

	mixed *= UINT32_C(2654435769); /* Knuth's multiplicative hashing */
	return &foreigners->list[mixed / (UINT32_MAX / FOREIGNERS_MAX + 1)];
}

bool foreigners_have(struct foreigners *foreigners, int fd,
		     const struct sockaddr_in6 *peer, uint64_t now)
{
	struct foreigner *known = place_of(foreigners, &peer->sin6_addr);

	if (now < known->until && known->scope == peer->sin6_scope_id &&
	    IN6_ARE_ADDR_EQUAL(&known->address, &peer->sin6_addr))
		return true;
	if (is_ours(fd, &peer->sin6_addr, peer->sin6_scope_id))
		return false;
	*known = (struct foreigner){ .address = peer->sin6_addr,
				     .scope = peer->sin6_scope_id,
				     .until = now + FOREIGNERS_USEC };
	return true;
}
