/* SPDX-License-Identifier: MIT */
/*
 * Which sockets are served, and by which worker: those that the service
 * manager passed in, and those that --listen asks for.
 *
 * A passed stream listener, and any that cannot be opened once per worker, is
 * served by all workers; a datagram socket and a connection by one.  A TCP or
 * UDP address of our own is opened once per worker (SO_REUSEPORT).  The sockets
 * of our own can be left to the next instance, which finds them by their
 * address.
 */
#ifndef ECHOD_INTAKE_H
#define ECHOD_INTAKE_H

#include "echod/options.h"
#include "echod/service.h"
#include "echod/socket.h"

#include <stdbool.h>
#include <stddef.h>

#define INTAKE_EVERY_WORKER (-1)

struct intake_socket {
	int fd;	    /* owned */
	int worker; /* index, or INTAKE_EVERY_WORKER */
	bool passed;
	int own; /* the number under which the manager keeps it; -1: none */
	uint32_t overflows; /* datagrams dropped before, as last counted */
	struct socket_identity identity;
	char label[ADDRESS_TEXT_MAX]; /* "tcp:[::]:7" */
};

struct intake {
	struct intake_socket *sockets;
	size_t count;
	int workers, next_worker;

	/* What an earlier instance left; fd is -1 where somebody took it. */
	struct service_socket *kept;
	size_t kept_count;
};

/* Open everything, or nothing: 0, or -errno with the failure logged. */
int intake_open(struct intake *intake, const struct options *options,
		int workers) MUST_CHECK;

/* Let the manager keep our own sockets, or no more. */
void intake_store_own(struct intake *intake);
void intake_unstore_own(struct intake *intake);

/* One log entry per address. */
void intake_announce(const struct intake *intake);

/*
 * The label of the listener that has probably accepted a connection: one of its
 * kind and port, at its address or at any.  Without one, the kind.
 */
const char *intake_label_of(const struct intake *intake,
			    const struct socket_identity *connection);

/* Is anything waiting in one of the sockets? */
bool intake_is_pending(const struct intake *intake);

/* Are there only connections that were passed in, nothing to accept from? */
bool intake_is_closed(const struct intake *intake);

/* Datagrams dropped by full receive queues since the last call. */
uint64_t intake_count_overflows(struct intake *intake);

/* Close what is still open, remove the files of Unix sockets; idempotent. */
void intake_close(struct intake *intake);

#endif
