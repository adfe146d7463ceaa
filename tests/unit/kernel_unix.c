/* SPDX-License-Identifier: MIT */
/*
 * Unix sockets: records, their ends, and full queues.
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/kernel.h"
#include "unit/sockets.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

#define RECORD_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLET)

START_TEST(seqpacket_recv_of_0_is_an_empty_record_or_the_end)
{
	int fds[2];
	char byte;

	unix_pair(SOCK_SEQPACKET, fds);
	send_text(fds[CLIENT], "");
	ck_assert_int_eq(recv(fds[SERVER], &byte, 1, 0), 0);
	ck_assert_int_eq(recv(fds[SERVER], &byte, 1, 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(close(fds[CLIENT]), 0);
	ck_assert_int_eq(recv(fds[SERVER], &byte, 1, 0), 0);
	ck_assert_int_eq(recv(fds[SERVER], &byte, 1, 0), 0);
}
END_TEST

/* Credentials of the sender come with a record; an end has no sender. */
static bool receive_record(int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct msghdr message = { .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	ck_assert_int_eq(recvmsg(fd, &message, 0), 0);
	return message.msg_controllen > 0;
}

START_TEST(seqpacket_passcred_tells_an_empty_record_from_the_end)
{
	int fds[2];

	unix_pair(SOCK_SEQPACKET, fds);
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_PASSCRED, 1);
	send_text(fds[CLIENT], "");
	send_text(fds[CLIENT], "");
	ck_assert_int_eq(close(fds[CLIENT]), 0);
	ck_assert(receive_record(fds[SERVER]));
	ck_assert(receive_record(fds[SERVER]));
	ck_assert(!receive_record(fds[SERVER]));
}
END_TEST

START_TEST(seqpacket_rdhup_comes_with_the_end_and_not_before)
{
	int fds[2], epoll_fd;

	unix_pair(SOCK_SEQPACKET, fds);
	epoll_fd = epoll_of(fds[SERVER], RECORD_EVENTS);
	send_text(fds[CLIENT], "");
	ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLIN);
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLIN | EPOLLRDHUP);
}
END_TEST

START_TEST(seqpacket_inq_sums_all_records)
{
	int fds[2];

	unix_pair(SOCK_SEQPACKET, fds);
	send_text(fds[CLIENT], "");
	ck_assert_uint_eq(fd_inq(fds[SERVER]), 0);
	send_text(fds[CLIENT], "abc");
	send_text(fds[CLIENT], "defgh");
	ck_assert_uint_eq(fd_inq(fds[SERVER]), 8);
}
END_TEST

START_TEST(dgram_inq_is_the_length_of_the_first_datagram)
{
	int fds[2];

	unix_pair(SOCK_DGRAM, fds);
	send_text(fds[CLIENT], "abc");
	send_text(fds[CLIENT], "defgh");
	ck_assert_uint_eq(fd_inq(fds[SERVER]), 3);
}
END_TEST

START_TEST(seqpacket_keeps_records_apart_and_marks_a_cut_one)
{
	char buffer[4];
	struct iovec vector = { buffer, sizeof(buffer) };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
	int fds[2];

	unix_pair(SOCK_SEQPACKET, fds);
	send_text(fds[CLIENT], "longer than four");
	send_text(fds[CLIENT], "next");
	ck_assert_int_eq(recvmsg(fds[SERVER], &message, 0), 4);
	ck_assert_int_eq(message.msg_flags & MSG_TRUNC, MSG_TRUNC);
	expect_text(fds[SERVER], "next");
}
END_TEST

START_TEST(seqpacket_trunc_asks_for_the_length_of_the_record)
{
	char byte;
	int fds[2];

	unix_pair(SOCK_SEQPACKET, fds);
	send_text(fds[CLIENT], "ten bytes.");
	ck_assert_int_eq(recv(fds[SERVER], &byte, 1, MSG_PEEK | MSG_TRUNC), 10);
	ck_assert_int_eq(recv(fds[SERVER], &byte, 1, MSG_TRUNC), 10);
}
END_TEST

/* To consume without a copy is TCP's alone. */
START_TEST(stream_trunc_needs_a_buffer_and_consumes_nothing_without)
{
	int fds[2];

	unix_pair(SOCK_STREAM, fds);
	send_text(fds[CLIENT], "abc");
	ck_assert_int_eq(recv(fds[SERVER], NULL, 3, MSG_TRUNC), -1);
	ck_assert_int_eq(errno, EFAULT);
	expect_text(fds[SERVER], "abc");
}
END_TEST

START_TEST(close_after_eof_delivers_all_queued_replies_on_unix)
{
	int fds[2], error;
	size_t queued;

	unix_pair(SOCK_STREAM, fds);
	queued = fill_send_buffer(fds[SERVER], 0);
	ck_assert_int_eq(close(fds[SERVER]), 0);
	ck_assert_uint_eq(read_stream(fds[CLIENT], 0, &error), queued);
	ck_assert_int_eq(error, 0);
}
END_TEST

START_TEST(close_with_unread_input_resets_on_unix)
{
	int fds[2], error;

	unix_pair(SOCK_STREAM, fds);
	send_text(fds[CLIENT], "unread");
	ck_assert_int_eq(close(fds[SERVER]), 0);
	ck_assert_uint_eq(read_stream(fds[CLIENT], 0, &error), 0);
	ck_assert_int_eq(error, ECONNRESET);
}
END_TEST

/* A loss can be told only by what is left unread. */
START_TEST(close_with_linger_zero_is_a_clean_end_on_unix)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	int fds[2], error;

	unix_pair(SOCK_STREAM, fds);
	ck_assert_int_eq(setsockopt(fds[SERVER], SOL_SOCKET, SO_LINGER,
				    &at_once, sizeof(at_once)),
			 0);
	ck_assert_int_eq(close(fds[SERVER]), 0);
	ck_assert_uint_eq(read_stream(fds[CLIENT], 0, &error), 0);
	ck_assert_int_eq(error, 0);
}
END_TEST

/* A named receiver and a sender that is not connected to it, its queue full. */
static int fill_receiver(int sender, struct address *name)
{
	/* Autobind: the kernel chooses an abstract name. */
	struct address unnamed = { .length = sizeof(sa_family_t),
				   .un = { .sun_family = AF_UNIX } };
	int receiver = fd_bound(SOCK_DGRAM, &unnamed);

	*name = fd_address(receiver);
	while (sendto(sender, "x", 1, 0, &name->any, name->length) == 1)
		;
	ck_assert_int_eq(errno, EAGAIN);
	return receiver;
}

/* Why a datagram to a full Unix receiver is dropped and not waited for. */
START_TEST(dgram_without_a_connection_is_never_told_that_a_peer_has_room)
{
	int sender = fd_open(AF_UNIX, SOCK_DGRAM);
	struct address name;
	int receiver = fill_receiver(sender, &name);
	int epoll_fd = epoll_of(sender, EPOLLIN | EPOLLOUT | EPOLLET);

	/* Writable, says the kernel, while no send succeeds ... */
	ck_assert_uint_eq(epoll_await(epoll_fd) & EPOLLOUT, EPOLLOUT);
	ck_assert_int_eq(sendto(sender, "x", 1, 0, &name.any, name.length), -1);
	ck_assert_int_eq(errno, EAGAIN);
	(void)epoll_now(epoll_fd);
	/* ... and a connected one alone would hear of the room. */
	ck_assert_int_eq(connect(sender, &name.any, name.length), 0);
	ck_assert_int_eq(events_now(sender, POLLOUT), 0);
	expect_text(receiver, "x");
	await_events(sender, POLLOUT);
}
END_TEST

START_TEST(dgram_of_an_unbound_sender_has_no_address_to_reply_to)
{
	int sender = fd_open(AF_UNIX, SOCK_DGRAM);
	struct address unnamed = { .length = sizeof(sa_family_t),
				   .un = { .sun_family = AF_UNIX } };
	int receiver = fd_bound(SOCK_DGRAM, &unnamed);
	struct address name = fd_address(receiver), from;
	size_t length;
	char byte;

	send_text_to(sender, "x", &name);
	from = receive_from(receiver, &byte, 1, &length);
	ck_assert_uint_eq(length, 1);
	ck_assert_uint_eq(from.length, 0);
}
END_TEST

TCase *kernel_unix_case(void)
{
	TCase *part = tcase_create("unix");

	tcase_add_test(part, seqpacket_recv_of_0_is_an_empty_record_or_the_end);
	tcase_add_test(part,
		       seqpacket_passcred_tells_an_empty_record_from_the_end);
	tcase_add_test(part, seqpacket_rdhup_comes_with_the_end_and_not_before);
	tcase_add_test(part, seqpacket_inq_sums_all_records);
	tcase_add_test(part, dgram_inq_is_the_length_of_the_first_datagram);
	tcase_add_test(part, seqpacket_keeps_records_apart_and_marks_a_cut_one);
	tcase_add_test(
		part, stream_trunc_needs_a_buffer_and_consumes_nothing_without);
	tcase_add_test(part,
		       close_after_eof_delivers_all_queued_replies_on_unix);
	tcase_add_test(part, close_with_unread_input_resets_on_unix);
	tcase_add_test(part, close_with_linger_zero_is_a_clean_end_on_unix);
	tcase_add_test(part, seqpacket_trunc_asks_for_the_length_of_the_record);
	tcase_add_test(
		part,
		dgram_without_a_connection_is_never_told_that_a_peer_has_room);
	tcase_add_test(part,
		       dgram_of_an_unbound_sender_has_no_address_to_reply_to);
	return part;
}
