/* SPDX-License-Identifier: MIT */
/*
 * Who moves to another worker at a recovery, and finds no room there, lies in
 * the old lot alone: nothing may leave that.
 *
 * Link with -Wl,--wrap= sendmsg.
 */
#include "config.h"

#include "unit/adopt_rig.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/store_rig.h"

#include "echod/connection_state.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

INJECTED(ssize_t, -1, sendmsg,
	 (int fd, const struct msghdr *message, int flags),
	 (fd, message, flags))

#define LOTS   2
#define ALWAYS 1000

static struct left_lot lots[LOTS];
static int first; /* the client of who lies there first */

static void setup(void)
{
	adopt_setup();
	store_start(STORE_MAX);
	for (int i = 0; i < LOTS; i++)
		lots[i] = (struct left_lot){ { -1, -1 } };
}

/* A lot with so many connections, each in a message; it is stored, too. */
static void leave_stored(int number, int connections)
{
	char name[32];

	(void)snprintf(name, sizeof(name), SERVICE_LOT "%d", number);
	lots[number] = leave_lot();
	keep_lot(name, &lots[number]);
	store_put(name, lots[number].ends[0]);
	store_put(name, lots[number].ends[1]);
	first = leave_connection(&lots[number]);
	while (--connections > 0)
		(void)leave_connection(&lots[number]);
}

static void recover_without_room(size_t count)
{
	make_workers(count);
	ck_assert_int_eq(begin(true), 0);
	sendmsg_fault =
		(struct fault){ .times = ALWAYS, .error = ETOOMANYREFS };
	parking_adopt(&parking, false);
	parking_settle(&parking, true);
}

static void expect_to_lie(int fd)
{
	size_t copies = 0;

	for (int i = 0; i < LOTS && lots[i].ends[1] >= 0; i++)
		copies += parked_at(lots[i].ends[1], fd);
	ck_assert_uint_ge(copies, 1);
}

/* Whoever lies nowhere would be lost if we died now. */
static void expect_all_to_lie(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct list_node *link;

		list_for_each (link, &workers[i].connections.entries) {
			struct idle_entry *entry =
				container_of(link, struct idle_entry, link);

			expect_to_lie(connection_of(entry)->source.fd);
		}
	}
}

START_TEST(nobody_is_dropped_to_make_room)
{
	leave_stored(0, 3);
	leave_stored(1, 3);
	recover_without_room(3);
	ck_assert_uint_eq(adopt_policy.connections, 6);
	expect_all_to_lie(3);
}
END_TEST

START_TEST(who_found_no_room_is_parked_when_there_is_some)
{
	leave_stored(0, 4);
	recover_without_room(2);
	ck_assert_int_eq(shutdown(first, SHUT_WR), 0);
	WORKERS_UNTIL(adopt_policy.connections == 3);
	/* Lots are compacted: else the dead would keep the room that lacks. */
	ck_assert_uint_lt(workers[0].lot.parked, 4);
	sendmsg_fault = (struct fault){ 0 };
	WORKERS_UNTIL(parked_in_all() == 3);
}
END_TEST

START_TEST(all_is_as_ever_once_there_is_room)
{
	leave_stored(0, 4);
	adopt_with(2, true, false);
	ck_assert_uint_eq(parked_in_all(), 4);
	ck_assert_int_eq(shutdown(first, SHUT_WR), 0);
	WORKERS_UNTIL(adopt_policy.connections == 3);
	/* With it went who lay behind it, and had moved. */
	ck_assert_uint_eq(workers[0].lot.parked, 2);
}
END_TEST

/* One of them is the exit, whichever; at the other nobody may stay. */
/* Its buffer has room, wherever it is served. */
START_TEST(who_was_adopted_may_leave_a_little_unread)
{
	leave_stored(0, 1);
	adopt_with(2, true, false);
	expect_echo_of(first, "hello");
	ck_assert_uint_eq(workers[0].lagging + workers[1].lagging, 1);
}
END_TEST

START_TEST(what_lies_at_both_ends_is_parked)
{
	struct left_lot turned;

	leave_stored(0, 2);
	turned = (struct left_lot){ { lots[0].ends[1], lots[0].ends[0] } };
	(void)leave_connection(&turned);
	adopt_with(1, true, false);
	ck_assert_uint_eq(adopt_policy.connections, 3);
	ck_assert_uint_eq(parked_in_all(), 3);
}
END_TEST

/* In the second of two lots, with another one; returns its client. */
static int leave_unix_stream(void)
{
	int fds[2];

	leave_stored(0, 1);
	leave_stored(1, 1);
	unix_pair(SOCK_STREAM, fds);
	leave(&lots[1], &fds[1], 1);
	ck_assert_int_eq(close(fds[1]), 0);
	return fds[0];
}

/* The lot is kept for others; they cannot be served and lie there. */
START_TEST(unix_stream_in_a_surplus_lot_ends)
{
	int client = leave_unix_stream();

	recover_without_room(1);
	ck_assert_uint_eq(store_count(SERVICE_LOT "1"), 2);
	ck_assert_uint_eq(adopt_policy.connections, 2);
	ck_assert(stream_ends_clean(client));
}
END_TEST

/* Who moves leaves a lot that nobody uses, and that is given up. */
START_TEST(unix_stream_in_a_surplus_lot_is_served_if_there_is_room)
{
	int client = leave_unix_stream();

	adopt_with(1, true, false);
	ck_assert_uint_eq(store_count(SERVICE_LOT "1"), 0);
	ck_assert_uint_eq(adopt_policy.connections, 3);
	expect_echo_of(client, "hello");
}
END_TEST

/* One end twice, and ends of different pairs, are no lot. */
START_TEST(what_is_no_pair_is_given_up)
{
	struct left_lot one = leave_lot(), other = leave_lot();

	keep(SERVICE_LOT "0", one.ends[0]);
	keep(SERVICE_LOT "0", _i == 0 ? one.ends[0] : other.ends[0]);
	adopt_with(1, true, false);
	ck_assert_uint_eq(parking.lot_count, 1);
	ck_assert_int_eq(parking.lots[0].number, 1);
	ck_assert_uint_eq(store_count(SERVICE_LOT "1"), 2);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("parking_moves");
	TCase *tcase = tcase_create("moves");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, adopt_teardown);
	tcase_add_test(tcase, nobody_is_dropped_to_make_room);
	tcase_add_test(tcase, who_found_no_room_is_parked_when_there_is_some);
	tcase_add_test(tcase, all_is_as_ever_once_there_is_room);
	tcase_add_test(tcase, who_was_adopted_may_leave_a_little_unread);
	tcase_add_test(tcase, what_lies_at_both_ends_is_parked);
	tcase_add_test(tcase, unix_stream_in_a_surplus_lot_ends);
	tcase_add_test(tcase,
		       unix_stream_in_a_surplus_lot_is_served_if_there_is_room);
	tcase_add_loop_test(tcase, what_is_no_pair_is_given_up, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
