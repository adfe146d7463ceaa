/* SPDX-License-Identifier: MIT */
/*
 * When faults of one instance after the other have poisoned the record.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/record.h"
#include "unit/harness.h"
#include "unit/instance_rig.h"

#include <signal.h>

static struct record record;

static void setup(void)
{
	ck_assert_int_eq(record_create(&record, 2, NULL), 0);
}

static void teardown(void)
{
	record_close(&record);
}

/* The next instance, which goes on from this one. */
static void succeed(void)
{
	struct record next;

	ck_assert_int_eq(record_create(&next, 2, NULL), 0);
	ck_assert(record_continue(&next, record.fd));
	record_close(&record);
	record = next;
}

/* These many instances end by this. */
static void run_instances(int count, int number)
{
	for (int i = 0; i < count; i++) {
		end_instance(&record, signal_itself, number);
		succeed();
	}
}

/* How far apart these processes are is not ours to say: as if at once. */
static void bring_together(void)
{
	uint64_t now = now_usec();

	for (int i = 0; i < RECORD_FAULTS; i++) {
		if (record.head->faults[i] != 0)
			record.head->faults[i] = now;
	}
}

static bool is_poisoned(void)
{
	bring_together();
	return record_is_poisoned(&record);
}

START_TEST(the_third_fault_in_a_row_poisons)
{
	run_instances(2, SIGABRT);
	ck_assert(!is_poisoned());
	run_instances(1, SIGSEGV);
	ck_assert(is_poisoned());
	run_instances(1, SIGABRT);
	ck_assert(is_poisoned());
	record_absolve(&record);
	ck_assert(!is_poisoned());
	run_instances(2, SIGABRT);
	ck_assert(!is_poisoned());
	run_instances(1, SIGABRT);
	ck_assert(is_poisoned());
}
END_TEST

START_TEST(any_other_end_breaks_the_row)
{
	run_instances(2, SIGABRT);
	run_instances(1, SIGKILL);
	ck_assert_uint_eq(record.head->faults[0], 0);
	run_instances(2, SIGABRT);
	ck_assert(!is_poisoned());
	run_instances(1, SIGABRT);
	ck_assert(is_poisoned());
	/* An orderly end. */
	succeed();
	ck_assert(!is_poisoned());
}
END_TEST

/* As a record that was left, and is continued, has them. */
START_TEST(marks_move_up)
{
	record.head->faulted_at = 9;
	record.head->faults[0] = 7;
	record.head->faults[1] = 5;
	record.head->faults[2] = 3;
	succeed();
	ck_assert_uint_eq(record.head->faulted_at, 0);
	ck_assert_uint_eq(record.head->faults[0], 9);
	ck_assert_uint_eq(record.head->faults[1], 7);
	ck_assert_uint_eq(record.head->faults[2], 5);
}
END_TEST

#define S INT64_C(1000000)

/* µs before now, newest first; `never`: no mark. */
#define never INT64_MAX
static const struct {
	int64_t ago[RECORD_FAULTS];
	bool poisoned;
} rows[] = {
	{ { 0, 0, 0 }, true },
	{ { 1, 2, 3 }, true },
	{ { S, 2 * S, 11 * S }, true },
	{ { S, 2 * S, 11 * S + 1 }, false },
	{ { S, 11 * S + 1, 11 * S + 1 }, false },
	/* It is their distance that matters, not how long ago they were. */
	{ { 100 * S, 101 * S, 110 * S }, true },
	{ { 100 * S, 101 * S, 111 * S }, false },
	{ { never, never, never }, false },
	{ { 1, never, never }, false },
	{ { 1, 2, never }, false },
	{ { 1, never, 3 }, false },
	{ { never, 2, 3 }, false },
	/* After a reboot the clock says less. */
	{ { -3600 * S, -3600 * S, -3600 * S }, false },
	{ { -3600 * S, 1, 2 }, false },
	{ { -S, 1, 2 }, false },
	/* No echod writes these. */
	{ { 3, 2, 1 }, false },
	{ { 1, 3, 2 }, false },
};

START_TEST(three_faults_within_ten_seconds_poison)
{
	uint64_t now = now_usec();

	for (int i = 0; i < RECORD_FAULTS; i++) {
		int64_t ago = rows[_i].ago[i];

		/* The machine has not been up for so long. */
		if (ago != never && (int64_t)now <= ago)
			return;
		record.head->faults[i] = ago == never ? 0 : now - (uint64_t)ago;
	}
	ck_assert(record_is_poisoned(&record) == rows[_i].poisoned);
	record_absolve(&record);
	ck_assert(!record_is_poisoned(&record));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("record_poison");
	TCase *tcase = tcase_create("poison");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, the_third_fault_in_a_row_poisons);
	tcase_add_test(tcase, any_other_end_breaks_the_row);
	tcase_add_test(tcase, marks_move_up);
	tcase_add_loop_test(tcase, three_faults_within_ten_seconds_poison, 0,
			    ARRAY_SIZE(rows));
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
