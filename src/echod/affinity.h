/* SPDX-License-Identifier: MIT */
/*
 * Which CPU each worker is kept on: --cpu-affinity.
 *
 * The list stays as it was written, and is read anew for each worker: worker i
 * has the i-th CPU of it, and after the last comes the first again.
 */
#ifndef ECHOD_AFFINITY_H
#define ECHOD_AFFINITY_H

#include "common/macros.h"

#include <pthread.h>
#include <stddef.h>

struct affinity {
	enum {
		AFFINITY_FREE, /* wherever the kernel wants */
		AFFINITY_AUTO, /* those that the process may use, in order */
		AFFINITY_LIST,
	} kind;
	const char *list; /* "0-3,8", as in systemd's CPUAffinity=; borrowed */
};

/*
 * An option_parser, but for its context: LIST, "auto" or "no".  0, or -EINVAL
 * and *reason.  `text` is kept.
 */
int affinity_parse(struct affinity *affinity, const char *text,
		   const char **reason) MUST_CHECK;

/*
 * Keep the thread of the worker with this index, from 0, on its CPU.  Not to be
 * called in such a thread: "auto" is what the caller may use.  0, or -errno
 * (pthread_setaffinity_np(3)), the failure having been logged.
 */
int affinity_pin(const struct affinity *affinity, pthread_t thread,
		 size_t index) MUST_CHECK;

#endif
