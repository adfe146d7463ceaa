/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/report.h"
#include "unit/harness.h"
#include "unit/output.h"
#include "unit/report_rig.h"

#include <string.h>

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

/* The text contains this line; returns where. */
static const char *expect_line(const char *text, const char *line)
{
	const char *found = strstr(text, line);

	ck_assert_msg(found && (found == text || found[-1] == '\n') &&
			      found[strlen(line)] == '\n',
		      "no line \"%s\" in\n%s", line, text);
	return found;
}

START_TEST(nothing_is_printed_before_the_end)
{
	setup("--openmetrics udp:127.0.0.1:7");
	report_openmetrics.ping_start(&rig.settings, rig.targets, 1);
	report_openmetrics.reply(&rig.settings, &rig.reply);
	report_openmetrics.lost(&rig.settings, &rig.reply);
	report_openmetrics.ping_summary(&rig.settings, &rig.summary);
	stdout_expect("");
	report_openmetrics.finish(&rig.settings);
	stdout_expect_part("\n# EOF\n");
	/* Nothing is left: the end of a run without any target. */
	report_openmetrics.finish(&rig.settings);
	stdout_expect("# EOF\n");
}
END_TEST

START_TEST(counters_and_round_trips_are_told)
{
	const char *text;

	setup("--openmetrics udp:127.0.0.1:7");
	report_rig_receive(&rig.tally, 15, 2000);
	report_rig_lose(&rig.tally, 5);
	rig.summary.under_way = 3;
	report_openmetrics.ping_summary(&rig.settings, &rig.summary);
	report_openmetrics.finish(&rig.settings);
	text = stdout_text();
	expect_line(text, "# TYPE echoping_sent counter\n"
			  "# HELP echoping_sent Messages sent.\n"
			  "echoping_sent_total{target=\"udp:127.0.0.1:7\"} 20");
	expect_line(text, "echoping_lost_total{target=\"udp:127.0.0.1:7\"} 5");
	expect_line(text, "echoping_target_info{target=\"udp:127.0.0.1:7\","
			  "address=\"udp:127.0.0.1:7\"} 1");
	expect_line(text,
		    "echoping_loss_ratio{target=\"udp:127.0.0.1:7\"} 0.25");
	expect_line(text, "echoping_under_way{target=\"udp:127.0.0.1:7\"} 3");
	expect_line(text, "# TYPE echoping_rtt_seconds summary\n"
			  "# UNIT echoping_rtt_seconds seconds\n"
			  "# HELP echoping_rtt_seconds Round trips.\n"
			  "echoping_rtt_seconds{target=\"udp:127.0.0.1:7\","
			  "quantile=\"0.5\"} 0.000002000\n"
			  "echoping_rtt_seconds{target=\"udp:127.0.0.1:7\","
			  "quantile=\"0.9\"} 0.000002000\n"
			  "echoping_rtt_seconds{target=\"udp:127.0.0.1:7\","
			  "quantile=\"0.95\"} NaN");
	expect_line(text, "echoping_rtt_seconds_count{target=\"udp:127.0.0.1:"
			  "7\"} 15\n"
			  "echoping_rtt_seconds_sum{target=\"udp:127.0.0.1:7\""
			  "} 0.000030000");
	expect_line(text, "echoping_rtt_max_seconds{target=\"udp:127.0.0.1:7\""
			  "} 0.000002000");
	ck_assert_ptr_null(strstr(text, "echoping_cpu"));
}
END_TEST

START_TEST(samples_of_a_family_stand_together)
{
	const char *text, *first;

	setup("--openmetrics udp:127.0.0.1:7 udp:127.0.0.1:9");
	report_openmetrics.ping_summary(&rig.settings, &rig.summary);
	rig.summary.target = &rig.targets[1];
	report_openmetrics.ping_summary(&rig.settings, &rig.summary);
	report_openmetrics.finish(&rig.settings);
	text = stdout_text();
	first = expect_line(text,
			    "echoping_sent_total{target=\"udp:127.0.0.1:7\"} "
			    "0\n"
			    "echoping_sent_total{target=\"udp:127.0.0.1:9\"} "
			    "0");
	ck_assert_ptr_null(strstr(first, "# TYPE echoping_sent "));
	/* Nothing came back. */
	ck_assert_ptr_null(strstr(text, "rtt_min"));
}
END_TEST

START_TEST(labels_are_escaped)
{
	setup("--openmetrics udp:127.0.0.1:7");
	rig.targets[0].name = "a\\b\"c\nd\x7f\xff";
	report_openmetrics.ping_summary(&rig.settings, &rig.summary);
	report_openmetrics.finish(&rig.settings);
	expect_line(stdout_text(),
		    "echoping_sent_total{target=\"a\\\\b\\\"c\\nd??\"} 0");
}
END_TEST

START_TEST(load_has_its_own_families)
{
	struct load_summary summary;
	const char *text;

	setup("--openmetrics --load --rate=5 udp:127.0.0.1:7");
	report_rig_receive(&rig.tally, 10, 2000);
	summary = report_rig_load(&rig);
	summary.intended = summary.lag = summary.connect = &rig.tally.rtt;
	summary.client_limited = "why";
	summary.socket_drops = 6;
	report_openmetrics.load_summary(&rig.settings, &summary);
	report_openmetrics.finish(&rig.settings);
	text = stdout_text();
	expect_line(text, "# TYPE echoping_cpu_seconds counter\n"
			  "# UNIT echoping_cpu_seconds seconds\n"
			  "# HELP echoping_cpu_seconds CPU time of the "
			  "client.\n"
			  "echoping_cpu_seconds_total{target=\"udp:127.0.0.1:7"
			  "\",mode=\"user\"} 0.100000000\n"
			  "echoping_cpu_seconds_total{target=\"udp:127.0.0.1:7"
			  "\",mode=\"system\"} 0.900000000");
	expect_line(text, "echoping_echoed_bytes_total{target=\"udp:127.0.0.1:"
			  "7\"} 640");
	expect_line(text,
		    "echoping_client_limited{target=\"udp:127.0.0.1:7\"} 1");
	expect_line(text,
		    "echoping_socket_drops_total{target=\"udp:127.0.0.1:7\"} "
		    "6");
	expect_line(text, "# TYPE echoping_intended_rtt_seconds summary");
	expect_line(text, "# TYPE echoping_send_lag_seconds summary");
	expect_line(text, "# TYPE echoping_connect_seconds summary");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("report_openmetrics");
	TCase *tcase = tcase_create("report_openmetrics");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, nothing_is_printed_before_the_end);
	tcase_add_test(tcase, counters_and_round_trips_are_told);
	tcase_add_test(tcase, samples_of_a_family_stand_together);
	tcase_add_test(tcase, labels_are_escaped);
	tcase_add_test(tcase, load_has_its_own_families);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
