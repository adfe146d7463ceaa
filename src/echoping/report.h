/* SPDX-License-Identifier: MIT */
/*
 * What echoping tells: to people, to their programs, or as in 1996.
 *
 * Who measures fills in these structs and calls the reporter that the command
 * line asks for; there is one file for each.  A reporter writes to standard
 * output and flushes each line (console_flush(); who measures ends when
 * console_error() says that nobody takes it); what is no result (usage, a
 * connection that failed) goes to standard error as "echoping: TARGET: TEXT".
 */
#ifndef ECHOPING_REPORT_H
#define ECHOPING_REPORT_H

#include "echoping/settings.h"
#include "echoping/tally.h"
#include "echoping/target.h"

/* As ping(8) does. */
enum exit_status {
	EXIT_STATUS_OK = 0, /* there were replies, no threshold was missed */
	EXIT_STATUS_MISSED = 1, /* none, or a threshold was missed */
	EXIT_STATUS_ERROR = 2,	/* anything else; a line says what */
};

/* Which clock a round trip was measured by. */
enum clock {
	CLOCK_USER,   /* CLOCK_MONOTONIC around our system calls */
	CLOCK_KERNEL, /* SO_TIMESTAMPING: when it left and came to the device */
};

/* What was wrong with a reply. */
enum reply_fault {
	FAULT_DUPLICATE = 1 << 0,
	FAULT_REORDERED = 1 << 1,
	FAULT_LATE = 1 << 2,
	FAULT_CORRUPT = 1 << 3,
	FAULT_TRUNCATED = 1 << 4,
	FAULT_MISADDRESSED = 1 << 5,
	FAULT_FOREIGN = 1 << 6, /* its sequence, and its rtt, are unknown */
};
#define FAULT_COUNT 7
extern const char *const fault_names[FAULT_COUNT]; /* "duplicate", ... */

/* One reply, or one that did not come in time. */
struct reply {
	const struct target *target;
	unsigned flow;	       /* from 0 */
	uint16_t port;	       /* our port, 0 if there is none */
	uint64_t sequence;     /* from 1 */
	size_t size, expected; /* bytes that came, that should */
	size_t mismatch;       /* with FAULT_CORRUPT: the first wrong byte */
	struct address from;   /* who answered */
	uint64_t rtt;	       /* ns; of what is lost, how long we waited */
	bool rtt_known;	       /* not of duplicates */
	bool connected;	       /* the rtt includes making the connection */
	enum clock clock;
	unsigned faults;
	uint64_t when;	    /* CLOCK_REALTIME, ns */
	const char *reason; /* why it is lost, if not by the timeout; static */
};

/* One flow: the probes from one source port. */
struct flow_summary {
	unsigned flow;
	uint16_t port;
	const struct tally *tally;
};

/* One target, at the end or (by SIGQUIT) in between. */
struct ping_summary {
	const struct target *target;
	uint64_t elapsed; /* ns */
	const struct tally *tally;
	uint64_t under_way;		  /* neither answered nor lost yet */
	const struct flow_summary *flows; /* the worst first */
	size_t flow_count;
};

/* What happened since the interval before. */
struct load_interval {
	const struct target *target;
	uint64_t elapsed; /* ns since the measurement began */
	uint64_t length;  /* ns, of this interval */
	uint64_t messages, lost, bytes;
	const struct histogram *latency; /* of this interval */
	uint64_t connections;		 /* open; for --hold */
	bool warmup;
};

struct load_summary {
	const struct target *target;
	const struct settings *settings;
	unsigned threads;
	uint64_t connections;	   /* that were open at the same time */
	uint64_t elapsed;	   /* ns: of the measurement, without warm-up */
	uint64_t bytes;		   /* echoed and verified; as many were sent */
	const struct tally *tally; /* rtt: from when it was sent */
	/* Open loop only, else NULL: */
	const struct histogram *intended; /* from when it should be sent */
	const struct histogram *lag;	  /* from should be to was sent */
	uint64_t unsent;		  /* were due, and never sent */
	/* Connections only (LOAD_CONNECT and LOAD_HOLD), else NULL: */
	const struct histogram *connect;
	uint64_t socket_drops; /* datagrams, at our own sockets: SO_MEMINFO */
	uint64_t user, system; /* ns of CPU in the measurement, all threads */
	const char *client_limited; /* why the client was the limit, or NULL */
};

/* Members that have nothing to say do nothing; none is NULL. */
struct reporter {
	void (*ping_start)(const struct settings *settings,
			   const struct target *targets, size_t count);
	void (*reply)(const struct settings *settings,
		      const struct reply *reply);
	void (*lost)(const struct settings *settings,
		     const struct reply *probe);
	void (*ping_summary)(const struct settings *settings,
			     const struct ping_summary *summary);
	/* One line on standard error, whoever reads the results: SIGQUIT. */
	void (*ping_status)(const struct settings *settings,
			    const struct ping_summary *summary);
	void (*load_start)(const struct settings *settings,
			   const struct target *target);
	void (*load_interval)(const struct settings *settings,
			      const struct load_interval *interval);
	void (*load_summary)(const struct settings *settings,
			     const struct load_summary *summary);
	/* Once, last: what is printed over all targets. */
	void (*finish)(const struct settings *settings);
};

extern const struct reporter report_text, report_historical, report_json,
	report_openmetrics;

/* The ping_status of all of them. */
void report_ping_status(const struct settings *settings,
			const struct ping_summary *summary);

/* The one that is asked for. */
const struct reporter *report_choose(const struct settings *settings);

/*
 * The exit status for what became of a target: were there replies, and were
 * --max-loss and --max-rtt-p99 (of these round trips) kept?
 */
enum exit_status report_verdict(const struct settings *settings,
				const struct tally *tally,
				const struct histogram *rtt);

/* A line on standard error: "echoping: TARGET: TEXT". */
void report_trouble(const struct target *target, const char *format, ...)
	PRINTF_LIKE(2, 3);

#endif
