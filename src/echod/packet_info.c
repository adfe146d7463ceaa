/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/packet_info.h"

#include <arpa/inet.h>
#include <netinet/udp.h>
#include <string.h>

/*
 * A datagram that was queued before IP_PKTINFO was set, such as the one that
 * started a socket-activated echod, lacks the local address.  The one in the
 * header serves as well: where it is not ours, the kernel will not send from
 * it.
 */
static void complete4(struct in_pktinfo *info)
{
	if (info->ipi_spec_dst.s_addr == htonl(INADDR_ANY))
		info->ipi_spec_dst = info->ipi_addr;
}

/* The kernel gives an int, and takes 16 bits. */
static uint16_t segment_in(struct cmsghdr *cmsg)
{
	int segment;

	memcpy(&segment, CMSG_DATA(cmsg), sizeof(segment));
	return (uint16_t)segment;
}

void packet_info_read(struct msghdr *header, struct packet_info *info)
{
	struct cmsghdr *cmsg;

	info->known4 = info->known6 = false;
	info->segment = 0;
	for (cmsg = CMSG_FIRSTHDR(header); cmsg;
	     cmsg = CMSG_NXTHDR(header, cmsg)) {
		if (cmsg->cmsg_level == IPPROTO_IP &&
		    cmsg->cmsg_type == IP_PKTINFO) {
			memcpy(&info->info4, CMSG_DATA(cmsg),
			       sizeof(info->info4));
			complete4(&info->info4);
			info->known4 = true;
		} else if (cmsg->cmsg_level == IPPROTO_IPV6 &&
			   cmsg->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info->info6, CMSG_DATA(cmsg),
			       sizeof(info->info6));
			info->known6 = true;
		} else if (cmsg->cmsg_level == IPPROTO_UDP &&
			   cmsg->cmsg_type == UDP_GRO) {
			info->segment = segment_in(cmsg);
		}
	}
}

/* Behind those that are there already. */
static void control_append(struct msghdr *header, int level, int type,
			   const void *data, size_t length)
{
	struct cmsghdr *cmsg =
		(void *)((char *)header->msg_control + header->msg_controllen);

	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(length);
	memcpy(CMSG_DATA(cmsg), data, length);
	header->msg_controllen += CMSG_SPACE(length);
}

void packet_info_write(struct msghdr *header, const struct packet_info *info)
{
	header->msg_controllen = 0;
	if (info->known4) {
		struct in_pktinfo reply = {
			.ipi_spec_dst = info->info4.ipi_spec_dst,
		};
		control_append(header, IPPROTO_IP, IP_PKTINFO, &reply,
			       sizeof(reply));
	} else if (info->known6) {
		struct in6_pktinfo reply = info->info6;

		if (!IN6_IS_ADDR_LINKLOCAL(&reply.ipi6_addr))
			reply.ipi6_ifindex = 0;
		control_append(header, IPPROTO_IPV6, IPV6_PKTINFO, &reply,
			       sizeof(reply));
	}
}

void packet_info_write_segment(struct msghdr *header, uint16_t segment)
{
	control_append(header, IPPROTO_UDP, UDP_SEGMENT, &segment,
		       sizeof(segment));
}

static bool is_group4(const struct in_pktinfo *info)
{
	return info->ipi_addr.s_addr != info->ipi_spec_dst.s_addr ||
	       info->ipi_addr.s_addr == htonl(INADDR_BROADCAST) ||
	       IN_MULTICAST(ntohl(info->ipi_addr.s_addr));
}

bool packet_info_is_group(const struct packet_info *info)
{
	if (info->known4)
		return is_group4(&info->info4);
	return info->known6 && IN6_IS_ADDR_MULTICAST(&info->info6.ipi6_addr);
}

/* The kernel says IP_PKTINFO of these only, also on an IPv6 socket. */
bool packet_info_is_ipv4(const struct packet_info *info)
{
	return info->known4;
}
