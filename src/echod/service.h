/* SPDX-License-Identifier: MIT */
/*
 * The service manager: the sockets that it passes (sd_listen_fds(3)), what it
 * is told (sd_notify(3)), and the descriptors that it keeps for the next
 * instance (its descriptor store, sd_pid_notify_with_fds(3)), which it passes
 * after the sockets.  Without a manager all of it does nothing.
 */
#ifndef ECHOD_SERVICE_H
#define ECHOD_SERVICE_H

#include "common/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct service_socket {
	int fd;	    /* owned by the caller from then on; -1: taken */
	char *name; /* FileDescriptorName=, or what it was stored under */
};

/* What echod stores is called so and a number, see service_name_number(). */
#define SERVICE_KEPT   "echod-kept-"
#define SERVICE_LOT    SERVICE_KEPT "lot-"    /* both ends of a parking lot */
#define SERVICE_OWN    SERVICE_KEPT "own-"    /* a socket that echod bound */
#define SERVICE_RECORD SERVICE_KEPT "record-" /* by generation */

/*
 * Take over the passed descriptors, close-on-exec, in an array that
 * service_free_sockets() frees (the descriptors stay open).  Once, before any
 * thread is started: it changes the environment.  The count, or -errno.
 */
int service_take_sockets(struct service_socket **sockets) MUST_CHECK;
void service_free_sockets(struct service_socket *sockets, int count);

/*
 * Connect to the manager that is to be told, if there is one; the first that
 * tells it anything would, too.
 */
void service_connect(void);
void service_disconnect(void);

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

/*
 * Give the manager duplicates to keep, all under one name, until they are
 * unstored.  Whether it does is not told: see service_has_store().  0 or -errno
 * if it could not be told.
 */
int service_store(const char *name, const int *fds, unsigned count);
void service_unstore(const char *name);

/*
 * Does the manager keep descriptors, and all of those that it was given so far?
 * It is given one more to find out, which makes it answer: FDSTORE= of the
 * environment is as new as systemd 254, and says nothing of what is full.  1 if
 * it does, 0 if not, or -errno if it could not be asked: ETOOMANYREFS while
 * this user has too many descriptors in flight (unix(7)).
 */
int service_has_store(void) MUST_CHECK;

/* The number after `prefix`, or -EINVAL if that is not the kind of name. */
int service_name_number(const char *name, const char *prefix) MUST_CHECK;

/* WatchdogSec= in µs, or 0 if it is off. */
uint64_t service_watchdog_usec(void);

#endif
