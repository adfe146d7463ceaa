/* SPDX-License-Identifier: MIT */
/*
 * The fake kernel's calls give what Linux's give: the same sequence of what a
 * peer does and what the server's end calls, in both worlds.  A seed is a
 * sequence of its own.  Each step's outcome is a line of text: the first that
 * differs is told, after the steps that lead to it.
 */
#include "config.h"

#include "unit/fake.h"

#include "common/call.h"
#include "unit/harness.h"
#include "unit/sockets.h"
#include "unit/world.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SEEDS 300
#define STEPS 40
#define ARMED (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLOUT | EPOLLET)

static struct {
	const struct world *world;
	int epoll_fd, fd;
	bool finished, reset, shut;
	size_t taken, written;
	uint8_t bytes[STEPS * 4096];
	char text[STEPS * 80];
	size_t length;
} run;

static PRINTF_LIKE(1, 2) void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	run.length += (size_t)vsnprintf(run.text + run.length,
					sizeof(run.text) - run.length, format,
					arguments);
	va_end(arguments);
}

static const char *error_of(ssize_t result)
{
	return result < 0 ? strerrorname_np(errno) : "";
}

static int unacknowledged(void)
{
	int out = 0;

	ck_assert_int_eq(ioctl(run.fd, SIOCOUTQ, &out), 0);
	return out;
}

static void wait_for_events(void)
{
	struct epoll_event event = { .events = 0 };
	int count = epoll_wait(run.epoll_fd, &event, 1, 0);

	say("events %d %x\n", count, event.events);
}

static void receive(size_t size, int flags)
{
	ssize_t result;

	if (size > sizeof(run.bytes) - run.taken)
		size = sizeof(run.bytes) - run.taken;
	result = call_receive(run.fd, run.bytes + run.taken, size,
			      flags | MSG_DONTWAIT);
	say("receive %zu with %x: %zd %s\n", size, (unsigned)flags, result,
	    error_of(result));
	if (result > 0 && flags == 0)
		run.taken += (size_t)result;
}

/* Of what was received the next; never before. */
static void echo(size_t size)
{
	size_t most = run.taken - run.written;
	ssize_t result;

	if (size > most)
		size = most;
	if (size == 0)
		return;
	result = call_send(run.fd, run.bytes + run.written, size,
			   MSG_DONTWAIT | MSG_NOSIGNAL);
	say("send %zu: %zd %s\n", size, result, error_of(result));
	if (result > 0)
		run.written += (size_t)result;
}

static void ask_counters(void)
{
	struct tcp_progress progress = tcp_progress(run.fd);

	say("received %ju, acknowledged %ju\n",
	    (uintmax_t)progress.bytes_received,
	    (uintmax_t)progress.bytes_acked);
}

static void ask_queues(void)
{
	int in = 0;

	ck_assert_int_eq(ioctl(run.fd, SIOCINQ, &in), 0);
	say("unread %d\n", in);
	/* Of a connection that is broken, the others say nothing. */
	if (run.reset)
		return;
	AWAIT(unacknowledged() == 0);
	ask_counters();
}

static void shut(void)
{
	if (run.written != run.taken || run.shut)
		return;
	say("shutdown %d\n", shutdown(run.fd, SHUT_WR));
	run.shut = true;
	/* That the FIN has been acknowledged is an edge, too. */
	if (!run.reset)
		AWAIT(unacknowledged() == 0);
}

static void act(enum world_act act, size_t size)
{
	run.world->act(act, 0, size);
	say("peer does %d with %zu\n", act, size);
}

static void peer_looks(void)
{
	struct world_view view;

	run.world->act(WORLD_RECEIVE, 0, 0);
	view = run.world->look(0);
	/* Who has reset a connection himself sees no more of it. */
	if (!run.reset)
		say("peer has %llu, %d\n", (unsigned long long)view.received,
		    view.end);
}

static void step_peer(uint32_t any, size_t size)
{
	switch (any % 16) {
	case 2:
		act(WORLD_URGENT, 1);
		break;
	case 3:
		if (any >> 16 & 1)
			act(WORLD_FINISH, 0);
		break;
	case 4:
		if ((any >> 16 & 3) == 0) {
			act(WORLD_RESET, 0);
			run.reset = true;
		}
		break;
	default:
		act(WORLD_SEND, size);
		break;
	}
}

static void step(uint32_t any)
{
	size_t size = any >> 8 & 1023;

	switch (any % 16) {
	case 5:
	case 6:
	case 7:
		wait_for_events();
		break;
	case 8:
		receive(1 + size / 2, MSG_PEEK);
		break;
	case 9:
		receive(1 + size / 2, 0);
		break;
	case 10:
	case 11:
		receive(4096, 0);
		break;
	case 12:
		echo(1 + size / 2);
		break;
	case 13:
		echo(SIZE_MAX);
		break;
	case 14:
		if ((any >> 16 & 7) == 0)
			shut();
		else
			ask_queues();
		break;
	case 15:
		peer_looks();
		break;
	default:
		step_peer(any, size);
		break;
	}
}

/* A right server closes with a FIN only when all has been echoed. */
static void finish(void)
{
	int unread = 0;

	echo(SIZE_MAX);
	ck_assert_int_eq(ioctl(run.fd, SIOCINQ, &unread), 0);
	if (unread == 0 && run.written == run.taken && !run.reset) {
		say("close %d\n", close(run.fd));
		run.world->act(WORLD_RECEIVE, 0, 0);
		peer_looks();
	} else if (unread > 0 && !run.reset) {
		say("close %d\n", close(run.fd));
		run.world->act(WORLD_RECEIVE, 0, 0);
		peer_looks();
	}
}

/* What happens in this world, as text. */
static void run_in(const struct world *world, uint32_t seed)
{
	struct epoll_event event = { .events = ARMED };
	int listener = world->listen();

	memset(&run, 0, sizeof(run));
	run.world = world;
	world->enter();
	run.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	world->act(WORLD_CONNECT, 0, 0);
	run.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(run.fd, 0);
	ck_assert_int_eq(epoll_ctl(run.epoll_fd, EPOLL_CTL_ADD, run.fd, &event),
			 0);
	for (int i = 0; i < STEPS; i++) {
		/* xorshift32 (Marsaglia). */
		seed ^= seed << 13;
		seed ^= seed >> 17;
		seed ^= seed << 5;
		step(seed);
	}
	finish();
	world->leave();
}

START_TEST(calls_give_the_same_in_both_worlds)
{
	uint32_t seed = 2463534242U + (uint32_t)_i * 2654435761U;
	static char expected[sizeof(run.text)];

	run_in(&world_real, seed);
	memcpy(expected, run.text, sizeof(expected));
	run_in(&world_fake, seed);
	ck_assert_str_eq(run.text, expected);
}
END_TEST

TCase *fake_calls_case(void)
{
	TCase *part = tcase_create("calls");

	tcase_set_timeout(part, TEST_TIMEOUT_SEC);
	tcase_add_loop_test(part, calls_give_the_same_in_both_worlds, 0, SEEDS);
	return part;
}
