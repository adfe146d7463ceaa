/* SPDX-License-Identifier: MIT */
/*
 * One entry of the log: its fields in order, and what does not fit.
 */
#include "config.h"

#include "echod/log_entry.h"
#include "unit/harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

static struct log_entry entry;

static void setup(void)
{
	memset(&entry, '#', sizeof(entry));
	log_entry_init(&entry, LOG_NOTICE, NULL);
}

PRINTF_LIKE(1, 2)
static void set_text(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_entry_set_text(&entry, format, arguments);
	va_end(arguments);
}

/* As many characters. */
static const char *letters(size_t count)
{
	static char text[2 * LOG_ENTRY_MAX];

	ck_assert_uint_lt(count, sizeof(text));
	memset(text, 'x', count);
	text[count] = '\0';
	return text;
}

/* These bytes are all of it, and what is behind them is as it was. */
static void expect_fields(const char *fields, size_t length)
{
	ck_assert_uint_eq(entry.length, length);
	ck_assert_mem_eq(entry.fields, fields, length);
	ck_assert_int_eq(entry.fields[length], '#');
}

#define EXPECT(fields) expect_fields(fields, sizeof(fields))

START_TEST(fields_are_in_order)
{
	ck_assert_uint_eq(entry.level, LOG_NOTICE);
	EXPECT("SYSLOG_IDENTIFIER=echod");
	log_entry_add(&entry, "A", "%d", 1);
	log_entry_add(&entry, "B", "%s", "");
	EXPECT("SYSLOG_IDENTIFIER=echod\0A=1\0B=");
	set_text("%s", "said");
	EXPECT("SYSLOG_IDENTIFIER=echod\0A=1\0B=\0MESSAGE=said");
	ck_assert_str_eq(log_entry_text(&entry), "said");
}
END_TEST

START_TEST(message_id_is_a_field)
{
	log_entry_init(&entry, LOG_ERR, "0123");
	ck_assert_uint_eq(entry.level, LOG_ERR);
	EXPECT("SYSLOG_IDENTIFIER=echod\0MESSAGE_ID=0123");
}
END_TEST

/* How many characters a field A has at most, behind the first one. */
#define ROOM                                                                   \
	(LOG_ENTRY_MAX - LOG_TEXT_MAX - sizeof("SYSLOG_IDENTIFIER=echod") -    \
	 sizeof("A="))

START_TEST(a_field_that_does_not_fit_is_left_out)
{
	uint16_t before = entry.length;

	log_entry_add(&entry, letters(ROOM + sizeof("A=")), "%s", "");
	ck_assert_uint_eq(entry.length, before);
	log_entry_add(&entry, "A", "%s", letters(ROOM + 1));
	ck_assert_uint_eq(entry.length, before);
	log_entry_add(&entry, "A", "%s", letters(ROOM));
	ck_assert_uint_eq(entry.length, LOG_ENTRY_MAX - LOG_TEXT_MAX);
	log_entry_add(&entry, "B", "%s", "");
	ck_assert_uint_eq(entry.length, LOG_ENTRY_MAX - LOG_TEXT_MAX);
	/* There is room for the text all the same. */
	set_text("%s", "said");
	ck_assert_str_eq(log_entry_text(&entry), "said");
}
END_TEST

START_TEST(the_text_is_cut_off)
{
	log_entry_add(&entry, "A", "%s", letters(ROOM));
	set_text("%s", letters(LOG_ENTRY_MAX));
	ck_assert_uint_le(entry.length, LOG_ENTRY_MAX);
	ck_assert_uint_gt(strlen(log_entry_text(&entry)), LOG_TEXT_MAX - 32);
	ck_assert_uint_lt(strlen(log_entry_text(&entry)), LOG_TEXT_MAX);
}
END_TEST

START_TEST(nothing_is_added_behind_a_long_text)
{
	uint16_t before;

	log_entry_add(&entry, "A", "%s", letters(ROOM));
	set_text("%s", "said");
	before = entry.length;
	log_entry_add(&entry, "B", "%s", "");
	ck_assert_uint_eq(entry.length, before);
	ck_assert_int_eq(entry.fields[before], '#');
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("log_entry");
	TCase *tcase = tcase_create("log_entry");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, fields_are_in_order);
	tcase_add_test(tcase, message_id_is_a_field);
	tcase_add_test(tcase, a_field_that_does_not_fit_is_left_out);
	tcase_add_test(tcase, the_text_is_cut_off);
	tcase_add_test(tcase, nothing_is_added_behind_a_long_text);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
