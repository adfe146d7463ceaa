/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/latency.h"
#include "echoping/report.h"
#include "unit/capture.h"
#include "unit/harness.h"
#include "unit/output.h"
#include "unit/report_rig.h"

#include <stdlib.h>
#include <arpa/inet.h>
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

static void start(const char *command_line)
{
	setup(command_line);
	report_text.ping_start(&rig.settings, rig.targets,
			       rig.settings.target_count);
}

static void reply(void)
{
	report_text.reply(&rig.settings, &rig.reply);
}

START_TEST(the_first_line_says_what_will_be_done)
{
	start("udp:127.0.0.1:7");
	stdout_expect("echoping udp:127.0.0.1:7: 64 bytes every 1s\n");
	start("-s 1 -i 20ms --flows=8 --connect 127.0.0.1 ::1");
	stdout_expect("echoping tcp:127.0.0.1:7: 1 byte every 20ms, 8 flows, "
		      "a connection each\n"
		      "echoping tcp:[::1]:7: 1 byte every 20ms, 8 flows, "
		      "a connection each\n");
	start("-q udp:127.0.0.1:7");
	stdout_expect("");
}
END_TEST

START_TEST(a_name_is_told_with_its_address)
{
	setup("udp:127.0.0.1:7");
	rig.targets[0].name = "echo.example.org";
	report_text.ping_start(&rig.settings, rig.targets, 1);
	stdout_expect("echoping echo.example.org (udp:127.0.0.1:7): 64 bytes "
		      "every 1s\n");
}
END_TEST

START_TEST(a_reply_is_a_line)
{
	setup("udp:127.0.0.1:7");
	reply();
	stdout_expect("64 bytes from 127.0.0.1:7: seq=1 time=84.1 us "
		      "clock=kernel\n");
	rig.reply.clock = CLOCK_USER;
	rig.reply.connected = true;
	rig.reply.size = 1;
	reply();
	stdout_expect("1 byte from 127.0.0.1:7: seq=1 time=84.1 us clock=user "
		      "with connect\n");
}
END_TEST

START_TEST(flows_and_the_time_of_day_are_told_if_asked_for)
{
	setup("--flows=4 -D udp:127.0.0.1:7");
	rig.reply.flow = 3;
	reply();
	stdout_expect("[1795673377.123456] 64 bytes from 127.0.0.1:7: seq=1 "
		      "flow=3 port=40123 time=84.1 us clock=kernel\n");
	rig.reply.port = 0;
	rig.reply.rtt = 2 * NSEC_PER_SEC;
	report_text.lost(&rig.settings, &rig.reply);
	stdout_expect("[1795673377.123456] no reply from 127.0.0.1:7: seq=1 "
		      "flow=3 after 2.00 s\n");
}
END_TEST

START_TEST(who_says_that_a_probe_is_lost_is_told)
{
	setup("udp:127.0.0.1:7");
	rig.reply.reason = "No route to host";
	report_text.lost(&rig.settings, &rig.reply);
	stdout_expect(
		"no reply from 127.0.0.1:7: seq=1 after 84.1 us: No route "
		"to host\n");
	rig.reply.from.in.sin_addr.s_addr = htonl(0x0a000001);
	rig.reply.from.in.sin_port = 0;
	report_text.lost(&rig.settings, &rig.reply);
	stdout_expect(
		"no reply from 127.0.0.1:7: seq=1 after 84.1 us: No route "
		"to host (says 10.0.0.1)\n");
}
END_TEST

START_TEST(of_several_targets_the_one_is_told)
{
	setup("-u 127.0.0.1 tcp:127.0.0.1");
	reply();
	stdout_expect_part("64 bytes from 127.0.0.1:7: seq=1");
	rig.reply.target = &rig.targets[1];
	reply();
	stdout_expect_part("64 bytes from 127.0.0.1:7 (tcp:127.0.0.1): seq=1");
	report_text.lost(&rig.settings, &rig.reply);
	stdout_expect_part("no reply from 127.0.0.1:7 (tcp:127.0.0.1): seq=1");
}
END_TEST

static const struct {
	unsigned faults;
	const char *text;
} wrong[] = {
	{ FAULT_DUPLICATE, "DUPLICATE" },
	{ FAULT_REORDERED, "reordered" },
	{ FAULT_LATE, "late" },
	{ FAULT_CORRUPT, "corrupt from byte 17" },
	{ FAULT_TRUNCATED, "truncated: 32 of 64 bytes" },
	{ FAULT_MISADDRESSED,
	  "from another address than asked (asked 127.0.0.2:7)" },
	{ FAULT_LATE | FAULT_REORDERED, "reordered, late" },
};

START_TEST(what_is_wrong_is_told_plainly)
{
	char line[256];

	setup("udp:127.0.0.2:7");
	rig.reply.size = 32;
	rig.reply.mismatch = 17;
	rig.reply.faults = wrong[_i].faults;
	reply();
	snprintf(line, sizeof(line),
		 "32 bytes from 127.0.0.2:7: seq=1 time=84.1 us clock=kernel "
		 "%s\n",
		 wrong[_i].text);
	stdout_expect(line);
}
END_TEST

START_TEST(what_is_foreign_has_neither_number_nor_time)
{
	setup("udp:127.0.0.1:7");
	rig.reply.faults = FAULT_FOREIGN;
	rig.reply.rtt_known = false;
	reply();
	stdout_expect("64 bytes from 127.0.0.1:7: foreign: answers nothing "
		      "that was sent\n");
}
END_TEST

START_TEST(what_is_wrong_is_red)
{
	setup("--color=always udp:127.0.0.1:7");
	reply();
	ck_assert_ptr_null(strchr(stdout_text(), '\033'));
	rig.reply.faults = FAULT_LATE;
	reply();
	stdout_expect_part("clock=kernel\033[31m late\033[0m\n");
	rig.reply.reason = "Connection refused";
	report_text.lost(&rig.settings, &rig.reply);
	stdout_expect("\033[31mno reply from 127.0.0.1:7: seq=1 after 84.1 us: "
		      "Connection refused\033[0m\n");
}
END_TEST

START_TEST(quiet_is_only_the_summary)
{
	setup("-q udp:127.0.0.1:7");
	reply();
	report_text.lost(&rig.settings, &rig.reply);
	stdout_expect("");
	report_text.ping_summary(&rig.settings, &rig.summary);
	stdout_expect_part("echoping statistics");
}
END_TEST

START_TEST(the_summary_tells_counts_and_round_trips)
{
	setup("udp:127.0.0.1:7");
	report_rig_receive(&rig.tally, 5, 1000);
	report_rig_receive(&rig.tally, 5, 2000);
	report_text.ping_summary(&rig.settings, &rig.summary);
	stdout_expect("\n"
		      "--- udp:127.0.0.1:7 echoping statistics ---\n"
		      "10 sent, 10 received, 0 lost (0.0 %), 4.02 s\n"
		      "rtt min 1.00 us, p50 1.00 us, p90 2.00 us, p95 -, "
		      "p99 -, p99.9 -, max 2.00 us, 10 samples, clock "
		      "kernel\n");
}
END_TEST

START_TEST(the_summary_tells_trouble_that_there_was)
{
	setup("udp:127.0.0.1:7");
	report_rig_receive(&rig.tally, 3, 1000);
	report_rig_lose(&rig.tally, 1);
	rig.tally.late = 1;
	rig.tally.misaddressed = 2;
	rig.tally.kernel_clock = 2;
	rig.tally.sent++;
	rig.summary.under_way = 1;
	report_text.ping_summary(&rig.settings, &rig.summary);
	stdout_expect("\n"
		      "--- udp:127.0.0.1:7 echoping statistics ---\n"
		      "5 sent, 3 received, 1 lost (25.0 %), 4.02 s, 1 late, "
		      "2 from another address, 1 under way\n"
		      "rtt min 1.00 us, p50 1.00 us, p90 -, p95 -, p99 -, "
		      "p99.9 -, max 1.00 us, 3 samples, clock kernel 2, "
		      "user 1\n");
}
END_TEST

static const struct {
	double percent;
	const char *text;
} shares[] = {
	{ 0, "0.0 %" },	      { 100, "100.0 %" },	   { 12.34, "12.3 %" },
	{ 0.1, "0.1 %" },     { 0.05, "0.05 %" },	   { 99.95, "99.95 %" },
	{ 1e-4, "0.0001 %" }, { 100 - 1e-4, "99.9999 %" },
};

START_TEST(one_of_a_million_does_not_look_like_none)
{
	char text[PERCENT_TEXT_MAX];

	percent_format(shares[_i].percent, text);
	ck_assert_str_eq(text, shares[_i].text);
}
END_TEST

START_TEST(there_are_statistics_when_all_is_lost)
{
	setup("udp:127.0.0.1:7");
	report_rig_lose(&rig.tally, 4);
	report_text.ping_summary(&rig.settings, &rig.summary);
	stdout_expect("\n"
		      "--- udp:127.0.0.1:7 echoping statistics ---\n"
		      "4 sent, 0 received, 4 lost (100.0 %), 4.02 s\n"
		      "rtt min -, p50 -, p90 -, p95 -, p99 -, p99.9 -, max -, "
		      "0 samples, clock -\n");
}
END_TEST

static size_t count_lines(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

START_TEST(flows_are_a_table_of_32_rows_at_most)
{
	struct flow_summary flows[40];
	const char *text;

	setup("--flows=40 udp:127.0.0.1:7");
	report_rig_receive(&rig.tally, 3, 1000);
	report_rig_lose(&rig.tally, 1);
	for (unsigned i = 0; i < 40; i++)
		flows[i] = (struct flow_summary){ i, (uint16_t)(40000 + i),
						  &rig.tally };
	rig.summary.flows = flows;
	rig.summary.flow_count = 1;
	report_text.ping_summary(&rig.settings, &rig.summary);
	ck_assert_uint_eq(count_lines(stdout_text()), 4);
	rig.summary.flow_count = 32;
	report_text.ping_summary(&rig.settings, &rig.summary);
	text = stdout_text();
	ck_assert_uint_eq(count_lines(text), 4 + 1 + 32);
	ck_assert_ptr_nonnull(strstr(
		text, "\n   31 40031         4         1    25.0 %  1.00 us"
		      "        -  1.00 us\n"));
	rig.summary.flow_count = 40;
	report_text.ping_summary(&rig.settings, &rig.summary);
	text = stdout_text();
	ck_assert_uint_eq(count_lines(text), 4 + 1 + 32 + 1);
	ck_assert_ptr_nonnull(
		strstr(text, "\nand 8 more flows, none of which is worse\n"));
}
END_TEST

START_TEST(the_status_is_one_line_on_standard_error)
{
	int fd;

	setup("udp:127.0.0.1:7");
	fd = stderr_capture();
	report_rig_receive(&rig.tally, 3, 1000);
	report_rig_lose(&rig.tally, 1);
	report_text.ping_status(&rig.settings, &rig.summary);
	stderr_expect(fd, "3/4 replies, 25.0 % loss, p50 1.00 us, p99 -, "
			  "max 1.00 us");
	rig.settings.target_count = 2;
	report_text.ping_status(&rig.settings, &rig.summary);
	stderr_expect(fd, "udp:127.0.0.1:7: 3/4 replies, 25.0 % loss, p50 "
			  "1.00 us, p99 -, max 1.00 us");
	stderr_expect_nothing(fd);
	stdout_expect("");
}
END_TEST

START_TEST(names_have_no_control_characters)
{
	setup("udp:127.0.0.1:7 udp:127.0.0.1:9");
	rig.targets[0].name = "a\033[2Jb";
	reply();
	stdout_expect_part("(a?[2Jb)");
	report_text.ping_summary(&rig.settings, &rig.summary);
	stdout_expect_part("--- a?[2Jb (udp:127.0.0.1:7) echoping");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("report_text");
	TCase *tcase = tcase_create("report_text");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, the_first_line_says_what_will_be_done);
	tcase_add_test(tcase, a_name_is_told_with_its_address);
	tcase_add_test(tcase, a_reply_is_a_line);
	tcase_add_test(tcase, flows_and_the_time_of_day_are_told_if_asked_for);
	tcase_add_test(tcase, who_says_that_a_probe_is_lost_is_told);
	tcase_add_test(tcase, of_several_targets_the_one_is_told);
	tcase_add_loop_test(tcase, what_is_wrong_is_told_plainly, 0,
			    ARRAY_SIZE(wrong));
	tcase_add_test(tcase, what_is_foreign_has_neither_number_nor_time);
	tcase_add_test(tcase, what_is_wrong_is_red);
	tcase_add_test(tcase, quiet_is_only_the_summary);
	tcase_add_test(tcase, the_summary_tells_counts_and_round_trips);
	tcase_add_test(tcase, the_summary_tells_trouble_that_there_was);
	tcase_add_loop_test(tcase, one_of_a_million_does_not_look_like_none, 0,
			    ARRAY_SIZE(shares));
	tcase_add_test(tcase, there_are_statistics_when_all_is_lost);
	tcase_add_test(tcase, flows_are_a_table_of_32_rows_at_most);
	tcase_add_test(tcase, the_status_is_one_line_on_standard_error);
	tcase_add_test(tcase, names_have_no_control_characters);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
