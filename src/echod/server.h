/* SPDX-License-Identifier: MIT */
/*
 * The daemon: workers and sockets built from options, signals and the service
 * manager attended to, everything stopped in reverse order.
 */
#ifndef ECHOD_SERVER_H
#define ECHOD_SERVER_H

#include "echod/options.h"

/*
 * Serve until told to stop: 0, or -errno, the failure having been logged:
 * -EACCES and -EPERM for want of permission.
 */
int server_run(const struct options *options) MUST_CHECK;

#endif
