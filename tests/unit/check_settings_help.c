/* SPDX-License-Identifier: MIT */
/*
 * echoping --help, of which every promise is tried out.
 */
#include "config.h"

#include "common/macros.h"
#include "echoping/settings.h"
#include "echoping/target.h"
#include "unit/harness.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_WIDTH 80

static struct settings settings;
static char error[OPTION_ERROR_MAX];

/* The command line `echoping --load ARGUMENT h`, without what is empty. */
static enum option_outcome parse(bool load, const char *argument)
{
	static char line[256], program[] = "echoping", mode[] = "--load";
	static char target[] = "h";
	char *vector[5] = { program };
	int count = 1;

	snprintf(line, sizeof(line), "%s", argument);
	snprintf(error, sizeof(error), "nothing");
	if (load)
		vector[count++] = mode;
	vector[count++] = target;
	if (*argument != '\0')
		vector[count++] = line;
	settings_deinit(&settings);
	return settings_parse(&settings, count, vector, error);
}

static void teardown(void)
{
	settings_deinit(&settings);
}

static char *help_read(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(file);
	settings_print_help(file);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_uint_eq(strlen(text), size);
	return text;
}

START_TEST(help_fits_a_terminal)
{
	char *text = help_read(), *rest = text, *line;

	ck_assert(strncmp(text, "Usage: echoping ", 16) == 0);
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
	bool load; /* "with --load" */
};

static struct promise promises[OPTION_TABLE_MAX];

static bool promise_read(const char *line, struct promise *promise)
{
	const char *fallback = strstr(line, "(default:");
	int end = 0;

	*promise = (struct promise){ .load = strstr(line, "with --load") };
	if (sscanf(line, "  -%1[a-zA-Z0-9], --%31[a-z0-9-]%n", promise->letter,
		   promise->name, &end) < 2 &&
	    sscanf(line, "      --%31[a-z0-9-]%n", promise->name, &end) < 1)
		return false;
	(void)sscanf(line + end, "=%31s", promise->argument);
	if (fallback)
		(void)sscanf(fallback, "(default: %31[^)])", promise->fallback);
	return true;
}

/* Returns how many. */
static size_t promises_read(void)
{
	char *text = help_read(), *rest = text, *line;
	size_t count = 0;

	while ((line = strsep(&rest, "\n"))) {
		/* Join what was broken: only the next line tells. */
		while (rest && strspn(rest, " ") > 8) {
			line[strlen(line)] = ' ';
			ck_assert_ptr_nonnull(strsep(&rest, "\n"));
		}
		if (promise_read(line, &promises[count]))
			ck_assert_uint_lt(++count, ARRAY_SIZE(promises));
	}
	free(text);
	return count;
}

/* Letter, name, argument. */
static const char *const names[] = {
	"u udp ",
	"4 ipv4 ",
	"6 ipv6 ",
	"I source SOURCE",
	"c count COUNT",
	"i interval DURATION",
	"W timeout DURATION",
	" deadline DURATION",
	"s size SIZE",
	"f fill FILL",
	" flows N",
	" connect ",
	"P tos NUMBER",
	"p priority NUMBER",
	"n number COUNT",
	"w wait DURATION",
	"t time-limit DURATION",
	"q quiet ",
	"D timestamps ",
	" json ",
	" openmetrics ",
	" hdr FILE",
	" plot FILE.svg",
	" color WHEN",
	" max-loss PERCENT",
	" max-rtt-p99 DURATION",
	" load ",
	" connections N",
	" threads N|auto",
	" pipeline DEPTH",
	" duration DURATION",
	" warmup DURATION",
	" rate RATE",
	" bulk ",
	" gso ",
	" busy-poll ",
	" hold ",
	" busy N",
	" conformance ",
	"h help ",
	"V version ",
};

START_TEST(help_has_all_options)
{
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

static enum option_outcome parse_one(bool load, const char *prefix,
				     const char *name, const char *value)
{
	enum option_outcome outcome;
	char *argument;

	ck_assert_int_gt(asprintf(&argument, "%s%s%s", prefix, name, value), 0);
	outcome = parse(load, argument);
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
			 "option --%s needs an argument: --%s=%s (see echoping "
			 "--help)",
			 promise->name, promise->name, promise->argument);
		if (!takes)
			snprintf(expected, sizeof(expected), "nothing");
		ck_assert_int_eq(parse_one(promise->load, "--", promise->name,
					   "") == OPTION_WRONG,
				 takes);
		ck_assert_str_eq(error, expected);
		if (promise->letter[0] == '\0')
			continue;
		ck_assert_int_eq(parse_one(promise->load, "-", promise->letter,
					   "") == OPTION_WRONG,
				 takes);
		ck_assert_str_eq(error, expected);
	}
}
END_TEST

static void expect_equal(const struct settings *a, const struct settings *b)
{
	ck_assert_int_eq(a->color, b->color);
	ck_assert_uint_eq(a->interval, b->interval);
	ck_assert_uint_eq(a->timeout, b->timeout);
	ck_assert_uint_eq(a->size, b->size);
	ck_assert_uint_eq(a->flows, b->flows);
	ck_assert_uint_eq(a->connections, b->connections);
	ck_assert_uint_eq(a->threads, b->threads);
	ck_assert_uint_eq(a->pipeline, b->pipeline);
	ck_assert_uint_eq(a->duration, b->duration);
	ck_assert_uint_eq(a->warmup, b->warmup);
}

START_TEST(defaults_are_those_that_help_says)
{
	struct settings defaults;
	char value[64];
	int fallbacks = 0;

	ck_assert_int_eq(parse(false, ""), OPTION_RUN);
	defaults = settings;
	for (size_t i = 0, count = promises_read(); i < count; i++) {
		const struct promise *promise = &promises[i];

		if (promise->fallback[0] == '\0')
			continue;
		fallbacks++;
		snprintf(value, sizeof(value), "=%s", promise->fallback);
		ck_assert_int_eq(parse_one(false, "--", promise->name, value),
				 OPTION_RUN);
		expect_equal(&settings, &defaults);
	}
	ck_assert_int_eq(fallbacks, 10);
}
END_TEST

/* What stands behind the heading, to its full stop. */
static void expect_examples(const char *heading, bool load, const char *option,
			    int expected)
{
	char *text = help_read(), *word, *rest = strstr(text, heading);
	int count = 0;
	bool last = false;

	ck_assert_ptr_nonnull(rest);
	rest += strlen(heading);
	while (!last && (word = strsep(&rest, ", \n"))) {
		if (*word == '\0')
			continue;
		last = word[strlen(word) - 1] == '.';
		if (last)
			word[strlen(word) - 1] = '\0';
		count++;
		ck_assert_msg(parse_one(load, option, "=", word) == OPTION_RUN,
			      "%s", error);
	}
	ck_assert_int_eq(count, expected);
	free(text);
}

START_TEST(examples_of_help_are_accepted)
{
	expect_examples("\nDURATION: ", false, "--interval", 4);
	expect_examples("  SIZE: ", false, "--size", 3);
	expect_examples("  RATE: ", true, "--rate", 3);
}
END_TEST

/* As the capitals say; the same for whoever reads the manual. */
START_TEST(forms_of_targets_are_accepted)
{
	static const struct {
		const char *form, *target;
	} forms[] = {
		{ "tcp:HOST:PORT,", "tcp:127.0.0.1:9" },
		{ "udp:HOST:PORT,", "udp:[::1]:9" },
		{ "mptcp:HOST:PORT,", "mptcp:127.0.0.1:9" },
		{ " HOST:PORT or", "127.0.0.1:9" },
		{ " or HOST,", "127.0.0.1" },
		{ "\nunix:PATH,", "unix:/run/echo" },
		{ "unix-dgram:PATH,", "unix-dgram:/run/echo" },
		{ "unix-seqpacket:PATH,", "unix-seqpacket:/run/echo" },
		{ "vsock:CID:PORT.", "vsock:2:9" },
		{ "PORT: 7 if left out.", "vsock:2" },
		{ "IPv6 in brackets if a port follows.", "::1" },
		{ "@NAME: abstract.", "unix:@echo" },
	};
	char *text = help_read();
	struct target target;
	const char *reason = "";

	ck_assert_int_eq(parse(false, ""), OPTION_RUN);
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		ck_assert_msg(strstr(text, forms[i].form), "no %s",
			      forms[i].form);
		ck_assert_msg(target_resolve(&target, forms[i].target,
					     &settings, &reason) == 0,
			      "'%s' %s", forms[i].target, reason);
	}
	free(text);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("settings_help");
	TCase *help = tcase_create("help");

	tcase_add_checked_fixture(help, NULL, teardown);
	tcase_add_test(help, help_fits_a_terminal);
	tcase_add_test(help, help_has_all_options);
	tcase_add_test(help, options_take_the_arguments_that_help_says);
	tcase_add_test(help, defaults_are_those_that_help_says);
	tcase_add_test(help, examples_of_help_are_accepted);
	tcase_add_test(help, forms_of_targets_are_accepted);
	suite_add_tcase(suite, help);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
