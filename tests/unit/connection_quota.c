/* SPDX-License-Identifier: MIT */
/*
 * A source that has as many connections as it may have: newcomers are reset at
 * once, those that are there already are not.
 */
#include "config.h"

#include "unit/connection.h"

#include <errno.h>
#include <unistd.h>

static struct quota quota;
static int clients[8];
static unsigned count;

static void setup(void)
{
	connection_setup();
	ck_assert_int_eq(quota_init(&quota, 2, policy.max_connections), 0);
	policy.quota = &quota;
}

static void teardown(void)
{
	while (count > 0)
		ck_assert_int_eq(close(clients[--count]), 0);
	connection_teardown();
	ck_assert_uint_eq(quota.sources.used, 0);
	quota_deinit(&quota);
}

/* As it comes from a listener. */
static const struct connection_origin newcomer = { .name = "tcp:test",
						   .tcp = true,
						   .sole = true };

static int open_from(const char *literal,
		     const struct connection_origin *origin)
{
	struct address peer = ipv4_address(literal, 12345);

	ck_assert(worker_reserve_connection(&worker));
	open_pair(KIND_TCP);
	clients[count++] = fds[CLIENT];
	fds[CLIENT] = -1;
	return connection_open(&worker, fds[SERVER], origin, &peer);
}

static void fill_quota(void)
{
	ck_assert_int_eq(open_from("192.0.2.1", &newcomer), 0);
	ck_assert_int_eq(open_from("192.0.2.1", &newcomer), 0);
}

START_TEST(one_too_many_is_reset)
{
	fill_quota();
	ck_assert_int_eq(open_from("192.0.2.1", &newcomer), -EDQUOT);
	ck_assert_int_eq(await_events(clients[2], EPOLLIN) & EPOLLERR,
			 EPOLLERR);
	ck_assert_int_eq(recv(clients[2], &(char){ 0 }, 1, 0), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	ck_assert_uint_eq(connections(), 2);
	ck_assert_uint_eq(counted(COUNTER_connections_refused_source), 1);
	ck_assert_uint_eq(counted(COUNTER_connections_accepted), 2);
	ck_assert_uint_eq(counted(COUNTER_connections_reset), 0);
	/* Others are served. */
	ck_assert_int_eq(open_from("192.0.2.2", &newcomer), 0);
}
END_TEST

START_TEST(one_that_ends_makes_room)
{
	fill_quota();
	ck_assert_int_eq(shutdown(clients[0], SHUT_WR), 0);
	SERVE_UNTIL(connections() == 1);
	ck_assert_int_eq(open_from("192.0.2.1", &newcomer), 0);
	ck_assert_int_eq(open_from("192.0.2.1", &newcomer), -EDQUOT);
}
END_TEST

static const struct connection_origin there_already[] = {
	{ .name = "tcp:test", .tcp = true, .sole = true, .adopted = true },
	{ .name = "tcp:test", .tcp = true }, /* passed in */
};

START_TEST(those_that_are_there_already_are_counted_only)
{
	fill_quota();
	ck_assert_int_eq(open_from("192.0.2.1", &there_already[_i]), 0);
	ck_assert_int_eq(open_from("192.0.2.1", &newcomer), -EDQUOT);
	ck_assert_int_eq(shutdown(clients[0], SHUT_WR), 0);
	SERVE_UNTIL(connections() == 2);
	ck_assert_int_eq(open_from("192.0.2.1", &newcomer), -EDQUOT);
	ck_assert_uint_eq(counted(COUNTER_connections_refused_source), 2);
}
END_TEST

/* Planned just before the call: what opens the pair allocates, too. */
START_TEST(one_without_memory_takes_no_room)
{
	struct address peer = ipv4_address("192.0.2.1", 12345);
	int error;

	open_pair(KIND_TCP);
	ck_assert(worker_reserve_connection(&worker));
	fault_fail(_i == 0 ? FAULT_MALLOC : FAULT_EPOLL_CTL, ENOMEM);
	error = connection_open(&worker, fds[SERVER], &newcomer, &peer);
	ck_assert_int_eq(error, -ENOMEM);
	ck_assert_uint_eq(quota.sources.used, 0);
	ck_assert_uint_eq(counted(COUNTER_connections_refused_source), 0);
}
END_TEST

TCase *connection_quota_case(void)
{
	TCase *tcase = tcase_create("quota");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, one_too_many_is_reset);
	tcase_add_test(tcase, one_that_ends_makes_room);
	tcase_add_loop_test(tcase,
			    those_that_are_there_already_are_counted_only, 0,
			    ARRAY_SIZE(there_already));
	tcase_add_loop_test(tcase, one_without_memory_takes_no_room, 0, 2);
	return tcase;
}
