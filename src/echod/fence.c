/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/fence.h"

#include "echod/packet_info.h"

#include <linux/filter.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

/* Where a field stands in the packet. */
#define AT(header, field) (SKF_NET_OFF + (int)offsetof(struct header, field))
#define IP_VERSION_AT	  SKF_NET_OFF /* the upper half of the byte */
#define SOURCE4		  AT(iphdr, saddr)
#define DESTINATION4	  AT(iphdr, daddr)
#define SOURCE6		  AT(ip6_hdr, ip6_src)
#define DESTINATION6	  AT(ip6_hdr, ip6_dst)

/* Load A, and see whether it is that, or is X: jump over so many if, if not. */
#define LOAD(size, at)	BPF_STMT(BPF_LD | (size) | BPF_ABS, (uint32_t)(at))
#define IS(value, t, f) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (t), (f))
#define IS_X(t, f)	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, (t), (f))
#define RETURN(length)	BPF_STMT(BPF_RET | BPF_K, (length))

/* Are these words of two addresses the same? */
#define SAME(a, b, t, f)                                                       \
	LOAD(BPF_W, (a)), BPF_STMT(BPF_MISC | BPF_TAX, 0), LOAD(BPF_W, (b)),   \
		IS_X((t), (f))
#define SAME_WORD6(word, t, f)                                                 \
	SAME(SOURCE6 + 4 * (word), DESTINATION6 + 4 * (word), (t), (f))

/* Documentation/networking/filter.rst of Linux; where each stands. */
static const struct sock_filter program[] = {
	LOAD(BPF_W, SKF_AD_OFF + SKF_AD_IFINDEX), /* 0 */
	IS(LOOPBACK_INTERFACE, 25, 0),		  /* 1: to 27 */
	LOAD(BPF_B, IP_VERSION_AT),		  /* 2 */
	BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4),	  /* 3 */
	IS(6, 0, 16),				  /* 4: or to 21 */
	/* IPv6; the last words are the most different ones. */
	SAME_WORD6(3, 0, 18), /* 5 to 8: or to 27 */
	SAME_WORD6(2, 0, 14), /* 9 to 12: or to 27 */
	SAME_WORD6(1, 0, 10), /* 13 to 16: or to 27 */
	SAME_WORD6(0, 7, 6),  /* 17 to 20: to 28, or to 27 */
	/* IPv4 */
	LOAD(BPF_B, SOURCE4),		   /* 21 */
	IS(IN_LOOPBACKNET, 5, 0),	   /* 22: to 28 */
	SAME(SOURCE4, DESTINATION4, 1, 0), /* 23 to 26: to 28 */
	RETURN(UINT32_MAX),		   /* 27: all of it */
	RETURN(0),			   /* 28: dropped */
};

static bool fence_stands(int fd)
{
	struct sock_filter standing[ARRAY_SIZE(program)];
	socklen_t count = ARRAY_SIZE(standing); /* not bytes: SO_GET_FILTER */

	memset(standing, 0, sizeof(standing));
	return getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, standing, &count) ==
		       0 &&
	       memcmp(standing, program, sizeof(program)) == 0;
}

enum fence fence_begin(int fd)
{
	struct sock_filter filter[ARRAY_SIZE(program)];
	struct sock_fprog fence = { ARRAY_SIZE(filter), filter };
	struct pollfd waiting = { .fd = fd, .events = POLLIN };

	if (fence_stands(fd))
		return FENCE_STANDS;
	memcpy(filter, program, sizeof(filter));
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &fence,
		       sizeof(fence)) < 0)
		return FENCE_NONE;
	/* Looked at afterwards, so that none can slip in between. */
	return poll(&waiting, 1, 0) == 0 ? FENCE_STANDS : FENCE_NEW;
}
