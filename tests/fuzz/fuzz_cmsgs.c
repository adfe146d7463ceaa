/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the control data of a datagram.
 *
 * What is read lies within them, whole; what is written for the reply fits
 * where they were, and is right control data: at most one packet info, and the
 * segment behind it.
 */
#include "config.h"

#include "echod/packet_info.h"
#include "fuzz/fuzz.h"

#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT 1200

/* Exactly the room that echod gives: sanitizers see one byte more. */
static struct msghdr header;

static void check_within(const void *data, size_t size)
{
	const char *first = header.msg_control, *at = data;

	assert(!data ||
	       (at >= first && at + size <= first + header.msg_controllen));
}

static void check_read(const struct packet_info *info)
{
	check_within(info->info4, sizeof(*info->info4));
	check_within(info->info6, sizeof(*info->info6));
	assert(packet_info_is_ipv4(info) == (info->info4 != NULL));
	assert(packet_info_datagrams(info, 0) == 1);
	assert(packet_info_datagrams(info, 65507) >= 1);
	assert(packet_info_is_same_local(info, info));
	(void)packet_info_is_group(info);
}

static void check_local(const struct packet_info *info, struct cmsghdr *cmsg)
{
	if (info->info4)
		assert(cmsg->cmsg_type == IP_PKTINFO &&
		       CMSG_DATA(cmsg) == (void *)info->info4 &&
		       info->info4->ipi_ifindex == 0);
	else
		assert(cmsg->cmsg_type == IPV6_PKTINFO &&
		       CMSG_DATA(cmsg) == (void *)info->info6);
}

static void check_ttl(const struct packet_info *info, struct cmsghdr *cmsg)
{
	int ttl;

	memcpy(&ttl, CMSG_DATA(cmsg), sizeof(ttl));
	assert(ttl == info->ttl - 1);
	assert(cmsg->cmsg_type == (info->info4 ? IP_TTL : IPV6_HOPLIMIT));
}

/* As the kernel looks at it. */
static void check_reply(const struct packet_info *info, bool train)
{
	unsigned count = 0, locals = info->info4 || info->info6;
	unsigned ttls = info->ttl > 0;
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(&header); cmsg;
	     cmsg = CMSG_NXTHDR(&header, cmsg)) {
		if (count < locals)
			check_local(info, cmsg);
		else if (count < locals + ttls)
			check_ttl(info, cmsg);
		else
			assert(cmsg->cmsg_level == IPPROTO_UDP);
		count++;
	}
	assert(count == locals + ttls + train);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet_info info;
	struct in_addr local = { 0 };

	if (size > PACKET_INFO_ROOM)
		return 0;
	header.msg_control = malloc(PACKET_INFO_ROOM);
	assert(header.msg_control);
	memset(header.msg_control, 0xa5, PACKET_INFO_ROOM);
	if (size > 0)
		memcpy(header.msg_control, data, size);
	header.msg_controllen = size;
	packet_info_read(&header, &info);
	check_read(&info);
	if (info.info4)
		local = info.info4->ipi_spec_dst;
	packet_info_write(&header, &info);
	assert(!info.info4 || info.info4->ipi_spec_dst.s_addr == local.s_addr);
	check_reply(&info, false);
	packet_info_write_segment(&header, SEGMENT);
	check_reply(&info, true);
	free(header.msg_control);
	return 0;
}
