/* SPDX-License-Identifier: MIT */
/*
 * A close(2) that can be made to fail by strace(1) and has closed all the same,
 * as Linux has whatever it says: to be linked with the daemon, by --wrap.
 *
 * What strace injects an error into is not executed, and the descriptor would
 * stay.  So each close is followed by a call that does nothing, which strace
 * has fail in its place (fault.py, STAND_INS).  It has to be one that the
 * sandbox allows and that nobody else makes: clock_gettime(3) makes no system
 * call where the clock is part of the process (vdso(7)).
 */
#include "config.h"

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int __real_close(int fd);
int __wrap_close(int fd);

int __wrap_close(int fd)
{
	struct timespec now;
	int result = __real_close(fd);
	int error = errno;

	if (syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now) != 0)
		return -1;
	errno = error;
	return result;
}
