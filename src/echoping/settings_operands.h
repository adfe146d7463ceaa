/* SPDX-License-Identifier: MIT */
/*
 * What the operands are: targets, or the runs that --plot draws.  Private to
 * settings.
 */
#ifndef ECHOPING_SETTINGS_OPERANDS_H
#define ECHOPING_SETTINGS_OPERANDS_H

#include "echoping/settings.h"

/*
 * Choose MODE_PLOT if they are runs.  Returns what contradicts itself, and the
 * remedy; or NULL.
 */
const char *settings_judge_operands(struct settings *settings);

#endif
