/* SPDX-License-Identifier: MIT */
/*
 * The command line of echod: what its table of options is parsed into.
 */
#ifndef ECHOD_OPTIONS_H
#define ECHOD_OPTIONS_H

#include "common/address.h"
#include "common/option_table.h"
#include "common/ports.h"
#include "echod/affinity.h"
#include "echod/limiter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What one --listen asks for. */
struct listen_group {
	const char *text; /* as written; borrowed from argv */
	int count;
	struct endpoint endpoints[ENDPOINTS_MAX];
};

enum preserve {
	PRESERVE_AUTO, /* if the service manager keeps descriptors */
	PRESERVE_YES,
	PRESERVE_NO,
};

/* Constant once parsed. */
struct options {
	struct listen_group *listen;
	size_t listen_count;
	unsigned workers;	  /* 0: one per CPU */
	struct affinity affinity; /* of the workers */
	uint32_t max_connections; /* 0: as many as descriptors allow */
	uint32_t max_connections_per_source; /* 0: half of that */
	uint64_t idle_timeout; /* µs, as all durations; USEC_INFINITY: off */
	uint64_t drain_timeout;
	uint64_t exit_idle_time;
	uint64_t preserve_after;
	uint64_t busy_poll;	      /* 0: off */
	uint64_t buffer_limit;	      /* bytes */
	struct limiter_rate udp_rate; /* of a source; 0: off */
	uint64_t min_progress;	      /* bytes; 0: off */
	uint64_t progress_time;
	const char *user; /* NULL: stay who we are */
	int log_level;
	enum preserve preserve;
	bool log_connections;
	bool udp_offload;
	bool loop_ttl;
	struct ports allowed_ports; /* to answer, though services have them */
};

/*
 * Parse the command line; `options` holds allocated memory afterwards, whatever
 * the outcome.
 */
enum option_outcome options_parse(struct options *options, int argc,
				  char *const argv[],
				  char error[OPTION_ERROR_MAX]) MUST_CHECK;
void options_deinit(struct options *options);

/*
 * The option_parser of --listen, whose context is a struct options: add what
 * TEXT asks for. 0, -ENOMEM, or -EINVAL and *reason.
 */
int options_add_listen(void *context, const char *text,
		       const char **reason) MUST_CHECK;

void options_print_help(FILE *file);

#endif
