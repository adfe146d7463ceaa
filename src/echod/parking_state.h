/* SPDX-License-Identifier: MIT */
/*
 * What the parts of parking share at the start.  Private to the parking module:
 * parking_lots.c has the lots, parking_adopt.c looks into them.
 */
#ifndef ECHOD_PARKING_STATE_H
#define ECHOD_PARKING_STATE_H

#include "echod/parking.h"

/* Is this socket known already?  Or is there no telling?  Then it is now. */
bool parking_has_seen(struct parking *parking, int fd);

/* Has everybody who lay in one of the lots found room in another? */
bool parking_is_done(const struct parking *parking);

#endif
