/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/harness.h"
#include "unit/sockets.h"
#include "unit/wire.h"

#include "common/macros.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define HOP_LIMIT 64

struct packet {
	size_t length;
	uint8_t bytes[512];
};

/* RFC 1071; carry on from `sum`. */
static uint32_t checksum_add(uint32_t sum, const void *data, size_t length)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i += sizeof(uint16_t)) {
		uint16_t word = 0;

		memcpy(&word, bytes + i, MIN(sizeof(word), length - i));
		sum += ntohs(word);
	}
	return sum;
}

static uint16_t checksum_finish(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void packet_add(struct packet *packet, const void *data, size_t length)
{
	ck_assert_uint_le(packet->length + length, sizeof(packet->bytes));
	memcpy(packet->bytes + packet->length, data, length);
	packet->length += length;
}

/* The ports stand at the same place in sockaddr_in and sockaddr_in6. */
static struct udphdr udp_header(const struct address *from,
				const struct address *to, const char *text)
{
	return (struct udphdr){
		.source = from->in.sin_port,
		.dest = to->in.sin_port,
		.len = htons((uint16_t)(sizeof(struct udphdr) + strlen(text))),
	};
}

static void packet_make_ipv4(struct packet *packet, const struct address *from,
			     const struct address *to, const char *text)
{
	struct udphdr udp = udp_header(from, to, text); /* No checksum. */
	struct iphdr ip = {
		.version = 4,
		.ihl = sizeof(ip) / 4,
		.tot_len = htons((uint16_t)(sizeof(ip) + ntohs(udp.len))),
		.ttl = HOP_LIMIT,
		.protocol = IPPROTO_UDP,
		.saddr = from->in.sin_addr.s_addr,
		.daddr = to->in.sin_addr.s_addr,
	};

	ip.check = checksum_finish(checksum_add(0, &ip, sizeof(ip)));
	packet_add(packet, &ip, sizeof(ip));
	packet_add(packet, &udp, sizeof(udp));
	packet_add(packet, text, strlen(text));
}

static void packet_make_ipv6(struct packet *packet, const struct address *from,
			     const struct address *to, const char *text)
{
	struct udphdr udp = udp_header(from, to, text);
	struct ip6_hdr ip = {
		.ip6_ctlun.ip6_un1 = { .ip6_un1_flow = htonl(6U << 28),
				       .ip6_un1_plen = udp.len,
				       .ip6_un1_nxt = IPPROTO_UDP,
				       .ip6_un1_hlim = HOP_LIMIT },
		.ip6_src = from->in6.sin6_addr,
		.ip6_dst = to->in6.sin6_addr,
	};
	uint32_t sum = (uint32_t)ntohs(udp.len) + IPPROTO_UDP; /* RFC 8200 */

	sum = checksum_add(sum, &ip.ip6_src, sizeof(ip.ip6_src));
	sum = checksum_add(sum, &ip.ip6_dst, sizeof(ip.ip6_dst));
	sum = checksum_add(sum, &udp, sizeof(udp));
	udp.check = checksum_finish(checksum_add(sum, text, strlen(text)));
	if (udp.check == 0)
		udp.check = 0xffff; /* 0 would mean that there is none. */
	packet_add(packet, &ip, sizeof(ip));
	packet_add(packet, &udp, sizeof(udp));
	packet_add(packet, text, strlen(text));
}

static struct sockaddr_ll wire_address(int fd, uint16_t protocol)
{
	struct ifreq request = { .ifr_name = "inside" };
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)if_nametoindex("outside"),
		.sll_halen = ETH_ALEN,
	};

	ck_assert_int_eq(ioctl(fd, SIOCGIFHWADDR, &request), 0);
	memcpy(address.sll_addr, request.ifr_hwaddr.sa_data, ETH_ALEN);
	return address;
}

void wire_deliver(const struct address *from, const struct address *to,
		  const char *text)
{
	bool ipv4 = to->any.sa_family == AF_INET;
	int fd = fd_open(AF_PACKET, SOCK_DGRAM);
	struct sockaddr_ll address =
		wire_address(fd, ipv4 ? ETH_P_IP : ETH_P_IPV6);
	struct packet packet = { 0 };

	if (ipv4)
		packet_make_ipv4(&packet, from, to, text);
	else
		packet_make_ipv6(&packet, from, to, text);
	ck_assert_int_eq(sendto(fd, packet.bytes, packet.length, 0,
				(struct sockaddr *)&address, sizeof(address)),
			 (ssize_t)packet.length);
	ck_assert_int_eq(close(fd), 0);
}
