/* SPDX-License-Identifier: MIT */
/*
 * The service manager's watchdog, kept quiet only while every worker makes
 * progress.
 */
#ifndef ECHOD_WATCHDOG_H
#define ECHOD_WATCHDOG_H

#include "echod/crew.h"
#include "echod/reactor.h"

#include <stdbool.h>
#include <stdint.h>

struct watchdog {
	struct reactor *reactor; /* borrowed, as is the crew */
	struct crew *crew;
	struct reactor_timer timer;
	uint64_t interval; /* µs */
	bool unresponsive; /* a worker, and the log has heard of it */
};

/* If the manager has one: from now on ask the workers, and tell it. */
void watchdog_start(struct watchdog *watchdog, struct reactor *reactor,
		    struct crew *crew);

#endif
