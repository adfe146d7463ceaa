/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/options.h"

#include "echod/options_parse.h"

#include <stdlib.h>

static const struct option_description descriptions[] = {
	{ 'l', "listen", "ADDRESS", NULL,
	  "serve this address, may be repeated; without it, and without "
	  "sockets passed in: 7 (RFC 862)",
	  options_add_listen },
	{ 'w', "workers", "N|auto", "1",
	  "threads that serve; auto: one per CPU", options_parse_workers },
	{ 0, "cpu-affinity", "LIST|auto|no", "no",
	  "keep each worker on one CPU of the list (such as 0-3,8); auto: of "
	  "all",
	  options_parse_cpu_affinity },
	{ 'c', "max-connections", "N|auto", "auto",
	  "streams at a time; auto: as many as the limit on descriptors "
	  "allows",
	  options_parse_max_connections },
	{ 0, "max-connections-per-source", "N|auto", "auto",
	  "of them from one IPv4 address or IPv6 /64; auto: half",
	  options_parse_max_connections_per_source },
	{ 't', "idle-timeout", "DURATION", "infinity",
	  "end a stream on which nothing happens for this long",
	  options_parse_idle_timeout },
	{ 0, "drain-timeout", "DURATION", "5s",
	  "when stopping, echo for at most this long",
	  options_parse_drain_timeout },
	{ 0, "exit-idle-time", "DURATION", "infinity",
	  "exit when there was nothing to do for this long, at least 5s",
	  options_parse_exit_idle_time },
	{ 0, "preserve", "auto|yes|no", "auto",
	  "leave streams to the next instance, even when killed; auto: if the "
	  "service manager keeps descriptors",
	  options_parse_preserve },
	{ 0, "preserve-after", "DURATION", "1s",
	  "keep a stream from being lost when it is this old",
	  options_parse_preserve_after },
	{ 0, "busy-poll", "DURATION", "0",
	  "spin for this long before blocking, while that is of use",
	  options_parse_busy_poll },
	{ 0, "buffer-limit", "SIZE", "64M",
	  "hold back at most this much for peers that do not read",
	  options_parse_buffer_limit },
	{ 0, "min-progress", "SIZE[/DURATION]", "1K/1min",
	  "reset a peer for which something is held back and that takes "
	  "less than this; 0: never",
	  options_parse_min_progress },
	{ 0, "udp-offload", "yes|no", "yes",
	  "take datagrams of one peer that come together as one, and send "
	  "them so",
	  options_parse_udp_offload },
	{ 0, "allow-source-ports", "LIST|all", NULL,
	  "answer datagrams from these ports of services (such as "
	  "53,1000-1023), too",
	  options_parse_allow_source_ports },
	{ 0, "loop-ttl", NULL, NULL,
	  "answer datagrams with their TTL less one, so that loops end",
	  options_parse_loop_ttl },
	{ 0, "udp-rate", "N[/BURST]", "1000/5000",
	  "answer a source of UDP so many datagrams a second, and a burst; "
	  "0: any number",
	  options_parse_udp_rate },
	{ 0, "user", "NAME", NULL,
	  "become this user when the sockets are bound", options_parse_user },
	{ 0, "log-level", "LEVEL", "info",
	  "log err, warning, notice, info or debug, and what is worse",
	  options_parse_log_level },
	{ 0, "log-connections", NULL, NULL, "log each stream when it ends",
	  options_parse_log_connections },
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
