/* SPDX-License-Identifier: MIT */
/*
 * IPv4 packets with all headers of our own making, from any source to any
 * target, as only root can send them.  Addresses and ports are in the order of
 * the network; what else there is, in that of the host.
 */
#ifndef ECHOD_TESTS_ATTACKS_PACKET_H
#define ECHOD_TESTS_ATTACKS_PACKET_H

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_DATA_MAX 1400

struct packet_end {
	in_addr_t address;
	in_port_t port;
};

struct packet {
	struct iphdr ip;
	union {
		struct tcphdr tcp;
		struct udphdr udp;
	};
	uint8_t data[PACKET_DATA_MAX];
};

/* What a segment says; flags are those of the header's 13th byte (TH_*). */
struct packet_segment {
	uint32_t sequence, acknowledged;
	uint16_t window;
	uint8_t flags;
	size_t length; /* bytes of data, all zero */
};

/* Both return the length of the packet; the rest of it stays as it was. */
size_t packet_make_udp(struct packet *packet, struct packet_end source,
		       struct packet_end target, size_t length);
size_t packet_make_tcp(struct packet *packet, struct packet_end source,
		       struct packet_end target,
		       const struct packet_segment *segment);

/* A socket that sends them; ends the program if it cannot be had. */
int packet_socket(void);

/* HOST and PORT of an argument; ends the program if they are none. */
struct packet_end packet_end_of(const char *host, const char *port);

/* Ends the program, with the error of the last call. */
_Noreturn void packet_die(const char *what);

/* Nanoseconds, by the clock that runs on. */
uint64_t packet_now(void);

#endif
