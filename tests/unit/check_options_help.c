/* SPDX-License-Identifier: MIT */
/*
 * --help, of which every promise is tried out.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/options.h"
#include "unit/harness.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_WIDTH 80

static struct options options;
static char error[OPTION_ERROR_MAX];

/* The command line `echod ARGUMENT`, or without any for "". */
static enum option_outcome parse(const char *argument)
{
	static char line[256], program[] = "echod";
	char *vector[] = { program, line, NULL };

	snprintf(line, sizeof(line), "%s", argument);
	snprintf(error, sizeof(error), "nothing");
	if (*argument == '\0')
		vector[1] = NULL;
	return options_parse(&options, vector[1] ? 2 : 1, vector, error);
}

static void teardown(void)
{
	options_deinit(&options);
}

static char *help_read(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(file);
	options_print_help(file);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_uint_eq(strlen(text), size);
	return text;
}

START_TEST(help_fits_a_terminal)
{
	char *text = help_read(), *rest = text, *line;

	ck_assert(strncmp(text, "Usage: echod ", 13) == 0);
	ck_assert_int_eq(text[strlen(text) - 1], '\n');
	while ((line = strsep(&rest, "\n"))) {
		size_t length = strlen(line);

		ck_assert_msg(length <= HELP_WIDTH, "too long: %s", line);
		ck_assert_msg(length == 0 || line[length - 1] != ' ',
			      "a blank at its end: %s", line);
		ck_assert_ptr_null(strchr(line, '\t'));
	}
	free(text);
}
END_TEST

/* What --help says of an option; empty: nothing. */
struct promise {
	char letter[2], name[32], argument[32], fallback[32];
};

static struct promise promises[32];

static bool promise_read(const char *line, struct promise *promise)
{
	int end = 0;

	*promise = (struct promise){ 0 };
	if (sscanf(line, "  -%1[a-zA-Z], --%31[a-z-]%n", promise->letter,
		   promise->name, &end) < 2 &&
	    sscanf(line, "      --%31[a-z-]%n", promise->name, &end) < 1)
		return false;
	(void)sscanf(line + end, "=%31s", promise->argument);
	return true;
}

/* Returns how many. */
static size_t promises_read(void)
{
	char *text = help_read(), *rest = text, *line, *fallback;
	size_t count = 0;

	while ((line = strsep(&rest, "\n"))) {
		/* Join what was broken: only the next line tells. */
		while (rest && strspn(rest, " ") > 8) {
			line[strlen(line)] = ' ';
			ck_assert_ptr_nonnull(strsep(&rest, "\n"));
		}
		if (!promise_read(line, &promises[count]))
			continue;
		fallback = strstr(line, "(default:");
		if (fallback)
			(void)sscanf(fallback, "(default: %31[^)])",
				     promises[count].fallback);
		ck_assert_uint_lt(++count, ARRAY_SIZE(promises));
	}
	free(text);
	return count;
}

START_TEST(help_has_all_options)
{
	static const char *const names[] = {
		"l listen ADDRESS",
		"w workers N|auto",
		" cpu-affinity LIST|auto|no",
		"c max-connections N|auto",
		" max-connections-per-source N|auto",
		"t idle-timeout DURATION",
		" drain-timeout DURATION",
		" exit-idle-time DURATION",
		" preserve auto|yes|no",
		" preserve-after DURATION",
		" busy-poll DURATION",
		" buffer-limit SIZE",
		" min-progress SIZE[/DURATION]",
		" udp-offload yes|no",
		" allow-source-ports LIST|all",
		" loop-ttl ",
		" udp-rate N[/BURST]",
		" user NAME",
		" log-level LEVEL",
		" log-connections ",
		"h help ",
		"V version ",
	};
	char *text;

	ck_assert_uint_eq(promises_read(), ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ck_assert_int_gt(asprintf(&text, "%s %s %s", promises[i].letter,
					  promises[i].name,
					  promises[i].argument),
				 0);
		ck_assert_str_eq(text, names[i]);
		free(text);
	}
}
END_TEST

static enum option_outcome parse_one(const char *prefix, const char *name,
				     const char *value)
{
	enum option_outcome outcome;
	char *argument;

	ck_assert_int_gt(asprintf(&argument, "%s%s%s", prefix, name, value), 0);
	outcome = parse(argument);
	free(argument);
	return outcome;
}

START_TEST(options_take_the_arguments_that_help_says)
{
	char expected[192];

	for (size_t i = 0, count = promises_read(); i < count; i++) {
		const struct promise *promise = &promises[i];
		bool takes = promise->argument[0] != '\0';

		snprintf(expected, sizeof(expected),
			 "option --%s needs an argument: --%s=%s (see echod "
			 "--help)",
			 promise->name, promise->name, promise->argument);
		if (!takes)
			snprintf(expected, sizeof(expected), "nothing");
		ck_assert_int_eq(parse_one("--", promise->name, "") ==
					 OPTION_WRONG,
				 takes);
		ck_assert_str_eq(error, expected);
		if (promise->letter[0] == '\0')
			continue;
		ck_assert_int_eq(parse_one("-", promise->letter, "") ==
					 OPTION_WRONG,
				 takes);
		ck_assert_str_eq(error, expected);
	}
}
END_TEST

static void expect_equal(const struct options *a, const struct options *b)
{
	ck_assert_uint_eq(a->listen_count, b->listen_count);
	ck_assert_uint_eq(a->workers, b->workers);
	ck_assert_int_eq(a->affinity.kind, b->affinity.kind);
	ck_assert_uint_eq(a->max_connections, b->max_connections);
	ck_assert(a->idle_timeout == b->idle_timeout);
	ck_assert(a->drain_timeout == b->drain_timeout);
	ck_assert(a->exit_idle_time == b->exit_idle_time);
	ck_assert_int_eq(a->preserve, b->preserve);
	ck_assert(a->preserve_after == b->preserve_after);
	ck_assert(a->busy_poll == b->busy_poll);
	ck_assert(a->buffer_limit == b->buffer_limit);
	ck_assert_int_eq(a->log_level, b->log_level);
	ck_assert(a->log_connections == b->log_connections);
	ck_assert(a->udp_offload == b->udp_offload);
	ck_assert_uint_eq(a->udp_rate.rate, b->udp_rate.rate);
	ck_assert_uint_eq(a->udp_rate.burst, b->udp_rate.burst);
}

START_TEST(defaults_are_those_that_help_says)
{
	struct options defaults;
	char value[64];
	int fallbacks = 0;

	ck_assert_int_eq(parse(""), OPTION_RUN);
	defaults = options;
	for (size_t i = 0, count = promises_read(); i < count; i++) {
		const struct promise *promise = &promises[i];

		if (promise->fallback[0] == '\0')
			continue;
		fallbacks++;
		ck_assert_int_eq(parse_one("--", promise->name, "="),
				 OPTION_WRONG);
		snprintf(value, sizeof(value), "=%s", promise->fallback);
		ck_assert_int_eq(parse_one("--", promise->name, value),
				 OPTION_RUN);
		expect_equal(&options, &defaults);
	}
	ck_assert_int_eq(fallbacks, 15);
}
END_TEST

/* The list behind "HEADING: ", to its full stop; the caller's. */
static char *help_list(const char *heading)
{
	char *text = help_read(), *start = strstr(text, heading), *list;

	ck_assert_ptr_nonnull(start);
	start += strlen(heading);
	list = strndup(start, strcspn(start, "."));
	free(text);
	return list;
}

static void expect_examples(const char *heading, const char *option)
{
	char *list = help_list(heading), *rest = list, *word;
	int count = 0;

	while ((word = strsep(&rest, ", \n"))) {
		if (*word == '\0')
			continue;
		count++;
		ck_assert_msg(parse_one(option, "=", word) == OPTION_RUN, "%s",
			      error);
	}
	ck_assert_int_ge(count, 3);
	free(list);
}

START_TEST(examples_of_help_are_accepted)
{
	expect_examples("\nDURATION: ", "--drain-timeout");
	expect_examples("  SIZE: ", "--buffer-limit");
}
END_TEST

/* Put something in place of what stands for it. */
static void fill_in(char text[128], const char *word)
{
	static const char *const values[][2] = {
		{ "HOST", "127.0.0.1" },
		{ "PORT", "7007" },
		{ "PATH", "/run/echo" },
		{ "CID", "2" },
	};

	text[0] = '\0';
	while (*word) {
		size_t length = strcspn(word, ":");
		const char *value = NULL;

		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			if (length == strlen(values[i][0]) &&
			    strncmp(word, values[i][0], length) == 0)
				value = values[i][1];
		}
		snprintf(text + strlen(text), 128 - strlen(text), "%.*s%s",
			 value ? (int)strlen(value) : (int)length,
			 value ? value : word, word[length] ? ":" : "");
		word += length + (word[length] != '\0');
	}
}

START_TEST(forms_of_addresses_are_accepted)
{
	char *list = help_list("\nADDRESS: "), *rest = list, *word;
	char text[128];
	int count = 0;

	while ((word = strsep(&rest, ", \n()"))) {
		if (!strstr(word, "PORT") && !strstr(word, "PATH"))
			continue;
		fill_in(text, word);
		ck_assert_msg(parse_one("--listen", "=", text) == OPTION_RUN,
			      "%s", error);
		ck_assert_uint_eq(options.listen_count, 1);
		options_deinit(&options);
		count++;
	}
	ck_assert_int_eq(count, 9);
	free(list);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("options_help");
	TCase *help = tcase_create("help");

	tcase_add_checked_fixture(help, NULL, teardown);
	tcase_add_test(help, help_fits_a_terminal);
	tcase_add_test(help, help_has_all_options);
	tcase_add_test(help, options_take_the_arguments_that_help_says);
	tcase_add_test(help, defaults_are_those_that_help_says);
	tcase_add_test(help, examples_of_help_are_accepted);
	tcase_add_test(help, forms_of_addresses_are_accepted);
	suite_add_tcase(suite, help);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
