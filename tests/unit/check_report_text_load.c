/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/report.h"
#include "unit/capture.h"
#include "unit/harness.h"
#include "unit/output.h"
#include "unit/report_rig.h"
#include "unit/terminal.h"

#include <string.h>
#include <unistd.h>

static struct report_rig rig;
static struct histogram other;

static void teardown(void)
{
	report_rig_deinit(&rig);
	histogram_deinit(&other);
}

static void setup(const char *command_line)
{
	teardown();
	report_rig_init(&rig, command_line);
	ck_assert_int_eq(histogram_init(&other), 0);
	for (int i = 0; i < 10; i++)
		histogram_record(&other, 3000);
}

static const struct {
	const char *command_line, *text;
} works[] = {
	{ "--load --connections=50 127.0.0.1:7",
	  "64 bytes on 50 connections, closed loop, for 10s after 500ms of "
	  "warm-up" },
	{ "--load --connections=1 --pipeline=16 --warmup=0 127.0.0.1:7",
	  "64 bytes on 1 connection, 16 under way on each, closed loop, for "
	  "10s" },
	{ "--load --warmup=0 --rate=100K --duration=1min 127.0.0.1:7",
	  "64 bytes on 1 connection, open loop, 100000 a second, for 1min" },
	{ "--load --warmup=0 --connect --connections=3 -s 1 127.0.0.1:7",
	  "connect, echo 1 byte, close; 3 at a time, for 10s" },
	{ "--load --warmup=0 --bulk --connections=4 127.0.0.1:7",
	  "both ways as fast as possible on 4 connections, for 10s" },
	{ "--load --hold --connections=1000 127.0.0.1:7",
	  "holding 1000 connections, an echo of 64 bytes on each" },
	{ "--load --warmup=0 --busy-poll 127.0.0.1:7",
	  "64 bytes on 1 connection, never sleeping, closed loop, for 10s" },
	{ "--load --hold --connections=1000 --busy=20 127.0.0.1:7",
	  "holding 1000 connections, an echo of 64 bytes on each, then 20 of "
	  "them busy" },
	{ "--load --warmup=0 --gso --pipeline=32 udp:127.0.0.1:7",
	  "64 bytes on 1 socket, 32 under way on each, sent as trains, closed "
	  "loop, for 10s" },
};

/* Its own first line, and nothing on standard output before. */
START_TEST(the_work_is_alive_at_first_and_then_a_result)
{
	int master = terminal_make(STDERR_FILENO, 120);
	struct load_summary summary;
	char text[256];

	setup(works[_i].command_line);
	snprintf(text, sizeof(text), "\r%s", works[_i].text);
	report_text.load_start(&rig.settings, &rig.targets[0]);
	terminal_expect(master, text);
	stdout_expect("");
	summary = report_rig_load(&rig);
	report_text.load_summary(&rig.settings, &summary);
	snprintf(text, sizeof(text), " ---\n%s\n0 ", works[_i].text);
	ck_assert_ptr_nonnull(strstr(stdout_text(), text));
}
END_TEST

static void summarize(const struct load_summary *summary)
{
	report_text.load_summary(&rig.settings, summary);
}

START_TEST(a_closed_loop_is_called_so)
{
	struct load_summary summary;

	setup("--load --connections=50 127.0.0.1:7");
	report_rig_receive(&rig.tally, 1000000, 2000);
	summary = report_rig_load(&rig);
	summarize(&summary);
	stdout_expect("--- tcp:127.0.0.1:7 echoping load ---\n"
		      "64 bytes on 50 connections, closed loop, for 10s after "
		      "500ms of warm-up\n"
		      "1000000 messages echoed and verified in 10.0 s, "
		      "100000/s, 6.40 MB/s each way, on 50 connections by 2 "
		      "threads\n"
		      "1000000 sent, 0 lost (0.0 %)\n"
		      "latency (closed loop): min 2.00 us, p50 2.00 us, "
		      "p90 2.00 us, p95 2.00 us, p99 2.00 us, p99.9 2.00 us, "
		      "max 2.00 us, 1000000 samples\n"
		      "client CPU: user 100 ns and system 900 ns per message, "
		      "busy 5 % of 2 threads\n");
}
END_TEST

START_TEST(an_open_loop_tells_both_latencies_and_the_lag)
{
	struct load_summary summary;
	const char *text;

	setup("--load --rate=10 udp:127.0.0.1:7");
	report_rig_receive(&rig.tally, 100, 2000);
	report_rig_lose(&rig.tally, 1);
	rig.tally.duplicate = 4;
	summary = report_rig_load(&rig);
	summary.intended = &other;
	summary.lag = &other;
	summary.unsent = 6;
	summary.socket_drops = 7;
	summary.client_limited = "the client was late";
	summarize(&summary);
	text = stdout_text();
	ck_assert_ptr_nonnull(
		strstr(text, "\nlatency from the intended send time (open "
			     "loop): min 3.00 us, "));
	ck_assert_ptr_nonnull(strstr(
		text, "\nlatency from the actual send time: min 2.00 us, "));
	ck_assert_ptr_nonnull(strstr(text, "\nsend lag: min 3.00 us, "));
	ck_assert_ptr_nonnull(
		strstr(text, "\n101 sent, 1 lost (1.0 %), 4 duplicate, 6 due "
			     "and never sent, 7 dropped by the kernel at our "
			     "own sockets\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nwarning: the client was late\n"));
	ck_assert_ptr_nonnull(strstr(text, "on 50 sockets by"));
}
END_TEST

START_TEST(bulk_is_about_bytes)
{
	struct load_summary summary;

	setup("--load --bulk 127.0.0.1:7");
	summary = report_rig_load(&rig);
	summary.bytes = UINT64_C(20000000000);
	summary.threads = 1;
	summary.connections = 1;
	summarize(&summary);
	stdout_expect("--- tcp:127.0.0.1:7 echoping load ---\n"
		      "both ways as fast as possible on 1 connection, for 10s "
		      "after 500ms of warm-up\n"
		      "20000000000 bytes echoed and verified in 10.0 s, "
		      "2.000 GB/s each way, on 1 connection by 1 thread\n"
		      "0 sent, 0 lost (0.0 %)\n"
		      "client CPU: user 0.005 ns and system 0.045 ns per "
		      "byte, busy 10 % of 1 thread\n");
}
END_TEST

START_TEST(connecting_is_told_apart)
{
	struct load_summary summary;
	const char *text;

	setup("--load --connect 127.0.0.1:7");
	report_rig_receive(&rig.tally, 1, 2000);
	summary = report_rig_load(&rig);
	summary.connect = &other;
	summarize(&summary);
	text = stdout_text();
	ck_assert_ptr_nonnull(strstr(text, "\nconnect: min 3.00 us, "));
	ck_assert_ptr_nonnull(
		strstr(text, "\nconnect and echo (closed loop): min 2.00 us"));
	ck_assert_ptr_nonnull(strstr(text, "\n1 connection echoed"));
}
END_TEST

static const struct {
	const char *command_line, *line;
	bool warmup;
} intervals[] = {
	{ "--load 127.0.0.1:7",
	  "\r3 s: 1000/s, p50 3.00 us, p99 -, 50.0 % loss", false },
	{ "--load 127.0.0.1:7",
	  "\rwarm-up 3 s: 1000/s, p50 3.00 us, p99 -, 50.0 % loss", true },
	{ "--load --bulk 127.0.0.1:7", "\r3 s: 0.002 GB/s each way", false },
	{ "--load --hold 127.0.0.1:7",
	  "\r3 s: 70 open, 1000/s, p50 3.00 us, p99 -, 50.0 % loss", false },
	{ "-q --load 127.0.0.1:7", "", false },
};

START_TEST(a_terminal_has_a_live_line_until_the_summary)
{
	int master = terminal_make(STDERR_FILENO, 80);
	struct load_interval interval = {
		.elapsed = 3 * NSEC_PER_SEC + NSEC_PER_SEC / 2,
		.length = NSEC_PER_SEC / 2,
		.messages = 500,
		.lost = 500,
		.bytes = 1000000,
		.connections = 70,
		.warmup = intervals[_i].warmup,
		.latency = &other,
	};
	struct load_summary summary;
	char erased[80];

	setup(intervals[_i].command_line);
	if (rig.settings.quiet)
		report_text.load_start(&rig.settings, &rig.targets[0]);
	report_text.load_interval(&rig.settings, &interval);
	terminal_expect(master, intervals[_i].line);
	stdout_expect("");
	summary = report_rig_load(&rig);
	report_text.load_summary(&rig.settings, &summary);
	erased[0] = '\0';
	if (!rig.settings.quiet)
		snprintf(erased, sizeof(erased), "\r%*s\r",
			 (int)strlen(intervals[_i].line) - 1, "");
	terminal_expect(master, erased);
}
END_TEST

START_TEST(nothing_is_live_without_a_terminal)
{
	struct load_interval interval = { .elapsed = NSEC_PER_SEC,
					  .length = NSEC_PER_SEC,
					  .messages = 5 };
	int fd = stderr_capture();

	setup("--load 127.0.0.1:7");
	interval.latency = &other;
	report_text.load_start(&rig.settings, &rig.targets[0]);
	report_text.load_interval(&rig.settings, &interval);
	stderr_expect_nothing(fd);
	stdout_expect("");
}
END_TEST

START_TEST(no_time_and_no_message_are_no_division_by_zero)
{
	struct load_summary summary;
	const char *text;

	setup("--load 127.0.0.1:7");
	summary = report_rig_load(&rig);
	summary.elapsed = 0;
	summarize(&summary);
	text = stdout_text();
	ck_assert_ptr_nonnull(strstr(text, ", 0.00/s, 0 B/s each way, "));
	ck_assert_ptr_nonnull(
		strstr(text, "\nclient CPU: busy 0 % of 2 threads\n"));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("report_text_load");
	TCase *tcase = tcase_create("report_text_load");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_loop_test(tcase, the_work_is_alive_at_first_and_then_a_result,
			    0, ARRAY_SIZE(works));
	tcase_add_test(tcase, a_closed_loop_is_called_so);
	tcase_add_test(tcase, an_open_loop_tells_both_latencies_and_the_lag);
	tcase_add_test(tcase, bulk_is_about_bytes);
	tcase_add_test(tcase, connecting_is_told_apart);
	tcase_add_loop_test(tcase, a_terminal_has_a_live_line_until_the_summary,
			    0, ARRAY_SIZE(intervals));
	tcase_add_test(tcase, nothing_is_live_without_a_terminal);
	tcase_add_test(tcase, no_time_and_no_message_are_no_division_by_zero);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
