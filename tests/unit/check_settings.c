/* SPDX-License-Identifier: MIT */
/*
 * The command line of echoping: what each option sets.  Command lines are
 * written with '|' between the arguments.
 *
 * Link with -Wl,--wrap=reallocarray.
 */
#include "config.h"

#include "echoping/settings.h"
#include "unit/harness.h"
#include "unit/injection.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ARGUMENTS_MAX 512
#define MSEC	      (NSEC_PER_SEC / 1000)
#define MINUTE	      (60 * NSEC_PER_SEC)

static struct settings settings;
static char line[4096], error[OPTION_ERROR_MAX];

INJECTED(void *, NULL, reallocarray, (void *memory, size_t count, size_t size),
	 (memory, count, size))

static enum option_outcome parse(const char *text)
{
	char *arguments[ARGUMENTS_MAX], *rest = line;
	int count = 0;

	ck_assert_uint_lt(strlen(text) + 10, sizeof(line));
	snprintf(line, sizeof(line), "echoping%s%s", *text ? "|" : "", text);
	snprintf(error, sizeof(error), "nothing");
	do {
		ck_assert_int_lt(count, ARGUMENTS_MAX - 1);
		arguments[count++] = strsep(&rest, "|");
	} while (rest);
	arguments[count] = NULL;
	return settings_parse(&settings, count, arguments, error);
}

static void teardown(void)
{
	settings_deinit(&settings);
	settings_deinit(&settings);
	ck_assert_ptr_null(settings.targets);
	ck_assert_uint_eq(settings.target_count, 0);
}

/* The command line, with a target at its end. */
static void expect_run(const char *options)
{
	char text[sizeof(line)];
	enum option_outcome outcome;

	snprintf(text, sizeof(text), "%s%s-q|h", options, *options ? "|" : "");
	outcome = parse(text);
	ck_assert_msg(outcome == OPTION_RUN, "'%s' gave %d: %s", text,
		      (int)outcome, error);
	ck_assert_str_eq(error, "nothing");
	ck_assert_uint_eq(settings.target_count, 1);
	ck_assert_str_eq(settings.targets[0], "h");
}

START_TEST(without_options_there_are_defaults)
{
	memset(&settings, 0xff, sizeof(settings));
	ck_assert_int_eq(parse("h"), OPTION_RUN);
	ck_assert_int_eq(settings.mode, MODE_PING);
	ck_assert_int_eq(settings.family, AF_UNSPEC);
	ck_assert_int_eq(settings.output, OUTPUT_TEXT);
	ck_assert_int_eq(settings.color, COLOR_AUTO);
	ck_assert_int_eq(settings.load, LOAD_MESSAGES);
	ck_assert(!settings.udp && !settings.connect && !settings.quiet);
	ck_assert(!settings.timestamps && !settings.gso && !settings.busy_poll);
	ck_assert_ptr_null(settings.source);
	ck_assert_ptr_null(settings.hdr);
	ck_assert_ptr_null(settings.plot);
	ck_assert_uint_eq(settings.fill.length, 0);
	ck_assert_int_eq(settings.priority, -1);
	ck_assert_int_eq(settings.tos, -1);
	ck_assert(settings.max_loss > 100);
	ck_assert(settings.deadline == NSEC_INFINITY);
	ck_assert(settings.max_rtt_p99 == NSEC_INFINITY);
	ck_assert_uint_eq(settings.count, 0);
	ck_assert_uint_eq(settings.rate, 0);
}
END_TEST

#define MEMBER(name) offsetof(struct settings, name)

/* Of 64 bits; times in ns. */
static const struct {
	const char *text;
	size_t member;
	uint64_t value;
} quantities[] = {
	{ "", MEMBER(interval), NSEC_PER_SEC },
	{ "-i|10us", MEMBER(interval), 10000 },
	{ "-i20ms", MEMBER(interval), 20 * MSEC },
	{ "--interval=1min 30s", MEMBER(interval), 90 * NSEC_PER_SEC },
	{ "--interval=24h", MEMBER(interval), 1440 * MINUTE },
	{ "-w5", MEMBER(interval), 5 * NSEC_PER_SEC },
	{ "--wait=0.5", MEMBER(interval), 500 * MSEC },
	{ "-i1|-w2|-i3", MEMBER(interval), 3 * NSEC_PER_SEC },
	{ "", MEMBER(timeout), 2 * NSEC_PER_SEC },
	{ "-W1ms", MEMBER(timeout), MSEC },
	{ "--timeout=1h", MEMBER(timeout), 60 * MINUTE },
	{ "-t3", MEMBER(timeout), 3 * NSEC_PER_SEC },
	{ "--time-limit=1.5s", MEMBER(timeout), 1500 * MSEC },
	{ "--deadline=1ms", MEMBER(deadline), MSEC },
	{ "--load|--deadline=9s", MEMBER(deadline), 9 * NSEC_PER_SEC },
	{ "--deadline=7000w", MEMBER(deadline), 7000 * 10080 * MINUTE },
	{ "--deadline=1|--deadline=infinity", MEMBER(deadline), NSEC_INFINITY },
	{ "--max-rtt-p99=1us", MEMBER(max_rtt_p99), 1000 },
	{ "--max-rtt-p99=infinity", MEMBER(max_rtt_p99), NSEC_INFINITY },
	{ "-c1", MEMBER(count), 1 },
	{ "-c|0x10", MEMBER(count), 16 },
	{ "--count=18446744073709551615", MEMBER(count), UINT64_MAX },
	{ "-n5", MEMBER(count), 5 },
	{ "--number=6|-c7", MEMBER(count), 7 },
	{ "", MEMBER(duration), 10 * NSEC_PER_SEC },
	{ "--load|--duration=1ms", MEMBER(duration), MSEC },
	{ "--load|--duration=infinity", MEMBER(duration), NSEC_INFINITY },
	{ "", MEMBER(warmup), 500 * MSEC },
	{ "--load|--warmup=0", MEMBER(warmup), 0 },
	{ "--load|--warmup=2s", MEMBER(warmup), 2 * NSEC_PER_SEC },
	{ "--load|--rate=1.5M", MEMBER(rate), 1500000 },
};

START_TEST(quantities_are_read)
{
	uint64_t value;

	expect_run(quantities[_i].text);
	memcpy(&value, (const char *)&settings + quantities[_i].member,
	       sizeof(value));
	ck_assert_msg(value == quantities[_i].value, "'%s' gave %ju",
		      quantities[_i].text, (uintmax_t)value);
}
END_TEST

/* Of 32 bits, signed or not. */
static const struct {
	const char *text;
	size_t member;
	uint32_t value;
} numbers[] = {
	{ "", MEMBER(size), 64 },
	{ "-s0", MEMBER(size), 0 },
	{ "-s|1K", MEMBER(size), 1024 },
	{ "--size=1M", MEMBER(size), 1 << 20 },
	{ "--size=1048576", MEMBER(size), MESSAGE_SIZE_MAX },
	{ "", MEMBER(flows), 1 },
	{ "--flows=4096", MEMBER(flows), FLOWS_MAX },
	{ "--flows=1", MEMBER(flows), 1 },
	{ "-p0", MEMBER(priority), 0 },
	{ "--priority=2147483647", MEMBER(priority), INT32_MAX },
	{ "-P0", MEMBER(tos), 0 },
	{ "-P0xb8", MEMBER(tos), 0xb8 },
	{ "--tos=255", MEMBER(tos), 255 },
	{ "", MEMBER(connections), 1 },
	{ "--load|--connections=4000000", MEMBER(connections),
	  CONNECTIONS_MAX },
	{ "", MEMBER(pipeline), 1 },
	{ "--load|--pipeline=1024", MEMBER(pipeline), PIPELINE_MAX },
	{ "", MEMBER(threads), 0 },
	{ "--load|--threads=1", MEMBER(threads), 1 },
	{ "--load|--threads=256", MEMBER(threads), THREADS_MAX },
	{ "--load|--threads=2|--threads=auto", MEMBER(threads), 0 },
};

START_TEST(numbers_are_read)
{
	uint32_t value;

	expect_run(numbers[_i].text);
	memcpy(&value, (const char *)&settings + numbers[_i].member,
	       sizeof(value));
	ck_assert_msg(value == numbers[_i].value, "'%s' gave %u",
		      numbers[_i].text, value);
}
END_TEST

/* What is chosen: also enums are int; and what stays as it was. */
static const struct {
	const char *text;
	enum mode mode;
	int family;
	enum output output;
	enum color color;
	enum load_kind load;
	bool udp, connect, timestamps, gso, busy_poll;
} choices[] = {
	{ .text = "-u", .udp = true },
	{ .text = "--udp", .udp = true },
	{ .text = "-4", .family = AF_INET },
	{ .text = "--ipv4", .family = AF_INET },
	{ .text = "-6", .family = AF_INET6 },
	{ .text = "--ipv6", .family = AF_INET6 },
	{ .text = "-D", .timestamps = true },
	{ .text = "--timestamps", .timestamps = true },
	{ .text = "--json", .output = OUTPUT_JSON },
	{ .text = "--openmetrics", .output = OUTPUT_OPENMETRICS },
	{ .text = "-n1", .output = OUTPUT_HISTORICAL, .connect = true },
	{ .text = "-u|-n1|-4|-p0|-P8|-s60|-fx|-t1|-w2",
	  .output = OUTPUT_HISTORICAL,
	  .connect = true,
	  .udp = true,
	  .family = AF_INET },
	{ .text = "--color=always", .color = COLOR_ALWAYS },
	{ .text = "--color=never", .color = COLOR_NEVER },
	{ .text = "--color=never|--color=auto", .color = COLOR_AUTO },
	{ .text = "--load", .mode = MODE_LOAD },
	{ .text = "--conformance", .mode = MODE_CONFORMANCE },
	{ .text = "--connect", .connect = true, .load = LOAD_CONNECT },
	{ .text = "--load|--connect",
	  .mode = MODE_LOAD,
	  .connect = true,
	  .load = LOAD_CONNECT },
	{ .text = "--bulk|--load", .mode = MODE_LOAD, .load = LOAD_BULK },
	{ .text = "--load|--hold", .mode = MODE_LOAD, .load = LOAD_HOLD },
	{ .text = "--load|--gso|-u",
	  .mode = MODE_LOAD,
	  .gso = true,
	  .udp = true },
	{ .text = "--load|--busy-poll", .mode = MODE_LOAD, .busy_poll = true },
	/* None of these excludes another. */
	{ .text = "--load|--gso|-u|-D|-6|--json|--hold",
	  .mode = MODE_LOAD,
	  .load = LOAD_HOLD,
	  .output = OUTPUT_JSON,
	  .family = AF_INET6,
	  .gso = true,
	  .udp = true,
	  .timestamps = true },
	/* Twice the same is no contradiction. */
	{ .text = "-4|-4|--json|--json",
	  .family = AF_INET,
	  .output = OUTPUT_JSON },
};

START_TEST(choices_are_read)
{
	expect_run(choices[_i].text);
	ck_assert_int_eq(settings.mode, choices[_i].mode);
	ck_assert_int_eq(settings.family, choices[_i].family);
	ck_assert_int_eq(settings.output, choices[_i].output);
	ck_assert_int_eq(settings.color, choices[_i].color);
	ck_assert_int_eq(settings.load, choices[_i].load);
	ck_assert(settings.udp == choices[_i].udp);
	ck_assert(settings.connect == choices[_i].connect);
	ck_assert(settings.timestamps == choices[_i].timestamps);
	ck_assert(settings.gso == choices[_i].gso);
	ck_assert(settings.busy_poll == choices[_i].busy_poll);
	ck_assert(settings.quiet);
}
END_TEST

START_TEST(texts_are_read)
{
	expect_run("-I|::1|--hdr=a b|--plot=-|--max-loss=2.5%|-f0xfF00");
	ck_assert_str_eq(settings.source, "::1");
	ck_assert_str_eq(settings.hdr, "a b");
	ck_assert_str_eq(settings.plot, "-");
	ck_assert(settings.max_loss > 2.49 && settings.max_loss < 2.51);
	ck_assert_uint_eq(settings.fill.length, 2);
	ck_assert_mem_eq(settings.fill.bytes, "\xff\0", 2);
	settings_deinit(&settings);
	expect_run("--source=eth0");
	ck_assert_str_eq(settings.source, "eth0");
	ck_assert_ptr_null(settings.hdr);
}
END_TEST

START_TEST(targets_are_kept_in_order)
{
	ck_assert_int_eq(parse("a|-c1|b|--|-c|--json"), OPTION_RUN);
	ck_assert_uint_eq(settings.target_count, 4);
	ck_assert_str_eq(settings.targets[0], "a");
	ck_assert_str_eq(settings.targets[1], "b");
	ck_assert_str_eq(settings.targets[2], "-c");
	ck_assert_str_eq(settings.targets[3], "--json");
	ck_assert_uint_eq(settings.count, 1);
	ck_assert_int_eq(settings.output, OUTPUT_TEXT);
}
END_TEST

START_TEST(targets_may_be_many)
{
	char text[400 * sizeof("|t123")] = "", *end = text;

	for (int i = 0; i < 400; i++)
		end += sprintf(end, "%st%d", end > text ? "|" : "", i);
	ck_assert_int_eq(parse(text), OPTION_RUN);
	ck_assert_uint_eq(settings.target_count, 400);
	ck_assert_str_eq(settings.targets[0], "t0");
	ck_assert_str_eq(settings.targets[399], "t399");
}
END_TEST

START_TEST(without_memory_no_target_is_added)
{
	reallocarray_fault = (struct fault){ .skip = 1, .times = 1 };
	ck_assert_int_eq(parse("a|b|c"), OPTION_WRONG);
	ck_assert_str_eq(error, "'b' does not fit into memory");
	ck_assert_uint_eq(settings.target_count, 1);
	ck_assert_str_eq(settings.targets[0], "a");
}
END_TEST

static const struct {
	const char *text;
	enum option_outcome outcome;
} questions[] = {
	{ "-h", OPTION_HELP },
	{ "--help", OPTION_HELP },
	{ "-V", OPTION_VERSION },
	{ "--version|--frobnicate", OPTION_VERSION },
	{ "h|-c1|--help", OPTION_HELP },
	{ "--load|--conformance|-V", OPTION_VERSION },
};

START_TEST(questions_need_no_target)
{
	ck_assert_int_eq(parse(questions[_i].text), questions[_i].outcome);
	ck_assert_str_eq(error, "nothing");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("settings");
	TCase *tcase = tcase_create("settings");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, without_options_there_are_defaults);
	tcase_add_loop_test(tcase, quantities_are_read, 0,
			    ARRAY_SIZE(quantities));
	tcase_add_loop_test(tcase, numbers_are_read, 0, ARRAY_SIZE(numbers));
	tcase_add_loop_test(tcase, choices_are_read, 0, ARRAY_SIZE(choices));
	tcase_add_test(tcase, texts_are_read);
	tcase_add_test(tcase, targets_are_kept_in_order);
	tcase_add_test(tcase, targets_may_be_many);
	tcase_add_test(tcase, without_memory_no_target_is_added);
	tcase_add_loop_test(tcase, questions_need_no_target, 0,
			    ARRAY_SIZE(questions));
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
