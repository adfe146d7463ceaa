/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/conformance_forge.h"

#include "echoping/conformance_wait.h"

#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAYLOAD_MAX 512
#define HOP_LIMIT   64

struct packet6 {
	struct ip6_hdr ip;
	struct udphdr udp;
	unsigned char payload[PAYLOAD_MAX];
};

/* The ports stand at the same place in sockaddr_in and sockaddr_in6. */
static struct udphdr udp_header(const struct address *from,
				const struct address *to, size_t size)
{
	return (struct udphdr){
		.source = from->in.sin_port,
		.dest = to->in.sin_port,
		.len = htons((uint16_t)(sizeof(struct udphdr) + size)),
	};
}

/* RFC 1071, over whole words but perhaps the last. */
static uint32_t add_words(uint32_t sum, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++)
		sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	return sum;
}

/* Of the pseudo header (RFC 8200, 8.1), header and payload. */
static uint16_t checksum(const struct packet6 *packet, size_t size)
{
	uint32_t sum = IPPROTO_UDP + (uint32_t)(sizeof(packet->udp) + size);

	sum = add_words(sum, &packet->ip.ip6_src, sizeof(packet->ip.ip6_src));
	sum = add_words(sum, &packet->ip.ip6_dst, sizeof(packet->ip.ip6_dst));
	sum = add_words(sum, &packet->udp, sizeof(packet->udp));
	sum = add_words(sum, packet->payload, size);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	/* 0 would say that there is none. */
	return (uint16_t)(sum == 0xffff ? 0xffff : htons((uint16_t)~sum));
}

/* IPv6: whatever source is asked for. */
static ssize_t send6(int fd, const struct address *from,
		     const struct address *to, const void *bytes, size_t size)
{
	struct address host = *to;
	struct packet6 packet = {
		.ip.ip6_src = from->in6.sin6_addr,
		.ip.ip6_dst = to->in6.sin6_addr,
		.udp = udp_header(from, to, size),
	};

	packet.ip.ip6_flow = htonl(6U << 28);
	packet.ip.ip6_plen = packet.udp.len;
	packet.ip.ip6_nxt = IPPROTO_UDP;
	packet.ip.ip6_hlim = HOP_LIMIT;
	memcpy(packet.payload, bytes, size);
	packet.udp.check = checksum(&packet, size);
	address_set_port(&host, 0);
	return sendto(fd, &packet, sizeof(packet) - PAYLOAD_MAX + size, 0,
		      &host.any, host.length);
}

/* IPv4: the kernel makes the header, and the checksum is optional. */
static ssize_t send4(int fd, const struct address *from,
		     const struct address *to, const void *bytes, size_t size)
{
	struct address host = *from;
	unsigned char packet[sizeof(struct udphdr) + PAYLOAD_MAX];
	struct udphdr header = udp_header(from, to, size);

	address_set_port(&host, 0);
	if (bind(fd, &host.any, host.length) < 0)
		return -1;
	memcpy(packet, &header, sizeof(header));
	memcpy(packet + sizeof(header), bytes, size);
	host = *to;
	address_set_port(&host, 0);
	return sendto(fd, packet, sizeof(header) + size, 0, &host.any,
		      host.length);
}

int forge_send(const struct address *from, const struct address *to,
	       const void *bytes, size_t size)
{
	bool ipv4 = to->any.sa_family == AF_INET;
	int fd = socket(to->any.sa_family, SOCK_RAW | SOCK_CLOEXEC,
			ipv4 ? IPPROTO_UDP : IPPROTO_RAW);
	ssize_t sent;
	int error;

	if (fd < 0)
		return -errno;
	size = MIN(size, (size_t)PAYLOAD_MAX);
	sent = (ipv4 ? send4 : send6)(fd, from, to, bytes, size);
	error = sent < 0 ? -errno : 0;
	close(fd);
	return error;
}

int forge_watch(int family)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			IPPROTO_UDP);

	if (fd < 0)
		return -errno;
	return fd;
}

/* The UDP header of a received packet: IPv4's comes with that of IP. */
static bool read_header(const unsigned char *bytes, size_t size, int family,
			struct udphdr *header)
{
	size_t at = family == AF_INET ? (size_t)(bytes[0] & 0xf) * 4 : 0;

	if (size < at + sizeof(*header))
		return false;
	memcpy(header, bytes + at, sizeof(*header));
	return true;
}

bool forge_sees(int fd, int family, uint32_t from_port, uint32_t to_port,
		uint64_t moment)
{
	unsigned char bytes[PAYLOAD_MAX];
	struct udphdr header;

	while (wait_for(fd, POLLIN, moment) != 0) {
		ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (got > 0 &&
		    read_header(bytes, (size_t)got, family, &header) &&
		    ntohs(header.source) == from_port &&
		    ntohs(header.dest) == to_port)
			return true;
		/* Whatever else comes to this machine keeps nobody here. */
		if (wait_now() > moment)
			return false;
	}
	return false;
}
