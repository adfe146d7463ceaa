/* SPDX-License-Identifier: MIT */
/*
 * Timers: due, stopped, started anew, also by each other.
 */
#include "config.h"

#include "unit/reactor.h"

#define NOW UINT64_C(1000000000)

struct alarm {
	struct reactor_timer timer;
	char name;
	void (*act)(struct alarm *alarm); /* when it expires, unless NULL */
};

static struct alarm x, y, z;

static void alarm_on_expiry(struct reactor_timer *timer)
{
	struct alarm *alarm = container_of(timer, struct alarm, timer);

	ck_assert(!list_is_linked(&timer->link));
	ck_assert_uint_le(timer->deadline, reactor.now);
	note_call(alarm->name);
	if (alarm->act)
		alarm->act(alarm);
}

static void alarm_init(struct alarm *alarm, char name)
{
	alarm->name = name;
	alarm->act = NULL;
	reactor_timer_init(&alarm->timer, alarm_on_expiry);
}

static void setup(void)
{
	reactor_setup();
	alarm_init(&x, 'x');
	alarm_init(&y, 'y');
	alarm_init(&z, 'z');
	reactor.now = NOW;
}

static void start(struct alarm *alarm, uint64_t deadline)
{
	reactor_timer_start(&reactor, &alarm->timer, deadline);
}

static void dispatch_at(uint64_t now)
{
	reactor.now = now;
	reactor_dispatch(&reactor);
}

START_TEST(timer_expires_once_when_due)
{
	start(&x, NOW + 10);
	dispatch_at(NOW + 9);
	expect_calls("");
	dispatch_at(NOW + 10);
	expect_calls("x");
	dispatch_at(NOW + 20);
	expect_calls("");
}
END_TEST

START_TEST(only_due_timers_expire)
{
	start(&x, NOW + 10);
	start(&y, NOW + 11);
	start(&z, NOW + 3);
	dispatch_at(NOW + 10);
	expect_calls("xz");
	dispatch_at(NOW + 11);
	expect_calls("y");
}
END_TEST

START_TEST(started_again_it_has_the_new_deadline)
{
	start(&x, NOW + 10);
	start(&x, NOW + 20);
	dispatch_at(NOW + 10);
	expect_calls("");
	start(&x, NOW + 15);
	dispatch_at(NOW + 15);
	expect_calls("x");
	dispatch_at(NOW + 20);
	expect_calls("");
}
END_TEST

START_TEST(stopped_timer_does_not_expire)
{
	start(&x, NOW);
	start(&y, NOW);
	reactor_timer_stop(&x.timer);
	reactor_timer_stop(&x.timer);
	reactor_timer_stop(&z.timer);
	dispatch_at(NOW);
	expect_calls("y");
}
END_TEST

START_TEST(timers_come_after_sources)
{
	event_source_raise(&a.source, EPOLLIN);
	start(&x, NOW);
	dispatch_at(NOW);
	expect_calls("ax");
}
END_TEST

static void restart_at_once(struct alarm *alarm)
{
	start(alarm, reactor.now);
}

START_TEST(timer_restarted_by_itself_waits_for_the_next_round)
{
	x.act = restart_at_once;
	start(&x, NOW);
	dispatch_at(NOW);
	expect_calls("x");
	dispatch_at(NOW);
	expect_calls("x");
}
END_TEST

static void stop_y(struct alarm *alarm UNUSED)
{
	reactor_timer_stop(&y.timer);
}

static void postpone_y(struct alarm *alarm UNUSED)
{
	start(&y, reactor.now + 10);
}

START_TEST(timer_stops_another_that_is_due)
{
	x.act = stop_y;
	start(&x, NOW);
	start(&y, NOW);
	start(&z, NOW);
	dispatch_at(NOW);
	expect_calls("xz");
	dispatch_at(NOW + 1);
	expect_calls("");
}
END_TEST

START_TEST(timer_postpones_another_that_is_due)
{
	x.act = postpone_y;
	start(&x, NOW);
	start(&y, NOW);
	start(&z, NOW);
	dispatch_at(NOW);
	expect_calls("xz");
	dispatch_at(NOW + 10);
	expect_calls("y");
}
END_TEST

static void remove_b(struct alarm *alarm UNUSED)
{
	event_source_remove(&b.source);
}

START_TEST(timer_removes_a_ready_source)
{
	event_source_raise(&a.source, EPOLLIN);
	event_source_raise(&b.source, EPOLLIN);
	x.act = remove_b;
	start(&x, NOW);
	dispatch_at(NOW);
	expect_calls("abx");
	dispatch_at(NOW);
	expect_calls("a");
}
END_TEST

TCase *reactor_timer_case(void)
{
	TCase *tcase = tcase_create("timer");

	tcase_add_checked_fixture(tcase, setup, reactor_teardown);
	tcase_add_test(tcase, timer_expires_once_when_due);
	tcase_add_test(tcase, only_due_timers_expire);
	tcase_add_test(tcase, started_again_it_has_the_new_deadline);
	tcase_add_test(tcase, stopped_timer_does_not_expire);
	tcase_add_test(tcase, timers_come_after_sources);
	tcase_add_test(tcase,
		       timer_restarted_by_itself_waits_for_the_next_round);
	tcase_add_test(tcase, timer_stops_another_that_is_due);
	tcase_add_test(tcase, timer_postpones_another_that_is_due);
	tcase_add_test(tcase, timer_removes_a_ready_source);
	return tcase;
}
