/* SPDX-License-Identifier: MIT */
/*
 * The two system calls of each message, or batch of them, as they are.
 *
 * In a process with threads the C library's functions for them are cancellation
 * points, and spend some 60 instructions on each message on that; nobody
 * cancels threads here.
 */
#ifndef ECHOD_COMMON_CALL_H
#define ECHOD_COMMON_CALL_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

/* As recv(2) and send(2): the result, or -1 with errno set. */
ssize_t call_receive(int fd, void *bytes, size_t size, int flags);
ssize_t call_send(int fd, const void *bytes, size_t size, int flags);

/* As recvmsg(2), by recvmmsg(2): one call less for the sandbox to permit. */
ssize_t call_receive_message(int fd, struct msghdr *header, int flags);

/* As recvmmsg(2), without a timeout, and sendmmsg(2). */
int call_receive_many(int fd, struct mmsghdr *messages, unsigned count,
		      int flags);
int call_send_many(int fd, struct mmsghdr *messages, unsigned count, int flags);

#endif
