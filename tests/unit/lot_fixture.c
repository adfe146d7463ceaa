/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/lot.h"
#include "unit/sockets.h"

#include "echod/socket.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct lot lot;
int exit_end;
struct list_node waiting;
struct member members[MEMBERS_MAX];
size_t member_count;

struct fault malloc_fault, sendmsg_fault, socketpair_fault;
unsigned receptions, crash_at_recv, sends;

static struct census census;

WRAPPED(void *, malloc, (size_t size));
WRAPPED(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags));
WRAPPED(int, socketpair, (int domain, int type, int protocol, int fds[2]));
WRAPPED(ssize_t, recv, (int fd, void *buffer, size_t size, int flags));
WRAPPED(ssize_t, __recv_chk,
	(int fd, void *buffer, size_t size, size_t room, int flags));

void *__wrap_malloc(size_t size)
{
	return fault_strikes(&malloc_fault) ? NULL : __real_malloc(size);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	sends++;
	if (fault_strikes(&sendmsg_fault))
		return -1;
	return __real_sendmsg(fd, message, flags);
}

int __wrap_socketpair(int domain, int type, int protocol, int fds[2])
{
	if (fault_strikes(&socketpair_fault))
		return -1;
	return __real_socketpair(domain, type, protocol, fds);
}

static void count_reception(void)
{
	if (++receptions == crash_at_recv)
		_exit(EXIT_SUCCESS);
}

ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags)
{
	count_reception();
	return __real_recv(fd, buffer, size, flags);
}

ssize_t __wrap___recv_chk(int fd, void *buffer, size_t size, size_t room,
			  int flags)
{
	count_reception();
	ck_assert_uint_le(size, room);
	return __real_recv(fd, buffer, size, flags);
}

static int descriptor_of(struct list_node *place)
{
	return container_of(place, struct member, place)->fd;
}

void lot_setup(void)
{
	raise_descriptor_limit();
	list_init(&waiting);
	lot_init(&lot, descriptor_of, SIZE_MAX);
	ck_assert_int_eq(lot_open(&lot), 0);
	exit_end = fcntl(lot.exit, F_DUPFD_CLOEXEC, 0);
	ck_assert_int_ge(exit_end, 0);
}

void lot_teardown(void)
{
	lot_deinit(&lot);
	ck_assert_uint_eq(lot.live, 0);
	ck_assert_uint_eq(lot.parked, 0);
	ck_assert_uint_eq(lot.message_count, 0);
}

void add_members(size_t count)
{
	while (count-- > 0) {
		struct member *member = &members[member_count++];

		ck_assert_uint_le(member_count, MEMBERS_MAX);
		member->fd = fd_open(AF_UNIX, SOCK_DGRAM);
		member->alive = true;
		list_append(&waiting, &member->place);
	}
}

void add_twins(size_t count)
{
	static int fd = -1;

	if (fd < 0)
		fd = fd_open(AF_UNIX, SOCK_DGRAM);
	while (count-- > 0) {
		struct member *member = &members[member_count++];

		ck_assert_uint_le(member_count, MEMBERS_MAX);
		member->fd = fd;
		list_append(&waiting, &member->place);
	}
}

void park_waiting(void)
{
	while (!list_is_empty(&waiting))
		ck_assert_int_eq(lot_park(&lot, &waiting), 0);
}

void park_members(size_t count)
{
	add_members(count);
	park_waiting();
}

void park_singly(size_t count)
{
	while (count-- > 0)
		park_members(1);
}

void leave(struct member *member)
{
	ck_assert(member->alive);
	member->alive = false;
	lot_leave(&lot, &member->place);
	ck_assert(!list_is_linked(&member->place));
	ck_assert_int_eq(close(member->fd), 0);
}

void leave_range(size_t first, size_t count)
{
	for (size_t i = first; i < first + count; i++)
		leave(&members[i]);
}

void thin_out(size_t first, size_t count, size_t n)
{
	for (size_t i = first; i < first + count; i++) {
		if (i % n != 0)
			leave(&members[i]);
	}
}

size_t living_count(void)
{
	size_t count = 0;

	for (size_t i = 0; i < member_count; i++)
		count += members[i].alive;
	return count;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

/* How often the least and the most frequent of those alive are there. */
static void count_alive(size_t *least, size_t *most)
{
	*least = SIZE_MAX;
	*most = 0;
	census_take(&census, exit_end);
	qsort(census.cookies, census.count, sizeof(*census.cookies), compare);
	for (size_t i = 0; i < member_count; i++) {
		uint64_t cookie, *found, *end = census.cookies + census.count;
		size_t count = 0;

		if (!members[i].alive)
			continue;
		cookie = socket_cookie(members[i].fd);
		found = bsearch(&cookie, census.cookies, census.count,
				sizeof(cookie), compare);
		while (found && found > census.cookies && found[-1] == cookie)
			found--;
		while (found && found < end && *found++ == cookie)
			count++;
		*least = MIN(*least, count);
		*most = MAX(*most, count);
	}
}

void expect_exact(void)
{
	size_t least, most, alive = living_count();

	count_alive(&least, &most);
	if (alive > 0) {
		ck_assert_uint_eq(least, 1);
		ck_assert_uint_eq(most, 1);
	}
	ck_assert_uint_eq(lot.live, alive);
	ck_assert_uint_eq(lot.parked, census.count);
	ck_assert_uint_eq(lot.message_count, census.messages);
	ck_assert_uint_eq(census.bytes, census.messages);
}

void expect_no_gap(void)
{
	size_t least, most;

	count_alive(&least, &most);
	ck_assert_uint_ge(least, 1);
}
