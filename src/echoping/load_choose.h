/* SPDX-License-Identifier: MIT */
/*
 * Which of a host's addresses is put under load.
 */
#ifndef ECHOPING_LOAD_CHOOSE_H
#define ECHOPING_LOAD_CHOOSE_H

#include "echoping/target.h"

/*
 * Ask the candidates one after the other, each for --timeout at most, and
 * choose the first that takes a connection or echoes a datagram; if there is
 * only one, it need not prove itself.  False after a line on standard error.
 */
bool load_choose_target(struct target *target, const struct settings *settings,
			const struct source *source) MUST_CHECK;

#endif
