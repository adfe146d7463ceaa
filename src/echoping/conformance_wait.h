/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a descriptor, never longer than until a moment of
 * CLOCK_MONOTONIC.
 */
#ifndef ECHOPING_CONFORMANCE_WAIT_H
#define ECHOPING_CONFORMANCE_WAIT_H

#include "common/macros.h"

#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t wait_now(void);

/* The events of poll(2) that are there; 0 once the moment has come. */
short wait_for(int fd, short events, uint64_t moment);

/* Until then. */
void wait_until(uint64_t moment);

#endif
