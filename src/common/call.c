/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "common/call.h"

#include <sys/syscall.h>
#include <unistd.h>

ssize_t call_receive(int fd, void *bytes, size_t size, int flags)
{
	return syscall(SYS_recvfrom, fd, bytes, size, flags, NULL, NULL);
}

ssize_t call_send(int fd, const void *bytes, size_t size, int flags)
{
	return syscall(SYS_sendto, fd, bytes, size, flags, NULL, 0);
}
