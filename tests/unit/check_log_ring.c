/* SPDX-License-Identifier: MIT */
/*
 * The queue of log entries: bounded, in order, whole.
 */
#include "config.h"

#include "echod/log_ring.h"
#include "unit/harness.h"

#include <stdio.h>
#include <string.h>

static struct log_ring ring;
static struct log_entry entry;

static void empty_ring(void)
{
	memset(&ring, 0, sizeof(ring));
}

/* An entry of `length` bytes that all depend on `number`. */
static void make_entry(unsigned number, size_t length)
{
	entry.level = (uint16_t)(number % 8);
	entry.length = (uint16_t)length;
	for (size_t i = 0; i < length; i++)
		entry.fields[i] = (char)(number * 31 + i);
}

static void take_and_compare(unsigned number, size_t length)
{
	struct log_entry taken = { 0 };

	ck_assert(!log_ring_is_empty(&ring));
	log_ring_take(&ring, &taken);
	make_entry(number, length);
	ck_assert_uint_eq(taken.length, entry.length);
	ck_assert_uint_eq(taken.level, entry.level);
	ck_assert_mem_eq(taken.fields, entry.fields, length);
}

/* Lengths that do not divide the ring, so that records wrap everywhere. */
static size_t length_of(unsigned number)
{
	return 1 + number * 37 % LOG_ENTRY_MAX;
}

START_TEST(entries_come_out_whole_and_in_order)
{
	for (unsigned i = 0; i < 5000; i++) {
		make_entry(i, length_of(i));
		ck_assert(log_ring_put(&ring, &entry));
		if (i > 0)
			take_and_compare(i - 1, length_of(i - 1));
	}
	take_and_compare(4999, length_of(4999));
	ck_assert(log_ring_is_empty(&ring));
}
END_TEST

START_TEST(a_full_ring_refuses_and_keeps_what_it_has)
{
	unsigned count = 0;

	make_entry(count, 1000);
	while (log_ring_put(&ring, &entry))
		make_entry(++count, 1000);
	ck_assert_uint_eq(count, LOG_RING_SIZE / 1004);
	for (unsigned i = 0; i < count; i++)
		take_and_compare(i, 1000);
	ck_assert(log_ring_is_empty(&ring));
}
END_TEST

START_TEST(every_byte_of_the_ring_can_be_used)
{
	make_entry(1, LOG_RING_SIZE / 16 - 4);
	for (int i = 0; i < 16; i++)
		ck_assert(log_ring_put(&ring, &entry));
	ck_assert_uint_eq(ring.used, LOG_RING_SIZE);
	make_entry(2, 0);
	ck_assert(!log_ring_put(&ring, &entry));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("log_ring");
	TCase *tcase = tcase_create("ring");

	tcase_add_checked_fixture(tcase, empty_ring, NULL);
	tcase_add_test(tcase, entries_come_out_whole_and_in_order);
	tcase_add_test(tcase, a_full_ring_refuses_and_keeps_what_it_has);
	tcase_add_test(tcase, every_byte_of_the_ring_can_be_used);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
