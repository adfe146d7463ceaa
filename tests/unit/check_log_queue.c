/* SPDX-License-Identifier: MIT */
/*
 * The queue between those who log and the thread that writes: order, its
 * beginning and its end.  What is lost: check_log_loss.c.
 *
 * Link with -Wl,--wrap=pthread_create.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/log.h"
#include "unit/await.h"
#include "unit/capture.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Less than the queue takes. */
#define THREADS	   4
#define PER_THREAD 200

static int output;

/* pthread_create() fails with this; the signals that a new thread blocks. */
static int create_error;
static sigset_t thread_mask;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*run)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*run)(void *), void *argument);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*run)(void *), void *argument)
{
	pthread_sigmask(SIG_BLOCK, NULL, &thread_mask);
	if (create_error != 0)
		return create_error;
	return __real_pthread_create(thread, attributes, run, argument);
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

static void expect_entry(unsigned number)
{
	char line[64];

	snprintf(line, sizeof(line), "echod: entry %u", number);
	stderr_expect(output, line);
}

static void expect_entries(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		expect_entry(i);
}

static void log_entries(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		log_message(LOG_INFO, NULL, "entry %u", i);
}

static atomic_bool joined;

/* Long enough for whoever awaits it to have to wait. */
static void join_late(void)
{
	(void)usleep(50000);
	atomic_store(&joined, true);
}

/* Its thread may then do no more than write: of that the sandbox is made. */
START_TEST(the_writer_is_awaited)
{
	ck_assert_int_eq(log_start(join_late), 0);
	log_await_writer();
	ck_assert(atomic_load(&joined));
}
END_TEST

/* In the sandbox it could not be opened any more. */
START_TEST(the_journal_is_opened_at_the_start)
{
	int journal = lowest_free_fd();
	struct stat status;
	char text[64];

	ck_assert_int_eq(fstat(STDERR_FILENO, &status), 0);
	(void)snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)status.st_dev,
		       (uintmax_t)status.st_ino);
	ck_assert_int_eq(setenv("JOURNAL_STREAM", text, 1), 0);
	start();
	ck_assert_int_ne(lowest_free_fd(), journal);
	log_stop();
}
END_TEST

START_TEST(what_was_stopped_can_be_started_again)
{
	for (int i = 0; i < 2; i++) {
		start();
		/* If the writer has ended, it is after the first of them. */
		for (int n = 0; n < 3; n++) {
			log_entries(1);
			expect_entries(1);
		}
		log_stop();
	}
}
END_TEST

/* Lengths that make every part of a record lie across the ring's end. */
START_TEST(order_is_kept)
{
	unsigned logged = 0, seen = 0;

	start();
	while (seen < 6000) {
		for (int i = 0; i < 200; i++, logged++)
			log_message(LOG_INFO, NULL, "%*u", (int)logged % 97,
				    logged);
		for (int i = 0; i < 200; i++, seen++) {
			const char *line = stderr_line(output);

			ck_assert_uint_eq(strtoul(line + 7, NULL, 10), seen);
			ck_assert_uint_ge(strlen(line), 7 + seen % 97);
		}
	}
	ck_assert_uint_eq(log_dropped(), 0);
	log_stop();
}
END_TEST

START_TEST(nonblocking_pipe_loses_nothing)
{
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK), 0);
	start();
	log_entries(400);
	expect_entries(400);
	log_stop();
	stderr_expect_nothing(output);
}
END_TEST

/* The writer blocks SIGPIPE, which would end the test. */
START_TEST(nobody_reads_any_more)
{
	ck_assert_int_eq(close(output), 0);
	start();
	log_message(LOG_INFO, NULL, "one");
	log_message(LOG_INFO, NULL, "two");
	log_stop();
	ck_assert_uint_eq(log_dropped(), 2);
}
END_TEST

START_TEST(writer_gets_no_signals)
{
	sigset_t before, after;

	sigemptyset(&before);
	sigaddset(&before, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	start();
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	for (int i = 1; i < 32; i++) {
		if (i != SIGKILL && i != SIGSTOP)
			ck_assert_int_eq(sigismember(&thread_mask, i), 1);
		ck_assert_int_eq(sigismember(&after, i), i == SIGUSR2);
	}
	log_stop();
}
END_TEST

START_TEST(without_a_thread_the_caller_writes)
{
	sigset_t after;

	create_error = EAGAIN;
	ck_assert_int_eq(log_start(NULL), -EAGAIN);
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	ck_assert_int_eq(sigismember(&after, SIGTERM), 0);
	log_message(LOG_ERR, NULL, "cannot start");
	stderr_expect(output, "echod: cannot start");
	log_stop();
}
END_TEST

START_TEST(stop_without_start_does_nothing)
{
	log_stop();
	log_message(LOG_INFO, NULL, "here");
	stderr_expect(output, "echod: here");
}
END_TEST

START_TEST(stop_writes_what_is_queued)
{
	for (unsigned round = 0; round < 20; round++) {
		start();
		log_entries(100);
		log_stop();
		ck_assert_int_eq(events_now(output, POLLIN), POLLIN);
		expect_entries(100);
		stderr_expect_nothing(output);
	}
}
END_TEST

START_TEST(after_stop_the_caller_writes)
{
	for (int round = 0; round < 20; round++) {
		start();
		log_message(LOG_INFO, NULL, "running");
		stderr_expect(output, "echod: running");
		log_stop();
		log_message(LOG_INFO, NULL, "stopped");
		ck_assert_int_eq(events_now(output, POLLIN), POLLIN);
		stderr_expect(output, "echod: stopped");
	}
}
END_TEST

START_TEST(stop_gives_up_a_full_pipe)
{
	size_t filling = stderr_fill();

	start();
	log_message(LOG_INFO, NULL, "before");
	log_stop();
	log_message(LOG_INFO, NULL, "after");
	log_stop();
	ck_assert_uint_eq(fd_inq(output), filling);
}
END_TEST

static void *thread_run(void *argument)
{
	const char *name = argument;

	for (unsigned i = 0; i < PER_THREAD; i++)
		log_message(LOG_INFO, NULL, "thread %s entry %u", name, i);
	return NULL;
}

START_TEST(threads_do_not_mix)
{
	static char names[THREADS][2] = { "0", "1", "2", "3" };
	unsigned next[THREADS] = { 0 }, thread, entry;
	pthread_t threads[THREADS];

	start();
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, thread_run, names[i]),
			0);
	for (int i = 0; i < THREADS * PER_THREAD; i++) {
		ck_assert_int_eq(sscanf(stderr_line(output),
					"echod: thread %u entry %u", &thread,
					&entry),
				 2);
		ck_assert_uint_lt(thread, THREADS);
		ck_assert_uint_eq(entry, next[thread]++);
	}
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	log_stop();
	stderr_expect_nothing(output);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("log_queue");
	TCase *queue = tcase_create("queue"), *stop = tcase_create("stop");

	tcase_add_checked_fixture(queue, setup, NULL);
	tcase_set_timeout(queue, TEST_TIMEOUT_SEC);
	tcase_add_test(queue, the_journal_is_opened_at_the_start);
	tcase_add_test(queue, what_was_stopped_can_be_started_again);
	tcase_add_test(queue, order_is_kept);
	tcase_add_test(queue, nonblocking_pipe_loses_nothing);
	tcase_add_test(queue, nobody_reads_any_more);
	tcase_add_test(queue, writer_gets_no_signals);
	tcase_add_test(queue, without_a_thread_the_caller_writes);
	tcase_add_test(queue, threads_do_not_mix);
	suite_add_tcase(suite, queue);
	tcase_add_checked_fixture(stop, setup, NULL);
	tcase_set_timeout(stop, TEST_TIMEOUT_SEC);
	tcase_add_test(stop, stop_without_start_does_nothing);
	tcase_add_test(stop, the_writer_is_awaited);
	tcase_add_test(stop, stop_writes_what_is_queued);
	tcase_add_test(stop, after_stop_the_caller_writes);
	tcase_add_test(stop, stop_gives_up_a_full_pipe);
	suite_add_tcase(suite, stop);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
