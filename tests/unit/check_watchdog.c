/* SPDX-License-Identifier: MIT */
/*
 * The watchdog: when workers are asked, and when the manager is told, by a
 * clock that the test sets.  Neither workers nor a manager are there.
 *
 * Link with -Wl,--wrap=crew_has_answered, crew_post, service_notify_watchdog
 * and service_watchdog_usec.
 */
#include "config.h"

#include "echod/watchdog.h"
#include "unit/capture.h"
#include "unit/harness.h"
#include "unit/injection.h"

#include <stdlib.h>

#define NOW	 UINT64_C(1000000000)
#define TIMEOUT	 UINT64_C(30000000)
#define INTERVAL (TIMEOUT / 4)

#define HUNG                                                                   \
	"echod: a worker makes no progress: the watchdog is not told that "    \
	"all is well"

static struct reactor reactor;
static struct crew crew;
static struct watchdog watchdog;
static int output;

static uint64_t timeout;
static bool answered;
static unsigned asked, told;

WRAPPED(bool, crew_has_answered, (struct crew * all, unsigned requests));
WRAPPED(void, crew_post, (struct crew * all, unsigned requests));
WRAPPED(void, service_notify_watchdog, (void));
WRAPPED(uint64_t, service_watchdog_usec, (void));

bool __wrap_crew_has_answered(struct crew *all, unsigned requests)
{
	ck_assert_ptr_eq(all, &crew);
	ck_assert_uint_eq(requests, WORKER_ANSWER);
	return answered;
}

void __wrap_crew_post(struct crew *all, unsigned requests)
{
	ck_assert_ptr_eq(all, &crew);
	ck_assert_uint_eq(requests, WORKER_ANSWER);
	asked++;
}

void __wrap_service_notify_watchdog(void)
{
	told++;
}

uint64_t __wrap_service_watchdog_usec(void)
{
	return timeout;
}

static void setup(void)
{
	ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
	output = stderr_capture();
	ck_assert_int_eq(reactor_init(&reactor), 0);
	reactor.now = NOW;
	timeout = TIMEOUT;
	answered = true;
}

static void teardown(void)
{
	reactor_deinit(&reactor);
}

static void dispatch_at(uint64_t now)
{
	reactor.now = now;
	reactor_dispatch(&reactor);
}

static void expect(unsigned asked_so_far, unsigned told_so_far)
{
	ck_assert_uint_eq(asked, asked_so_far);
	ck_assert_uint_eq(told, told_so_far);
}

START_TEST(workers_are_asked_at_once_and_the_manager_is_told_later)
{
	watchdog_start(&watchdog, &reactor, &crew);
	expect(1, 0);
	dispatch_at(NOW + INTERVAL - 1);
	expect(1, 0);
	dispatch_at(NOW + INTERVAL);
	expect(2, 1);
	stderr_expect_nothing(output);
}
END_TEST

START_TEST(it_goes_on_from_when_it_was_due)
{
	watchdog_start(&watchdog, &reactor, &crew);
	dispatch_at(NOW + INTERVAL + 7);
	dispatch_at(NOW + 2 * INTERVAL + 6);
	expect(2, 1);
	dispatch_at(NOW + 2 * INTERVAL + 7);
	expect(3, 2);
	dispatch_at(NOW + 3 * INTERVAL + 7);
	expect(4, 3);
}
END_TEST

START_TEST(no_manager_is_told_of_workers_that_do_not_answer)
{
	watchdog_start(&watchdog, &reactor, &crew);
	answered = false;
	dispatch_at(NOW + INTERVAL);
	expect(1, 0);
	stderr_expect(output, HUNG);
	/* The question stands; the log has heard of it. */
	dispatch_at(NOW + 2 * INTERVAL);
	expect(1, 0);
	stderr_expect_nothing(output);
}
END_TEST

START_TEST(workers_that_answer_again_are_asked_again)
{
	watchdog_start(&watchdog, &reactor, &crew);
	answered = false;
	dispatch_at(NOW + INTERVAL);
	stderr_expect(output, HUNG);
	answered = true;
	dispatch_at(NOW + 2 * INTERVAL);
	expect(2, 1);
	stderr_expect_nothing(output);
	answered = false;
	dispatch_at(NOW + 3 * INTERVAL);
	expect(2, 1);
	stderr_expect(output, HUNG);
}
END_TEST

START_TEST(without_a_watchdog_nobody_is_asked)
{
	timeout = 0;
	watchdog_start(&watchdog, &reactor, &crew);
	dispatch_at(NOW + TIMEOUT);
	expect(0, 0);
	ck_assert(list_is_empty(&reactor.timers));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("watchdog");
	TCase *watch = tcase_create("watch");

	tcase_add_checked_fixture(watch, setup, teardown);
	tcase_add_test(watch,
		       workers_are_asked_at_once_and_the_manager_is_told_later);
	tcase_add_test(watch, it_goes_on_from_when_it_was_due);
	tcase_add_test(watch, no_manager_is_told_of_workers_that_do_not_answer);
	tcase_add_test(watch, workers_that_answer_again_are_asked_again);
	tcase_add_test(watch, without_a_watchdog_nobody_is_asked);
	suite_add_tcase(suite, watch);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
