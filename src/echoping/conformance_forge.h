/* SPDX-License-Identifier: MIT */
/*
 * UDP datagrams with a header of our own making: from ports and addresses that
 * no socket can have.  Needs CAP_NET_RAW.
 */
#ifndef ECHOPING_CONFORMANCE_FORGE_H
#define ECHOPING_CONFORMANCE_FORGE_H

#include "echoping/conformance_check.h"

/*
 * Send `size` bytes from one address to another of the same family: 0, -EPERM
 * without the privilege, or -errno.  IPv4 only from an address of this machine.
 */
int forge_send(const struct address *from, const struct address *to,
	       const void *bytes, size_t size) MUST_CHECK;

/*
 * A socket that sees every UDP datagram of this family that comes to this
 * machine, or -errno.
 */
int forge_watch(int family) MUST_CHECK;

/*
 * Whether such a socket sees, until then, a datagram between these ports.
 */
bool forge_sees(int fd, int family, uint32_t from_port, uint32_t to_port,
		uint64_t moment);

#endif
