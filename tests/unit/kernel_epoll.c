/* SPDX-License-Identifier: MIT */
/*
 * Edges.  echod arms a descriptor once, acts on an edge until EAGAIN or a
 * short result, and trusts that the next edge will then come by itself.
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/kernel.h"
#include "unit/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define STREAM_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

START_TEST(adding_a_readable_socket_reports_it)
{
	int fds[2];

	tcp_pair(fds);
	send_text(fds[CLIENT], "early");
	await_inq(fds[SERVER], 5);
	ck_assert_uint_eq(epoll_await(epoll_of(fds[SERVER], STREAM_EVENTS)),
			  EPOLLIN | EPOLLOUT);
}
END_TEST

START_TEST(unread_data_gives_one_edge_and_more_data_another)
{
	int fds[2], epoll_fd;

	tcp_pair(fds);
	epoll_fd = epoll_of(fds[SERVER], EPOLLIN | EPOLLET);
	send_text(fds[CLIENT], "one");
	ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLIN);
	ck_assert_uint_eq(epoll_now(epoll_fd), 0);
	send_text(fds[CLIENT], "two");
	ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLIN);
	expect_text(fds[SERVER], "onetwo");
}
END_TEST

/* So a short read needs no further recv() to see EAGAIN. */
START_TEST(data_after_a_short_read_gives_an_edge)
{
	int fds[2], epoll_fd;

	tcp_pair(fds);
	epoll_fd = epoll_of(fds[SERVER], EPOLLIN | EPOLLET);
	for (int i = 0; i < 10; i++) {
		send_text(fds[CLIENT], "ping");
		ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLIN);
		expect_text(fds[SERVER], "ping");
		ck_assert_uint_eq(epoll_now(epoll_fd), 0);
	}
}
END_TEST

/* MOD is how OUT is armed while a batch is stuck: it may be possible by then.
 */
START_TEST(modifying_reports_again_what_is_ready)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
	int fds[2], epoll_fd;

	udp_pair(fds);
	epoll_fd = epoll_of(fds[0], EPOLLIN | EPOLLET);
	ck_assert_uint_eq(epoll_now(epoll_fd), 0);
	ck_assert_int_eq(epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fds[0], &event), 0);
	ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLOUT);
	send_text(fds[1], "unread");
	ck_assert_uint_eq(epoll_await(epoll_fd) & EPOLLIN, EPOLLIN);
	event.events = EPOLLIN | EPOLLET;
	ck_assert_int_eq(epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fds[0], &event), 0);
	ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLIN);
}
END_TEST

START_TEST(tcp_armed_for_out_sleeps_through_its_own_sends)
{
	int fds[2], epoll_fd;

	tcp_pair(fds);
	epoll_fd = epoll_of(fds[SERVER], STREAM_EVENTS);
	ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLOUT);
	for (int i = 0; i < 10; i++) {
		send_text(fds[SERVER], "pong");
		expect_text(fds[CLIENT], "pong");
		AWAIT(fd_outq(fds[SERVER]) == 0);
		ck_assert_uint_eq(epoll_now(epoll_fd), 0);
	}
}
END_TEST

/* A cost, no more: the sends of a Unix stream wake when they are read. */
START_TEST(unix_stream_armed_for_out_wakes_when_its_peer_reads)
{
	int fds[2], epoll_fd;

	unix_pair(SOCK_STREAM, fds);
	epoll_fd = epoll_of(fds[SERVER], STREAM_EVENTS);
	ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLOUT);
	for (int i = 0; i < 10; i++) {
		send_text(fds[SERVER], "pong");
		ck_assert_uint_eq(epoll_now(epoll_fd), 0);
		expect_text(fds[CLIENT], "pong");
		ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLOUT);
	}
}
END_TEST

/* Why a datagram socket is armed for OUT only while it is stuck. */
START_TEST(udp_armed_for_out_wakes_once_more_for_every_datagram_sent)
{
	int fds[2], epoll_fd;

	udp_pair(fds);
	epoll_fd = epoll_of(fds[0], EPOLLIN | EPOLLOUT | EPOLLET);
	ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLOUT);
	for (int i = 0; i < 10; i++) {
		ck_assert_uint_eq(epoll_now(epoll_fd), 0);
		send_text(fds[0], "pong");
		ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLOUT);
		AWAIT(fd_outq(fds[0]) == 0);
		expect_text(fds[1], "pong");
	}
}
END_TEST

START_TEST(udp_armed_for_in_alone_sleeps_through_its_own_sends)
{
	int fds[2], epoll_fd;

	udp_pair(fds);
	epoll_fd = epoll_of(fds[0], EPOLLIN | EPOLLET);
	for (int i = 0; i < 10; i++) {
		send_text(fds[0], "pong");
		expect_text(fds[1], "pong");
		AWAIT(fd_outq(fds[0]) == 0);
		ck_assert_uint_eq(epoll_now(epoll_fd), 0);
	}
}
END_TEST

/* Let no descriptor be free; returns the limit as it was. */
static struct rlimit exhaust_descriptors(void)
{
	struct rlimit before, none_free;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none_free = before;
	none_free.rlim_cur = (rlim_t)lowest_free_fd();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none_free), 0);
	return before;
}

/* Why a paused listener remembers its edge and retries by itself. */
START_TEST(no_edge_follows_emfile_even_when_descriptors_are_free_again)
{
	int listener = tcp_listener(0);
	int epoll_fd = epoll_of(listener, EPOLLIN | EPOLLET);
	struct rlimit before;

	tcp_connect(listener);
	ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLIN);
	before = exhaust_descriptors();
	ck_assert_int_eq(accept4(listener, NULL, NULL, SOCK_CLOEXEC), -1);
	ck_assert_int_eq(errno, EMFILE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert_uint_eq(epoll_now(epoll_fd), 0);

	ck_assert_uint_eq(tcp_backlog(listener), 1);
	tcp_connect(listener);
	ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLIN);
	tcp_accept(listener);
	tcp_accept(listener);
}
END_TEST

/* Why a source is deleted from epoll, not left to close(). */
START_TEST(a_closed_descriptor_with_a_duplicate_still_reports)
{
	int fds[2], epoll_fd, duplicate;

	tcp_pair(fds);
	epoll_fd = epoll_of(fds[SERVER], EPOLLIN | EPOLLET);
	duplicate = fcntl(fds[SERVER], F_DUPFD_CLOEXEC, 0);
	ck_assert_int_ge(duplicate, 0);
	ck_assert_int_eq(close(fds[SERVER]), 0);
	send_text(fds[CLIENT], "ghost");
	ck_assert_uint_eq(epoll_await(epoll_fd), EPOLLIN);
	expect_text(duplicate, "ghost");
}
END_TEST

TCase *kernel_epoll_case(void)
{
	TCase *part = tcase_create("epoll");

	tcase_add_test(part, adding_a_readable_socket_reports_it);
	tcase_add_test(part, unread_data_gives_one_edge_and_more_data_another);
	tcase_add_test(part, data_after_a_short_read_gives_an_edge);
	tcase_add_test(part, modifying_reports_again_what_is_ready);
	tcase_add_test(part, tcp_armed_for_out_sleeps_through_its_own_sends);
	tcase_add_test(part,
		       unix_stream_armed_for_out_wakes_when_its_peer_reads);
	tcase_add_test(
		part,
		udp_armed_for_out_wakes_once_more_for_every_datagram_sent);
	tcase_add_test(part,
		       udp_armed_for_in_alone_sleeps_through_its_own_sends);
	tcase_add_test(
		part,
		no_edge_follows_emfile_even_when_descriptors_are_free_again);
	tcase_add_test(part,
		       a_closed_descriptor_with_a_duplicate_still_reports);
	return part;
}
