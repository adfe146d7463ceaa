/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/conformance_wait.h"

#include "echoping/settings.h"

#include <poll.h>
#include <time.h>

uint64_t wait_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

short wait_for(int fd, short events, uint64_t moment)
{
	struct pollfd entry = { .fd = fd, .events = events };

	for (;;) {
		uint64_t now = wait_now();
		uint64_t left = moment > now ? moment - now : 0;
		struct timespec span = {
			.tv_sec = (time_t)(left / NSEC_PER_SEC),
			.tv_nsec = (long)(left % NSEC_PER_SEC),
		};

		if (ppoll(&entry, 1, &span, NULL) > 0)
			return entry.revents;
		if (left == 0)
			return 0;
	}
}

void wait_until(uint64_t moment)
{
	(void)wait_for(-1, 0, moment);
}
