/* SPDX-License-Identifier: MIT */
/*
 * Entries with their fields, for the journal: when standard error is it, what
 * it gets, and what is left out for want of room.
 *
 * Link with -Wl,--wrap=journal_sendv -Wl,--wrap=pthread_cond_clockwait.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/log.h"
#include "unit/await.h"
#include "unit/capture.h"
#include "unit/harness.h"
#include "unit/injection.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#define TEXT "a text that comes last"

WRAPPED(int, pthread_cond_clockwait,
	(pthread_cond_t * condition, pthread_mutex_t *mutex, clockid_t clock,
	 const struct timespec *deadline));

static int output;
static pthread_t tester;
static sem_t stopping;

static void setup(void)
{
	output = stderr_capture();
	journal_fake(0);
}

static void log_connection(void)
{
	struct log_entry entry;

	log_entry_init(&entry, LOG_NOTICE, MESSAGE_CONNECTION_CLOSED);
	log_entry_add(&entry, "ECHOD_PEER", "%s:%d", "192.0.2.1", 4711);
	log_entry_add(&entry, "ECHOD_EMPTY", "%s", "");
	log_entry_add(&entry, "ECHOD_LINES", "%s", "one\ntwo=2");
	log_entry_commit(&entry, "%d bytes", 42);
}

static void expect_connection(size_t entry)
{
	ck_assert_uint_eq(journal_field_count(entry), 7);
	journal_expect(entry, "PRIORITY", "5");
	journal_expect(entry, "SYSLOG_IDENTIFIER", "echod");
	journal_expect(entry, "MESSAGE_ID", MESSAGE_CONNECTION_CLOSED);
	journal_expect(entry, "ECHOD_PEER", "192.0.2.1:4711");
	journal_expect(entry, "ECHOD_EMPTY", "");
	journal_expect(entry, "ECHOD_LINES", "one\ntwo=2");
	journal_expect(entry, "MESSAGE", "42 bytes");
}

START_TEST(entry_has_all_fields)
{
	log_connection();
	ck_assert_uint_eq(journal_count(), 1);
	expect_connection(0);
	stderr_expect_nothing(output);
}
END_TEST

START_TEST(queued_entries_are_the_same)
{
	ck_assert_int_eq(log_start(NULL), 0);
	log_connection();
	log_message(LOG_ERR, NULL, "failed");
	log_connection();
	log_stop();
	ck_assert_uint_eq(journal_count(), 3);
	expect_connection(0);
	journal_expect(1, "MESSAGE", "failed");
	expect_connection(2);
	stderr_expect_nothing(output);
}
END_TEST

START_TEST(entry_without_id_has_none)
{
	log_message(LOG_INFO, NULL, TEXT);
	ck_assert_uint_eq(journal_field_count(0), 3);
	ck_assert_ptr_null(journal_field(0, "MESSAGE_ID"));
	journal_expect(0, "MESSAGE", TEXT);
}
END_TEST

START_TEST(priority_is_the_level)
{
	char priority[] = { (char)('0' + _i), '\0' };

	log_set_level(LOG_DEBUG);
	log_message(_i, NULL, TEXT);
	journal_expect(0, "PRIORITY", priority);
}
END_TEST

START_TEST(journal_that_fails_changes_nothing)
{
	journal_fake(-ENOBUFS);
	log_message(LOG_ERR, NULL, "first");
	log_message(LOG_ERR, NULL, "second");
	ck_assert_uint_eq(journal_count(), 2);
	journal_expect(1, "MESSAGE", "second");
	stderr_expect_nothing(output);
}
END_TEST

/* What $JOURNAL_STREAM is when standard error is not the journal. */
enum stream {
	STREAM_UNSET,
	STREAM_EMPTY,
	STREAM_GARBAGE,
	STREAM_DEVICE_ONLY,
	STREAM_OTHER_DEVICE,
	STREAM_OTHER_INODE,
	STREAM_COUNT
};

static void stream_write(enum stream stream, char *text, size_t size)
{
	struct stat status;
	uintmax_t device, inode;

	ck_assert_int_eq(fstat(STDERR_FILENO, &status), 0);
	device = status.st_dev + (stream == STREAM_OTHER_DEVICE);
	inode = status.st_ino + (stream == STREAM_OTHER_INODE);
	if (stream == STREAM_EMPTY)
		text[0] = '\0';
	else if (stream == STREAM_GARBAGE)
		snprintf(text, size, "journal:%ju", inode);
	else if (stream == STREAM_DEVICE_ONLY)
		snprintf(text, size, "%ju:", device);
	else
		snprintf(text, size, "%ju:%ju", device, inode);
}

START_TEST(other_stream_gets_lines)
{
	char text[64];

	stream_write((enum stream)_i, text, sizeof(text));
	ck_assert_int_eq(setenv("JOURNAL_STREAM", text, 1), 0);
	if (_i == STREAM_UNSET)
		ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
	log_message(LOG_INFO, NULL, TEXT);
	stderr_expect(output, "echod: " TEXT);
	ck_assert_int_eq(log_start(NULL), 0);
	log_message(LOG_INFO, NULL, TEXT);
	log_stop();
	stderr_expect(output, "echod: " TEXT);
	ck_assert_uint_eq(journal_count(), 0);
}
END_TEST

START_TEST(closed_stderr_is_not_the_journal)
{
	ck_assert_int_eq(close(STDERR_FILENO), 0);
	log_message(LOG_INFO, NULL, TEXT);
	ck_assert_uint_eq(journal_count(), 0);
}
END_TEST

START_TEST(field_without_room_is_left_out)
{
	struct {
		struct log_entry entry;
		char name[LOG_ENTRY_MAX]; /* an entry too long ends up here */
	} both;

	memset(both.name, 'N', sizeof(both.name) - 1);
	both.name[sizeof(both.name) - 1] = '\0';
	log_entry_init(&both.entry, LOG_INFO, NULL);
	log_entry_add(&both.entry, "FIRST", "%02000d", 1);
	log_entry_add(&both.entry, "SECOND", "%02000d", 2);
	log_entry_add(&both.entry, both.name, "%d", 3);
	log_entry_add(&both.entry, "FOURTH", "%d", 4);
	log_entry_commit(&both.entry, TEXT);
	ck_assert_uint_eq(strlen(both.name), sizeof(both.name) - 1);
	ck_assert_uint_eq(journal_field_count(0), 5);
	ck_assert_uint_eq(strlen(journal_field(0, "FIRST")), 2000);
	ck_assert_ptr_null(journal_field(0, "SECOND"));
	journal_expect(0, "FOURTH", "4");
	journal_expect(0, "MESSAGE", TEXT);
}
END_TEST

START_TEST(field_that_cannot_be_formatted_is_left_out)
{
	struct log_entry entry;

	log_entry_init(&entry, LOG_INFO, NULL);
	log_entry_add(&entry, "FIRST", "%ls", L"\x20ac");
	log_entry_add(&entry, "SECOND", "%d", 2);
	log_entry_commit(&entry, TEXT);
	ck_assert_uint_eq(journal_field_count(0), 4);
	ck_assert_ptr_null(journal_field(0, "FIRST"));
	journal_expect(0, "SECOND", "2");
}
END_TEST

/* Fields to the last byte that they may have: the text has room of its own. */
START_TEST(full_entry_still_takes_its_text)
{
	struct log_entry entry;
	uint16_t empty, full;
	int width = LOG_ENTRY_MAX;

	log_entry_init(&entry, LOG_INFO, NULL);
	empty = entry.length;
	while (entry.length == empty)
		log_entry_add(&entry, "FILLING", "%*d", width--, 1);
	full = entry.length;
	log_entry_add(&entry, "A", "%s", "");
	ck_assert_uint_eq(entry.length, full);
	log_entry_commit(&entry, "%.1024d", 1);
	ck_assert_uint_eq(journal_field_count(0), 4);
	ck_assert_uint_eq(strlen(journal_field(0, "MESSAGE")), 1024);
}
END_TEST

/* capture.c sees to it that there are not too many. */
START_TEST(many_fields_are_limited)
{
	struct log_entry entry;
	char name[16];

	log_entry_init(&entry, LOG_INFO, NULL);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "F%d", i);
		log_entry_add(&entry, name, "%d", i);
	}
	log_entry_commit(&entry, TEXT);
	ck_assert_uint_ge(journal_field_count(0), 50);
	journal_expect(0, "F40", "40");
}
END_TEST

START_TEST(stopped_journal_holds_up_nobody)
{
	journal_hold();
	ck_assert_int_eq(log_start(NULL), 0);
	for (int i = 0; i < 20; i++)
		log_message(LOG_INFO, NULL, "%d", i);
	ck_assert_uint_eq(journal_count(), 0);
	journal_release();
	AWAIT(journal_count() == 20);
	journal_expect(0, "MESSAGE", "0");
	journal_expect(19, "MESSAGE", "19");
	ck_assert_uint_eq(log_dropped(), 0);
	log_stop();
}
END_TEST

START_TEST(lost_entries_are_reported_with_their_number)
{
	char number[32];
	size_t last;

	log_set_level(LOG_WARNING);
	journal_hold();
	ck_assert_int_eq(log_start(NULL), 0);
	for (int i = 0; i < 100; i++)
		log_message(LOG_ERR, NULL, "%1500d", i);
	ck_assert_uint_gt(log_dropped(), 0);
	ck_assert_uint_lt(log_dropped(), 100);
	snprintf(number, sizeof(number), "%d", (int)log_dropped());
	last = 100 - log_dropped();
	journal_release();
	AWAIT(journal_count() == last + 1);
	journal_expect(last, "ECHOD_ENTRIES_LOST", number);
	journal_expect(last, "MESSAGE_ID", MESSAGE_ENTRIES_LOST);
	journal_expect(last, "PRIORITY", "4");
	log_stop();
}
END_TEST

/* It is tried to say so, and said once that can be done. */
START_TEST(entries_that_the_journal_does_not_take_are_lost)
{
	journal_fake(-ENOBUFS);
	ck_assert_int_eq(log_start(NULL), 0);
	for (int i = 0; i < 3; i++)
		log_message(LOG_INFO, NULL, "%d", i);
	AWAIT(journal_count() == 4);
	journal_fake(0);
	log_stop();
	ck_assert_uint_eq(log_dropped(), 3);
	ck_assert_uint_eq(journal_count(), 5);
	journal_expect(4, "ECHOD_ENTRIES_LOST", "3");
}
END_TEST

START_TEST(journal_that_fails_to_the_end_is_given_up)
{
	journal_fake(-ENOBUFS);
	ck_assert_int_eq(log_start(NULL), 0);
	log_message(LOG_INFO, NULL, TEXT);
	log_stop();
	ck_assert_uint_eq(log_dropped(), 1);
	ck_assert_uint_ge(journal_count(), 2);
	ck_assert_uint_le(journal_count(), 3);
}
END_TEST

/* Only log_stop() waits for a time in the test's own thread. */
int __wrap_pthread_cond_clockwait(pthread_cond_t *condition,
				  pthread_mutex_t *mutex, clockid_t clock,
				  const struct timespec *deadline)
{
	if (pthread_equal(pthread_self(), tester))
		ck_assert_int_eq(sem_post(&stopping), 0);
	return __real_pthread_cond_clockwait(condition, mutex, clock, deadline);
}

static void await_the_stop(void)
{
	if (journal_count() != 2)
		return;
	while (sem_wait(&stopping) < 0)
		;
	journal_fake(0);
}

/* The entry, that it was lost, for the first time, and for the second. */
START_TEST(report_that_failed_is_tried_once_more_at_the_end)
{
	tester = pthread_self();
	ck_assert_int_eq(sem_init(&stopping, 0, 0), 0);
	journal_fake(-ENOBUFS);
	journal_set_hook(await_the_stop);
	ck_assert_int_eq(log_start(NULL), 0);
	log_message(LOG_INFO, NULL, TEXT);
	AWAIT(journal_count() == 2);
	log_stop();
	journal_set_hook(NULL);
	ck_assert_uint_eq(log_dropped(), 1);
	ck_assert_uint_eq(journal_count(), 3);
	journal_expect(2, "ECHOD_ENTRIES_LOST", "1");
}
END_TEST

START_TEST(stop_gives_up_a_stopped_journal)
{
	journal_hold();
	ck_assert_int_eq(log_start(NULL), 0);
	log_message(LOG_INFO, NULL, TEXT);
	log_stop();
	ck_assert_uint_eq(journal_count(), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("log_journal");
	TCase *entry = tcase_create("entry"), *queue = tcase_create("queue");

	tcase_add_checked_fixture(entry, setup, NULL);
	tcase_add_test(entry, entry_has_all_fields);
	tcase_add_test(entry, entry_without_id_has_none);
	tcase_add_loop_test(entry, priority_is_the_level, LOG_EMERG,
			    LOG_DEBUG + 1);
	tcase_add_test(entry, journal_that_fails_changes_nothing);
	tcase_add_loop_test(entry, other_stream_gets_lines, 0, STREAM_COUNT);
	tcase_add_test(entry, closed_stderr_is_not_the_journal);
	tcase_add_test(entry, field_without_room_is_left_out);
	tcase_add_test(entry, field_that_cannot_be_formatted_is_left_out);
	tcase_add_test(entry, full_entry_still_takes_its_text);
	tcase_add_test(entry, many_fields_are_limited);
	suite_add_tcase(suite, entry);
	tcase_add_checked_fixture(queue, setup, NULL);
	tcase_set_timeout(queue, TEST_TIMEOUT_SEC);
	tcase_add_test(queue, queued_entries_are_the_same);
	tcase_add_test(queue, stopped_journal_holds_up_nobody);
	tcase_add_test(queue, lost_entries_are_reported_with_their_number);
	tcase_add_test(queue, entries_that_the_journal_does_not_take_are_lost);
	tcase_add_test(queue, journal_that_fails_to_the_end_is_given_up);
	tcase_add_test(queue, report_that_failed_is_tried_once_more_at_the_end);
	tcase_add_test(queue, stop_gives_up_a_stopped_journal);
	suite_add_tcase(suite, queue);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
