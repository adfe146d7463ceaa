/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/watch.h"

bool watch_look(struct watch *watch, uint64_t taken, uint64_t minimum,
		uint64_t piece)
{
	if (watch->looked && taken - watch->taken < minimum) {
		if (watch->patience == 0)
			return false;
		watch->patience--;
		return true;
	}
	watch->looked = true;
	watch->taken = taken;
	watch->patience = piece / minimum;
	return true;
}
