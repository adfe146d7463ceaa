/* SPDX-License-Identifier: MIT */
/*
 * For LD_PRELOAD: the daemon stays dumpable, so that a test that is an ordinary
 * user can look into it (proc(5)) as root can.  All else of its sandbox stays.
 */
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int prctl(int option, ...)
{
	unsigned long arguments[4];
	va_list list;

	if (option == PR_SET_DUMPABLE)
		return 0;
	va_start(list, option);
	for (int i = 0; i < 4; i++)
		arguments[i] = va_arg(list, unsigned long);
	va_end(list);
	return (int)syscall(SYS_prctl, option, arguments[0], arguments[1],
			    arguments[2], arguments[3]);
}
