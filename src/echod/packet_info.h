/* SPDX-License-Identifier: MIT */
/*
 * What the kernel says of a datagram beside its bytes: where it was sent to, so
 * that it can be answered from there (IP_PKTINFO of ip(7), IPV6_PKTINFO of
 * ipv6(7) and RFC 3542), and whether it is a train, many datagrams of one
 * length in one buffer (UDP_GRO and UDP_SEGMENT of udp(7)).
 */
#ifndef ECHOD_PACKET_INFO_H
#define ECHOD_PACKET_INFO_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* What the kernel said; for IPv4 on an IPv6 socket both are known. */
struct packet_info {
	bool known4, known6;
	struct in_pktinfo info4;
	struct in6_pktinfo info6;
	uint16_t segment; /* bytes of each datagram of a train; 0: it is none */
};

/* Read the control messages of a received message. */
void packet_info_read(struct msghdr *header, struct packet_info *info);

/*
 * Make them those of the reply, which is to leave from the address that was
 * asked.  Routing chooses the interface, but for a link-local address, which
 * means nothing without its interface.  The segment is not among them.
 */
void packet_info_write(struct msghdr *header, const struct packet_info *info);

/* Add that the message is a train of datagrams that are `segment` bytes long.
 */
void packet_info_write_segment(struct msghdr *header, uint16_t segment);

/*
 * Was it sent to a broadcast or multicast address?  For IPv4 ip(7) has the
 * exact test: the address in the header is not the local address that the
 * packet was delivered to.
 */
bool packet_info_is_group(const struct packet_info *info);

/* Was it an IPv4 packet? */
bool packet_info_is_ipv4(const struct packet_info *info);

#endif
