/* SPDX-License-Identifier: MIT */
/*
 * For LD_PRELOAD: the daemon is told that its list of system calls is in force,
 * and that this kernel has no Landlock; with KEEP_SANDBOX in the environment
 * nothing is changed.  So what the sandbox costs is measured with the same
 * program and the same libraries: that others are at other places in memory
 * makes more of a difference.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* seccomp_load(3) */
int seccomp_load(const void *filter);

int seccomp_load(const void *filter)
{
	int (*real)(const void *) =
		(int (*)(const void *))dlsym(RTLD_NEXT, "seccomp_load");

	return getenv("KEEP_SANDBOX") ? real(filter) : 0;
}

long syscall(long number, ...)
{
	long (*real)(long, ...) =
		(long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	long arguments[6];
	va_list list;

	if (number == SYS_landlock_create_ruleset && !getenv("KEEP_SANDBOX")) {
		errno = ENOSYS;
		return -1;
	}
	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	return real(number, arguments[0], arguments[1], arguments[2],
		    arguments[3], arguments[4], arguments[5]);
}
