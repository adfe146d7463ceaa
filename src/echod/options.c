/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/options.h"

#include "common/units.h"
#include "echod/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_MAX 1024

/*
 * Before systemd 255 a .socket that is activated more than 20 times in 2 s
 * fails for good, so a daemon that exits on idle must not do so at once.
 */
#define EXIT_IDLE_TIME_MIN (5 * USEC_PER_SEC)

int options_add_listen(void *context, const char *text, const char **reason)
{
	struct options *options = context;
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

static int parse_workers(void *context, const char *text, const char **reason)
{
	struct options *options = context;
	unsigned long number = 0;

	*reason = "is neither a number from 1 to 1024 nor 'auto'";
	if (strcmp(text, "auto") != 0 &&
	    (parse_number(text, WORKERS_MAX, &number) < 0 || number == 0))
		return -EINVAL;
	options->workers = (unsigned)number;
	return 0;
}

static int parse_cpu_affinity(void *context, const char *text,
			      const char **reason)
{
	struct options *options = context;
	return affinity_parse(&options->affinity, text, reason);
}

static int parse_max_connections(void *context, const char *text,
				 const char **reason)
{
	struct options *options = context;
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

static int parse_idle_timeout(void *context, const char *text,
			      const char **reason)
{
	struct options *options = context;
	if (parse_duration(text, &options->idle_timeout, reason) < 0)
		return -EINVAL;
	*reason = "is too short (at least 1ms, or infinity for no timeout)";
	return options->idle_timeout < USEC_PER_MSEC ? -EINVAL : 0;
}

static int parse_drain_timeout(void *context, const char *text,
			       const char **reason)
{
	struct options *options = context;
	return parse_duration(text, &options->drain_timeout, reason);
}

static int parse_busy_poll(void *context, const char *text, const char **reason)
{
	struct options *options = context;
	return parse_duration(text, &options->busy_poll, reason);
}

static int parse_exit_idle_time(void *context, const char *text,
				const char **reason)
{
	struct options *options = context;
	if (parse_duration(text, &options->exit_idle_time, reason) < 0)
		return -EINVAL;
	*reason = "is too short (at least 5s, or infinity to stay)";
	return options->exit_idle_time < EXIT_IDLE_TIME_MIN ? -EINVAL : 0;
}

static int parse_buffer_limit(void *context, const char *text,
			      const char **reason)
{
	struct options *options = context;
	*reason = "is not a size (such as 64K, 16M or 1G)";
	return units_parse_size(text, &options->buffer_limit);
}

static int parse_user(void *context, const char *text, const char **reason)
{
	struct options *options = context;
	*reason = "is not a user name";
	options->user = text;
	return text[0] == '\0' ? -EINVAL : 0;
}

static int parse_log_level(void *context, const char *text, const char **reason)
{
	struct options *options = context;
	*reason = "is not a level (err, warning, notice, info or debug)";
	return log_parse_level(text, &options->log_level);
}

static int parse_log_connections(void *context, const char *text UNUSED,
				 const char **reason UNUSED)
{
	struct options *options = context;

	options->log_connections = true;
	return 0;
}

static int parse_udp_offload(void *context, const char *text,
			     const char **reason)
{
	struct options *options = context;

	*reason = "is neither 'yes' nor 'no'";
	options->udp_offload = strcmp(text, "yes") == 0;
	return options->udp_offload || strcmp(text, "no") == 0 ? 0 : -EINVAL;
}

static int parse_preserve(void *context, const char *text, const char **reason)
{
	static const char *const words[] = {
		[PRESERVE_AUTO] = "auto",
		[PRESERVE_YES] = "yes",
		[PRESERVE_NO] = "no",
	};
	struct options *options = context;

	*reason = "is neither 'auto', 'yes' nor 'no'";
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(text, words[i]) == 0) {
			options->preserve = (enum preserve)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_preserve_after(void *context, const char *text,
				const char **reason)
{
	struct options *options = context;
	return parse_duration(text, &options->preserve_after, reason);
}

static const struct option_description descriptions[] = {
	{ 'l', "listen", "ADDRESS", NULL,
	  "serve this address, may be repeated; without it, and without "
	  "sockets passed in: 7 (RFC 862)",
	  options_add_listen },
	{ 'w', "workers", "N|auto", "1",
	  "threads that serve; auto: one per CPU", parse_workers },
	{ 0, "cpu-affinity", "LIST|auto|no", "no",
	  "keep each worker on one CPU of the list (such as 0-3,8); auto: of "
	  "all",
	  parse_cpu_affinity },
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
	{ 0, "preserve", "auto|yes|no", "auto",
	  "leave streams to the next instance, even when killed; auto: if the "
	  "service manager keeps descriptors",
	  parse_preserve },
	{ 0, "preserve-after", "DURATION", "1s",
	  "keep a stream from being lost when it is this old",
	  parse_preserve_after },
	{ 0, "busy-poll", "DURATION", "0",
	  "spin for this long before blocking, while that is of use",
	  parse_busy_poll },
	{ 0, "buffer-limit", "SIZE", "64M",
	  "hold back at most this much for peers that do not read",
	  parse_buffer_limit },
	{ 0, "udp-offload", "yes|no", "yes",
	  "take datagrams of one peer that come together as one, and send "
	  "them so",
	  parse_udp_offload },
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

static const struct option_table table = {
	.program = "echod",
	.descriptions = descriptions,
	.count = ARRAY_SIZE(descriptions),
	.no_operands = "addresses are given as --listen=ADDRESS",
};

enum option_outcome options_parse(struct options *options, int argc,
				  char *const argv[],
				  char error[OPTION_ERROR_MAX])
{
	*options = (struct options){ 0 };
	option_table_apply_defaults(&table, options);
	return option_table_parse(&table, options, argc, argv, error);
}

void options_deinit(struct options *options)
{
	free(options->listen);
	options->listen = NULL;
	options->listen_count = 0;
}

void options_print_help(FILE *file)
{
	fputs("Usage: echod [-l ADDRESS]... [OPTION]...\n"
	      "Send back what is received (RFC 862) on TCP, UDP, Unix and "
	      "vsock sockets.\n\n",
	      file);
	option_table_print(&table, file);
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
