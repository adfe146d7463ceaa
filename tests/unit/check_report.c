/* SPDX-License-Identifier: MIT */
/*
 * What the operator is told of the counters, and how often.
 *
 * Link with -Wl,--wrap=journal_sendv and service_notify_status.
 */
#include "config.h"

#include "echod/log.h"
#include "echod/report.h"
#include "echod/service.h"
#include "unit/capture.h"
#include "unit/harness.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define START	 (1000 * USEC_PER_SEC)
#define INTERVAL (10 * USEC_PER_SEC)

#define TROUBLE "not all could be served: "

/* What the service manager was told. */
static char status[REPORT_STATUS_MAX];
static unsigned notifications;

static struct report report;
static struct stats_snapshot now_true;
static const struct stats_snapshot nothing;

void __wrap_service_notify_status(const char *text);

void __wrap_service_notify_status(const char *text)
{
	snprintf(status, sizeof(status), "%s", text);
	notifications++;
}

static void setup(void)
{
	stderr_capture();
	journal_fake(0);
	report_init(&report, &nothing);
}

static void tick(unsigned connections, uint64_t now)
{
	report_tick(&report, &now_true, connections, now);
}

static void count(enum counter counter, uint64_t amount)
{
	now_true.values[counter] += amount;
}

START_TEST(first_status_is_that_nothing_was_done)
{
	ck_assert_str_eq(report.status,
			 "0 connections, 0 datagrams echoed, 0 refused");
	tick(0, START);
	ck_assert_uint_eq(notifications, 0);
}
END_TEST

START_TEST(first_status_goes_on_from_what_others_did)
{
	count(COUNTER_datagrams_sent, 12);
	count(COUNTER_datagrams_refused_port, 3);
	report_init(&report, &now_true);
	ck_assert_str_eq(report.status,
			 "0 connections, 12 datagrams echoed, 3 refused");
	tick(0, START);
	ck_assert_uint_eq(notifications, 0);
	count(COUNTER_datagrams_sent, 1);
	tick(0, START + 1);
	ck_assert_str_eq(status,
			 "0 connections, 13 datagrams echoed, 3 refused");
}
END_TEST

START_TEST(status_is_told_when_it_changes)
{
	count(COUNTER_datagrams_sent, 12);
	tick(1, START);
	ck_assert_uint_eq(notifications, 1);
	ck_assert_str_eq(status,
			 "1 connection, 12 datagrams echoed, 0 refused");
	ck_assert_str_eq(report.status, status);
	tick(1, START + 1);
	ck_assert_uint_eq(notifications, 1);
	tick(3, START + 2);
	ck_assert_uint_eq(notifications, 2);
	ck_assert_str_eq(status,
			 "3 connections, 12 datagrams echoed, 0 refused");
	tick(0, START + 3);
	ck_assert_str_eq(status,
			 "0 connections, 12 datagrams echoed, 0 refused");
}
END_TEST

START_TEST(status_counts_every_kind_of_refusal)
{
	count(COUNTER_datagrams_refused_group, 1);
	count(COUNTER_datagrams_refused_port, 10);
	count(COUNTER_datagrams_refused_unnamed, 100);
	count(COUNTER_datagrams_refused_long, 1000);
	count(COUNTER_datagrams_unsent, 10000);
	tick(0, START);
	ck_assert_str_eq(status,
			 "0 connections, 0 datagrams echoed, 1111 refused");
}
END_TEST

START_TEST(status_has_room_for_any_number)
{
	count(COUNTER_datagrams_sent, UINT64_MAX);
	count(COUNTER_datagrams_refused_long, UINT64_MAX);
	tick(UINT32_MAX, START);
	ck_assert_str_eq(status,
			 "4294967295 connections, 18446744073709551615 "
			 "datagrams echoed, 18446744073709551615 refused");
}
END_TEST

/* Each counter alone, told of or not as the table has it. */
START_TEST(trouble_is_logged_and_nothing_else)
{
	char text[256];

	count((enum counter)_i, 2);
	tick(0, START);
	if (!stats_table[_i].trouble) {
		ck_assert_uint_eq(journal_count(), 0);
		return;
	}
	ck_assert_uint_eq(journal_count(), 1);
	snprintf(text, sizeof(text), TROUBLE "%s 2", stats_table[_i].name);
	journal_expect(0, "MESSAGE", text);
	journal_expect(0, "MESSAGE_ID", MESSAGE_TROUBLE);
	journal_expect(0, "PRIORITY", "4");
	ck_assert_uint_eq(journal_field_count(0), 5);
}
END_TEST

START_TEST(trouble_is_summed_up_in_one_entry)
{
	count(COUNTER_accept_limited, 3);
	count(COUNTER_bytes_sent, 999);
	count(COUNTER_datagrams_unsent, 4);
	tick(0, START);
	ck_assert_uint_eq(journal_count(), 1);
	journal_expect(0, "MESSAGE",
		       TROUBLE "accept_limited 3, datagrams_unsent 4");
	journal_expect(0, "ECHOD_ACCEPT_LIMITED", "3");
	journal_expect(0, "ECHOD_DATAGRAMS_UNSENT", "4");
	ck_assert_ptr_null(journal_field(0, "ECHOD_BYTES_SENT"));
}
END_TEST

START_TEST(what_others_logged_is_not_logged_again)
{
	count(COUNTER_accept_limited, 3);
	count(COUNTER_datagrams_unsent, 4);
	report_init(&report, &now_true);
	tick(0, START);
	ck_assert_uint_eq(journal_count(), 0);
	count(COUNTER_datagrams_unsent, 1);
	tick(0, START + 1);
	ck_assert_uint_eq(journal_count(), 1);
	journal_expect(0, "MESSAGE", TROUBLE "datagrams_unsent 1");
}
END_TEST

START_TEST(repeated_trouble_waits_for_ten_seconds)
{
	count(COUNTER_accept_limited, 1);
	tick(0, START);
	ck_assert_uint_eq(journal_count(), 1);
	count(COUNTER_accept_limited, 2);
	tick(0, START + 1);
	count(COUNTER_accept_starved, 4);
	tick(0, START + INTERVAL - 1);
	ck_assert_uint_eq(journal_count(), 1);
	tick(0, START + INTERVAL);
	ck_assert_uint_eq(journal_count(), 2);
	journal_expect(1, "MESSAGE",
		       TROUBLE "accept_limited 2, accept_starved 4");
	tick(0, START + 2 * INTERVAL);
	ck_assert_uint_eq(journal_count(), 2);
}
END_TEST

START_TEST(trouble_after_a_quiet_time_is_told_at_once)
{
	count(COUNTER_accept_limited, 1);
	tick(0, START);
	tick(0, START + INTERVAL);
	count(COUNTER_accept_limited, 1);
	tick(0, START + INTERVAL + 1);
	ck_assert_uint_eq(journal_count(), 2);
	count(COUNTER_accept_limited, 1);
	tick(0, START + 2 * INTERVAL);
	ck_assert_uint_eq(journal_count(), 2);
	tick(0, START + 2 * INTERVAL + 1);
	ck_assert_uint_eq(journal_count(), 3);
}
END_TEST

START_TEST(status_does_not_wait)
{
	count(COUNTER_accept_limited, 1);
	tick(1, START);
	tick(2, START + 1);
	ck_assert_uint_eq(notifications, 2);
}
END_TEST

/* All of them as large as they get: nothing is cut off. */
static void expect_counters(uint64_t lost)
{
	char expected[2048], name[64];
	int length = snprintf(expected, sizeof(expected),
			      "counters: connections 4294967295");

	for (int i = 0; i < COUNTER_COUNT; i++) {
		uint64_t value = UINT64_MAX - (uint64_t)i;
		char text[32];

		snprintf(text, sizeof(text), "%" PRIu64, value);
		snprintf(name, sizeof(name), "ECHOD_%s", stats_table[i].name);
		for (char *letter = name; *letter; letter++)
			*letter = (char)toupper((unsigned char)*letter);
		journal_expect(0, name, text);
		length += snprintf(expected + length,
				   sizeof(expected) - (size_t)length, ", %s %s",
				   stats_table[i].name, text);
	}
	snprintf(expected + length, sizeof(expected) - (size_t)length,
		 ", log_entries_lost %" PRIu64, lost);
	journal_expect(0, "MESSAGE", expected);
}

START_TEST(all_counters_are_logged)
{
	for (int i = 0; i < COUNTER_COUNT; i++)
		count((enum counter)i, UINT64_MAX - (uint64_t)i);
	report_counters(&now_true, UINT32_MAX);
	ck_assert_uint_eq(journal_count(), 1);
	expect_counters(0);
	journal_expect(0, "ECHOD_CONNECTIONS", "4294967295");
	journal_expect(0, "ECHOD_LOG_ENTRIES_LOST", "0");
	journal_expect(0, "MESSAGE_ID", MESSAGE_COUNTERS);
	journal_expect(0, "PRIORITY", "6");
	ck_assert_uint_eq(journal_field_count(0), COUNTER_COUNT + 6);
}
END_TEST

START_TEST(lost_entries_are_a_counter)
{
	char lost[32];

	log_set_level(LOG_NOTICE);
	journal_hold();
	ck_assert_int_eq(log_start(NULL), 0);
	for (int i = 0; i < 100; i++)
		log_message(LOG_NOTICE, NULL, "%1500d", i);
	journal_release();
	log_stop();
	log_set_level(LOG_INFO);
	report_counters(&now_true, 0);
	ck_assert_uint_gt(log_dropped(), 0);
	snprintf(lost, sizeof(lost), "%" PRIu64, log_dropped());
	journal_expect(journal_count() - 1, "ECHOD_LOG_ENTRIES_LOST", lost);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("report");
	TCase *tell = tcase_create("status"), *log = tcase_create("log");

	tcase_add_checked_fixture(tell, setup, NULL);
	tcase_add_test(tell, first_status_is_that_nothing_was_done);
	tcase_add_test(tell, first_status_goes_on_from_what_others_did);
	tcase_add_test(tell, status_is_told_when_it_changes);
	tcase_add_test(tell, status_counts_every_kind_of_refusal);
	tcase_add_test(tell, status_has_room_for_any_number);
	tcase_add_test(tell, status_does_not_wait);
	suite_add_tcase(suite, tell);
	tcase_add_checked_fixture(log, setup, NULL);
	tcase_add_loop_test(log, trouble_is_logged_and_nothing_else, 0,
			    COUNTER_COUNT);
	tcase_add_test(log, trouble_is_summed_up_in_one_entry);
	tcase_add_test(log, what_others_logged_is_not_logged_again);
	tcase_add_test(log, repeated_trouble_waits_for_ten_seconds);
	tcase_add_test(log, trouble_after_a_quiet_time_is_told_at_once);
	tcase_add_test(log, all_counters_are_logged);
	tcase_add_test(log, lost_entries_are_a_counter);
	suite_add_tcase(suite, log);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
