/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the intake share.  Private to the intake module: intake.c
 * has the sockets, intake_bind.c makes those of our own, intake_own.c leaves
 * them to the next instance.
 */
#ifndef ECHOD_INTAKE_STATE_H
#define ECHOD_INTAKE_STATE_H

#include "echod/intake.h"

#define INTAKE_ONE_WORKER (-2) /* asks for the one whose turn it is */

/* Can every worker have a socket of its own for this address? */
static inline bool endpoint_is_shareable(const struct endpoint *endpoint)
{
	int family = endpoint->address.any.sa_family;

	return family == AF_INET || family == AF_INET6;
}

/* Consumes fd, unless it fails: 0 or -ENOMEM. */
int intake_add(struct intake *intake, int fd,
	       const struct socket_identity *identity, bool passed,
	       int worker) MUST_CHECK;

/* Bind the address; with port 0 it has one afterwards.  0 or -errno. */
int intake_bind(struct intake *intake, struct endpoint *endpoint) MUST_CHECK;

/* One line which names the address and a remedy. */
void intake_log_failure(const struct endpoint *endpoint, int error);

/*
 * Those sockets of an earlier instance that listen there: how many, or
 * -ENOMEM.
 */
int intake_take_own(struct intake *intake,
		    const struct endpoint *endpoint) MUST_CHECK;

/* Give up those that are not asked for any more. */
void intake_give_up_own(struct intake *intake);

#endif
