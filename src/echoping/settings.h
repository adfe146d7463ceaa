/* SPDX-License-Identifier: MIT */
/*
 * The command line of echoping: what its table of options is parsed into.
 *
 * Here and everywhere in echoping times are integers in nanoseconds.  One that
 * is not NSEC_INFINITY is at most NSEC_LONGEST: sums of a few do not overflow.
 */
#ifndef ECHOPING_SETTINGS_H
#define ECHOPING_SETTINGS_H

#include "common/option_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define NSEC_PER_USEC UINT64_C(1000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_SEC  UINT64_C(1000000000)
#define NSEC_INFINITY UINT64_MAX
#define NSEC_LONGEST  (NSEC_INFINITY / 4) /* 146 years */

/* The longest payload: of UDP over IPv6 and IPv4, of a message on a stream. */
#define DATAGRAM_SIZE_MAX      65527
#define DATAGRAM_SIZE_MAX_IPV4 65507
#define MESSAGE_SIZE_MAX       (UINT32_C(1) << 20)

#define FLOWS_MAX	4096
#define CONNECTIONS_MAX 4000000
#define THREADS_MAX	256
#define PIPELINE_MAX	1024

enum mode {
	MODE_PING,
	MODE_LOAD,	  /* --load */
	MODE_CONFORMANCE, /* --conformance */
	MODE_PLOT, /* --plot of the runs that the operands, all .json, hold */
};

/* What --load does with its connections. */
enum load_kind {
	LOAD_MESSAGES, /* request and response */
	LOAD_CONNECT,  /* connect, echo, close */
	LOAD_BULK,     /* stream both ways */
	LOAD_HOLD,     /* keep them open, echo once on each */
};

/* What is printed on standard output. */
enum output {
	OUTPUT_TEXT,
	OUTPUT_HISTORICAL, /* -n: as the echoping of 1996 did */
	OUTPUT_JSON,
	OUTPUT_OPENMETRICS,
};

enum color {
	COLOR_AUTO,
	COLOR_ALWAYS,
	COLOR_NEVER,
};

/* What a message is filled with, again and again; length 0: the pattern. */
struct fill {
	unsigned char bytes[16];
	size_t length;
};

/* Constant once parsed. */
struct settings {
	enum mode mode;
	const char **targets; /* the operands, as written; from argv */
	size_t target_count;
	bool udp;
	int family; /* AF_UNSPEC, AF_INET or AF_INET6 */
	const char *source;

	uint32_t size;
	struct fill fill;
	uint64_t count; /* 0: no end */
	uint64_t interval, timeout;
	uint64_t deadline; /* NSEC_INFINITY: none */
	unsigned flows;
	bool connect; /* a connection for each probe */
	int priority; /* -1: not set */
	int tos;      /* -1: not set */

	enum output output;
	enum color color;
	bool quiet, timestamps;
	const char *hdr, *plot; /* file names or NULL */
	double max_loss;	/* percent; above 100: no threshold */
	uint64_t max_rtt_p99;	/* NSEC_INFINITY: no threshold */

	enum load_kind load;
	uint32_t connections, pipeline;
	uint32_t busy;	  /* of those that --hold keeps */
	unsigned threads; /* 0: one per CPU, at most one per connection */
	uint64_t duration, warmup;
	uint64_t rate; /* messages a second; 0: closed loop */
	bool gso, busy_poll;

	unsigned asked; /* private to settings */
};

/*
 * Parse the command line; `settings` holds allocated memory afterwards,
 * whatever the outcome.
 */
enum option_outcome settings_parse(struct settings *settings, int argc,
				   char *const argv[],
				   char error[OPTION_ERROR_MAX]) MUST_CHECK;
void settings_deinit(struct settings *settings);

void settings_print_help(FILE *file);

#endif
