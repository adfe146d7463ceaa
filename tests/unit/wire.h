/* SPDX-License-Identifier: MIT */
/*
 * Datagrams that no socket would send: made by hand, given to the outer end of
 * the wire that namespace_enter_with_wire() makes.
 */
#ifndef ECHOD_TESTS_UNIT_WIRE_H
#define ECHOD_TESTS_UNIT_WIRE_H

#include "common/address.h"

/*
 * Let a UDP datagram arrive at `inside`, with any source and destination, both
 * of one family.  await_delivery() tells when it has.
 */
void wire_deliver(const struct address *from, const struct address *to,
		  const char *text);

#endif
