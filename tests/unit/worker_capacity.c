/* SPDX-License-Identifier: MIT */
/*
 * Room for connections, and those who wait for it.
 */
#include "config.h"

#include "unit/worker.h"

#include <string.h>

struct queuer {
	struct worker_waiter waiter;
	char name;
	bool again;	      /* wait again at once */
	struct queuer *other; /* to take out of the queue, unless NULL */
};

static struct queuer a, b, c;
static char calls[16];

static void on_capacity(struct worker_waiter *waiter)
{
	struct queuer *queuer = container_of(waiter, struct queuer, waiter);

	ck_assert_uint_lt(strlen(calls), sizeof(calls) - 1);
	calls[strlen(calls)] = queuer->name;
	if (queuer->other)
		list_remove(&queuer->other->waiter.link);
	if (queuer->again)
		worker_await_capacity(&worker, waiter);
}

static void await_capacity(struct queuer *queuer, char name)
{
	*queuer = (struct queuer){ .name = name };
	list_init(&queuer->waiter.link);
	queuer->waiter.on_capacity = on_capacity;
	worker_await_capacity(&worker, &queuer->waiter);
}

static void expect_calls(const char *names)
{
	ck_assert_str_eq(calls, names);
	memset(calls, 0, sizeof(calls));
}

static unsigned int connections(void)
{
	return atomic_load(&policy.connections);
}

START_TEST(connections_up_to_the_limit)
{
	ck_assert(worker_reserve_connection(&worker));
	ck_assert(worker_reserve_connection(&worker));
	ck_assert_uint_eq(connections(), 2);
	ck_assert(!worker_reserve_connection(&worker));
	ck_assert(!worker_reserve_connection(&worker));
	ck_assert_uint_eq(connections(), 2);
	worker_cancel_connection(&worker);
	ck_assert(worker_reserve_connection(&worker));
	worker_release_connection(&worker);
	worker_release_connection(&worker);
	ck_assert_uint_eq(connections(), 0);
}
END_TEST

START_TEST(released_connection_wakes_all_waiters_in_order)
{
	ck_assert(worker_reserve_connection(&worker));
	await_capacity(&a, 'a');
	await_capacity(&b, 'b');
	expect_calls("");
	worker_release_connection(&worker);
	expect_calls("ab");
	ck_assert(!list_is_linked(&worker.retry.link));
	ck_assert(worker_reserve_connection(&worker));
	worker_release_connection(&worker);
	expect_calls("");
}
END_TEST

/* At the limit one more comes before another one goes. */
START_TEST(overbooked_connection_takes_no_room)
{
	ck_assert(worker_reserve_connection(&worker));
	ck_assert(worker_reserve_connection(&worker));
	worker_overbook_connection(&worker);
	ck_assert_uint_eq(connections(), 3);
	worker_release_connection(&worker);
	ck_assert(!worker_reserve_connection(&worker));
	ck_assert_uint_eq(connections(), 2);
	worker_release_connection(&worker);
	worker_release_connection(&worker);
}
END_TEST

/* Of another worker, who has made room. */
START_TEST(waiters_go_on_when_another_worker_says_so)
{
	await_capacity(&a, 'a');
	worker_poke(&worker, WORKER_GO_ON);
	ck_assert_int_eq(reactor_poll(&worker.reactor), 0);
	reactor_dispatch(&worker.reactor);
	expect_calls("a");
}
END_TEST

/* Two waiters that fail would wake each other for ever. */
START_TEST(cancelled_connection_wakes_nobody)
{
	await_capacity(&a, 'a');
	ck_assert(worker_reserve_connection(&worker));
	worker_cancel_connection(&worker);
	expect_calls("");
	ck_assert(list_is_linked(&a.waiter.link));
	ck_assert_uint_eq(connections(), 0);
}
END_TEST

START_TEST(waiter_that_waits_again_is_called_once)
{
	await_capacity(&a, 'a');
	await_capacity(&b, 'b');
	a.again = true;
	ck_assert(worker_reserve_connection(&worker));
	worker_release_connection(&worker);
	expect_calls("ab");
	ck_assert(list_is_linked(&worker.retry.link));
	ck_assert(worker_reserve_connection(&worker));
	worker_release_connection(&worker);
	expect_calls("a");
}
END_TEST

START_TEST(waiter_may_be_waiting_already)
{
	await_capacity(&a, 'a');
	await_capacity(&b, 'b');
	worker_await_capacity(&worker, &a.waiter);
	ck_assert(worker_reserve_connection(&worker));
	worker_release_connection(&worker);
	expect_calls("ba");
	ck_assert(!list_is_linked(&a.waiter.link));
}
END_TEST

START_TEST(waiter_removes_another)
{
	await_capacity(&a, 'a');
	await_capacity(&b, 'b');
	await_capacity(&c, 'c');
	a.other = &b;
	ck_assert(worker_reserve_connection(&worker));
	worker_release_connection(&worker);
	expect_calls("ac");
}
END_TEST

/* Descriptors also become free elsewhere, and nobody tells. */
START_TEST(waiters_are_called_soon_in_any_case)
{
	uint64_t start = worker.reactor.now, deadline;

	await_capacity(&a, 'a');
	deadline = worker.retry.deadline;
	ck_assert_uint_gt(deadline, start);
	ck_assert_uint_le(deadline, start + USEC_PER_SEC);
	worker.reactor.now = deadline - 1;
	reactor_dispatch(&worker.reactor);
	expect_calls("");
	/* A newcomer does not postpone those who wait already. */
	await_capacity(&b, 'b');
	ck_assert_uint_eq(worker.retry.deadline, deadline);
	a.again = true;
	worker.reactor.now = deadline;
	reactor_dispatch(&worker.reactor);
	expect_calls("ab");
	ck_assert_uint_gt(worker.retry.deadline, deadline);
	reactor_dispatch(&worker.reactor);
	expect_calls("");
}
END_TEST

TCase *worker_capacity_case(void)
{
	TCase *tcase = tcase_create("capacity");

	tcase_add_checked_fixture(tcase, worker_setup, worker_teardown);
	tcase_add_test(tcase, connections_up_to_the_limit);
	tcase_add_test(tcase, released_connection_wakes_all_waiters_in_order);
	tcase_add_test(tcase, overbooked_connection_takes_no_room);
	tcase_add_test(tcase, waiters_go_on_when_another_worker_says_so);
	tcase_add_test(tcase, cancelled_connection_wakes_nobody);
	tcase_add_test(tcase, waiter_that_waits_again_is_called_once);
	tcase_add_test(tcase, waiter_may_be_waiting_already);
	tcase_add_test(tcase, waiter_removes_another);
	tcase_add_test(tcase, waiters_are_called_soon_in_any_case);
	return tcase;
}
