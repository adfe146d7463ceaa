/* SPDX-License-Identifier: MIT */
/*
 * A service manager that keeps descriptors: a thread of the test's process,
 * which listens where NOTIFY_SOCKET says.
 */
#ifndef ECHOD_TESTS_UNIT_STORE_RIG_H
#define ECHOD_TESTS_UNIT_STORE_RIG_H

#include "echod/service.h"

#include <stdbool.h>
#include <stddef.h>

#define STORE_MAX 64

/* From now on it keeps so many descriptors; 0: none. */
void store_start(size_t limit);
void store_set_limit(size_t limit);

/* A manager that never answers: messages are received, and that is all. */
void store_be_silent(void);

/* How many it has, in all, and under this name. */
size_t store_total(void);
size_t store_count(const char *name);

/* How often it was sent this message, to the letter. */
size_t store_told(const char *message);

/* The n-th under this name: still the store's. */
int store_fd(const char *name, size_t n);

/* As if this had been stored by an earlier instance; the fd is duplicated. */
void store_put(const char *name, int fd);

/*
 * What the next instance is given: duplicates of all, as
 * service_take_sockets() returns them, the latest first: sd_listen_fds(3)
 * promises no order.  How many.
 */
size_t store_give(struct service_socket **sockets);

#endif
