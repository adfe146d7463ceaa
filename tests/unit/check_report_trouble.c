/* SPDX-License-Identifier: MIT */
/*
 * Which reporter is asked for, the verdict, and the lines on standard error.
 *
 * The reporters themselves are those of this file: the others stay in their
 * archive.
 */
#include "config.h"

#include "echoping/report.h"
#include "unit/capture.h"
#include "unit/harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct reporter report_text, report_historical, report_json,
	report_openmetrics;

static const struct {
	enum output output;
	const struct reporter *reporter;
} choices[] = {
	{ OUTPUT_TEXT, &report_text },
	{ OUTPUT_HISTORICAL, &report_historical },
	{ OUTPUT_JSON, &report_json },
	{ OUTPUT_OPENMETRICS, &report_openmetrics },
};

START_TEST(the_output_chooses_the_reporter)
{
	const struct settings settings = { .output = choices[_i].output };

	ck_assert_ptr_eq(report_choose(&settings), choices[_i].reporter);
}
END_TEST

static const struct {
	enum reply_fault fault;
	const char *name;
} faults[] = {
	{ FAULT_DUPLICATE, "duplicate" },
	{ FAULT_REORDERED, "reordered" },
	{ FAULT_LATE, "late" },
	{ FAULT_CORRUPT, "corrupt" },
	{ FAULT_TRUNCATED, "truncated" },
	{ FAULT_MISADDRESSED, "misaddressed" },
	{ FAULT_FOREIGN, "foreign" },
};
_Static_assert(ARRAY_SIZE(faults) == FAULT_COUNT, "all of them");

START_TEST(faults_have_names_in_the_order_of_their_bits)
{
	ck_assert_int_eq(faults[_i].fault, 1 << _i);
	ck_assert_str_eq(fault_names[_i], faults[_i].name);
}
END_TEST

#define MSEC (NSEC_PER_SEC / 1000)

/* Of 1000 round trips: 989 of 1 ns, the 990th, and the 10 longest. */
static const struct {
	uint64_t received, lost;
	double max_loss;
	uint64_t p99, max, max_rtt_p99;
	enum exit_status status;
} verdicts[] = {
	{ 0, 0, 101, 0, 0, NSEC_INFINITY, EXIT_STATUS_MISSED },
	{ 0, 9, 101, 0, 0, NSEC_INFINITY, EXIT_STATUS_MISSED },
	{ 1, 0, 101, MSEC, MSEC, NSEC_INFINITY, EXIT_STATUS_OK },
	{ 1, 99, 101, MSEC, MSEC, NSEC_INFINITY, EXIT_STATUS_OK },
	{ 1, 99, 99, MSEC, MSEC, NSEC_INFINITY, EXIT_STATUS_OK },
	{ 1, 99, 98.9, MSEC, MSEC, NSEC_INFINITY, EXIT_STATUS_MISSED },
	{ 1, 0, 0, MSEC, MSEC, NSEC_INFINITY, EXIT_STATUS_OK },
	{ 9, 1, 0, MSEC, MSEC, NSEC_INFINITY, EXIT_STATUS_MISSED },
	/* Above 2 us the histogram is exact to 0.1 % only. */
	{ 1, 0, 101, 2047, MSEC, 2047, EXIT_STATUS_OK },
	{ 1, 0, 101, 2047, MSEC, 2046, EXIT_STATUS_MISSED },
	{ 1, 0, 101, 2, 9 * MSEC, 2, EXIT_STATUS_OK },
};

START_TEST(the_verdict_is_that_of_the_thresholds)
{
	const struct settings settings = {
		.max_loss = verdicts[_i].max_loss,
		.max_rtt_p99 = verdicts[_i].max_rtt_p99,
	};
	struct histogram rtt;
	struct tally tally = {
		.received = verdicts[_i].received,
		.lost = verdicts[_i].lost,
	};

	ck_assert_int_eq(histogram_init(&rtt), 0);
	for (int i = 1; i <= 1000; i++)
		histogram_record(&rtt, i < 990	  ? 1
				       : i == 990 ? verdicts[_i].p99
						  : verdicts[_i].max);
	ck_assert_int_eq(report_verdict(&settings, &tally, &rtt),
			 verdicts[_i].status);
	histogram_deinit(&rtt);
}
END_TEST

static const struct target target = { .text = "udp:127.0.0.1:7" };

START_TEST(trouble_is_a_line_with_its_target)
{
	int error = stderr_capture();

	report_trouble(&target, "%s: %s (%d)", "connect", "no route", 7);
	stderr_expect(error,
		      "echoping: udp:127.0.0.1:7: connect: no route (7)");
	stderr_expect_nothing(error);
}
END_TEST

START_TEST(trouble_stays_one_line_whatever_it_quotes)
{
	int error = stderr_capture();

	report_trouble(&target, "a\033[31m\nb\r\177%s", "\t\1");
	stderr_expect(error, "echoping: udp:127.0.0.1:7: a?[31m?b????");
	stderr_expect_nothing(error);
}
END_TEST

/* What does not fit is cut off at its end; nothing else is. */
START_TEST(trouble_is_cut_when_it_is_long)
{
	char text[OPTION_ERROR_MAX + 1], line[2 * OPTION_ERROR_MAX];
	int error = stderr_capture();

	memset(text, 'x', sizeof(text));
	for (size_t length = OPTION_ERROR_MAX - 2; length <= OPTION_ERROR_MAX;
	     length++) {
		report_trouble(&target, "%.*s", (int)length, text);
		snprintf(line, sizeof(line), "echoping: %s: %.*s", target.text,
			 (int)MIN(length, OPTION_ERROR_MAX - 1), text);
		stderr_expect(error, line);
	}
	stderr_expect_nothing(error);
}
END_TEST

/* Both may go to the same file. */
START_TEST(results_come_before_trouble)
{
	int both = stderr_capture();

	ck_assert_int_ge(dup2(STDERR_FILENO, STDOUT_FILENO), 0);
	ck_assert_int_eq(setvbuf(stdout, NULL, _IOFBF, 4096), 0);
	printf("a result\n");
	stderr_expect_nothing(both);
	report_trouble(&target, "trouble");
	stderr_expect(both, "a result");
	stderr_expect(both, "echoping: udp:127.0.0.1:7: trouble");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("report_trouble");
	TCase *tcase = tcase_create("report_trouble");

	tcase_add_loop_test(tcase, the_output_chooses_the_reporter, 0,
			    ARRAY_SIZE(choices));
	tcase_add_loop_test(tcase, faults_have_names_in_the_order_of_their_bits,
			    0, FAULT_COUNT);
	tcase_add_loop_test(tcase, the_verdict_is_that_of_the_thresholds, 0,
			    ARRAY_SIZE(verdicts));
	tcase_add_test(tcase, trouble_is_a_line_with_its_target);
	tcase_add_test(tcase, trouble_stays_one_line_whatever_it_quotes);
	tcase_add_test(tcase, trouble_is_cut_when_it_is_long);
	tcase_add_test(tcase, results_come_before_trouble);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
