/* SPDX-License-Identifier: MIT */
/*
 * Which lots there are after a start: those that came back, whole or not, as
 * many as workers or not, and those that are made; what the manager keeps.
 *
 * Link with -Wl,--wrap= malloc, reallocarray, sendmsg and socketpair.
 */
#include "config.h"

#include "unit/adopt_rig.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/store_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

INJECTED(void *, NULL, malloc, (size_t size), (size))
INJECTED(void *, NULL, reallocarray, (void *array, size_t count, size_t size),
	 (array, count, size))
INJECTED(ssize_t, -1, sendmsg,
	 (int fd, const struct msghdr *message, int flags),
	 (fd, message, flags))
INJECTED(int, -1, socketpair, (int domain, int type, int protocol, int fds[2]),
	 (domain, type, protocol, fds))

static struct left_lot lots[WORKERS_MAX];

static void setup(void)
{
	adopt_setup();
	store_start(STORE_MAX);
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
	while (connections-- > 0)
		(void)leave_connection(&lots[number]);
}

/* Each worker has a lot of its own, which the manager keeps. */
static void expect_stored(size_t count)
{
	char name[32];

	ck_assert_uint_eq(parking.lot_count, count);
	ck_assert_uint_eq(store_total(), 2 * count);
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), SERVICE_LOT "%d",
			       parking.lots[i].number);
		ck_assert_uint_eq(store_count(name), 2);
		ck_assert_ptr_nonnull(parking.lots[i].user);
		ck_assert_int_ge(parking.lots[i].user->lot.entrance, 0);
	}
}

START_TEST(first_instance_makes_them)
{
	adopt_with(3, true, false);
	expect_stored(3);
	ck_assert_uint_eq(store_count(SERVICE_LOT "0"), 2);
	ck_assert_uint_eq(store_count(SERVICE_LOT "1"), 2);
	ck_assert_uint_eq(store_count(SERVICE_LOT "2"), 2);
	ck_assert_uint_eq(parking.adopted, 0);
}
END_TEST

START_TEST(without_preserving_there_are_none)
{
	adopt_with(2, false, false);
	ck_assert_uint_eq(parking.lot_count, 0);
	ck_assert_uint_eq(store_total(), 0);
	ck_assert_int_eq(workers[0].lot.entrance, -1);
}
END_TEST

/* From each number of workers to each. */
START_TEST(number_of_workers_may_change)
{
	size_t before = (size_t)_i / WORKERS_MAX + 1;
	size_t after = (size_t)_i % WORKERS_MAX + 1;
	size_t most = 0, least = SIZE_MAX;

	for (size_t i = 0; i < before; i++)
		leave_stored((int)i, 6);
	adopt_with(after, true, false);
	expect_stored(after);
	ck_assert_uint_eq(parking.adopted, 6 * before);
	ck_assert_uint_eq(parked_in_all(), 6 * before);
	for (size_t i = 0; i < after; i++) {
		most = MAX(most, connections_of(&workers[i]));
		least = MIN(least, connections_of(&workers[i]));
	}
	ck_assert_uint_le(most - least, 1);
}
END_TEST

START_TEST(numbers_need_not_follow_each_other)
{
	leave_stored(2, 1);
	adopt_with(3, true, false);
	expect_stored(3);
	ck_assert_uint_eq(store_count(SERVICE_LOT "0"), 2);
	ck_assert_uint_eq(store_count(SERVICE_LOT "1"), 2);
	ck_assert_uint_eq(parked_in_all(), 1);
}
END_TEST

/* As many workers as before: all stay where they lie. */
START_TEST(nothing_is_sent_to_adopt)
{
	unsigned sent;

	leave_stored(0, 40);
	leave_stored(1, 3);
	sent = sendmsg_fault.calls;
	adopt_with(2, true, false);
	ck_assert_uint_eq(sendmsg_fault.calls, sent);
	ck_assert_uint_eq(connections_of(&workers[0]), 40);
	ck_assert_uint_eq(connections_of(&workers[1]), 3);
	ck_assert_uint_eq(parked_in_all(), 43);
}
END_TEST

START_TEST(no_lot_has_a_rest_when_all_are_given_up)
{
	leave_stored(0, 3);
	leave_stored(1, 3);
	adopt_with(1, false, false);
	ck_assert_uint_eq(parking.adopted, 6);
	ck_assert_uint_eq(store_total(), 0);
	ck_assert_uint_eq(adopt_policy.connections, 6);
}
END_TEST

/* The manager had no room for the other, or its message was lost. */
START_TEST(half_of_a_pair_is_emptied_and_given_up)
{
	lots[0] = leave_lot();
	keep(SERVICE_LOT "0", lots[0].ends[_i]);
	store_put(SERVICE_LOT "0", lots[0].ends[_i]);
	(void)leave_connection(&lots[0]);
	adopt_with(1, true, false);
	ck_assert_uint_eq(parking.adopted, (unsigned)_i);
	ck_assert_uint_eq(parked_in_all(), (size_t)_i);
	expect_stored(1);
	ck_assert_int_eq(parking.lots[0].number, 1);
	ck_assert_uint_eq(store_count(SERVICE_LOT "0"), 0);
}
END_TEST

START_TEST(surplus_ends_are_closed)
{
	int pipe_fds[2], fds[2];

	leave_stored(0, 1);
	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	unix_pair(SOCK_STREAM, fds);
	keep(SERVICE_LOT "0", fds[0]);
	keep(SERVICE_LOT "1", pipe_fds[1]);
	ck_assert_int_eq(close(fds[0]), 0);
	ck_assert_int_eq(close(pipe_fds[1]), 0);
	adopt_with(1, true, false);
	expect_stored(1);
	ck_assert_uint_eq(parking.adopted, 1);
	ck_assert_int_ne(events_now(fds[1], POLLIN) & POLLHUP, 0);
	ck_assert_int_ne(events_now(pipe_fds[0], POLLIN) & POLLHUP, 0);
}
END_TEST

/* A pair as well, but no lot. */
START_TEST(only_unix_streams_are_ends)
{
	int fds[2];

	tcp_pair(fds);
	for (int i = 0; i < 2; i++) {
		keep(SERVICE_LOT "0", fds[i]);
		store_put(SERVICE_LOT "0", fds[i]);
		ck_assert_int_eq(close(fds[i]), 0);
	}
	adopt_with(1, true, false);
	ck_assert_int_eq(fd_option(workers[0].lot.exit, SOL_SOCKET, SO_DOMAIN),
			 AF_UNIX);
	expect_stored(1);
}
END_TEST

START_TEST(other_names_are_left_alone)
{
	struct service_socket others[] = {
		{ .fd = STDERR_FILENO, .name = (char[]){ "echod.socket" } },
		{ .fd = STDERR_FILENO, .name = (char[]){ SERVICE_OWN "0" } },
		{ .fd = STDERR_FILENO, .name = (char[]){ SERVICE_LOT "x" } },
	};

	make_workers(1);
	ck_assert_int_eq(parking_begin(&parking, workers, 1, others,
				       ARRAY_SIZE(others), true),
			 0);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		ck_assert_int_eq(others[i].fd, STDERR_FILENO);
	ck_assert_uint_eq(parking.lot_count, 1);
}
END_TEST

START_TEST(all_are_given_up_at_the_end_unless_handed_over)
{
	leave_stored(0, 0);
	adopt_with(2, true, false);
	parking_end(&parking, _i == 1);
	ck_assert_uint_eq(store_total(), _i == 1 ? 4 : 0);
	ck_assert_uint_eq(parking.lot_count, 0);
}
END_TEST

/* As succession does when that fails: what was left is served all the same. */
static void expect_served_unpreserved(int error, unsigned adopted)
{
	make_workers(2);
	ck_assert_int_eq(begin(true), error);
	adopt_policy.preserve = false;
	parking_adopt(&parking, false);
	parking_settle(&parking, false);
	ck_assert_uint_eq(parking.adopted, adopted);
	ck_assert_uint_eq(adopt_policy.connections, adopted);
	ck_assert_uint_eq(parking.lot_count, 0);
	ck_assert_int_eq(workers[0].lot.entrance, -1);
	ck_assert_int_eq(workers[1].lot.entrance, -1);
}

START_TEST(lot_that_cannot_be_made_is_done_without)
{
	static const int errors[] = { EMFILE, ENOMEM };
	struct fault *faults[] = { &socketpair_fault, &reallocarray_fault };

	leave_stored(0, 3);
	*faults[_i] = (struct fault){ .skip = (unsigned)_i,
				      .times = 1,
				      .error = errors[_i] };
	expect_served_unpreserved(-errors[_i], 3);
	ck_assert_uint_eq(store_total(), 0);
}
END_TEST

START_TEST(without_memory_for_lots_what_can_be_is_served)
{
	leave_stored(0, 3);
	leave_stored(1, 3);
	reallocarray_fault = (struct fault){ .skip = (unsigned)_i,
					     .times = 1,
					     .error = ENOMEM };
	expect_served_unpreserved(-ENOMEM, (unsigned)_i * 3);
}
END_TEST

START_TEST(without_memory_a_connection_is_lost_and_counted)
{
	leave_stored(0, 1);
	leave_stored(1, 1);
	make_workers(2);
	ck_assert_int_eq(begin(true), 0);
	/* For its cookie, or for itself. */
	malloc_fault = (struct fault){ .skip = (unsigned)_i,
				       .times = 1,
				       .error = ENOMEM };
	parking_adopt(&parking, false);
	ck_assert_uint_eq(malloc_fault.times, 0);
	parking_settle(&parking, true);
	ck_assert_uint_eq(parking.lost, 1);
	ck_assert_uint_eq(parking.adopted, 1);
	ck_assert_uint_eq(adopt_policy.connections, 1);
}
END_TEST

/* Whoever is lost hears of it, though a duplicate lies in the lot. */
START_TEST(without_memory_a_connection_ends)
{
	int client;

	leave_stored(0, 0);
	client = leave_connection(&lots[0]);
	make_workers(1);
	ck_assert_int_eq(begin(true), 0);
	malloc_fault = (struct fault){ .skip = 1, .times = 1, .error = ENOMEM };
	parking_adopt(&parking, false);
	parking_settle(&parking, true);
	ck_assert_uint_eq(parking.lost, 1);
	AWAIT(events_now(client, POLLRDHUP) != 0);
}
END_TEST

/* They are parked anew then. */
START_TEST(without_memory_for_a_message_all_are_adopted)
{
	leave_stored(0, 2);
	make_workers(1);
	ck_assert_int_eq(begin(true), 0);
	malloc_fault = (struct fault){ .skip = 2, .times = 1, .error = ENOMEM };
	parking_adopt(&parking, false);
	ck_assert_uint_eq(malloc_fault.times, 0);
	parking_settle(&parking, true);
	ck_assert_uint_eq(parking.adopted, 2);
	ck_assert_uint_eq(parking.lost, 0);
	ck_assert_uint_eq(parked_in_all(), 2);
}
END_TEST

/* Until then the lot where they lie is kept, too. */
START_TEST(who_finds_no_room_is_parked_later)
{
	leave_stored(0, 2);
	leave_stored(1, 2);
	make_workers(1);
	ck_assert_int_eq(begin(true), 0);
	sendmsg_fault = (struct fault){ .times = 1, .error = ETOOMANYREFS };
	parking_adopt(&parking, false);
	parking_settle(&parking, true);
	ck_assert_uint_eq(parking.adopted, 4);
	ck_assert_uint_eq(store_count(SERVICE_LOT "0"), 2);
	ck_assert_uint_eq(store_count(SERVICE_LOT "1"), 2);
	ck_assert_uint_eq(ADOPT_COUNT(parking_starved), 1);
	workers[0].reactor.now += USEC_PER_SEC;
	reactor_dispatch(&workers[0].reactor);
	ck_assert_uint_eq(parked_in_all(), 4);
	parking_end(&parking, false);
	ck_assert_uint_eq(store_total(), 0);
}
END_TEST

/* It could be found there once bytes are between receiving and sending. */
START_TEST(unix_stream_that_cannot_leave_the_lot_ends)
{
	int fds[2];

	leave_stored(0, 1);
	unix_pair(SOCK_STREAM, fds);
	leave(&lots[0], &fds[1], 1);
	ck_assert_int_eq(close(fds[1]), 0);
	make_workers(1);
	ck_assert_int_eq(begin(true), 0);
	sendmsg_fault = (struct fault){ .times = 1, .error = ETOOMANYREFS };
	parking_adopt(&parking, false);
	parking_settle(&parking, true);
	ck_assert_uint_eq(adopt_policy.connections, 1);
	ck_assert_uint_eq(parked_in_all(), 1);
	ck_assert(stream_ends_clean(fds[0]));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("parking_lots");
	TCase *tcase = tcase_create("lots");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, adopt_teardown);
	tcase_add_test(tcase, first_instance_makes_them);
	tcase_add_test(tcase, without_preserving_there_are_none);
	tcase_add_loop_test(tcase, number_of_workers_may_change, 0,
			    WORKERS_MAX * WORKERS_MAX);
	tcase_add_test(tcase, numbers_need_not_follow_each_other);
	tcase_add_test(tcase, nothing_is_sent_to_adopt);
	tcase_add_test(tcase, no_lot_has_a_rest_when_all_are_given_up);
	tcase_add_loop_test(tcase, half_of_a_pair_is_emptied_and_given_up, 0,
			    2);
	tcase_add_test(tcase, surplus_ends_are_closed);
	tcase_add_test(tcase, only_unix_streams_are_ends);
	tcase_add_test(tcase, other_names_are_left_alone);
	tcase_add_loop_test(
		tcase, all_are_given_up_at_the_end_unless_handed_over, 0, 2);
	tcase_add_loop_test(tcase, lot_that_cannot_be_made_is_done_without, 0,
			    2);
	tcase_add_loop_test(
		tcase, without_memory_for_lots_what_can_be_is_served, 0, 2);
	tcase_add_loop_test(
		tcase, without_memory_a_connection_is_lost_and_counted, 0, 2);
	tcase_add_test(tcase, without_memory_a_connection_ends);
	tcase_add_test(tcase, without_memory_for_a_message_all_are_adopted);
	tcase_add_test(tcase, who_finds_no_room_is_parked_later);
	tcase_add_test(tcase, unix_stream_that_cannot_leave_the_lot_ends);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
