/* SPDX-License-Identifier: MIT */
/*
 * The peer does not stand still while its position is read.  After each look at
 * the kernel something arrives, once or several times; and then, from a thread,
 * at any time.
 */
#include "config.h"

#include "unit/injection.h"
#include "unit/position.h"

#include "echod/socket.h"

#include <errno.h>
#include <limits.h>
#include <linux/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* As in netinet/tcp.h, which cannot be included next to linux/tcp.h. */
enum state {
	ESTABLISHED = 1,
	CLOSE = 7,
	CLOSE_WAIT = 8
};

/* What position_read() looks at in one attempt, in this order. */
enum look {
	LOOK_COUNTERS,
	LOOK_UNREAD,
	LOOK_UNACKNOWLEDGED,
	LOOK_AGAIN,
	LOOKS
};

static struct race {
	bool on;	     /* position_read() is running */
	enum look next;	     /* it will look at this */
	void (*event)(void); /* what happens ... */
	enum look after;     /* after this look ... */
	unsigned times;	     /* ... in so many attempts */
	uint8_t stale;	     /* the first look finds this state, if not 0 */
	unsigned restless;   /* so many looks find a count of their own */
	bool refused;	     /* the next second look at the counters fails */
} race;

static void looked(void)
{
	enum look look = race.next;

	if (!race.on)
		return;
	race.next = (look + 1) % LOOKS;
	if (look != race.after || race.times == 0)
		return;
	race.times--;
	race.on = false;
	race.event();
	race.on = true;
}

static void falsify(struct tcp_info *info)
{
	info->tcpi_bytes_received += race.restless;
	race.restless -= race.restless > 0;
	if (race.stale)
		info->tcpi_state = race.stale;
	race.stale = 0;
}

WRAPPED(int, getsockopt,
	(int fd, int level, int name, void *value, socklen_t *length));
WRAPPED(unsigned, socket_unread, (int fd));
WRAPPED(unsigned, socket_unacknowledged, (int fd));

int __wrap_getsockopt(int fd, int level, int name, void *value,
		      socklen_t *length)
{
	int result = __real_getsockopt(fd, level, name, value, length);

	if (race.on && race.refused && race.next == LOOK_AGAIN) {
		race.refused = false;
		looked();
		errno = ENOBUFS;
		return -1;
	}
	if (race.on)
		falsify(value);
	looked();
	return result;
}

unsigned __wrap_socket_unread(int fd)
{
	unsigned result = __real_socket_unread(fd);

	looked();
	return result;
}

unsigned __wrap_socket_unacknowledged(int fd)
{
	unsigned result = __real_socket_unacknowledged(fd);

	looked();
	return result;
}

static void expect_in_race(int error, size_t echoed)
{
	size_t found = SIZE_MAX;
	int result;

	race.on = true;
	result = position_read(fds[SERVER], &found);
	race.on = false;
	ck_assert_int_eq(result, error);
	if (error == 0)
		ck_assert_uint_eq(found, echoed);
}

/* A connection with something in every queue: how much of it is echoed. */
static size_t open_busy_pair(int family)
{
	if (!open_narrow_pair(family))
		return 0;
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_SNDBUF, 8192);
	deliver_stream(48 << 10);
	return echo_until_stuck();
}

static void data_arrives(void)
{
	deliver("x");
}

static void end_arrives(void)
{
	deliver_end();
}

/* The client reads, so that more can be sent to it, and acknowledged. */
static void acknowledgement_arrives(void)
{
	size_t before = fd_outq(fds[SERVER]);
	char buffer[8192];

	ck_assert_int_gt(recv(fds[CLIENT], buffer, sizeof(buffer), 0), 0);
	AWAIT(fd_outq(fds[SERVER]) < before);
}

static void reset_arrives(void)
{
	/* Unread input is discarded. */
	ck_assert_int_eq(close(fds[CLIENT]), 0);
	await_state(CLOSE);
}

static const struct {
	void (*event)(void);
	unsigned times;
	int error;
} events[] = {
	{ data_arrives, 1, 0 },
	{ data_arrives, 50, 0 },
	{ acknowledgement_arrives, 1, 0 },
	{ acknowledgement_arrives, 2, 0 },
	{ end_arrives, 1, 0 },
	{ reset_arrives, 1, -ENOTCONN },
};

#define EVENTS ((int)ARRAY_SIZE(events))

START_TEST(something_arrives_between_two_looks)
{
	int event = _i / FAMILIES / LOOKS;
	size_t echoed = open_busy_pair(_i % FAMILIES);

	if (echoed == 0)
		return;
	race.event = events[event].event;
	race.after = (enum look)(_i / FAMILIES % LOOKS);
	race.times = events[event].times;
	/* After the last look it is too late to be seen. */
	expect_in_race(race.after == LOOK_AGAIN ? 0 : events[event].error,
		       echoed);
	ck_assert_uint_eq(race.times, race.after == LOOK_AGAIN
					      ? events[event].times - 1
					      : 0);
	if (events[event].error)
		expect_refused(events[event].error);
	else
		expect_echoed(echoed);
}
END_TEST

/* The kernel does not lock the socket before it has read the state. */
START_TEST(end_arrives_between_state_and_counters)
{
	if (!open_pair(_i))
		return;
	deliver("hello");
	deliver_end();
	echo("hello", 2);
	race.stale = ESTABLISHED;
	expect_in_race(0, 2);
	ck_assert_uint_eq(race.stale, 0);
}
END_TEST

START_TEST(movement_that_ends_is_waited_for)
{
	if (!open_pair(_i))
		return;
	deliver("hello");
	echo("hello", 2);
	race.restless = 100;
	expect_in_race(0, 2);
	ck_assert_uint_eq(race.restless, 0);
}
END_TEST

START_TEST(movement_without_end_is_given_up)
{
	if (!open_pair(_i))
		return;
	deliver("hello");
	race.restless = UINT_MAX;
	expect_in_race(-EAGAIN, 0);
	race.restless = 0;
	expect_in_race(0, 0);
}
END_TEST

#define ROUNDS 20
#define PIECES 300

static atomic_bool over;

/* A client that talks and listens, and then ends. */
static void *talk(void *unused)
{
	char buffer[512] = "";

	for (size_t i = 0; i < PIECES; i++) {
		(void)send(fds[CLIENT], buffer, 1 + i % 17, MSG_NOSIGNAL);
		(void)recv(fds[CLIENT], buffer, sizeof(buffer), MSG_DONTWAIT);
	}
	(void)shutdown(fds[CLIENT], SHUT_WR);
	atomic_store(&over, true);
	return unused;
}

START_TEST(position_is_right_at_any_time)
{
	for (int i = 0; i < ROUNDS; i++) {
		size_t echoed = open_busy_pair(_i);
		pthread_t client;
		bool last;

		if (echoed == 0)
			return;
		atomic_store(&over, false);
		ck_assert_int_eq(pthread_create(&client, NULL, talk, NULL), 0);
		do {
			last = atomic_load(&over);
			expect_echoed(echoed);
		} while (!last);
		ck_assert_int_eq(pthread_join(client, NULL), 0);
		await_state(CLOSE_WAIT);
		expect_echoed(echoed);
		ck_assert_int_eq(close(fds[CLIENT]), 0);
		ck_assert_int_eq(close(fds[SERVER]), 0);
	}
}
END_TEST

START_TEST(refused_second_look_is_an_error)
{
	if (!open_pair(_i))
		return;
	race.refused = true;
	expect_in_race(-ENOBUFS, 0);
}
END_TEST

TCase *position_race_case(void)
{
	TCase *part = tcase_create("race");

	tcase_add_loop_test(part, something_arrives_between_two_looks, 0,
			    EVENTS * LOOKS * FAMILIES);
	tcase_add_loop_test(part, end_arrives_between_state_and_counters, 0,
			    FAMILIES);
	tcase_add_loop_test(part, movement_that_ends_is_waited_for, 0,
			    FAMILIES);
	tcase_add_loop_test(part, movement_without_end_is_given_up, 0,
			    FAMILIES);
	tcase_add_loop_test(part, refused_second_look_is_an_error, 0, FAMILIES);
	tcase_add_loop_test(part, position_is_right_at_any_time, 0, FAMILIES);
	return part;
}
