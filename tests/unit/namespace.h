/* SPDX-License-Identifier: MIT */
/*
 * A network of the test's own: a network namespace (in a user namespace, if
 * need be) that ends with the test's process, so that nothing in it is seen
 * outside and no other process is in its way.
 *
 *     lo            127.0.0.1/8, ::1
 *     inside        10.9.8.1/24, fd09::1/64       the host under test
 *        |  a pair of virtual Ethernet devices
 *     outside       no address: see wire.h
 */
#ifndef ECHOD_TESTS_UNIT_NAMESPACE_H
#define ECHOD_TESTS_UNIT_NAMESPACE_H

#include <stdbool.h>

#define INSIDE_IPV4 "10.9.8.1"
#define INSIDE_IPV6 "fd09::1"

/*
 * Move the calling process into a new namespace with `lo` up.  False, with a
 * note on standard error, where that is not allowed: the test then returns.
 */
bool namespace_enter(void);

/* The same with the devices `inside` and `outside`. */
bool namespace_enter_with_wire(void);

#endif
