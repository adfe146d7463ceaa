/* SPDX-License-Identifier: MIT */
/*
 * What a worker does when the server asks it to pause, to go on, to stop, or to
 * hand over to the next instance.
 *
 * Draining: what waits in the backlog of our own listeners is accepted, nothing
 * new after that; every connection echoes what it has received and ends with a
 * FIN once its peer has it all; what cannot be echoed in time is reset.  Passed
 * listeners keep their backlog: the service manager holds them for the next
 * instance.
 *
 * Handing over: every connection answers what it can at once, and is then left
 * to the next instance (parking.h).  Those that cannot be are drained.
 */
#ifndef ECHOD_DRAIN_H
#define ECHOD_DRAIN_H

#include "echod/worker.h"

/* The worker_request_handler of all workers. */
void drain_on_request(struct worker *worker, unsigned requests);

#endif
