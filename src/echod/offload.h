/* SPDX-License-Identifier: MIT */
/*
 * UDP's generic receive offload (UDP_GRO of udp(7)): the kernel hands over
 * datagrams of one peer that arrive together as one train, whose segment is in
 * its packet info.
 *
 * The kernel decides about trains when datagrams arrive, but looks at the
 * option again when they are received: without it, a train that waits comes as
 * one datagram that nobody sent.  So offload can be ended only while nothing
 * waits.
 */
#ifndef ECHOD_OFFLOAD_H
#define ECHOD_OFFLOAD_H

#include "common/macros.h"

#include <stdbool.h>

/* Where the kernel has no such option, nothing changes. */
void offload_begin(int fd);

/*
 * Passed sockets may have it from an earlier owner.  False if something waits:
 * receive it as trains, then try again.
 */
bool offload_end(int fd) MUST_CHECK;

#endif
