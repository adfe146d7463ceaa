/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "common/standard.h"

#include <fcntl.h>
#include <unistd.h>

void standard_hold_places(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* open(2) takes the lowest, and each in the wrong direction. */
		if (fcntl(fd, F_GETFD) < 0)
			(void)!open("/dev/null",
				    fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
	}
}
