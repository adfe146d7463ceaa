/* SPDX-License-Identifier: MIT */
/*
 * Command lines from one table, which drives getopt_long(3), the defaults and
 * --help; the tests of the manuals read --help.
 */
#ifndef ECHOD_COMMON_OPTION_TABLE_H
#define ECHOD_COMMON_OPTION_TABLE_H

#include "common/macros.h"

#include <stddef.h>
#include <stdio.h>

/* Room for a line that names the culprit and the remedy. */
#define OPTION_ERROR_MAX 512

/*
 * Put what `text` says into `options`: 0, or -errno with *reason completing
 * "--NAME='TEXT' ...", the remedy in parentheses if there is one.
 */
typedef int option_parser(void *options, const char *text, const char **reason);

struct option_description {
	char letter; /* 0: none */
	const char *name;
	const char *argument; /* NULL: takes none */
	const char *fallback; /* the default, parsed first; NULL: none */
	const char *help;     /* one line; --help breaks it */
	option_parser *parse; /* NULL: --help and --version */
};

struct option_table {
	const char *program;
	const struct option_description *descriptions;
	size_t count; /* at most OPTION_TABLE_MAX */
	/* Takes operands; NULL: there are none, and `no_operands` says why. */
	option_parser *operand;
	const char *no_operands; /* "addresses are given as --listen=ADDRESS" */
};

#define OPTION_TABLE_MAX 64

enum option_outcome {
	OPTION_RUN,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_WRONG, /* `error` says what */
};

/* Parse the defaults of the table into `options`. */
void option_table_apply_defaults(const struct option_table *table,
				 void *options);

/* Parse a command line into `options`. */
enum option_outcome option_table_parse(const struct option_table *table,
				       void *options, int argc,
				       char *const argv[],
				       char error[OPTION_ERROR_MAX]) MUST_CHECK;

/* The part of --help that is about options. */
void option_table_print(const struct option_table *table, FILE *file);

#endif
