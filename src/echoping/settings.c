/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/settings.h"

#include "echoping/settings_conflict.h"
#include "echoping/settings_operands.h"
#include "echoping/settings_value.h"

#include "common/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define NSEC_PER_HOUR (3600 * NSEC_PER_SEC)

/* Below it sleeping and waking up is all that a machine does. */
#define INTERVAL_MIN (10 * NSEC_PER_USEC)

/* As often as there can be flows it is still far from the end of 64 bits. */
#define INTERVAL_MAX (24 * NSEC_PER_HOUR)

static int add_target(void *context, const char *text, const char **reason)
{
	struct settings *settings = context;
	const char **targets =
		reallocarray(settings->targets, settings->target_count + 1,
			     sizeof(*targets));

	if (!targets) {
		*reason = "does not fit into memory";
		return -ENOMEM;
	}
	settings->targets = targets;
	targets[settings->target_count++] = text;
	return 0;
}

/* An option that takes no argument; `bits` of enum asked, or 0. */
#define FLAG(function, bits, assignment)                                       \
	static int function(void *context, const char *text UNUSED,            \
			    const char **reason UNUSED)                        \
	{                                                                      \
		struct settings *settings = context;                           \
                                                                               \
		settings->assignment;                                          \
		settings->asked |= (bits);                                     \
		return 0;                                                      \
	}

FLAG(parse_udp, 0, udp = true)
FLAG(parse_ipv4, ASKED_IPV4, family = AF_INET)
FLAG(parse_ipv6, ASKED_IPV6, family = AF_INET6)
FLAG(parse_quiet, 0, quiet = true)
FLAG(parse_timestamps, 0, timestamps = true)
FLAG(parse_json, ASKED_JSON, output = OUTPUT_JSON)
FLAG(parse_openmetrics, ASKED_OPENMETRICS, output = OUTPUT_OPENMETRICS)
FLAG(parse_load, ASKED_LOAD, mode = MODE_LOAD)
FLAG(parse_conformance, ASKED_CONFORMANCE, mode = MODE_CONFORMANCE)
FLAG(parse_load_connect, ASKED_CONNECT, load = LOAD_CONNECT)
FLAG(parse_bulk, ASKED_BULK, load = LOAD_BULK)
FLAG(parse_hold, ASKED_HOLD, load = LOAD_HOLD)
FLAG(parse_gso, 0, gso = true)
FLAG(parse_busy_poll, 0, busy_poll = true)

/* An option that is a number from `minimum` to `maximum`. */
#define NUMBER(function, field, minimum, maximum, complaint)                   \
	static int function(void *context, const char *text,                   \
			    const char **reason)                               \
	{                                                                      \
		struct settings *settings = context;                           \
		uint64_t number;                                               \
                                                                               \
		*reason = complaint;                                           \
		if (value_parse_number(text, minimum, maximum, &number) < 0)   \
			return -EINVAL;                                        \
		settings->field = (__typeof__(settings->field))number;         \
		return 0;                                                      \
	}

NUMBER(parse_count, count, 1, UINT64_MAX, "is not a number above 0")
NUMBER(parse_flows, flows, 1, FLOWS_MAX, "is not a number from 1 to 4096")
NUMBER(parse_connections, connections, 1, CONNECTIONS_MAX,
       "is not a number from 1 to 4000000")
NUMBER(parse_busy, busy, 1, CONNECTIONS_MAX,
       "is not a number from 1 to 4000000")
NUMBER(parse_pipeline, pipeline, 1, PIPELINE_MAX,
       "is not a number from 1 to 1024")
NUMBER(parse_thread_number, threads, 1, THREADS_MAX,
       "is neither a number from 1 to 256 nor 'auto'")
NUMBER(parse_priority, priority, 0, INT32_MAX,
       "is not a priority (see SO_PRIORITY in socket(7))")
NUMBER(parse_tos, tos, 0, UINT8_MAX,
       "is not a number from 0 to 255 (such as 0xb8)")

/* An option that is a duration. */
#define DURATION(function, field, minimum, maximum, complaint)                 \
	static int function(void *context, const char *text,                   \
			    const char **reason)                               \
	{                                                                      \
		struct settings *settings = context;                           \
                                                                               \
		*reason = complaint;                                           \
		return value_parse_duration(text, minimum, maximum,            \
					    &settings->field);                 \
	}

DURATION(parse_interval, interval, INTERVAL_MIN, INTERVAL_MAX,
	 "is not an interval from 10us to 24h (such as 20ms; --load does not "
	 "wait)")
DURATION(parse_timeout, timeout, NSEC_PER_MSEC, NSEC_PER_HOUR,
	 "is not a time to wait (from 1ms to 1h)")
DURATION(parse_deadline, deadline, NSEC_PER_MSEC, NSEC_INFINITY,
	 "is not a time to end after (such as 30s or 5min)")
DURATION(parse_max_rtt_p99, max_rtt_p99, 1, NSEC_INFINITY,
	 "is not a time (such as 500us or 20ms)")
DURATION(parse_run_time, duration, NSEC_PER_MSEC, NSEC_INFINITY,
	 "is not a duration (such as 10s, at least 1ms)")
DURATION(parse_warmup, warmup, 0, NSEC_INFINITY - 1,
	 "is not a duration (such as 500ms or 2s)")

/* An option that is taken as it is. */
#define TEXT(function, field, complaint)                                       \
	static int function(void *context, const char *text,                   \
			    const char **reason)                               \
	{                                                                      \
		struct settings *settings = context;                           \
                                                                               \
		*reason = complaint;                                           \
		settings->field = text;                                        \
		return text[0] == '\0' ? -EINVAL : 0;                          \
	}

TEXT(parse_source, source, "is neither an address nor an interface")
TEXT(parse_hdr, hdr, "is not a file name")
TEXT(parse_plot, plot, "is not a file name")

/* In both modes. */
static int parse_connect(void *context, const char *text, const char **reason)
{
	((struct settings *)context)->connect = true;
	return parse_load_connect(context, text, reason);
}

static int parse_historical(void *context, const char *text,
			    const char **reason)
{
	struct settings *settings = context;

	settings->output = OUTPUT_HISTORICAL;
	settings->asked |= ASKED_NUMBER;
	settings->connect = true;
	return parse_count(context, text, reason);
}

static int parse_size(void *context, const char *text, const char **reason)
{
	struct settings *settings = context;
	uint64_t bytes;

	*reason = "is not a size from 0 to 1M (such as 64 or 1K)";
	if (units_parse_size(text, &bytes) < 0 || bytes > MESSAGE_SIZE_MAX)
		return -EINVAL;
	settings->size = (uint32_t)bytes;
	return 0;
}

static int parse_fill(void *context, const char *text, const char **reason)
{
	*reason = "is neither a character of one byte nor up to 16 bytes in "
		  "hexadecimal (such as 0xff00)";
	return value_parse_fill(text, &((struct settings *)context)->fill);
}

static int parse_threads(void *context, const char *text, const char **reason)
{
	if (strcmp(text, "auto") != 0)
		return parse_thread_number(context, text, reason);
	((struct settings *)context)->threads = 0;
	return 0;
}

static int parse_rate(void *context, const char *text, const char **reason)
{
	*reason = "is not a rate from 1 to 1000M (such as 2500, 100K or 1.5M)";
	return value_parse_rate(text, &((struct settings *)context)->rate);
}

static int parse_max_loss(void *context, const char *text, const char **reason)
{
	*reason = "is not a percentage (such as 0.5)";
	return value_parse_percent(text,
				   &((struct settings *)context)->max_loss);
}

static int parse_color(void *context, const char *text, const char **reason)
{
	static const char *const names[] = { "auto", "always", "never" };

	*reason = "is neither auto, always nor never";
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			((struct settings *)context)->color = (enum color)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* clang-format off */
static const struct option_description descriptions[] = {
	{ 'u', "udp", NULL, NULL,
	  "targets without a scheme are probed over UDP instead of TCP",
	  parse_udp },
	{ '4', "ipv4", NULL, NULL, "use IPv4 only", parse_ipv4 },
	{ '6', "ipv6", NULL, NULL, "use IPv6 only", parse_ipv6 },
	{ 'I', "source", "SOURCE", NULL,
	  "send from this ADDRESS, ADDRESS:PORT or interface", parse_source },
	{ 'c', "count", "COUNT", NULL,
	  "end after so many probes of each target", parse_count },
	{ 'i', "interval", "DURATION", "1s",
	  "send a probe to each target every so often", parse_interval },
	{ 'W', "timeout", "DURATION", "2s",
	  "a reply that takes longer is lost", parse_timeout },
	{ 0, "deadline", "DURATION", NULL,
	  "end after this time, however many probes were sent",
	  parse_deadline },
	{ 's', "size", "SIZE", "64", "bytes in a probe or message",
	  parse_size },
	{ 'f', "fill", "FILL", NULL,
	  "fill probes with this character, or bytes (0xHHHH), instead of a "
	  "pattern", parse_fill },
	{ 0, "flows", "N", "1",
	  "spread the probes of a target over N source ports, and report on "
	  "each", parse_flows },
	{ 0, "connect", NULL, NULL,
	  "open a connection for each probe, and measure that, too",
	  parse_connect },
	{ 'P', "tos", "NUMBER", NULL,
	  "the type of service or traffic class of packets (0xb8: expedited "
	  "forwarding)", parse_tos },
	{ 'p', "priority", "NUMBER", NULL,
	  "the priority in this machine's queues (SO_PRIORITY)",
	  parse_priority },
	{ 'n', "number", "COUNT", NULL,
	  "as -c COUNT --connect, one probe after the other, printed as the "
	  "echoping of 1996 did", parse_historical },
	{ 'w', "wait", "DURATION", NULL, "the same as --interval",
	  parse_interval },
	{ 't', "time-limit", "DURATION", NULL, "the same as --timeout",
	  parse_timeout },
	{ 'q', "quiet", NULL, NULL, "print only the summary", parse_quiet },
	{ 'D', "timestamps", NULL, NULL,
	  "print the time of day in front of each line", parse_timestamps },
	{ 0, "json", NULL, NULL, "print JSON Lines", parse_json },
	{ 0, "openmetrics", NULL, NULL,
	  "print the summary as OpenMetrics text", parse_openmetrics },
	{ 0, "hdr", "FILE", NULL,
	  "write the percentiles as HdrHistogram's plotters read them",
	  parse_hdr },
	{ 0, "plot", "FILE.svg", NULL,
	  "draw the percentiles; if the operands end in .json, those of these "
	  "runs", parse_plot },
	{ 0, "color", "WHEN", "auto", "use colors: auto, always or never",
	  parse_color },
	{ 0, "max-loss", "PERCENT", NULL,
	  "exit with status 1 if more is lost", parse_max_loss },
	{ 0, "max-rtt-p99", "DURATION", NULL,
	  "exit with status 1 if p99 is longer", parse_max_rtt_p99 },
	{ 0, "load", NULL, NULL,
	  "measure under load: send the next message when a reply is there",
	  parse_load },
	{ 0, "connections", "N", "1", "with --load: so many at a time",
	  parse_connections },
	{ 0, "threads", "N|auto", "auto",
	  "with --load: threads that send; auto: one per CPU", parse_threads },
	{ 0, "pipeline", "DEPTH", "1",
	  "with --load: messages under way on a connection", parse_pipeline },
	{ 0, "duration", "DURATION", "10s", "with --load: measure for so long",
	  parse_run_time },
	{ 0, "warmup", "DURATION", "500ms",
	  "with --load: what is sent before this is not counted",
	  parse_warmup },
	{ 0, "rate", "RATE", NULL,
	  "with --load: send so many messages a second by the clock, whatever "
	  "comes back", parse_rate },
	{ 0, "bulk", NULL, NULL,
	  "with --load: stream both ways as fast as possible", parse_bulk },
	{ 0, "gso", NULL, NULL,
	  "with --load over UDP: send a pipeline as one train (UDP_SEGMENT)",
	  parse_gso },
	{ 0, "busy-poll", NULL, NULL,
	  "with --load: look for replies without ever sleeping",
	  parse_busy_poll },
	{ 0, "hold", NULL, NULL,
	  "with --load: keep connections open, and echo once on each",
	  parse_hold },
	{ 0, "busy", "N", NULL,
	  "with --load --hold: of them, so many go on echoing", parse_busy },
	{ 0, "conformance", NULL, NULL,
	  "check what an echo service owes its clients", parse_conformance },
	{ 'h', "help", NULL, NULL, "print this help", NULL },
	{ 'V', "version", NULL, NULL, "print the version", NULL },
};
/* clang-format on */

static const struct option_table table = {
	.program = "echoping",
	.descriptions = descriptions,
	.count = ARRAY_SIZE(descriptions),
	.operand = add_target,
};

enum option_outcome settings_parse(struct settings *settings, int argc,
				   char *const argv[],
				   char error[OPTION_ERROR_MAX])
{
	enum option_outcome outcome;
	const char *conflict = NULL;
	struct settings defaults;

	*settings = (struct settings){
		.deadline = NSEC_INFINITY,
		.max_rtt_p99 = NSEC_INFINITY,
		.max_loss = 101,
		.priority = -1,
		.tos = -1,
	};
	option_table_apply_defaults(&table, settings);
	defaults = *settings;
	outcome = option_table_parse(&table, settings, argc, argv, error);
	if (outcome == OPTION_RUN)
		conflict = settings_judge_operands(settings);
	if (outcome == OPTION_RUN && !conflict)
		conflict = settings_conflict(settings, &defaults);
	if (!conflict)
		return outcome;
	snprintf(error, OPTION_ERROR_MAX, "%s", conflict);
	return OPTION_WRONG;
}

void settings_deinit(struct settings *settings)
{
	free(settings->targets);
	settings->targets = NULL;
	settings->target_count = 0;
}

void settings_print_help(FILE *file)
{
	fputs("Usage: echoping [OPTION]... TARGET...\n"
	      "Measure and check echo services (RFC 862): reachability, round "
	      "trips, loss.\n\n",
	      file);
	option_table_print(&table, file);
	fputs("\n"
	      "TARGET: tcp:HOST:PORT, udp:HOST:PORT, mptcp:HOST:PORT, "
	      "HOST:PORT or HOST,\n"
	      "unix:PATH, unix-dgram:PATH, unix-seqpacket:PATH, "
	      "vsock:CID:PORT.\n"
	      "PORT: 7 if left out.  IPv6 in brackets if a port follows.  PATH "
	      "@NAME: abstract.\n"
	      "DURATION: 500us, 20ms, 1s, 5min.  SIZE: 64, 1K, 64K.  RATE: "
	      "2500, 100K, 1.5M.\n"
	      "\n"
	      "Exit status: 0 there were replies, 1 none or a threshold was "
	      "missed, 2 errors.\n"
	      "Ctrl-C prints the summary and ends, Ctrl-\\ (SIGQUIT) prints "
	      "where it stands.\n"
	      "\n"
	      "Manual: man 1 echoping.\n",
	      file);
}
