/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/options.h"

#include "common/units.h"
#include "echod/log.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_MAX 1024

/*
 * Before systemd 255 a .socket that is activated more than 20 times in 2 s
 * fails for good, so a daemon that exits on idle must not do so at once.
 */
#define EXIT_IDLE_TIME_MIN (5 * USEC_PER_SEC)

/* 0, or -EINVAL with *reason completing "--NAME='TEXT' ...". */
typedef int option_parser(struct options *options, const char *text,
			  const char **reason);

struct option_description {
	char letter; /* 0: none */
	const char *name;
	const char *argument; /* NULL: takes none */
	const char *fallback; /* parsed first; NULL: none */
	const char *help;     /* lines of --help */
	option_parser *parse;
};

int options_add_listen(struct options *options, const char *text,
		       const char **reason)
{
	struct listen_group *group =
		reallocarray(options->listen, options->listen_count + 1,
			     sizeof(*options->listen));

	if (!group) {
		*reason = "does not fit into memory";
		return -ENOMEM;
	}
	options->listen = group;
	group += options->listen_count;
	group->text = text;
	group->count = endpoint_parse(text, group->endpoints, reason);
	if (group->count < 0)
		return group->count;
	options->listen_count++;
	return 0;
}

static int parse_number(const char *text, unsigned long maximum,
			unsigned long *number)
{
	char *end;

	errno = 0;
	*number = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    *number > maximum)
		return -EINVAL;
	return 0;
}

static int parse_workers(struct options *options, const char *text,
			 const char **reason)
{
	unsigned long number = 0;

	*reason = "is neither a number from 1 to 1024 nor 'auto'";
	if (strcmp(text, "auto") != 0 &&
	    (parse_number(text, WORKERS_MAX, &number) < 0 || number == 0))
		return -EINVAL;
	options->workers = (unsigned)number;
	return 0;
}

static int parse_max_connections(struct options *options, const char *text,
				 const char **reason)
{
	unsigned long number = 0;

	*reason = "is neither a number above 0 nor 'auto'";
	if (strcmp(text, "auto") != 0 &&
	    (parse_number(text, INT32_MAX, &number) < 0 || number == 0))
		return -EINVAL;
	options->max_connections = (uint32_t)number;
	return 0;
}

static int parse_duration(const char *text, uint64_t *usec, const char **reason)
{
	*reason = "is not a duration (such as 500ms, 30s, 5min or infinity)";
	return units_parse_duration(text, usec);
}

static int parse_idle_timeout(struct options *options, const char *text,
			      const char **reason)
{
	if (parse_duration(text, &options->idle_timeout, reason) < 0)
		return -EINVAL;
	*reason = "is too short (at least 1ms, or infinity for no timeout)";
	return options->idle_timeout < USEC_PER_MSEC ? -EINVAL : 0;
}

static int parse_drain_timeout(struct options *options, const char *text,
			       const char **reason)
{
	return parse_duration(text, &options->drain_timeout, reason);
}

static int parse_exit_idle_time(struct options *options, const char *text,
				const char **reason)
{
	if (parse_duration(text, &options->exit_idle_time, reason) < 0)
		return -EINVAL;
	*reason = "is too short (at least 5s, or infinity to stay)";
	return options->exit_idle_time < EXIT_IDLE_TIME_MIN ? -EINVAL : 0;
}

static int parse_buffer_limit(struct options *options, const char *text,
			      const char **reason)
{
	*reason = "is not a size (such as 64K, 16M or 1G)";
	return units_parse_size(text, &options->buffer_limit);
}

static int parse_user(struct options *options, const char *text,
		      const char **reason)
{
	*reason = "is not a user name";
	options->user = text;
	return text[0] == '\0' ? -EINVAL : 0;
}

static int parse_log_level(struct options *options, const char *text,
			   const char **reason)
{
	*reason = "is not a level (err, warning, notice, info or debug)";
	return log_parse_level(text, &options->log_level);
}

static int parse_log_connections(struct options *options,
				 const char *text UNUSED,
				 const char **reason UNUSED)
{
	options->log_connections = true;
	return 0;
}

static const struct option_description descriptions[] = {
	{ 'l', "listen", "ADDRESS", NULL,
	  "serve this address, may be repeated; without it, and without "
	  "sockets passed in: 7 (RFC 862)",
	  options_add_listen },
	{ 'w', "workers", "N|auto", "1",
	  "threads that serve; auto: one per CPU", parse_workers },
	{ 'c', "max-connections", "N|auto", "auto",
	  "streams at a time; auto: as many as the limit on descriptors "
	  "allows",
	  parse_max_connections },
	{ 't', "idle-timeout", "DURATION", "infinity",
	  "end a stream on which nothing happens for this long",
	  parse_idle_timeout },
	{ 0, "drain-timeout", "DURATION", "5s",
	  "when stopping, echo for at most this long", parse_drain_timeout },
	{ 0, "exit-idle-time", "DURATION", "infinity",
	  "exit when there was nothing to do for this long, at least 5s",
	  parse_exit_idle_time },
	{ 0, "buffer-limit", "SIZE", "64M",
	  "hold back at most this much for peers that do not read",
	  parse_buffer_limit },
	{ 0, "user", "NAME", NULL,
	  "become this user when the sockets are bound", parse_user },
	{ 0, "log-level", "LEVEL", "info",
	  "log err, warning, notice, info or debug, and what is worse",
	  parse_log_level },
	{ 0, "log-connections", NULL, NULL, "log each stream when it ends",
	  parse_log_connections },
	{ 'h', "help", NULL, NULL, "print this help", NULL },
	{ 'V', "version", NULL, NULL, "print the version", NULL },
};

/* getopt_long() returns these for description i. */
#define CODE_BASE 256

/* "+": operands are an error anyway; ":": tell a missing argument apart. */
static void build_getopt_tables(char letters[3 + 2 * ARRAY_SIZE(descriptions)],
				struct option names[])
{
	char *letter = letters;

	*letter++ = '+';
	*letter++ = ':';
	for (size_t i = 0; i < ARRAY_SIZE(descriptions); i++) {
		const struct option_description *description = &descriptions[i];

		names[i] = (struct option){
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
	names[ARRAY_SIZE(descriptions)] = (struct option){ 0 };
}

static const struct option_description *description_of(int code)
{
	if (code >= CODE_BASE)
		return &descriptions[code - CODE_BASE];
	for (size_t i = 0; i < ARRAY_SIZE(descriptions); i++) {
		if (code != 0 && descriptions[i].letter == code)
			return &descriptions[i];
	}
	return NULL;
}

/* getopt_long() returned '?' or ':'. */
static void explain_getopt(int code, char *const argv[],
			   char error[OPTIONS_ERROR_MAX])
{
	const struct option_description *known = description_of(optopt);
	const char *word = argv[optind - 1];

	if (!known && optopt != 0)
		snprintf(error, OPTIONS_ERROR_MAX,
			 "unknown option '-%c' (see echod --help)", optopt);
	else if (!known)
		snprintf(error, OPTIONS_ERROR_MAX,
			 "unknown or ambiguous option '%.200s' (see echod "
			 "--help)",
			 word);
	else if (code == ':')
		snprintf(error, OPTIONS_ERROR_MAX,
			 "option --%s needs an argument: --%s=%s (see echod "
			 "--help)",
			 known->name, known->name, known->argument);
	else
		snprintf(error, OPTIONS_ERROR_MAX,
			 "option --%s takes no argument (see echod --help)",
			 known->name);
}

static enum options_outcome option_apply(
	struct options *options, const struct option_description *description,
	const char *text, char error[OPTIONS_ERROR_MAX])
{
	const char *reason = NULL;

	if (!description->parse)
		return description->letter == 'h' ? OPTIONS_HELP
						  : OPTIONS_VERSION;
	if (description->parse(options, text, &reason) == 0)
		return OPTIONS_RUN;
	snprintf(error, OPTIONS_ERROR_MAX, "--%s='%.200s' %s%s",
		 description->name, text, reason,
		 strchr(reason, '(') ? "" : " (see echod --help)");
	return OPTIONS_WRONG;
}

static void options_init(struct options *options)
{
	const char *reason;

	*options = (struct options){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(descriptions); i++) {
		if (descriptions[i].fallback &&
		    descriptions[i].parse(options, descriptions[i].fallback,
					  &reason) < 0)
			abort(); /* a bug in the table */
	}
}

enum options_outcome options_parse(struct options *options, int argc,
				   char *const argv[],
				   char error[OPTIONS_ERROR_MAX])
{
	char letters[3 + 2 * ARRAY_SIZE(descriptions)];
	struct option names[ARRAY_SIZE(descriptions) + 1];
	const struct option_description *description;
	enum options_outcome outcome = OPTIONS_RUN;
	int code;

	options_init(options);
	build_getopt_tables(letters, names);
	optind = 0; /* glibc: start afresh */
	opterr = 0;
	while (outcome == OPTIONS_RUN &&
	       (code = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		if (code == '?' || code == ':') {
			explain_getopt(code, argv, error);
			return OPTIONS_WRONG;
		}
		description = description_of(code);
		if (!description)
			abort(); /* a bug in the tables for getopt */
		outcome = option_apply(options, description, optarg, error);
	}
	if (outcome == OPTIONS_RUN && optind < argc) {
		snprintf(error, OPTIONS_ERROR_MAX,
			 "unexpected argument '%.200s' (addresses are given as "
			 "--listen=ADDRESS)",
			 argv[optind]);
		return OPTIONS_WRONG;
	}
	return outcome;
}

void options_deinit(struct options *options)
{
	free(options->listen);
	options->listen = NULL;
	options->listen_count = 0;
}

/* Columns of --help: the options, what they do, the end of a line. */
#define HELP_INDENT 33
#define HELP_WIDTH  80

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

static void print_option(FILE *file,
			 const struct option_description *description)
{
	char head[HELP_INDENT], fallback[64];
	const char *argument = description->argument;
	char letter[] = "    ";
	int column;

	if (description->letter)
		memcpy(letter, (char[]){ '-', description->letter, ',', ' ' },
		       4);
	snprintf(head, sizeof(head), "%s--%s%s%s", letter, description->name,
		 argument ? "=" : "", argument ? argument : "");
	fprintf(file, "  %-*s", HELP_INDENT - 2, head);
	column = print_words(file, HELP_INDENT, description->help);
	if (description->fallback) {
		snprintf(fallback, sizeof(fallback), "(default: %s)",
			 description->fallback);
		print_words(file, column, fallback);
	}
	fputc('\n', file);
}

void options_print_help(FILE *file)
{
	fputs("Usage: echod [-l ADDRESS]... [OPTION]...\n"
	      "Send back what is received (RFC 862) on TCP, UDP, Unix and "
	      "vsock sockets.\n\n",
	      file);
	for (size_t i = 0; i < ARRAY_SIZE(descriptions); i++)
		print_option(file, &descriptions[i]);
	fputs("\n"
	      "ADDRESS: tcp:HOST:PORT, udp:HOST:PORT, mptcp:HOST:PORT, "
	      "HOST:PORT or PORT (TCP\n"
	      "and UDP), unix:PATH, unix-dgram:PATH, unix-seqpacket:PATH, "
	      "vsock:CID:PORT.\n"
	      "IPv6 in brackets; HOST empty or *: any; PATH @NAME: abstract; "
	      "PORT 0: any free.\n"
	      "DURATION: 500ms, 30s, 5min, infinity.  SIZE: 64K, 16M, 1G.\n"
	      "\n"
	      "Manual: man 8 echod.\n",
	      file);
}
