/* SPDX-License-Identifier: MIT */
/*
 * Who is parked, and when, while a worker runs; and all, when it hands over.
 *
 * Link with -Wl,--wrap=sendmsg.
 */
#include "config.h"

#include "echod/connection.h"
#include "echod/parking.h"
#include "unit/census.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define AFTER USEC_PER_SEC

INJECTED(ssize_t, -1, sendmsg,
	 (int fd, const struct msghdr *message, int flags),
	 (fd, message, flags))

static struct rig rig;
static struct parking parking;
static int exit_end;
static struct census census;

static void begin(uint64_t preserve_after)
{
	rig.policy.preserve = true;
	rig.policy.preserve_after = preserve_after;
	ck_assert_int_eq(parking_begin(&parking, &rig.worker, 1, NULL, 0, true),
			 0);
	exit_end = fcntl(rig.worker.lot.exit, F_DUPFD_CLOEXEC, 0);
	ck_assert_int_ge(exit_end, 0);
}

static void setup(void)
{
	rig_init(&rig);
	begin(AFTER);
}

static void teardown(void)
{
	worker_post(&rig.worker, WORKER_ABORT);
	RIG_AWAIT(&rig, rig.worker.reactor.stopping);
	ck_assert(list_is_empty(&rig.worker.unparked));
	ck_assert(list_is_empty(&rig.worker.late));
	ck_assert(list_is_empty(&rig.worker.young.entries));
	ck_assert_uint_eq(rig.worker.lot.live, 0);
	ck_assert_uint_eq(rig.policy.connections, 0);
	rig_deinit(&rig);
	parking_end(&parking, false);
}

static void serve(int fd, bool tcp, bool sole)
{
	struct connection_origin origin = {
		.name = "test",
		.tcp = tcp,
		.sole = sole,
	};

	ck_assert(worker_reserve_connection(&rig.worker));
	ck_assert_int_eq(connection_open(&rig.worker, fd, &origin, NULL), 0);
}

/* A connection; the client's end is the result. */
static int connect_tcp(void)
{
	int fds[2];

	tcp_pair(fds);
	serve(fds[SERVER], true, true);
	return fds[CLIENT];
}

static void connect_many(int count)
{
	while (count-- > 0)
		(void)connect_tcp();
}

static void let_time_pass(uint64_t usec)
{
	rig.worker.reactor.now += usec;
	reactor_dispatch(&rig.worker.reactor);
}

static void expect_parked(size_t count, size_t messages)
{
	census_take(&census, exit_end);
	ck_assert_uint_eq(census.count, count);
	ck_assert_uint_eq(census.messages, messages);
	ck_assert_uint_eq(rig.worker.lot.live, count);
}

START_TEST(nobody_young_is_parked)
{
	connect_many(3);
	let_time_pass(AFTER / 2);
	expect_parked(0, 0);
	let_time_pass(AFTER / 4 - 1);
	expect_parked(0, 0);
}
END_TEST

START_TEST(all_are_parked_in_time)
{
	connect_many(3);
	let_time_pass(AFTER / 4 * 3);
	expect_parked(3, 1);
	let_time_pass(10 * AFTER);
	expect_parked(3, 1);
}
END_TEST

/* Those who are half as old go with them: few messages. */
START_TEST(older_half_goes_with_the_oldest)
{
	connect_many(1);
	let_time_pass(AFTER / 4);
	connect_many(2);
	let_time_pass(1);
	connect_many(4);
	let_time_pass(AFTER / 2 - 1);
	expect_parked(3, 1);
	let_time_pass(AFTER / 4);
	expect_parked(3, 1);
	let_time_pass(1);
	expect_parked(7, 2);
}
END_TEST

START_TEST(crowd_goes_in_long_messages)
{
	connect_many(300);
	let_time_pass(AFTER);
	expect_parked(300, 2);
}
END_TEST

START_TEST(who_lives_shortly_costs_nothing)
{
	int client = connect_tcp();

	rig_expect_echo(&rig, client, "hello");
	ck_assert_int_eq(close(client), 0);
	RIG_AWAIT(&rig, rig.policy.connections == 0);
	let_time_pass(AFTER);
	ck_assert_uint_eq(sendmsg_fault.calls, 0);
	expect_parked(0, 0);
}
END_TEST

static const uint64_t at_once[] = { 0, 1 };

START_TEST(at_accept_if_so_asked)
{
	parking_end(&parking, false);
	lot_deinit(&rig.worker.lot);
	begin(at_once[_i]);
	connect_many(2);
	/* In the same turn in which it was accepted, if that took no time. */
	rig_turn(&rig);
	expect_parked(2, 1);
}
END_TEST

START_TEST(never_if_so_asked)
{
	parking_end(&parking, false);
	lot_deinit(&rig.worker.lot);
	begin(USEC_INFINITY);
	connect_many(2);
	let_time_pass(1000 * AFTER);
	expect_parked(0, 0);
	parking_hand_over(&rig.worker);
	census_take(&census, exit_end);
	ck_assert_uint_eq(census.count, 2);
}
END_TEST

START_TEST(parked_one_is_served_as_before)
{
	int client = connect_tcp();

	let_time_pass(AFTER);
	expect_parked(1, 1);
	rig_expect_echo(&rig, client, "hello");
	rig_expect_echo(&rig, client, "again");
}
END_TEST

static const int refusals[] = { EAGAIN, ETOOMANYREFS, ENOMEM };

START_TEST(without_room_they_wait_and_it_is_counted_once)
{
	connect_many(3);
	sendmsg_fault =
		(struct fault){ .times = FOR_EVER, .error = refusals[_i] };
	let_time_pass(AFTER);
	expect_parked(0, 0);
	ck_assert_uint_eq(RIG_COUNT(&rig, parking_starved), 1);
	connect_many(1);
	for (int i = 0; i < 20; i++)
		let_time_pass(AFTER);
	ck_assert_uint_eq(RIG_COUNT(&rig, parking_starved), 1);
	sendmsg_fault = (struct fault){ 0 };
	let_time_pass(AFTER);
	expect_parked(4, 1);
	/* The next time is another one. */
	sendmsg_fault =
		(struct fault){ .times = FOR_EVER, .error = refusals[_i] };
	connect_many(1);
	let_time_pass(AFTER);
	ck_assert_uint_eq(RIG_COUNT(&rig, parking_starved), 2);
	sendmsg_fault = (struct fault){ 0 };
}
END_TEST

/* Not only when time has passed: it may be long until the next one ages. */
START_TEST(room_is_used_when_somebody_ends)
{
	int client = connect_tcp();

	let_time_pass(AFTER);
	connect_many(2);
	sendmsg_fault = (struct fault){ .times = 1, .error = ETOOMANYREFS };
	let_time_pass(AFTER);
	expect_parked(1, 1);
	ck_assert_int_eq(close(client), 0);
	RIG_AWAIT(&rig, rig.policy.connections == 2);
	census_take(&census, exit_end);
	ck_assert_uint_eq(rig.worker.lot.live, 2);
}
END_TEST

START_TEST(who_ends_while_waiting_is_not_parked)
{
	int client = connect_tcp();

	connect_many(1);
	sendmsg_fault = (struct fault){ .times = 2, .error = ETOOMANYREFS };
	let_time_pass(AFTER);
	ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
	RIG_AWAIT(&rig, rig.policy.connections == 1);
	ck_assert(stream_ends_clean(client));
	let_time_pass(AFTER);
	expect_parked(1, 1);
}
END_TEST

START_TEST(who_ends_leaves_the_lot)
{
	int client = connect_tcp();

	connect_many(2);
	let_time_pass(AFTER);
	ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
	RIG_AWAIT(&rig, rig.policy.connections == 2);
	ck_assert_uint_eq(rig.worker.lot.live, 2);
	ck_assert(stream_ends_clean(client));
}
END_TEST

/* It has no byte counters: a crash may come between sending and consuming. */
START_TEST(unix_streams_wait_for_a_hand_over)
{
	int fds[2];

	unix_pair(SOCK_STREAM, fds);
	serve(fds[SERVER], false, true);
	let_time_pass(10 * AFTER);
	expect_parked(0, 0);
	rig_expect_echo(&rig, fds[CLIENT], "hello");
	parking_hand_over(&rig.worker);
	census_take(&census, exit_end);
	ck_assert_uint_eq(census.count, 1);
	ck_assert_uint_eq(rig.policy.connections, 0);
	/* It is still open. */
	ck_assert_int_eq(events_now(fds[CLIENT], POLLIN | POLLRDHUP), 0);
}
END_TEST

START_TEST(all_are_handed_over)
{
	int old = connect_tcp(), young;

	let_time_pass(AFTER);
	young = connect_tcp();
	rig_expect_echo(&rig, young, "hello");
	parking_hand_over(&rig.worker);
	ck_assert_uint_eq(rig.policy.connections, 0);
	ck_assert_int_eq(rig.worker.lot.exit, -1);
	census_take(&census, exit_end);
	ck_assert_uint_eq(census.count, 2);
	ck_assert_int_eq(events_now(old, POLLIN | POLLRDHUP), 0);
	ck_assert_int_eq(events_now(young, POLLIN | POLLRDHUP), 0);
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_closed), 0);
}
END_TEST

/* Others may have a duplicate: who passed it in did not ask for this. */
START_TEST(shared_ones_are_never_parked)
{
	int fds[2];

	tcp_pair(fds);
	serve(fds[SERVER], true, false);
	let_time_pass(AFTER);
	expect_parked(0, 0);
	parking_hand_over(&rig.worker);
	ck_assert_uint_eq(rig.policy.connections, 1);
	census_take(&census, exit_end);
	ck_assert_uint_eq(census.count, 0);
}
END_TEST

START_TEST(what_has_no_room_stays_at_a_hand_over)
{
	connect_many(300);
	sendmsg_fault = (struct fault){ .skip = 1,
					.times = FOR_EVER,
					.error = ETOOMANYREFS };
	parking_hand_over(&rig.worker);
	sendmsg_fault = (struct fault){ 0 };
	ck_assert_uint_eq(rig.policy.connections, 300 - LOT_BATCH);
	census_take(&census, exit_end);
	ck_assert_uint_eq(census.count, LOT_BATCH);
	/* And is parked no more. */
	let_time_pass(AFTER);
	census_take(&census, exit_end);
	ck_assert_uint_eq(census.count, LOT_BATCH);
}
END_TEST

START_TEST(who_waited_does_so_no_more_after_a_hand_over)
{
	unsigned calls;

	connect_many(1);
	sendmsg_fault =
		(struct fault){ .times = FOR_EVER, .error = ETOOMANYREFS };
	let_time_pass(AFTER);
	ck_assert(!list_is_empty(&rig.worker.waiting));
	parking_hand_over(&rig.worker);
	ck_assert(list_is_empty(&rig.worker.waiting));
	calls = sendmsg_fault.calls;
	let_time_pass(AFTER);
	ck_assert_uint_eq(sendmsg_fault.calls, calls);
	ck_assert_uint_eq(rig.policy.connections, 1);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("parking");
	TCase *tcase = tcase_create("parking");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, nobody_young_is_parked);
	tcase_add_test(tcase, all_are_parked_in_time);
	tcase_add_test(tcase, older_half_goes_with_the_oldest);
	tcase_add_test(tcase, crowd_goes_in_long_messages);
	tcase_add_test(tcase, who_lives_shortly_costs_nothing);
	tcase_add_loop_test(tcase, at_accept_if_so_asked, 0,
			    ARRAY_SIZE(at_once));
	tcase_add_test(tcase, never_if_so_asked);
	tcase_add_test(tcase, parked_one_is_served_as_before);
	tcase_add_loop_test(tcase,
			    without_room_they_wait_and_it_is_counted_once, 0,
			    ARRAY_SIZE(refusals));
	tcase_add_test(tcase, room_is_used_when_somebody_ends);
	tcase_add_test(tcase, who_ends_while_waiting_is_not_parked);
	tcase_add_test(tcase, who_ends_leaves_the_lot);
	tcase_add_test(tcase, unix_streams_wait_for_a_hand_over);
	tcase_add_test(tcase, all_are_handed_over);
	tcase_add_test(tcase, shared_ones_are_never_parked);
	tcase_add_test(tcase, what_has_no_room_stays_at_a_hand_over);
	tcase_add_test(tcase, who_waited_does_so_no_more_after_a_hand_over);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
