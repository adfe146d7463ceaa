/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "common/standard.h"

#include <fcntl.h>
#include <unistd.h>

void standard_hold_places(void)
{
	int held = 0;

	/* Whoever has no place for these has none for a socket, either. */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && held >= 0; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			held = open("/dev/null",
				    fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
	}
}
