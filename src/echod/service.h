/* SPDX-License-Identifier: MIT */
/*
 * The service manager: the sockets that it passes (sd_listen_fds(3)) and what
 * it is told (sd_notify(3)).  Without a manager all of it does nothing.
 */
#ifndef ECHOD_SERVICE_H
#define ECHOD_SERVICE_H

#include "common/macros.h"

#include <stddef.h>
#include <stdint.h>

struct service_socket {
	int fd;	    /* owned by the caller from then on */
	char *name; /* FileDescriptorName= */
};

/*
 * Take over the passed descriptors, close-on-exec, in an array that
 * service_free_sockets() frees (the descriptors stay open).  Once, before any
 * thread is started: it changes the environment.  The count, or -errno.
 */
int service_take_sockets(struct service_socket **sockets) MUST_CHECK;
void service_free_sockets(struct service_socket *sockets, int count);

/* READY=1 and a first STATUS=. */
void service_notify_ready(const char *status);
void service_notify_status(const char *status);

/* RELOADING=1 with MONOTONIC_USEC=, as Type=notify-reload wants it. */
void service_notify_reloading(void);
void service_notify_stopping(void);

/* "Stopping takes up to this much longer, from now on." */
void service_extend_timeout(uint64_t usec);

/* "I am alive." */
void service_notify_watchdog(void);

/* WatchdogSec= in µs, or 0 if it is off. */
uint64_t service_watchdog_usec(void);

#endif
