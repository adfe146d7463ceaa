/* SPDX-License-Identifier: MIT */
/*
 * Command lines from a table of options, and what --help makes of it.
 */
#include "config.h"

#include "common/option_table.h"
#include "unit/harness.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 8

/* What was parsed, in the order in which it came: "size=1 flag= |a". */
struct parsed {
	char text[256];
};

static void note(void *options, const char *name, const char *text)
{
	struct parsed *parsed = options;
	size_t length = strlen(parsed->text);

	snprintf(parsed->text + length, sizeof(parsed->text) - length, "%s%s%s",
		 length > 0 ? " " : "", name, text ? text : "");
}

static int parse_size(void *options, const char *text, const char **reason)
{
	*reason = "is no size";
	if (strcmp(text, "bad") == 0)
		return -EINVAL;
	note(options, "size=", text);
	return 0;
}

static int parse_flag(void *options, const char *text, const char **reason)
{
	(void)reason;
	ck_assert_ptr_null(text);
	note(options, "flag", NULL);
	return 0;
}

static int parse_operand(void *options, const char *text, const char **reason)
{
	*reason = "is no target (name another)";
	if (strcmp(text, "nowhere") == 0)
		return -EINVAL;
	note(options, "|", text);
	return 0;
}

static const struct option_description descriptions[] = {
	{ 's', "size", "SIZE", "7", "a size", parse_size },
	{ 'f', "flag", NULL, NULL, "a flag", parse_flag },
	{ 0, "long-name-of-an-option", "ARGUMENT", NULL,
	  "what it is good for takes so many words to say that they do not "
	  "fit into one line of eighty columns",
	  parse_size },
	{ 'h', "help", NULL, NULL, "print this help", NULL },
	{ 'V', "version", NULL, NULL, "print the version", NULL },
};

static struct option_table table;
static struct parsed parsed;
static char error[OPTION_ERROR_MAX];

static void setup(void)
{
	table = (struct option_table){
		.program = "sample",
		.descriptions = descriptions,
		.count = ARRAY_SIZE(descriptions),
		.operand = parse_operand,
	};
	parsed.text[0] = '\0';
	error[0] = '\0';
}

static enum option_outcome parse(const char *line)
{
	char words[256], *argv[WORDS_MAX + 1] = { NULL }, *rest = words;
	int argc = 0;

	snprintf(words, sizeof(words), "sample,%s", line);
	while ((argv[argc] = strsep(&rest, ",")) && argc < WORDS_MAX)
		argc++;
	return option_table_parse(&table, &parsed, argc, argv, error);
}

static const struct {
	const char *line;
	enum option_outcome outcome;
	const char *parsed, *error;
} lines[] = {
	{ "-s,1", OPTION_RUN, "size=1", "" },
	{ "--size=1,-f", OPTION_RUN, "size=1 flag", "" },
	{ "-fs2", OPTION_RUN, "flag size=2", "" },
	{ "--fl", OPTION_RUN, "flag", "" },
	{ "a,-f,b", OPTION_RUN, "flag |a |b", "" },
	{ "-f,--,-s", OPTION_RUN, "flag |-s", "" },
	{ "-h,-x", OPTION_HELP, "", "" },
	{ "-f,--version", OPTION_VERSION, "flag", "" },
	{ "-x", OPTION_WRONG, "", "unknown option '-x' (see sample --help)" },
	{ "--no", OPTION_WRONG, "",
	  "unknown or ambiguous option '--no' (see sample --help)" },
	{ "-s", OPTION_WRONG, "",
	  "option --size needs an argument: --size=SIZE (see sample --help)" },
	{ "--flag=1", OPTION_WRONG, "",
	  "option --flag takes no argument (see sample --help)" },
	{ "-s,bad", OPTION_WRONG, "",
	  "--size='bad' is no size (see sample --help)" },
	{ "a,nowhere,b", OPTION_WRONG, "|a",
	  "'nowhere' is no target (name another)" },
	{ "--a\nb\x1b[1m", OPTION_WRONG, "",
	  "unknown or ambiguous option '--a?b?[1m' (see sample --help)" },
};

START_TEST(lines_are_parsed)
{
	ck_assert_int_eq(parse(lines[_i].line), lines[_i].outcome);
	ck_assert_str_eq(parsed.text, lines[_i].parsed);
	ck_assert_str_eq(error, lines[_i].error);
}
END_TEST

START_TEST(without_operands_the_remedy_is_named)
{
	table.operand = NULL;
	table.no_operands = "sizes are given as --size=SIZE";
	ck_assert_int_eq(parse("-f,9,-f"), OPTION_WRONG);
	ck_assert_str_eq(parsed.text, "flag");
	ck_assert_str_eq(error, "unexpected argument '9' (sizes are given as "
				"--size=SIZE)");
}
END_TEST

START_TEST(defaults_are_parsed_like_arguments)
{
	option_table_apply_defaults(&table, &parsed);
	ck_assert_str_eq(parsed.text, "size=7");
}
END_TEST

START_TEST(a_wrong_default_is_a_bug)
{
	static const struct option_description wrong = { 's',	   "size",
							 "SIZE",   "bad",
							 "a size", parse_size };

	table.descriptions = &wrong;
	table.count = 1;
	option_table_apply_defaults(&table, &parsed);
}
END_TEST

START_TEST(help_has_columns_and_lines_that_fit)
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	ck_assert_ptr_nonnull(file);
	option_table_print(&table, file);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_str_eq(
		text,
		"  -s, --size=SIZE                a size (default: 7)\n"
		"  -f, --flag                     a flag\n"
		"      --long-name-of-an-option=ARGUMENT\n"
		"                                 what it is good for takes so "
		"many words to say\n"
		"                                 that they do not fit into "
		"one "
		"line of eighty\n"
		"                                 columns\n"
		"  -h, --help                     print this help\n"
		"  -V, --version                  print the version\n");
	free(text);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("option_table");
	TCase *tcase = tcase_create("option_table");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_loop_test(tcase, lines_are_parsed, 0, (int)ARRAY_SIZE(lines));
	tcase_add_test(tcase, without_operands_the_remedy_is_named);
	tcase_add_test(tcase, defaults_are_parsed_like_arguments);
	tcase_add_test_raise_signal(tcase, a_wrong_default_is_a_bug, SIGABRT);
	tcase_add_test(tcase, help_has_columns_and_lines_that_fit);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
