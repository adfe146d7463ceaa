/* SPDX-License-Identifier: MIT */
/*
 * What the kernel says of a datagram beside its bytes: where it was sent to, so
 * that it can be answered from there (IP_PKTINFO of ip(7), IPV6_PKTINFO of
 * ipv6(7) and RFC 3542), its TTL or hop limit, if it is to say so, and whether
 * it is a train, many datagrams of one length in one buffer (UDP_GRO and
 * UDP_SEGMENT of udp(7)).
 *
 * Nothing is copied: it is read where the kernel wrote it, in the control data
 * of the message, and made those of the reply in the same place.
 */
#ifndef ECHOD_PACKET_INFO_H
#define ECHOD_PACKET_INFO_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* `lo`, the first interface in each network namespace: netdevice(7). */
#define LOOPBACK_INTERFACE 1

/* What the kernel said; for IPv4 on an IPv6 socket both are known. */
struct packet_info {
	struct in_pktinfo *info4;  /* in the control data, or NULL */
	struct in6_pktinfo *info6; /* likewise */
	uint16_t segment; /* bytes of each datagram of a train; 0: it is none */
	int16_t ttl;	  /* or hop limit, as received; -1: unknown */
};

/*
 * Room for all control data that the kernel can put in front of what is read
 * here, if an earlier owner of a passed socket asked for it, and for that: what
 * is cut off comes behind it.  Also enough for those of a reply.
 */
#define PACKET_INFO_ROOM                                                       \
	(CMSG_SPACE(16) /* SO_TIMESTAMP or SO_TIMESTAMPNS */ +                 \
	 CMSG_SPACE(48) /* SO_TIMESTAMPING: three of them, */ +                \
	 CMSG_SPACE(16) /* ... and its packet info */ +                        \
	 CMSG_SPACE(4) /* SO_WIFI_STATUS */ +                                  \
	 CMSG_SPACE(4) /* SO_RXQ_OVFL */ + CMSG_SPACE(4) /* SO_RCVMARK */ +    \
	 CMSG_SPACE(4) /* SO_RCVPRIORITY */ + CMSG_SPACE(4) /* UDP_GRO */ +    \
	 CMSG_SPACE(sizeof(struct in6_pktinfo)) +                              \
	 CMSG_SPACE(sizeof(struct in_pktinfo)) +                               \
	 CMSG_SPACE(sizeof(int)) /* TTL or hop limit */)

/* Read the control messages of a received message, which are aligned. */
void packet_info_read(struct msghdr *header, struct packet_info *info);

/*
 * Make them those of the reply, which is to leave from the address that was
 * asked.  Routing chooses the interface, but for a link-local address, which
 * means nothing without its interface.  If the TTL is known, which must be more
 * than 1, that of the reply is one less.  The segment is not among them.
 */
void packet_info_write(struct msghdr *header, struct packet_info *info);

/* Add that the message is a train of datagrams that are `segment` bytes long.
 */
void packet_info_write_segment(struct msghdr *header, uint16_t segment);

/* How many datagrams is a message of this length? */
static inline unsigned packet_info_datagrams(const struct packet_info *info,
					     unsigned length)
{
	if (info->segment == 0 || length <= info->segment)
		return 1;
	return (length + info->segment - 1) / info->segment;
}

/*
 * Where did it come in?  0 if that is unknown, as of IPv4 that was queued
 * before IP_PKTINFO was set.  What this host sends to an address of its own
 * comes through `lo`, but is said to come in where that address is.
 */
static inline unsigned packet_info_interface(const struct packet_info *info)
{
	if (info->info4)
		return (unsigned)info->info4->ipi_ifindex;
	return info->info6 ? info->info6->ipi6_ifindex : 0;
}

/*
 * Was it an IPv4 packet?  The kernel says IP_PKTINFO of these only, also on an
 * IPv6 socket.
 */
static inline bool packet_info_is_ipv4(const struct packet_info *info)
{
	return info->info4;
}

/*
 * Was it sent to a broadcast or multicast address?  For IPv4 ip(7) has the
 * exact test: the address in the header is not the local address that the
 * packet was delivered to.
 */
static inline bool packet_info_is_group(const struct packet_info *info)
{
	if (info->info4)
		return info->info4->ipi_addr.s_addr !=
		       info->info4->ipi_spec_dst.s_addr;
	return info->info6 && IN6_IS_ADDR_MULTICAST(&info->info6->ipi6_addr);
}

/* Were both sent to the same address of ours?  One may be a reply's already. */
bool packet_info_is_same_local6(const struct packet_info *a,
				const struct packet_info *b);

static inline bool packet_info_is_same_local(const struct packet_info *a,
					     const struct packet_info *b)
{
	if (a->info4 && b->info4)
		return a->info4->ipi_spec_dst.s_addr ==
		       b->info4->ipi_spec_dst.s_addr;
	return !a->info4 && !b->info4 && packet_info_is_same_local6(a, b);
}

/* Can one message carry the replies to both, in the same way? */
static inline bool packet_info_may_join(const struct packet_info *a,
					const struct packet_info *b)
{
	return a->ttl == b->ttl && packet_info_is_same_local(a, b);
}

#endif
