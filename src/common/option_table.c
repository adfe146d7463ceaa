/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "common/option_table.h"

#include "common/text.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* getopt_long() returns these for description i. */
#define CODE_BASE 256

/* Columns of --help: the options, what they do, the end of a line. */
#define HELP_INDENT 33
#define HELP_WIDTH  80

/* What getopt_long() reads. */
struct getopt_tables {
	char letters[3 + 2 * OPTION_TABLE_MAX];
	struct option names[OPTION_TABLE_MAX + 1];
};

static void build_getopt_tables(const struct option_table *table,
				struct getopt_tables *tables)
{
	char *letter = tables->letters;

	/* ":": tell a missing argument apart.  Without operands, "+": stop. */
	if (!table->operand)
		*letter++ = '+';
	*letter++ = ':';
	for (size_t i = 0; i < table->count; i++) {
		const struct option_description *description =
			&table->descriptions[i];

		tables->names[i] = (struct option){
			.name = description->name,
			.has_arg = description->argument ? required_argument
							 : no_argument,
			.val = CODE_BASE + (int)i,
		};
		if (!description->letter)
			continue;
		*letter++ = description->letter;
		if (description->argument)
			*letter++ = ':';
	}
	*letter = '\0';
	tables->names[table->count] = (struct option){ 0 };
}

/* Which description getopt_long() means by this code; -1: none. */
static int index_of(const struct option_table *table, int code)
{
	for (int i = 0; i < (int)table->count; i++) {
		if (code == CODE_BASE + i ||
		    (code != 0 && code == table->descriptions[i].letter))
			return i;
	}
	return -1;
}

/* getopt_long() returned '?' or ':'. */
static void explain_getopt(const struct option_table *table, int code,
			   const char *word, char error[OPTION_ERROR_MAX])
{
	int index = index_of(table, optopt);
	const struct option_description *known =
		&table->descriptions[MAX(index, 0)];

	if (index < 0 && optopt != 0)
		snprintf(error, OPTION_ERROR_MAX,
			 "unknown option '-%c' (see %s --help)", optopt,
			 table->program);
	else if (index < 0)
		snprintf(error, OPTION_ERROR_MAX,
			 "unknown or ambiguous option '%.200s' (see %s --help)",
			 word, table->program);
	else if (code == ':')
		snprintf(error, OPTION_ERROR_MAX,
			 "option --%s needs an argument: --%s=%s (see %s "
			 "--help)",
			 known->name, known->name, known->argument,
			 table->program);
	else
		snprintf(error, OPTION_ERROR_MAX,
			 "option --%s takes no argument (see %s --help)",
			 known->name, table->program);
}

static enum option_outcome option_apply(
	const struct option_table *table, void *options,
	const struct option_description *description, const char *text,
	char error[OPTION_ERROR_MAX])
{
	const char *reason = "is wrong";

	if (!description->parse)
		return strcmp(description->name, "help") == 0 ? OPTION_HELP
							      : OPTION_VERSION;
	if (description->parse(options, text, &reason) == 0)
		return OPTION_RUN;
	snprintf(error, OPTION_ERROR_MAX, "--%s='%.200s' %s", description->name,
		 text, reason);
	if (!strchr(reason, '('))
		snprintf(error + strlen(error),
			 OPTION_ERROR_MAX - strlen(error), " (see %s --help)",
			 table->program);
	return OPTION_WRONG;
}

static enum option_outcome operand_apply(const struct option_table *table,
					 void *options, const char *text,
					 char error[OPTION_ERROR_MAX])
{
	const char *reason = "is wrong";

	if (!table->operand)
		snprintf(error, OPTION_ERROR_MAX,
			 "unexpected argument '%.200s' (%s)", text,
			 table->no_operands);
	else if (table->operand(options, text, &reason) == 0)
		return OPTION_RUN;
	else
		snprintf(error, OPTION_ERROR_MAX, "'%.200s' %s", text, reason);
	return OPTION_WRONG;
}

void option_table_apply_defaults(const struct option_table *table,
				 void *options)
{
	const char *reason;

	for (size_t i = 0; i < table->count; i++) {
		const struct option_description *description =
			&table->descriptions[i];

		if (description->fallback &&
		    description->parse(options, description->fallback,
				       &reason) < 0)
			abort(); /* a bug in the table */
	}
}

static enum option_outcome parse_words(const struct option_table *table,
				       void *options, int argc,
				       char *const argv[],
				       char error[OPTION_ERROR_MAX])
{
	enum option_outcome outcome = OPTION_RUN;
	struct getopt_tables tables = { 0 };
	int code;

	build_getopt_tables(table, &tables);
	optind = 0; /* glibc: start afresh */
	opterr = 0;
	while (outcome == OPTION_RUN &&
	       (code = getopt_long(argc, argv, tables.letters, tables.names,
				   NULL)) != -1) {
		int index = index_of(table, code);

		if (index < 0) {
			explain_getopt(table, code, argv[optind - 1], error);
			return OPTION_WRONG;
		}
		outcome = option_apply(table, options,
				       &table->descriptions[index], optarg,
				       error);
	}
	while (outcome == OPTION_RUN && optind < argc)
		outcome = operand_apply(table, options, argv[optind++], error);
	return outcome;
}

enum option_outcome option_table_parse(const struct option_table *table,
				       void *options, int argc,
				       char *const argv[],
				       char error[OPTION_ERROR_MAX])
{
	enum option_outcome outcome =
		parse_words(table, options, argc, argv, error);

	/* It quotes what it was given: one line stays one line. */
	if (outcome == OPTION_WRONG)
		text_mask_controls(error);
	return outcome;
}

/* Print words from column HELP_INDENT on; returns the column reached. */
static int print_words(FILE *file, int column, const char *text)
{
	while (*text) {
		int length = (int)strcspn(text, " ");

		if (column > HELP_INDENT && column + 1 + length > HELP_WIDTH) {
			fprintf(file, "\n%*s", HELP_INDENT, "");
			column = HELP_INDENT;
		}
		if (column > HELP_INDENT)
			column += fprintf(file, " ");
		column += fprintf(file, "%.*s", length, text);
		text += length;
		text += strspn(text, " ");
	}
	return column;
}

/* "-l, --listen=ADDRESS", up to column HELP_INDENT or a line of its own. */
static void print_head(FILE *file, const struct option_description *description)
{
	const char *argument = description->argument;
	char letter[] = "    ";
	int column;

	if (description->letter)
		memcpy(letter, (char[]){ '-', description->letter, ',' }, 3);
	column = fprintf(file, "  %s--%s%s%s", letter, description->name,
			 argument ? "=" : "", argument ? argument : "");
	if (column >= HELP_INDENT) {
		fputc('\n', file);
		column = 0;
	}
	fprintf(file, "%*s", HELP_INDENT - column, "");
}

static void print_option(FILE *file,
			 const struct option_description *description)
{
	char fallback[64];
	int column;

	print_head(file, description);
	column = print_words(file, HELP_INDENT, description->help);
	if (description->fallback) {
		snprintf(fallback, sizeof(fallback), "(default: %s)",
			 description->fallback);
		print_words(file, column, fallback);
	}
	fputc('\n', file);
}

void option_table_print(const struct option_table *table, FILE *file)
{
	for (size_t i = 0; i < table->count; i++)
		print_option(file, &table->descriptions[i]);
}
