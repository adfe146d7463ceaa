/* SPDX-License-Identifier: MIT */
/*
 * The system calls that are left: a list, for seccomp(2).
 */
#ifndef ECHOD_SANDBOX_CALLS_H
#define ECHOD_SANDBOX_CALLS_H

#include "common/macros.h"

#include <stdbool.h>

/*
 * Limit all threads; `unlinks`: files are still to be removed.  0 or -errno.
 * What else is called raises SIGSYS, unless this is a build that only logs.
 */
int sandbox_calls_limit(bool unlinks) MUST_CHECK;

/* What is worth telling of this build, and how loudly; NULL: nothing. */
extern const char *const sandbox_calls_note;
extern const int sandbox_calls_note_level;

#endif
