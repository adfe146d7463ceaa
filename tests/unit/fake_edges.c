/* SPDX-License-Identifier: MIT */
/*
 * Edges where something is full, in both worlds; and those of datagrams, which
 * check_kernel finds in Linux, in the fake kernel.
 */
#include "config.h"

#include "unit/fake.h"

#include "common/call.h"
#include "common/macros.h"
#include "fuzz/fake.h"
#include "unit/harness.h"
#include "unit/sockets.h"
#include "unit/world.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct world *const worlds[] = { &world_real, &world_fake };
static const struct world *world;
static int listener, epoll_fd;

static void watch(int fd, int op, uint32_t events)
{
	struct epoll_event event = { .events = events | EPOLLET };

	ck_assert_int_eq(epoll_ctl(epoll_fd, op, fd, &event), 0);
}

/* The next event, or 0. */
static uint32_t event_now(void)
{
	struct epoll_event event = { .events = 0 };

	return epoll_wait(epoll_fd, &event, 1, 0) > 0 ? event.events : 0;
}

static void enter(int which)
{
	static const int small = 16384;

	world = worlds[which];
	listener = world->listen();
	/* Connections inherit it: soon it is full. */
	(void)setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &small,
			 sizeof(small));
	world->enter();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	ck_assert_int_ge(epoll_fd, 0);
}

static int accept_now(void)
{
	return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* Let no descriptor be free, or as many as before. */
static void exhaust(bool none_free)
{
	static struct rlimit before;
	struct rlimit limit;

	if (none_free)
		ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	if (none_free)
		limit.rlim_cur = (rlim_t)lowest_free_fd();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	fake_limit(none_free ? fake_open_count() : FAKE_DESCRIPTORS);
}

START_TEST(no_edge_follows_emfile)
{
	enter(_i);
	watch(listener, EPOLL_CTL_ADD, EPOLLIN);
	world->act(WORLD_CONNECT, 0, 0);
	ck_assert_uint_eq(event_now(), EPOLLIN);
	exhaust(true);
	ck_assert_int_eq(accept_now(), -1);
	ck_assert_int_eq(errno, EMFILE);
	exhaust(false);
	ck_assert_uint_eq(event_now(), 0);
	world->act(WORLD_CONNECT, 1, 0);
	ck_assert_uint_eq(event_now(), EPOLLIN);
	ck_assert_int_ge(accept_now(), 0);
	ck_assert_int_ge(accept_now(), 0);
	ck_assert_int_eq(accept_now(), -1);
	ck_assert_int_eq(errno, EAGAIN);
	world->leave();
}
END_TEST

START_TEST(at_the_limit_it_is_emfile_though_nobody_waits)
{
	enter(_i);
	exhaust(true);
	ck_assert_int_eq(accept_now(), -1);
	ck_assert_int_eq(errno, EMFILE);
	exhaust(false);
	world->leave();
}
END_TEST

/* More than a small send buffer and a receive buffer hold. */
#define PIECE  4000
#define PLENTY (250 * PIECE)

/* An accepted connection that has received plenty, and sends what it can. */
static int fill(void)
{
	static uint8_t bytes[PLENTY];
	size_t sent = 0;
	ssize_t result;
	int fd;

	world->act(WORLD_CONNECT, 0, 0);
	fd = accept_now();
	ck_assert_int_ge(fd, 0);
	watch(fd, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
	for (size_t i = 0; i < PLENTY; i += PIECE) {
		world->act(WORLD_SEND, 0, PIECE);
		AWAIT(call_receive(fd, bytes + i, PIECE, MSG_DONTWAIT) ==
		      PIECE);
	}
	do {
		result = call_send(fd, bytes + sent, sizeof(bytes) - sent,
				   MSG_DONTWAIT | MSG_NOSIGNAL);
		if (result > 0)
			sent += (size_t)result;
	} while (result > 0);
	ck_assert_int_eq(errno, EAGAIN);
	return fd;
}

START_TEST(out_comes_when_there_is_room_again_and_only_then)
{
	int fd;

	enter(_i);
	fd = fill();
	ck_assert_uint_eq(event_now() & EPOLLOUT, 0);
	ck_assert_uint_eq(event_now(), 0);
	while (world->look(0).received == 0 || event_now() == 0)
		world->act(WORLD_RECEIVE, 0, 0);
	ck_assert_uint_eq(event_now(), 0);
	watch(fd, EPOLL_CTL_MOD, EPOLLOUT);
	ck_assert_uint_eq(event_now(), EPOLLOUT);
	world->leave();
}
END_TEST

START_TEST(modifying_and_adding_report_what_is_there)
{
	int fd;

	enter(_i);
	world->act(WORLD_CONNECT, 0, 0);
	world->act(WORLD_SEND, 0, 5);
	fd = accept_now();
	watch(fd, EPOLL_CTL_ADD, EPOLLIN);
	ck_assert_uint_eq(event_now(), EPOLLIN);
	ck_assert_uint_eq(event_now(), 0);
	watch(fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
	ck_assert_uint_eq(event_now(), EPOLLIN | EPOLLOUT);
	world->leave();
}
END_TEST

/* --- Datagrams: as kernel_epoll.c and kernel_datagram.c find --- */

static void enter_datagrams(void)
{
	static const struct fake_datagrams datagrams = {
		.family = AF_INET,
		.room_in = 4,
		.room_out = 2,
	};

	enter(1);
	listener = fake_datagram_socket(&datagrams);
}

START_TEST(datagrams_give_an_edge_each_and_sends_none)
{
	enter_datagrams();
	watch(listener, EPOLL_CTL_ADD, EPOLLIN);
	ck_assert_uint_eq(event_now(), 0);
	for (int i = 0; i < 2; i++) {
		fake_arrive(0, FAKE_PLAIN, 4, 1);
		ck_assert_uint_eq(event_now(), EPOLLIN);
		ck_assert_uint_eq(event_now(), 0);
	}
	fake_leave(1);
	ck_assert_uint_eq(event_now(), 0);
	watch(listener, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
	ck_assert_uint_eq(event_now(), EPOLLIN | EPOLLOUT);
	ck_assert_uint_eq(event_now(), 0);
	fake_enter(false);
}
END_TEST

TCase *fake_limit_case(void)
{
	TCase *part = tcase_create("limit");
	int count = ARRAY_SIZE(worlds);

	tcase_set_timeout(part, TEST_TIMEOUT_SEC);
	tcase_set_tags(part, NOT_UNDER_VALGRIND);
	tcase_add_loop_test(part, no_edge_follows_emfile, 0, count);
	tcase_add_loop_test(part, at_the_limit_it_is_emfile_though_nobody_waits,
			    0, count);
	return part;
}

TCase *fake_edges_case(void)
{
	TCase *part = tcase_create("edges");
	int count = ARRAY_SIZE(worlds);

	tcase_set_timeout(part, TEST_TIMEOUT_SEC);
	tcase_add_loop_test(part,
			    out_comes_when_there_is_room_again_and_only_then, 0,
			    count);
	tcase_add_loop_test(part, modifying_and_adding_report_what_is_there, 0,
			    count);
	tcase_add_test(part, datagrams_give_an_edge_each_and_sends_none);
	return part;
}
