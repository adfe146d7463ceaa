/* SPDX-License-Identifier: MIT */
/*
 * What the process can still do once it serves: what echoing takes, and nothing
 * else.  Whoever got hold of it would find no file, no new socket, no memory to
 * execute, and no other process.
 *
 * It closes in steps, since Landlock (landlock(7)) is for the calling thread
 * and those that it makes later, while seccomp(2) reaches all of them at once:
 * the main thread gives up files before it starts the workers, the log's does
 * so by itself, and calls are limited when all of them run.
 */
#ifndef ECHOD_SANDBOX_H
#define ECHOD_SANDBOX_H

#include "common/macros.h"
#include "echod/intake.h"

/* Before any other thread is started. */
void sandbox_prepare(void);

/* In a thread that needs no file, no user and no socket but by name: log.h. */
void sandbox_join(void);

/*
 * The calling thread, and those that it starts from now on, have no files but
 * to remove those of the intake's sockets, and can bind and connect nothing.
 * From now on, too, nobody but root can look into the process.  0, also where
 * the kernel has no Landlock, or -errno, the failure having been logged.
 */
int sandbox_give_up_files(const struct intake *intake) MUST_CHECK;

/*
 * No thread can do any system call but those of sandbox_calls.h from now on.
 * All threads have to run.  0, or -errno, the failure having been logged.
 */
int sandbox_limit_calls(const struct intake *intake) MUST_CHECK;

#endif
