/* SPDX-License-Identifier: MIT */
/*
 * Sets of UDP or TCP ports, a bit each.
 */
#ifndef ECHOD_COMMON_PORTS_H
#define ECHOD_COMMON_PORTS_H

#include "common/macros.h"

#include <stdbool.h>
#include <stdint.h>

struct ports {
	uint64_t bits[65536 / 64]; /* all 0: the empty set */
};

/* From the first to the last, which are in it, too. */
void ports_add(struct ports *ports, unsigned first, unsigned last);
void ports_remove(struct ports *ports, const struct ports *others);

/*
 * Make it what `text` says: ports and ranges of them, such as
 * "53,123,1000-1023", or "all".  0, or -EINVAL.
 */
int ports_parse(struct ports *ports, const char *text) MUST_CHECK;

static inline bool ports_have(const struct ports *ports, uint16_t port)
{
	return ports->bits[port / 64] >> port % 64 & 1;
}

#endif
