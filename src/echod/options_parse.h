/* SPDX-License-Identifier: MIT */
/*
 * The values of options: what each may be, and what is said if it is not.
 * Private to the options module.
 */
#ifndef ECHOD_OPTIONS_PARSE_H
#define ECHOD_OPTIONS_PARSE_H

#include "common/option_table.h"

/* Of the options of these names; the context is a struct options. */
option_parser options_parse_workers, options_parse_cpu_affinity,
	options_parse_max_connections, options_parse_max_connections_per_source,
	options_parse_min_progress, options_parse_idle_timeout,
	options_parse_drain_timeout, options_parse_busy_poll,
	options_parse_exit_idle_time, options_parse_buffer_limit,
	options_parse_user, options_parse_log_level,
	options_parse_log_connections, options_parse_udp_offload,
	options_parse_preserve, options_parse_preserve_after,
	options_parse_allow_source_ports, options_parse_loop_ttl,
	options_parse_udp_rate;

#endif
