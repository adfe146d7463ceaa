/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/descriptors.h"

#include "common/macros.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

/* 8 bytes of kernel memory each. */
#define RESERVED 65536

void descriptors_reserve(void)
{
	int fd = eventfd(0, EFD_CLOEXEC), last;
	struct rlimit limit = { 0 };

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	/* The table stays as large as the last one made it. */
	last = fcntl(fd, F_DUPFD_CLOEXEC,
		     (int)MIN(limit.rlim_cur, (rlim_t)RESERVED) - 1);
	if (last >= 0)
		close(last);
	if (fd >= 0)
		close(fd);
}
