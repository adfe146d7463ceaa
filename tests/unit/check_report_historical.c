/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/report.h"
#include "unit/capture.h"
#include "unit/harness.h"
#include "unit/output.h"
#include "unit/report_rig.h"

static struct report_rig rig;

static void teardown(void)
{
	report_rig_deinit(&rig);
}

static void setup(const char *command_line)
{
	teardown();
	report_rig_init(&rig, command_line);
}

START_TEST(a_reply_is_a_line_and_nothing_is_before_it)
{
	setup("-n 5 127.0.0.1:7");
	report_historical.ping_start(&rig.settings, rig.targets, 1);
	stdout_expect("");
	report_historical.reply(&rig.settings, &rig.reply);
	stdout_expect("Elapsed time: 0.000084 seconds\n");
	rig.reply.faults = FAULT_REORDERED;
	rig.reply.rtt = UINT64_C(12345678901);
	report_historical.reply(&rig.settings, &rig.reply);
	stdout_expect("Elapsed time: 12.345679 seconds\n");
}
END_TEST

START_TEST(what_failed_is_no_elapsed_time)
{
	int fd;

	setup("-n 5 127.0.0.1:7");
	fd = stderr_capture();
	for (unsigned i = 0; i < FAULT_COUNT; i++) {
		char line[128];

		if (1U << i == FAULT_REORDERED)
			continue;
		rig.reply.faults = 1U << i;
		report_historical.reply(&rig.settings, &rig.reply);
		snprintf(line, sizeof(line),
			 "echoping: tcp:127.0.0.1:7: reply is %s",
			 fault_names[i]);
		stderr_expect(fd, line);
	}
	report_historical.lost(&rig.settings, &rig.reply);
	stderr_expect(fd, "echoping: tcp:127.0.0.1:7: no reply after 84.1 us");
	rig.reply.reason = "Connection refused";
	report_historical.lost(&rig.settings, &rig.reply);
	stderr_expect(fd, "echoping: tcp:127.0.0.1:7: Connection refused");
	stderr_expect_nothing(fd);
	stdout_expect("");
}
END_TEST

START_TEST(many_have_statistics)
{
	setup("-n 4 127.0.0.1:7");
	report_rig_receive(&rig.tally, 2, 84000);
	report_rig_receive(&rig.tally, 2, 86000);
	report_historical.ping_summary(&rig.settings, &rig.summary);
	stdout_expect("---\n"
		      "Minimum time: 0.000084 seconds (761905 bytes per "
		      "sec.)\n"
		      "Maximum time: 0.000086 seconds (744186 bytes per "
		      "sec.)\n"
		      "Average time: 0.000085 seconds (752941 bytes per "
		      "sec.)\n"
		      "Standard deviation: 0.000001 seconds\n"
		      "Median time: 0.000084 seconds (761624 bytes per "
		      "sec.)\n");
}
END_TEST

START_TEST(one_or_none_has_no_statistics)
{
	setup("-n 1 127.0.0.1:7");
	report_rig_receive(&rig.tally, 1, 84000);
	report_historical.ping_summary(&rig.settings, &rig.summary);
	stdout_expect("");
	setup("-n 2 127.0.0.1:7");
	report_rig_lose(&rig.tally, 2);
	report_historical.ping_summary(&rig.settings, &rig.summary);
	report_historical.finish(&rig.settings);
	stdout_expect("");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("report_historical");
	TCase *tcase = tcase_create("report_historical");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, a_reply_is_a_line_and_nothing_is_before_it);
	tcase_add_test(tcase, what_failed_is_no_elapsed_time);
	tcase_add_test(tcase, many_have_statistics);
	tcase_add_test(tcase, one_or_none_has_no_statistics);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
