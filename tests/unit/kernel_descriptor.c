/* SPDX-License-Identifier: MIT */
/*
 * Descriptors passed over Unix sockets (SCM_RIGHTS): unwanted, they must not
 * leak; in flight, they keep connections alive.
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/kernel.h"
#include "unit/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define RIGHTS_MAX 253 /* SCM_MAX_FD of the kernel */

struct parcel {
	char text[16];
	struct iovec vector;
	struct msghdr message;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE((RIGHTS_MAX + 1) * sizeof(int))];
	} control;
};

/* Ready to receive; no descriptors are wanted if room is 0. */
static void parcel_init(struct parcel *parcel, size_t room)
{
	memset(parcel, 0, sizeof(*parcel));
	parcel->vector.iov_base = parcel->text;
	parcel->vector.iov_len = sizeof(parcel->text) - 1;
	parcel->message.msg_iov = &parcel->vector;
	parcel->message.msg_iovlen = 1;
	parcel->message.msg_control = room > 0 ? &parcel->control : NULL;
	parcel->message.msg_controllen =
		room > 0 ? CMSG_SPACE(room * sizeof(int)) : 0;
}

/* Send text with `count` duplicates of `passed`: 0 or the errno. */
static int send_descriptors(int fd, const char *text, int passed, size_t count)
{
	struct parcel parcel;

	parcel_init(&parcel, count);
	parcel.vector.iov_len = strlen(text);
	memcpy(parcel.text, text, strlen(text));
	parcel.control.header.cmsg_level = SOL_SOCKET;
	parcel.control.header.cmsg_type = SCM_RIGHTS;
	parcel.control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	for (size_t i = 0; i < count; i++)
		memcpy(CMSG_DATA(&parcel.control.header) + i * sizeof(int),
		       &passed, sizeof(int));
	return sendmsg(fd, &parcel.message, MSG_NOSIGNAL) < 0 ? errno : 0;
}

/* Receive into the parcel; how many descriptors came. */
static size_t receive_descriptors(int fd, struct parcel *parcel, int flags)
{
	ck_assert_int_ge(
		recvmsg(fd, &parcel->message, flags | MSG_CMSG_CLOEXEC), 0);
	if (parcel->message.msg_controllen == 0)
		return 0;
	ck_assert_int_eq(parcel->control.header.cmsg_type, SCM_RIGHTS);
	return (parcel->control.header.cmsg_len - CMSG_LEN(0)) / sizeof(int);
}

START_TEST(a_message_carries_253_descriptors_but_not_254)
{
	struct parcel parcel;
	int fds[2];

	unix_pair(SOCK_STREAM, fds);
	ck_assert_int_eq(send_descriptors(fds[0], "x", fds[0], RIGHTS_MAX + 1),
			 EINVAL);
	ck_assert_int_eq(send_descriptors(fds[0], "x", fds[0], RIGHTS_MAX), 0);
	parcel_init(&parcel, RIGHTS_MAX);
	ck_assert_uint_eq(receive_descriptors(fds[1], &parcel, 0), RIGHTS_MAX);
}
END_TEST

static const int unix_types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };

START_TEST(recv_drops_passed_descriptors_without_a_leak)
{
	int fds[2], passed[2], lowest;

	unix_pair(unix_types[_i], fds);
	unix_pair(SOCK_STREAM, passed);
	ck_assert_int_eq(send_descriptors(fds[0], "gift", passed[0], 1), 0);
	ck_assert_int_eq(close(passed[0]), 0);
	ck_assert_int_eq(events_now(passed[1], POLLIN), 0);
	lowest = lowest_free_fd();
	expect_text(fds[1], "gift");
	ck_assert_int_eq(lowest_free_fd(), lowest);
	/* The other end hears that the last descriptor was closed. */
	await_events(passed[1], POLLHUP);
}
END_TEST

/* Of the first thousand: more than a test has. */
static int open_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 1000; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

START_TEST(a_small_control_buffer_cuts_and_drops_the_rest)
{
	struct parcel parcel;
	int fds[2], count;

	unix_pair(SOCK_STREAM, fds);
	ck_assert_int_eq(send_descriptors(fds[0], "x", fds[0], 5), 0);
	count = open_fds();
	parcel_init(&parcel, 2);
	ck_assert_uint_eq(receive_descriptors(fds[1], &parcel, 0), 2);
	ck_assert_int_eq(parcel.message.msg_flags & MSG_CTRUNC, MSG_CTRUNC);
	ck_assert_int_eq(open_fds(), count + 2);
}
END_TEST

/* So a short read proves nothing about the queue of a Unix stream. */
START_TEST(stream_recv_stops_short_where_descriptors_were_passed)
{
	char buffer[16];
	int fds[2];

	unix_pair(SOCK_STREAM, fds);
	send_text(fds[0], "ab");
	ck_assert_int_eq(send_descriptors(fds[0], "cd", fds[0], 1), 0);
	send_text(fds[0], "ef");
	ck_assert_uint_eq(fd_inq(fds[1]), 6);
	/* MSG_PEEK stops at the same place. */
	ck_assert_int_eq(recv(fds[1], buffer, sizeof(buffer), MSG_PEEK), 4);
	expect_text(fds[1], "abcd");
	ck_assert_uint_eq(fd_inq(fds[1]), 2);
	expect_text(fds[1], "ef");
}
END_TEST

/* So a successor that dies while it recovers has lost nothing. */
START_TEST(peek_with_an_offset_copies_descriptors_and_leaves_them_queued)
{
	struct parcel parcel;
	int fds[2];

	unix_pair(SOCK_STREAM, fds);
	ck_assert_int_eq(send_descriptors(fds[0], "a", fds[0], 3), 0);
	ck_assert_int_eq(send_descriptors(fds[0], "b", fds[0], 5), 0);
	for (int attempt = 0; attempt < 2; attempt++) {
		fd_set_option(fds[1], SOL_SOCKET, SO_PEEK_OFF, 0);
		parcel_init(&parcel, RIGHTS_MAX);
		ck_assert_uint_eq(
			receive_descriptors(fds[1], &parcel, MSG_PEEK), 3);
		ck_assert_str_eq(parcel.text, "a");
		parcel_init(&parcel, RIGHTS_MAX);
		ck_assert_uint_eq(
			receive_descriptors(fds[1], &parcel, MSG_PEEK), 5);
		ck_assert_str_eq(parcel.text, "b");
	}
	ck_assert_uint_eq(fd_inq(fds[1]), 2);
}
END_TEST

START_TEST(a_connection_lives_on_in_flight)
{
	struct parcel parcel;
	int fds[2], tcp[2], successor;

	unix_pair(SOCK_STREAM, fds);
	tcp_pair(tcp);
	ck_assert_int_eq(send_descriptors(fds[0], "x", tcp[SERVER], 1), 0);
	ck_assert_int_eq(close(tcp[SERVER]), 0);
	send_text(tcp[CLIENT], "anybody there?");
	parcel_init(&parcel, 1);
	ck_assert_uint_eq(receive_descriptors(fds[1], &parcel, 0), 1);
	memcpy(&successor, CMSG_DATA(&parcel.control.header), sizeof(int));
	expect_text(successor, "anybody there?");
}
END_TEST

/* The peer's is the connection that lies in the queue as well. */
static void park(int fd, int tcp[2])
{
	tcp_pair(tcp);
	ck_assert_int_eq(send_descriptors(fd, "x", tcp[SERVER], 1), 0);
}

START_TEST(shutdown_sends_a_fin_although_a_duplicate_is_in_flight)
{
	int fds[2], tcp[2];
	char byte;

	unix_pair(SOCK_STREAM, fds);
	park(fds[0], tcp);
	ck_assert_int_eq(shutdown(tcp[SERVER], SHUT_RDWR), 0);
	ck_assert_int_eq(close(tcp[SERVER]), 0);
	await_readable(tcp[CLIENT]);
	ck_assert_int_eq(recv(tcp[CLIENT], &byte, 1, 0), 0);
}
END_TEST

START_TEST(connecting_to_nobody_resets_although_a_duplicate_is_in_flight)
{
	struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	int fds[2], tcp[2];
	char byte;

	unix_pair(SOCK_STREAM, fds);
	park(fds[0], tcp);
	ck_assert_int_eq(connect(tcp[SERVER], &nobody, sizeof(nobody)), 0);
	await_readable(tcp[CLIENT]);
	ck_assert_int_eq(recv(tcp[CLIENT], &byte, 1, 0), -1);
	ck_assert_int_eq(errno, ECONNRESET);
}
END_TEST

/* How the oldest in a queue are given up, and none of the others. */
START_TEST(recv_drops_the_descriptors_of_one_message_alone)
{
	int fds[2], first[2], second[2];
	char buffer[16];

	unix_pair(SOCK_STREAM, fds);
	park(fds[0], first);
	ck_assert_int_eq(close(first[SERVER]), 0);
	park(fds[0], second);
	ck_assert_int_eq(close(second[SERVER]), 0);
	ck_assert_int_eq(recv(fds[1], buffer, sizeof(buffer), 0), 1);
	await_events(first[CLIENT], POLLRDHUP);
	ck_assert_int_eq(events_now(second[CLIENT], POLLRDHUP), 0);
	ck_assert_uint_eq(fd_inq(fds[1]), 1);
}
END_TEST

static uint64_t cookie(int fd)
{
	uint64_t value = 0;
	socklen_t length = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &value, &length),
			 0);
	return value;
}

/* So whoever finds a connection twice in a queue can tell. */
START_TEST(peek_gives_duplicates_which_their_cookie_tells)
{
	int fds[2], tcp[2], other[2];

	tcp_pair(other);
	unix_pair(SOCK_STREAM, fds);
	park(fds[0], tcp);
	for (int i = 0; i < 3; i++) {
		struct parcel parcel;
		int duplicate;

		parcel_init(&parcel, 1);
		ck_assert_uint_eq(receive_descriptors(fds[1], &parcel,
						      i < 2 ? MSG_PEEK : 0),
				  1);
		memcpy(&duplicate, CMSG_DATA(&parcel.control.header),
		       sizeof(int));
		ck_assert_int_ne(duplicate, tcp[SERVER]);
		ck_assert_uint_eq(cookie(duplicate), cookie(tcp[SERVER]));
		ck_assert_uint_ne(cookie(duplicate), cookie(other[SERVER]));
	}
	ck_assert_uint_eq(fd_inq(fds[1]), 0);
}
END_TEST

/* Never more than this many in flight: the limit, and one message beyond. */
static int fill_flight(int fd, size_t limit)
{
	for (size_t sent = 0; sent <= limit + RIGHTS_MAX; sent += RIGHTS_MAX) {
		int error = send_descriptors(fd, "x", fd, RIGHTS_MAX);

		if (error)
			return error;
	}
	return 0;
}

/*
 * Root is exempt, hence another user; if that fails this is a user namespace,
 * whose root is not.
 */
START_TEST(descriptors_in_flight_are_bounded_by_rlimit_nofile)
{
	struct rlimit before, limit;
	int fds[2], error;

	unix_pair(SOCK_STREAM, fds);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = 2UL * RIGHTS_MAX;
	if (geteuid() == 0 && setuid(65534) < 0)
		ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	error = fill_flight(fds[0], limit.rlim_cur);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert_int_eq(error, ETOOMANYREFS);
}
END_TEST

TCase *kernel_descriptor_case(void)
{
	TCase *part = tcase_create("descriptor");

	tcase_add_test(part, a_message_carries_253_descriptors_but_not_254);
	tcase_add_loop_test(part, recv_drops_passed_descriptors_without_a_leak,
			    0, 3);
	tcase_add_test(part, a_small_control_buffer_cuts_and_drops_the_rest);
	tcase_add_test(part,
		       stream_recv_stops_short_where_descriptors_were_passed);
	tcase_add_test(
		part,
		peek_with_an_offset_copies_descriptors_and_leaves_them_queued);
	tcase_add_test(part, a_connection_lives_on_in_flight);
	tcase_add_test(part,
		       shutdown_sends_a_fin_although_a_duplicate_is_in_flight);
	tcase_add_test(
		part,
		connecting_to_nobody_resets_although_a_duplicate_is_in_flight);
	tcase_add_test(part, recv_drops_the_descriptors_of_one_message_alone);
	tcase_add_test(part, peek_gives_duplicates_which_their_cookie_tells);
	tcase_add_test(part,
		       descriptors_in_flight_are_bounded_by_rlimit_nofile);
	return part;
}
