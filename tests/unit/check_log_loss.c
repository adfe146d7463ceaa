/* SPDX-License-Identifier: MIT */
/*
 * More is logged than the queue takes: nobody but its thread ever waits, memory
 * is bounded, and what was lost is told.  Standard error is a pipe that nobody
 * reads until the test does.
 *
 * Link with -Wl,--wrap=clock_gettime and -Wl,--wrap=pthread_cond_clockwait.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/log.h"
#include "unit/await.h"
#include "unit/capture.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* More than the queue takes, whatever their length. */
#define TOO_MANY 10000

static int output;

/*
 * Whoever waits for a moment has it come at once, or else never, so that no
 * test depends on how fast it runs.
 */
static atomic_bool time_flies;
static atomic_int ahead; /* s */

WRAPPED(int, clock_gettime, (clockid_t clock, struct timespec *now));
int __wrap_pthread_cond_clockwait(pthread_cond_t *condition,
				  pthread_mutex_t *mutex, clockid_t clock,
				  const struct timespec *deadline);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = __real_clock_gettime(clock, now);

	now->tv_sec += ahead;
	return result;
}

int __wrap_pthread_cond_clockwait(pthread_cond_t *condition,
				  pthread_mutex_t *mutex, clockid_t clock,
				  const struct timespec *deadline)
{
	struct timespec now;

	if (!time_flies)
		return pthread_cond_wait(condition, mutex);
	__wrap_clock_gettime(clock, &now);
	ahead += (int)(deadline->tv_sec - now.tv_sec);
	return ETIMEDOUT;
}

static void setup(void)
{
	ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
	output = stderr_capture();
}

static void start(void)
{
	ck_assert_int_eq(log_start(NULL), 0);
}

/* Log TOO_MANY entries although nobody reads; returns how many were dropped. */
static unsigned lose_entries(void)
{
	uint64_t before = log_dropped();
	unsigned lost;

	stderr_fill();
	for (unsigned i = 0; i < TOO_MANY; i++)
		log_message(LOG_INFO, NULL, "entry %u", i);
	lost = (unsigned)(log_dropped() - before);
	/* A burst of ordinary entries fits, and memory stays bounded. */
	ck_assert_uint_ge(lost, TOO_MANY - 5000);
	ck_assert_uint_le(lost, TOO_MANY - 500);
	return lost;
}

/*
 * Read those that were not dropped: the first, and in order what came when the
 * writer, whenever that was, had made room by taking the one it waits with.
 */
static void expect_kept(unsigned lost)
{
	unsigned number, next = 0;

	stderr_expect(output, "echod: entry 0");
	for (unsigned i = 1; i < TOO_MANY - lost; i++) {
		ck_assert_int_eq(
			sscanf(stderr_line(output), "echod: entry %u", &number),
			1);
		ck_assert_uint_gt(number, next);
		next = number;
	}
}

static void expect_loss(unsigned lost)
{
	char line[128];

	snprintf(line, sizeof(line),
		 "echod: %u log entries were lost: the log did not take them, "
		 "or not as fast as they came",
		 lost);
	stderr_expect(output, line);
}

/* And how many the others were. */
static void expect_rest(unsigned lost)
{
	expect_kept(lost);
	expect_loss(lost);
}

START_TEST(full_pipe_blocks_nobody_and_loss_is_reported)
{
	size_t filling = stderr_fill();
	unsigned lost;

	start();
	lost = lose_entries();
	ck_assert_uint_eq(fd_inq(output), filling);
	expect_rest(lost);
	log_message(LOG_INFO, NULL, "after");
	stderr_expect(output, "echod: after");
	log_stop();
	stderr_expect_nothing(output);
}
END_TEST

START_TEST(each_loss_is_reported_once)
{
	unsigned first, second;

	start();
	first = lose_entries();
	expect_rest(first);
	time_flies = true;
	second = lose_entries();
	expect_rest(second);
	time_flies = false;
	ck_assert_uint_eq(log_dropped(), first + second);
	log_stop();
	stderr_expect_nothing(output);
}
END_TEST

START_TEST(loss_is_reported_once_a_minute)
{
	unsigned first, second;

	start();
	first = lose_entries();
	expect_rest(first);
	second = lose_entries();
	expect_kept(second);
	log_message(LOG_INFO, NULL, "after");
	stderr_expect(output, "echod: after");
	log_message(LOG_INFO, NULL, "later");
	stderr_expect(output, "echod: later");
	log_stop();
	expect_loss(second);
	stderr_expect_nothing(output);
}
END_TEST

START_TEST(loss_is_not_reported_below_its_level)
{
	unsigned lost;

	start();
	lost = lose_entries();
	log_set_level(LOG_ERR);
	expect_kept(lost);
	log_message(LOG_ERR, NULL, "after");
	stderr_expect(output, "echod: after");
	log_stop();
	stderr_expect_nothing(output);
}
END_TEST

/* In that it is told at the end, if not before. */
START_TEST(entries_that_cannot_be_written_are_lost)
{
	int taken = dup(STDERR_FILENO), full = open("/dev/full", O_WRONLY);

	ck_assert_int_ge(full, 0);
	start();
	ck_assert_int_eq(dup2(full, STDERR_FILENO), STDERR_FILENO);
	log_message(LOG_INFO, NULL, "in vain");
	log_message(LOG_INFO, NULL, "in vain");
	AWAIT(log_dropped() == 2);
	ck_assert_int_eq(dup2(taken, STDERR_FILENO), STDERR_FILENO);
	log_stop();
	expect_loss(2);
	stderr_expect_nothing(output);
	close(full);
	close(taken);
}
END_TEST

static void *stop_run(void *unused UNUSED)
{
	log_stop();
	return NULL;
}

/* It is the last thing that the writer does. */
START_TEST(loss_is_reported_at_the_end)
{
	pthread_t thread;
	unsigned lost;

	start();
	lost = lose_entries();
	ck_assert_int_eq(pthread_create(&thread, NULL, stop_run, NULL), 0);
	expect_rest(lost);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	log_message(LOG_INFO, NULL, "after");
	stderr_expect(output, "echod: after");
	stderr_expect_nothing(output);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("log_loss");
	TCase *loss = tcase_create("loss");

	tcase_add_checked_fixture(loss, setup, NULL);
	tcase_set_timeout(loss, TEST_TIMEOUT_SEC);
	tcase_add_test(loss, full_pipe_blocks_nobody_and_loss_is_reported);
	tcase_add_test(loss, each_loss_is_reported_once);
	tcase_add_test(loss, loss_is_reported_once_a_minute);
	tcase_add_test(loss, loss_is_not_reported_below_its_level);
	tcase_add_test(loss, entries_that_cannot_be_written_are_lost);
	tcase_add_test(loss, loss_is_reported_at_the_end);
	suite_add_tcase(suite, loss);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
