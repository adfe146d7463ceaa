/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/census.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#include "echod/lot.h"
#include "echod/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

void census_take(struct census *census, int exit)
{
	int fds[LOT_BATCH], count;
	size_t length;
	bool lost;

	census->messages = census->bytes = census->count = 0;
	while ((count = lot_look(exit, census->bytes, fds, &length, &lost)) >=
		       0 &&
	       length > 0) {
		ck_assert(!lost);
		census->messages++;
		census->bytes += length;
		for (int i = 0; i < count; i++) {
			ck_assert_uint_lt(census->count, CENSUS_MAX);
			census->cookies[census->count++] =
				socket_cookie(fds[i]);
			ck_assert_int_eq(close(fds[i]), 0);
		}
	}
	/* The latter if nobody has the entrance any more. */
	ck_assert(count == -EAGAIN || count == 0);
}

size_t census_of(const struct census *census, int fd)
{
	uint64_t cookie = socket_cookie(fd);
	size_t count = 0;

	for (size_t i = 0; i < census->count; i++)
		count += census->cookies[i] == cookie;
	return count;
}

size_t parked_at(int exit, int fd)
{
	static struct census census;

	census_take(&census, exit);
	return census_of(&census, fd);
}

void leave_message(int entrance, const void *bytes, size_t length,
		   const int *fds, size_t count)
{
	union {
		struct cmsghdr alignment;
		char bytes[CMSG_SPACE(LOT_BATCH * sizeof(int))];
	} control = { 0 };
	char copy[256];
	struct iovec payload = { copy, length };
	struct msghdr header = { .msg_iov = &payload, .msg_iovlen = 1 };

	ck_assert_uint_le(length, sizeof(copy));
	memcpy(copy, bytes, length);
	if (count > 0) {
		control.alignment.cmsg_level = SOL_SOCKET;
		control.alignment.cmsg_type = SCM_RIGHTS;
		control.alignment.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.alignment), fds, count * sizeof(int));
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(count * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(entrance, &header, MSG_NOSIGNAL),
			 (ssize_t)length);
}

void raise_descriptor_limit(void)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}
