/* SPDX-License-Identifier: MIT */
/*
 * Giving up root for good.
 */
#ifndef ECHOD_PRIVILEGE_H
#define ECHOD_PRIVILEGE_H

#include "common/macros.h"

/*
 * Become `user` with its groups, irrevocably; before any thread is started.
 * 0, or -errno, the failure having been logged: -ENOENT for no such user,
 * -EPERM when not root.
 */
int privilege_drop(const char *user) MUST_CHECK;

#endif
