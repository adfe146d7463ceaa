/* SPDX-License-Identifier: MIT */
/*
 * The addresses of this machine, and how the target lies to it.
 */
#ifndef ECHOPING_CONFORMANCE_LOCAL_H
#define ECHOPING_CONFORMANCE_LOCAL_H

#include "echoping/conformance_check.h"

#include <net/if.h>

#define LOCAL_ADDRESSES_MAX 64

/* One address of this machine. */
struct local {
	struct address address;
	struct address broadcast; /* length 0: none */
	struct in_addr mask;	  /* IPv4 only */
	unsigned interface;	  /* its index */
};

struct locals {
	size_t count;
	struct local list[LOCAL_ADDRESSES_MAX];
};

/* All that are up; an error is as if there were none. */
void locals_find(struct locals *locals);

/* Is the address one of this machine?  127/8 is. */
bool locals_have(const struct locals *locals, const struct address *address);

/* Is it on loopback, where only this machine is? */
bool local_is_loopback(const struct address *address);

/* Of the address that packets to the target leave from; NULL if unknown. */
const struct local *locals_toward(const struct locals *locals,
				  const struct address *target);

#endif
