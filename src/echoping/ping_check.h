/* SPDX-License-Identifier: MIT */
/*
 * Ping mode: what cannot work for any probe is said once, not by each.
 */
#ifndef ECHOPING_PING_CHECK_H
#define ECHOPING_PING_CHECK_H

#include "echoping/target.h"

/* How many probes of one flow can be under way, twice, and then some. */
uint64_t ping_probes_to_remember(const struct settings *settings);

/* Can this target be probed as the options ask for?  If not, says why. */
bool ping_is_possible(const struct settings *settings, struct target *target,
		      const struct source *source);

#endif
