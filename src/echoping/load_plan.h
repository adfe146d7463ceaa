/* SPDX-License-Identifier: MIT */
/*
 * What all threads of a load share: what was asked for, checked against the
 * target and this machine.  Constant once made, but for what was told already.
 */
#ifndef ECHOPING_LOAD_PLAN_H
#define ECHOPING_LOAD_PLAN_H

#include "echoping/report.h"

#include <stdatomic.h>

/* What is told on standard error: once of each kind, the rest is counted. */
enum load_trouble {
	TROUBLE_CONNECT,
	TROUBLE_NO_PORT,
	TROUBLE_CLOSED,
	TROUBLE_CORRUPT,
	TROUBLE_SEND,
	TROUBLE_RECEIVE,
	TROUBLE_TRAINS,
	TROUBLE_END,
	TROUBLE_COUNT
};

struct load_plan {
	const struct settings *settings;
	const struct target *target;
	const struct source *source;
	unsigned cpus, threads;
	uint64_t nonce; /* of the first connection; others add their number */
	/* Connections from each address of 127/8; 0: all from `source`. */
	uint32_t per_source;
	uint64_t ring_mask; /* a ring for --pipeline: its length, 2^n, less 1 */
	atomic_bool told[TROUBLE_COUNT];
};

/*
 * Check that the settings fit each other, the target and the limits of this
 * process, which are raised.  False if not: a line on standard error says why.
 */
bool load_plan_init(struct load_plan *plan, const struct settings *settings,
		    const struct target *target,
		    const struct source *source) MUST_CHECK;

/* Where the connection with this number comes from. */
void load_plan_source(const struct load_plan *plan, uint32_t number,
		      struct source *source);

/* Is this the first trouble of its kind, which is to be told? */
bool load_plan_tells(struct load_plan *plan, enum load_trouble trouble);

#endif
