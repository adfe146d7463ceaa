/* SPDX-License-Identifier: MIT */
/*
 * What only this host can say of itself: a socket filter (socket(7),
 * SO_ATTACH_FILTER) drops datagrams that come from another interface than `lo`,
 * but whose source is of 127/8, or is their destination.
 *
 * The packet info does not tell them from honest ones: of a datagram that a
 * client on this host sends to an address of eth0 the kernel says that it came
 * in on eth0 (IP_PKTINFO), though it went through `lo`, which the filter sees.
 * For IPv4 the kernel drops the forged ones itself, unless it is told not to
 * (accept_local, route_localnet); for IPv6 it drops only those from ::1.
 *
 * The kernel counts what a filter drops with what a full queue loses.  Passed
 * sockets keep the filter.
 */
#ifndef ECHOD_FENCE_H
#define ECHOD_FENCE_H

#include "common/macros.h"

enum fence {
	FENCE_NONE,   /* the kernel refuses it */
	FENCE_NEW,    /* what waits to be received may have come before it */
	FENCE_STANDS, /* all that is received has passed it */
};

/* Put it up around a UDP socket, unless an earlier instance has. */
enum fence fence_begin(int fd) MUST_CHECK;

#endif
