/* SPDX-License-Identifier: MIT */
/*
 * From one instance to the next: what the service manager keeps of this one
 * (connections, sockets of our own, counters), and what it kept of the one
 * before.
 */
#ifndef ECHOD_SUCCESSION_H
#define ECHOD_SUCCESSION_H

#include "echod/crew.h"
#include "echod/intake.h"
#include "echod/options.h"
#include "echod/parking.h"
#include "echod/record.h"

#include <stdbool.h>

struct succession {
	struct crew *crew;
	struct intake *intake;
	struct record *record;
	struct parking parking;
	bool preserve; /* from now on */
};

/* Go on counting from what was kept; there is nothing in the record yet. */
void succession_continue(struct record *record, const struct intake *intake);

/*
 * Take over what was kept, and let the manager keep what we have, if it does
 * and we are to.  The crew has been made and does not run yet.  Without a store
 * less is preserved, which is logged.
 */
void succession_begin(struct succession *succession, struct crew *crew,
		      struct intake *intake, struct record *record,
		      const struct options *options);

/*
 * When no worker runs any more: nothing is kept, unless it was `handed_over`.
 * Idempotent.
 */
void succession_end(struct succession *succession, bool handed_over);

#endif
