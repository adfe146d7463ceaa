/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/packet_info.h"

#include <arpa/inet.h>
#include <netinet/udp.h>
#include <string.h>

/* Of a datagram that was delivered as early as complete4() tells. */
static bool is_early_group(struct in_addr address)
{
	return address.s_addr == htonl(INADDR_BROADCAST) ||
	       IN_MULTICAST(ntohl(address.s_addr));
}

/*
 * A datagram that was queued before IP_PKTINFO was set, such as the one that
 * started a socket-activated echod, lacks the local address.  The one in the
 * header serves as well, but for groups, which can be told then, too: where it
 * is not ours, the kernel will not send from it.
 */
static void complete4(struct in_pktinfo *info)
{
	if (info->ipi_spec_dst.s_addr == htonl(INADDR_ANY) &&
	    !is_early_group(info->ipi_addr))
		info->ipi_spec_dst = info->ipi_addr;
}

/* Aligned as a control message is. */
static void *data_of(struct cmsghdr *cmsg)
{
	return CMSG_DATA(cmsg);
}

/* Is it of this kind, and whole?  Where room ends, the kernel cuts it off. */
static bool is_one(const struct cmsghdr *cmsg, int level, int type, size_t size)
{
	return cmsg->cmsg_level == level && cmsg->cmsg_type == type &&
	       cmsg->cmsg_len >= CMSG_LEN(size);
}

static void read_one(struct cmsghdr *cmsg, struct packet_info *info)
{
	if (is_one(cmsg, IPPROTO_IP, IP_PKTINFO, sizeof(*info->info4))) {
		info->info4 = data_of(cmsg);
		complete4(info->info4);
	} else if (is_one(cmsg, IPPROTO_IPV6, IPV6_PKTINFO,
			  sizeof(*info->info6))) {
		info->info6 = data_of(cmsg);
	} else if (is_one(cmsg, IPPROTO_UDP, UDP_GRO, sizeof(int))) {
		/* The kernel gives an int, and takes 16 bits. */
		info->segment = (uint16_t) * (const int *)data_of(cmsg);
	} else if (is_one(cmsg, IPPROTO_IP, IP_TTL, sizeof(int)) ||
		   is_one(cmsg, IPPROTO_IPV6, IPV6_HOPLIMIT, sizeof(int))) {
		info->ttl = (int16_t) * (const int *)data_of(cmsg);
	}
}

void packet_info_read(struct msghdr *header, struct packet_info *info)
{
	char *at = header->msg_control;
	size_t left = header->msg_controllen;

	*info = (struct packet_info){ .ttl = -1 };
	/* As by CMSG_NXTHDR(), which is slower. */
	while (left >= sizeof(struct cmsghdr)) {
		struct cmsghdr *cmsg = (void *)at;
		size_t space = CMSG_ALIGN(cmsg->cmsg_len);

		if (cmsg->cmsg_len > left)
			return;
		read_one(cmsg, info);
		if (space >= left || cmsg->cmsg_len < sizeof(*cmsg))
			return;
		at += space;
		left -= space;
	}
}

/*
 * Behind those that are there already; the data may be where it goes to.  No
 * padding follows: 36 bytes, as of IPV6_PKTINFO alone, are all for which
 * sendmsg(2) of Linux allocates no memory (____sys_sendmsg() of net/socket.c).
 */
static void *control_append(struct msghdr *header, int level, int type,
			    const void *data, size_t length)
{
	size_t at = CMSG_ALIGN(header->msg_controllen);
	struct cmsghdr *cmsg = (void *)((char *)header->msg_control + at);

	memmove(CMSG_DATA(cmsg), data, length);
	/* The padding, which the kernel gets once another one follows. */
	memset(CMSG_DATA(cmsg) + length, 0,
	       CMSG_SPACE(length) - CMSG_LEN(length));
	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(length);
	header->msg_controllen = at + CMSG_LEN(length);
	return CMSG_DATA(cmsg);
}

/* IPv4 packets on an IPv6 socket are answered as such: ip(7). */
static void write_ttl(struct msghdr *header, const struct packet_info *info)
{
	int ttl = info->ttl - 1;

	if (info->info4)
		(void)control_append(header, IPPROTO_IP, IP_TTL, &ttl,
				     sizeof(ttl));
	else
		(void)control_append(header, IPPROTO_IPV6, IPV6_HOPLIMIT, &ttl,
				     sizeof(ttl));
}

void packet_info_write(struct msghdr *header, struct packet_info *info)
{
	header->msg_controllen = 0;
	if (info->info4) {
		info->info4->ipi_ifindex = 0;
		info->info4 = control_append(header, IPPROTO_IP, IP_PKTINFO,
					     info->info4, sizeof(*info->info4));
	} else if (info->info6) {
		if (!IN6_IS_ADDR_LINKLOCAL(&info->info6->ipi6_addr))
			info->info6->ipi6_ifindex = 0;
		info->info6 = control_append(header, IPPROTO_IPV6, IPV6_PKTINFO,
					     info->info6, sizeof(*info->info6));
	}
	if (info->ttl > 0)
		write_ttl(header, info);
}

void packet_info_write_segment(struct msghdr *header, uint16_t segment)
{
	(void)control_append(header, IPPROTO_UDP, UDP_SEGMENT, &segment,
			     sizeof(segment));
}

/* An interface belongs to link-local addresses only. */
bool packet_info_is_same_local6(const struct packet_info *a,
				const struct packet_info *b)
{
	if (!a->info6 || !b->info6)
		return a->info6 == b->info6;
	return IN6_ARE_ADDR_EQUAL(&a->info6->ipi6_addr, &b->info6->ipi6_addr) &&
	       (!IN6_IS_ADDR_LINKLOCAL(&a->info6->ipi6_addr) ||
		a->info6->ipi6_ifindex == b->info6->ipi6_ifindex);
}
