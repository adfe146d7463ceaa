/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "common/call.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__) && !defined(__ILP32__)

/* As in syscall(2), the errors of which are the negative results. */
static inline ssize_t transfer(long number, int fd, const void *bytes,
			       size_t size, int flags)
{
	register long fourth __asm__("r10") = flags;
	register const void *address __asm__("r8") = NULL;
	register long address_length __asm__("r9") = 0;
	ssize_t result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"((long)fd), "S"(bytes), "d"(size),
			   "r"(fourth), "r"(address), "r"(address_length)
			 : "rcx", "r11", "memory");
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}

#else

static inline ssize_t transfer(long number, int fd, const void *bytes,
			       size_t size, int flags)
{
	return syscall(number, fd, bytes, size, flags, NULL, 0);
}

#endif

ssize_t call_receive(int fd, void *bytes, size_t size, int flags)
{
	return transfer(SYS_recvfrom, fd, bytes, size, flags);
}

ssize_t call_send(int fd, const void *bytes, size_t size, int flags)
{
	return transfer(SYS_sendto, fd, bytes, size, flags);
}

int call_receive_many(int fd, struct mmsghdr *messages, unsigned count,
		      int flags)
{
	return (int)syscall(SYS_recvmmsg, fd, messages, count, flags, NULL);
}

ssize_t call_receive_message(int fd, struct msghdr *header, int flags)
{
	struct mmsghdr message = { .msg_hdr = *header };
	int count = call_receive_many(fd, &message, 1, flags);

	if (count < 0)
		return -1;
	*header = message.msg_hdr;
	return (ssize_t)message.msg_len;
}

int call_send_many(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	return (int)syscall(SYS_sendmmsg, fd, messages, count, flags);
}
