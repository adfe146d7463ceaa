/* SPDX-License-Identifier: MIT */
/*
 * What contradicts itself on a command line: nothing that was asked for is
 * ignored in silence.  Private to settings.
 */
#ifndef ECHOPING_SETTINGS_CONFLICT_H
#define ECHOPING_SETTINGS_CONFLICT_H

#include "echoping/settings.h"

/* Bits of settings.asked: of options that exclude each other, those given. */
enum asked {
	ASKED_IPV4 = 1 << 0,
	ASKED_IPV6 = 1 << 1,
	ASKED_LOAD = 1 << 2,
	ASKED_CONFORMANCE = 1 << 3,
	ASKED_NUMBER = 1 << 4,
	ASKED_JSON = 1 << 5,
	ASKED_OPENMETRICS = 1 << 6,
	ASKED_CONNECT = 1 << 7,
	ASKED_BULK = 1 << 8,
	ASKED_HOLD = 1 << 9,
};

/* The first contradiction, and the remedy; or NULL. */
const char *settings_conflict(const struct settings *settings,
			      const struct settings *defaults);

#endif
