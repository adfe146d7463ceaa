/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/console.h"
#include "echoping/report.h"
#include "unit/harness.h"
#include "unit/output.h"
#include "unit/report_rig.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

static struct report_rig rig;
static json_t *line;

static void teardown(void)
{
	report_rig_deinit(&rig);
	json_decref(line);
}

static void setup(const char *command_line)
{
	report_rig_deinit(&rig);
	report_rig_init(&rig, command_line);
}

/* The line that was printed, one. */
static void read_line(void)
{
	const char *text = stdout_text();
	json_error_t error;

	json_decref(line);
	ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
	line = json_loads(text, 0, &error);
	ck_assert_msg(line != NULL, "%s in %s", error.text, text);
}

/* The member at this path, "rtt.p50_ns". */
static const json_t *member(const char *path)
{
	const json_t *value = line;
	char key[64];

	while (*path) {
		size_t length = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)length, path);
		value = json_object_get(value, key);
		ck_assert_msg(value != NULL, "no %s", path);
		path += length + (path[length] == '.');
	}
	return value;
}

static void expect_number(const char *path, json_int_t number)
{
	const json_t *value = member(path);

	ck_assert_msg(json_is_integer(value), "%s is no integer", path);
	ck_assert_int_eq(json_integer_value(value), number);
}

static void expect_text(const char *path, const char *text)
{
	const json_t *value = member(path);

	ck_assert_msg(json_is_string(value), "%s is no text", path);
	ck_assert_str_eq(json_string_value(value), text);
}

static void expect_null(const char *path)
{
	ck_assert_msg(json_is_null(member(path)), "%s is not null", path);
}

START_TEST(a_run_starts_with_a_line_for_each_target)
{
	setup("--json -c 5 -i 20ms udp:127.0.0.1:7");
	report_json.ping_start(&rig.settings, rig.targets, 1);
	read_line();
	expect_number("format", 1);
	expect_text("type", "start");
	expect_text("mode", "ping");
	expect_text("target", "udp:127.0.0.1:7");
	expect_number("count", 5);
	expect_number("interval_ns", 20000000);
	expect_null("deadline_ns");
	setup("--json udp:127.0.0.1:7");
	report_json.ping_start(&rig.settings, rig.targets, 1);
	read_line();
	expect_null("count");
}
END_TEST

START_TEST(a_reply_tells_all_that_is_known)
{
	setup("--json udp:127.0.0.1:7");
	report_json.reply(&rig.settings, &rig.reply);
	read_line();
	expect_text("type", "reply");
	expect_number("time_ns", 1795673377123456789);
	expect_number("sequence", 1);
	expect_number("flow", 0);
	expect_number("port", 40123);
	expect_text("from", "127.0.0.1:7");
	expect_number("bytes", 64);
	expect_number("rtt_ns", 84100);
	expect_text("clock", "kernel");
	ck_assert(json_is_false(member("connected")));
	ck_assert_uint_eq(json_array_size(member("faults")), 0);
	ck_assert_ptr_null(json_object_get(line, "first_wrong_byte"));
	ck_assert_ptr_null(json_object_get(line, "expected_bytes"));
}
END_TEST

START_TEST(a_reply_tells_what_is_wrong)
{
	setup("--json udp:127.0.0.1:7");
	rig.reply.faults = FAULT_CORRUPT | FAULT_TRUNCATED;
	rig.reply.mismatch = 17;
	rig.reply.size = 32;
	report_json.reply(&rig.settings, &rig.reply);
	read_line();
	ck_assert_uint_eq(json_array_size(member("faults")), 2);
	ck_assert_str_eq(json_string_value(json_array_get(member("faults"), 1)),
			 "truncated");
	expect_number("first_wrong_byte", 17);
	expect_number("expected_bytes", 64);
	rig.reply.faults = FAULT_FOREIGN;
	rig.reply.rtt_known = false;
	rig.reply.port = 0;
	report_json.reply(&rig.settings, &rig.reply);
	read_line();
	expect_null("sequence");
	expect_null("rtt_ns");
	expect_null("clock");
	expect_null("port");
}
END_TEST

START_TEST(what_is_lost_tells_how_long_was_waited_or_why)
{
	setup("--json udp:127.0.0.1:7");
	report_json.lost(&rig.settings, &rig.reply);
	read_line();
	expect_text("type", "lost");
	expect_number("sequence", 1);
	expect_number("waited_ns", 84100);
	expect_null("reason");
	rig.reply.reason = "Connection refused";
	report_json.lost(&rig.settings, &rig.reply);
	read_line();
	expect_text("reason", "Connection refused");
	address_set_port(&rig.reply.from, 0);
	report_json.lost(&rig.settings, &rig.reply);
	read_line();
	expect_text("from", "127.0.0.1");
	rig.reply.from.length = 0;
	report_json.lost(&rig.settings, &rig.reply);
	read_line();
	expect_null("from");
}
END_TEST

START_TEST(the_summary_adds_up)
{
	struct flow_summary flow = { 2, 40001, &rig.tally };
	const json_t *bucket;

	setup("--json udp:127.0.0.1:7");
	report_rig_receive(&rig.tally, 15, 100000);
	report_rig_lose(&rig.tally, 5);
	rig.tally.kernel_clock = 10;
	rig.tally.sent += 2;
	rig.summary.under_way = 2;
	rig.summary.flows = &flow;
	rig.summary.flow_count = 1;
	report_json.ping_summary(&rig.settings, &rig.summary);
	read_line();
	expect_text("type", "summary");
	expect_number("elapsed_ns", 4020000000);
	expect_number("sent", 22);
	expect_number("received", 15);
	expect_number("lost", 5);
	expect_number("under_way", 2);
	expect_number("clock.kernel", 10);
	expect_number("clock.user", 5);
	ck_assert_double_eq(json_real_value(member("loss_percent")), 25);
	expect_number("rtt.count", 15);
	expect_number("rtt.p50_ns", 100000);
	expect_null("rtt.p99_ns");
	bucket = json_array_get(member("rtt.histogram"), 0);
	ck_assert_int_eq(json_integer_value(json_array_get(bucket, 2)), 15);
	ck_assert_int_le(json_integer_value(json_array_get(bucket, 0)), 100000);
	ck_assert_int_ge(json_integer_value(json_array_get(bucket, 1)), 100000);
	ck_assert_uint_eq(json_array_size(member("flows")), 1);
}
END_TEST

START_TEST(there_is_a_summary_of_nothing)
{
	setup("--json udp:127.0.0.1:7");
	report_json.ping_summary(&rig.settings, &rig.summary);
	read_line();
	expect_null("rtt.min_ns");
	expect_null("rtt.mean_ns");
	expect_null("rtt.max_ns");
	ck_assert_uint_eq(json_array_size(member("rtt.histogram")), 0);
}
END_TEST

START_TEST(a_load_tells_how_it_was_made)
{
	setup("--json --load --rate=5 --connections=3 udp:127.0.0.1:7");
	report_json.load_start(&rig.settings, rig.targets);
	read_line();
	expect_text("mode", "load");
	expect_text("kind", "messages");
	expect_text("loop", "open");
	expect_number("rate", 5);
	expect_number("connections", 3);
	expect_null("threads");
	setup("--json --load --bulk --duration=infinity --threads=2 "
	      "127.0.0.1:7");
	report_json.load_start(&rig.settings, rig.targets);
	read_line();
	expect_text("kind", "bulk");
	expect_text("loop", "closed");
	expect_null("rate");
	expect_null("duration_ns");
	expect_number("threads", 2);
}
END_TEST

START_TEST(an_interval_is_a_line)
{
	struct load_interval interval = { .target = rig.targets,
					  .elapsed = 2 * NSEC_PER_SEC,
					  .length = NSEC_PER_SEC,
					  .messages = 15,
					  .latency = &rig.tally.rtt,
					  .warmup = true };

	setup("--json --load 127.0.0.1:7");
	report_rig_receive(&rig.tally, 15, 1000);
	report_json.load_interval(&rig.settings, &interval);
	read_line();
	expect_text("type", "interval");
	expect_number("messages", 15);
	expect_number("latency.p50_ns", 1000);
	ck_assert(json_is_true(member("warmup")));
	ck_assert_ptr_null(json_object_get(member("latency"), "histogram"));
}
END_TEST

START_TEST(the_summary_of_a_load_has_all_histograms)
{
	struct load_summary summary;

	setup("--json --load --rate=5 127.0.0.1:7");
	report_rig_receive(&rig.tally, 15, 1000);
	summary = report_rig_load(&rig);
	report_json.load_summary(&rig.settings, &summary);
	read_line();
	expect_null("intended");
	expect_null("lag");
	expect_null("connect");
	expect_null("client_limited");
	expect_number("cpu.user_ns", 100000000);
	expect_number("echoed_bytes", 960);
	ck_assert_double_eq(json_real_value(member("messages_per_second")),
			    1.5);
	summary.intended = summary.lag = summary.connect = &rig.tally.rtt;
	summary.client_limited = "why";
	report_json.load_summary(&rig.settings, &summary);
	read_line();
	ck_assert_uint_eq(json_array_size(member("intended.histogram")), 1);
	ck_assert_uint_eq(json_array_size(member("lag.histogram")), 1);
	ck_assert_uint_eq(json_array_size(member("connect.histogram")), 1);
	expect_text("client_limited", "why");
}
END_TEST

START_TEST(quiet_is_only_the_summary)
{
	const struct load_interval interval = { .target = rig.targets,
						.latency = &rig.tally.rtt };

	setup("-q --json udp:127.0.0.1:7");
	report_json.ping_start(&rig.settings, rig.targets, 1);
	report_json.reply(&rig.settings, &rig.reply);
	report_json.lost(&rig.settings, &rig.reply);
	report_json.load_start(&rig.settings, rig.targets);
	report_json.load_interval(&rig.settings, &interval);
	stdout_expect("");
	report_json.ping_summary(&rig.settings, &rig.summary);
	read_line();
}
END_TEST

START_TEST(every_name_can_be_told)
{
	setup("--json udp:127.0.0.1:7");
	rig.targets[0].name = "a\"\n\xff\xc3\xa4";
	report_json.lost(&rig.settings, &rig.reply);
	read_line();
	expect_text("name", "a\"\n?\xc3\xa4");
}
END_TEST

START_TEST(numbers_have_63_bits)
{
	setup("--json -c 18446744073709551615 udp:127.0.0.1:7");
	report_json.ping_start(&rig.settings, rig.targets, 1);
	read_line();
	expect_number("count", INT64_MAX);
}
END_TEST

static void *no_memory(size_t size UNUSED)
{
	return NULL;
}

START_TEST(without_memory_nothing_is_printed_by_halves)
{
	setup("--json udp:127.0.0.1:7");
	json_set_alloc_funcs(no_memory, free);
	report_json.ping_summary(&rig.settings, &rig.summary);
	stdout_expect("");
	ck_assert_int_eq(console_error(), -ENOMEM);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("report_json");
	TCase *tcase = tcase_create("report_json");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, a_run_starts_with_a_line_for_each_target);
	tcase_add_test(tcase, a_reply_tells_all_that_is_known);
	tcase_add_test(tcase, a_reply_tells_what_is_wrong);
	tcase_add_test(tcase, what_is_lost_tells_how_long_was_waited_or_why);
	tcase_add_test(tcase, the_summary_adds_up);
	tcase_add_test(tcase, there_is_a_summary_of_nothing);
	tcase_add_test(tcase, a_load_tells_how_it_was_made);
	tcase_add_test(tcase, an_interval_is_a_line);
	tcase_add_test(tcase, the_summary_of_a_load_has_all_histograms);
	tcase_add_test(tcase, quiet_is_only_the_summary);
	tcase_add_test(tcase, every_name_can_be_told);
	tcase_add_test(tcase, numbers_have_63_bits);
	tcase_add_test(tcase, without_memory_nothing_is_printed_by_halves);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
