/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "attacks/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define TTL	     64
#define NSEC_PER_SEC UINT64_C(1000000000)

_Noreturn void packet_die(const char *what)
{
	fprintf(stderr, "attack: %s: %s\n", what, strerror(errno));
	_Exit(2);
}

uint64_t packet_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * NSEC_PER_SEC + (uint64_t)time.tv_nsec;
}

/* The kernel adds the length and the header's checksum (raw(7)). */
static void make_ip(struct iphdr *ip, struct packet_end source,
		    struct packet_end target, uint8_t protocol)
{
	*ip = (struct iphdr){
		.version = 4,
		.ihl = sizeof(*ip) / 4,
		.ttl = TTL,
		.protocol = protocol,
		.saddr = source.address,
		.daddr = target.address,
	};
}

/* Without a checksum, which UDP over IPv4 may do without (RFC 768). */
size_t packet_make_udp(struct packet *packet, struct packet_end source,
		       struct packet_end target, size_t length)
{
	size_t whole = sizeof(packet->udp) + length;

	make_ip(&packet->ip, source, target, IPPROTO_UDP);
	packet->udp = (struct udphdr){
		.source = source.port,
		.dest = target.port,
		.len = htons((uint16_t)whole),
	};
	return sizeof(packet->ip) + whole;
}

/* Of a header that is followed by zeros only (RFC 1071, RFC 9293 3.1). */
static uint16_t tcp_checksum(const struct packet *packet, size_t whole)
{
	uint16_t words[sizeof(packet->tcp) / 2];
	const uint32_t addresses[] = { packet->ip.saddr, packet->ip.daddr };
	uint32_t sum = htons(IPPROTO_TCP) + (uint32_t)htons((uint16_t)whole);

	memcpy(words, &packet->tcp, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		sum += words[i];
	for (size_t i = 0; i < 2; i++)
		sum += (addresses[i] & 0xffff) + (addresses[i] >> 16);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

size_t packet_make_tcp(struct packet *packet, struct packet_end source,
		       struct packet_end target,
		       const struct packet_segment *segment)
{
	size_t whole = sizeof(packet->tcp) + segment->length;

	make_ip(&packet->ip, source, target, IPPROTO_TCP);
	packet->tcp = (struct tcphdr){
		.th_sport = source.port,
		.th_dport = target.port,
		.th_seq = htonl(segment->sequence),
		.th_ack = htonl(segment->acknowledged),
		.th_off = sizeof(packet->tcp) / 4,
		.th_flags = segment->flags,
		.th_win = htons(segment->window),
	};
	packet->tcp.th_sum = tcp_checksum(packet, whole);
	return sizeof(packet->ip) + whole;
}

int packet_socket(void)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

	if (fd < 0)
		packet_die("raw socket (needs root)");
	return fd;
}

struct packet_end packet_end_of(const char *host, const char *port)
{
	struct packet_end end = { 0 };
	struct in_addr address;

	errno = EINVAL;
	if (inet_pton(AF_INET, host, &address) != 1)
		packet_die(host);
	end.address = address.s_addr;
	end.port = htons((uint16_t)strtoul(port, NULL, 10));
	return end;
}
