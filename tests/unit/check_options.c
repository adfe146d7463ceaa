/* SPDX-License-Identifier: MIT */
/*
 * The command line: what each option sets, and the line that is said of a
 * wrong one.  Command lines are written with '|' between the arguments.
 *
 * Link with -Wl,--wrap=reallocarray.
 */
#include "config.h"

#include "echod/log.h"
#include "echod/options.h"
#include "unit/harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_MAX 256
#define MINUTE	      (60 * USEC_PER_SEC)

static struct options options;
static char line[4096], error[OPTION_ERROR_MAX];

/* How many more allocations succeed; -1: all. */
static int allocations = -1;

void *__real_reallocarray(void *memory, size_t count, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
	if (allocations == 0)
		return NULL;
	allocations -= allocations > 0;
	return __real_reallocarray(memory, count, size);
}

static enum option_outcome parse(const char *text)
{
	char *arguments[ARGUMENTS_MAX], *rest = line;
	int count = 0;

	ck_assert_uint_lt(strlen(text) + 7, sizeof(line));
	snprintf(line, sizeof(line), "echod%s%s", *text ? "|" : "", text);
	snprintf(error, sizeof(error), "nothing");
	do {
		ck_assert_int_lt(count, ARGUMENTS_MAX - 1);
		arguments[count++] = strsep(&rest, "|");
	} while (rest);
	arguments[count] = NULL;
	errno = ERANGE; /* of somebody else's call */
	return options_parse(&options, count, arguments, error);
}

static void teardown(void)
{
	options_deinit(&options);
	options_deinit(&options);
	ck_assert_ptr_null(options.listen);
	ck_assert_uint_eq(options.listen_count, 0);
}

static void expect_run(const char *text)
{
	enum option_outcome outcome = parse(text);

	ck_assert_msg(outcome == OPTION_RUN, "'%s' gave %d: %s", text,
		      (int)outcome, error);
	ck_assert_str_eq(error, "nothing");
}

static void expect_wrong(const char *text, const char *expected)
{
	ck_assert_int_eq(parse(text), OPTION_WRONG);
	ck_assert_str_eq(error, expected);
}

START_TEST(without_arguments_there_are_defaults)
{
	memset(&options, 0xff, sizeof(options));
	expect_run("");
	ck_assert_ptr_null(options.listen);
	ck_assert_uint_eq(options.listen_count, 0);
	ck_assert_uint_eq(options.workers, 1);
	ck_assert_int_eq(options.affinity.kind, AFFINITY_FREE);
	ck_assert_uint_eq(options.max_connections, 0);
	ck_assert(options.idle_timeout == USEC_INFINITY);
	ck_assert_uint_eq(options.drain_timeout, 5 * USEC_PER_SEC);
	ck_assert(options.exit_idle_time == USEC_INFINITY);
	ck_assert_int_eq(options.preserve, PRESERVE_AUTO);
	ck_assert_uint_eq(options.preserve_after, USEC_PER_SEC);
	ck_assert_uint_eq(options.busy_poll, 0);
	ck_assert_uint_eq(options.buffer_limit, 64 << 20);
	ck_assert_ptr_null(options.user);
	ck_assert_int_eq(options.log_level, LOG_INFO);
	ck_assert(!options.log_connections);
	ck_assert(options.udp_offload);
	ck_assert_uint_eq(options.udp_rate.rate, 1000);
	ck_assert_uint_eq(options.udp_rate.burst, 5000);
}
END_TEST

static const struct {
	const char *text;
	unsigned workers, max_connections;
} counts[] = {
	{ "-w2", 2, 0 },
	{ "-w|1024", 1024, 0 },
	{ "--workers=1", 1, 0 },
	{ "--workers|007", 7, 0 },
	{ "--workers=auto", 0, 0 },
	{ "--wor=3", 3, 0 },
	{ "-w2|-wauto|-w4", 4, 0 },
	{ "-c1", 1, 1 },
	{ "--max-connections=2147483647", 1, INT32_MAX },
	{ "--max-connections|15000", 1, 15000 },
	{ "-c9|-cauto", 1, 0 },
	{ "-c9|-w8", 8, 9 },
};

START_TEST(counts_are_read)
{
	expect_run(counts[_i].text);
	ck_assert_uint_eq(options.workers, counts[_i].workers);
	ck_assert_uint_eq(options.max_connections, counts[_i].max_connections);
}
END_TEST

START_TEST(connections_per_source_are_read)
{
	expect_run("--max-connections-per-source=15000");
	ck_assert_uint_eq(options.max_connections_per_source, 15000);
	expect_run("--max-connections-per-source=1|"
		   "--max-connections-per-source|auto");
	ck_assert_uint_eq(options.max_connections_per_source, 0);
}
END_TEST

START_TEST(cpu_affinity_is_read)
{
	expect_run("--cpu-affinity=auto");
	ck_assert_int_eq(options.affinity.kind, AFFINITY_AUTO);
	expect_run("--cpu-affinity=auto|--cpu-affinity|0-3,8");
	ck_assert_int_eq(options.affinity.kind, AFFINITY_LIST);
	ck_assert_str_eq(options.affinity.list, "0-3,8");
	expect_run("--cpu-affinity=1|--cpu-affinity=no");
	ck_assert_int_eq(options.affinity.kind, AFFINITY_FREE);
}
END_TEST

#define MEMBER(name) offsetof(struct options, name)

/* Durations in microseconds, sizes in bytes. */
static const struct {
	const char *text;
	size_t member;
	uint64_t value;
} quantities[] = {
	{ "-t5min", MEMBER(idle_timeout), 5 * MINUTE },
	{ "-t|1ms", MEMBER(idle_timeout), 1000 },
	{ "--idle-timeout=30", MEMBER(idle_timeout), 30 * USEC_PER_SEC },
	{ "--idle-timeout=1h 30min", MEMBER(idle_timeout), 90 * MINUTE },
	{ "-t1|-tinfinity", MEMBER(idle_timeout), USEC_INFINITY },
	{ "--drain-timeout=0", MEMBER(drain_timeout), 0 },
	{ "--drain-timeout|500ms", MEMBER(drain_timeout), 500000 },
	{ "--drain-timeout=infinity", MEMBER(drain_timeout), USEC_INFINITY },
	{ "--exit-idle-time=5s", MEMBER(exit_idle_time), 5 * USEC_PER_SEC },
	{ "--exit-idle-time=10min", MEMBER(exit_idle_time), 10 * MINUTE },
	{ "--exit-idle-time=9|--exit-idle-time=infinity",
	  MEMBER(exit_idle_time), USEC_INFINITY },
	{ "--preserve-after=0", MEMBER(preserve_after), 0 },
	{ "--preserve-after|250ms", MEMBER(preserve_after), 250000 },
	{ "--preserve-after=infinity", MEMBER(preserve_after), USEC_INFINITY },
	{ "--busy-poll=50us", MEMBER(busy_poll), 50 },
	{ "--busy-poll=infinity", MEMBER(busy_poll), USEC_INFINITY },
	{ "--busy-poll=1s|--busy-poll=0", MEMBER(busy_poll), 0 },
	{ "--buffer-limit=0", MEMBER(buffer_limit), 0 },
	{ "--buffer-limit=64K", MEMBER(buffer_limit), 65536 },
	{ "--buffer-limit|1G", MEMBER(buffer_limit), 1 << 30 },
	{ "-w1", MEMBER(min_progress), 1024 },
	{ "-w1", MEMBER(progress_time), MINUTE },
	{ "--min-progress=0", MEMBER(min_progress), 0 },
	{ "--min-progress=64K", MEMBER(min_progress), 65536 },
	{ "--min-progress=64K/5s|--min-progress=1M", MEMBER(progress_time),
	  MINUTE },
	{ "--min-progress|1K/1h 30min", MEMBER(min_progress), 1024 },
	{ "--min-progress|1K/1h 30min", MEMBER(progress_time), 90 * MINUTE },
	{ "--min-progress=1K/1ms", MEMBER(progress_time), 1000 },
};

START_TEST(quantities_are_read)
{
	uint64_t value;

	expect_run(quantities[_i].text);
	memcpy(&value, (const char *)&options + quantities[_i].member,
	       sizeof(value));
	ck_assert(value == quantities[_i].value);
}
END_TEST

START_TEST(user_is_read)
{
	expect_run("--user=nobody");
	ck_assert_str_eq(options.user, "nobody");
}
END_TEST

START_TEST(log_level_is_read)
{
	char text[64];

	for (int level = LOG_EMERG; level <= LOG_DEBUG; level++) {
		snprintf(text, sizeof(text), "--log-level=%s",
			 log_level_name(level));
		expect_run(text);
		ck_assert_int_eq(options.log_level, level);
	}
}
END_TEST

START_TEST(log_connections_is_read)
{
	expect_run("--log-connections");
	ck_assert(options.log_connections);
}
END_TEST

START_TEST(preserve_is_read)
{
	expect_run("--preserve=yes");
	ck_assert_int_eq(options.preserve, PRESERVE_YES);
	expect_run("--preserve|no");
	ck_assert_int_eq(options.preserve, PRESERVE_NO);
	expect_run("--preserve=no|--preserve=auto");
	ck_assert_int_eq(options.preserve, PRESERVE_AUTO);
}
END_TEST

START_TEST(addresses_are_read_in_order)
{
	const struct listen_group *group;

	expect_run("-l|7|-lunix:/run/echo|--listen=tcp:127.0.0.1:0|-w|2");
	ck_assert_uint_eq(options.listen_count, 3);
	group = options.listen;
	ck_assert_str_eq(group[0].text, "7");
	ck_assert_int_eq(group[0].count, 4);
	ck_assert_uint_eq(address_port(&group[0].endpoints[3].address), 7);
	ck_assert_str_eq(group[1].text, "unix:/run/echo");
	ck_assert_int_eq(group[1].count, 1);
	ck_assert_int_eq(group[1].endpoints[0].transport, TRANSPORT_UNIX);
	ck_assert_str_eq(group[2].text, "tcp:127.0.0.1:0");
	ck_assert_int_eq(group[2].count, 1);
	ck_assert_int_eq(group[2].endpoints[0].transport, TRANSPORT_TCP);
}
END_TEST

START_TEST(addresses_may_be_many)
{
	char text[100 * sizeof("|-l1234")] = "", *end = text;

	for (int port = 1000; port < 1100; port++)
		end += sprintf(end, "%s-l%d", end > text ? "|" : "", port);
	expect_run(text);
	ck_assert_uint_eq(options.listen_count, 100);
	for (size_t i = 0; i < 100; i++) {
		const struct endpoint *first = options.listen[i].endpoints;

		ck_assert_uint_eq(address_port(&first->address), 1000 + i);
	}
}
END_TEST

START_TEST(address_is_added_without_a_command_line)
{
	const char *reason = "untouched";

	expect_run("");
	ck_assert_int_eq(options_add_listen(&options, "udp:[::1]:7", &reason),
			 0);
	ck_assert_uint_eq(options.listen_count, 1);
	ck_assert_int_eq(options_add_listen(&options, "udp:", &reason),
			 -EINVAL);
	ck_assert_str_eq(reason, "has no port");
	ck_assert_uint_eq(options.listen_count, 1);
	ck_assert_str_eq(options.listen[0].text, "udp:[::1]:7");
}
END_TEST

START_TEST(without_memory_no_address_is_added)
{
	const char *reason = NULL;

	allocations = 1;
	expect_wrong("-l7|-l8", "--listen='8' does not fit into memory (see "
				"echod --help)");
	ck_assert_uint_eq(options.listen_count, 1);
	ck_assert_int_eq(options_add_listen(&options, "9", &reason), -ENOMEM);
	ck_assert_str_eq(reason, "does not fit into memory");
	ck_assert_uint_eq(options.listen_count, 1);
	ck_assert_str_eq(options.listen[0].text, "7");
}
END_TEST

static const struct {
	const char *text;
	enum option_outcome outcome;
} questions[] = {
	{ "-h", OPTION_HELP },
	{ "--help", OPTION_HELP },
	{ "-V", OPTION_VERSION },
	{ "--version", OPTION_VERSION },
	{ "-w2|-V|-h", OPTION_VERSION },
	{ "-hV", OPTION_HELP },
	{ "--help|--frobnicate", OPTION_HELP },
	{ "-V|stray", OPTION_VERSION },
};

START_TEST(first_question_is_answered)
{
	ck_assert_int_eq(parse(questions[_i].text), questions[_i].outcome);
	ck_assert_str_eq(error, "nothing");
}
END_TEST

START_TEST(argument_is_cut_in_the_error)
{
	char text[1024];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(parse(text), OPTION_WRONG);
	ck_assert_ptr_nonnull(strstr(error, "x' (addresses are given as "));
	memcpy(text, "--", 2);
	ck_assert_int_eq(parse(text), OPTION_WRONG);
	ck_assert_ptr_nonnull(strstr(error, "x' (see echod --help)"));
	memcpy(text, "--drain-timeout=", 16);
	ck_assert_int_eq(parse(text), OPTION_WRONG);
	ck_assert_ptr_nonnull(strstr(error, "x' is not a duration (such as "));
	ck_assert_ptr_nonnull(strstr(error, " or infinity)"));
}
END_TEST

START_TEST(argument_vector_may_be_empty)
{
	char *const none[] = { NULL };

	ck_assert_int_eq(options_parse(&options, 0, none, error), OPTION_RUN);
	ck_assert_uint_eq(options.workers, 1);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("options");
	TCase *value = tcase_create("value"), *listen = tcase_create("listen");
	TCase *other = tcase_create("other");

	tcase_add_checked_fixture(value, NULL, teardown);
	tcase_add_test(value, without_arguments_there_are_defaults);
	tcase_add_loop_test(value, counts_are_read, 0, ARRAY_SIZE(counts));
	tcase_add_test(value, connections_per_source_are_read);
	tcase_add_test(value, cpu_affinity_is_read);
	tcase_add_loop_test(value, quantities_are_read, 0,
			    ARRAY_SIZE(quantities));
	tcase_add_test(value, user_is_read);
	tcase_add_test(value, log_level_is_read);
	tcase_add_test(value, log_connections_is_read);
	tcase_add_test(value, preserve_is_read);
	suite_add_tcase(suite, value);
	tcase_add_checked_fixture(listen, NULL, teardown);
	tcase_add_test(listen, addresses_are_read_in_order);
	tcase_add_test(listen, addresses_may_be_many);
	tcase_add_test(listen, address_is_added_without_a_command_line);
	tcase_add_test(listen, without_memory_no_address_is_added);
	suite_add_tcase(suite, listen);
	tcase_add_checked_fixture(other, NULL, teardown);
	tcase_add_loop_test(other, first_question_is_answered, 0,
			    ARRAY_SIZE(questions));
	tcase_add_test(other, argument_is_cut_in_the_error);
	tcase_add_test(other, argument_vector_may_be_empty);
	suite_add_tcase(suite, other);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
