/* SPDX-License-Identifier: MIT */
/*
 * For Prometheus' textfile collector and its kind: OpenMetrics 1.0, nothing
 * before the end, and then all at once.
 */
#include "config.h"

#include "echoping/report_metrics.h"

static void ping_start(const struct settings *settings UNUSED,
		       const struct target *targets UNUSED, size_t count UNUSED)
{
}

static void ignore_reply(const struct settings *settings UNUSED,
			 const struct reply *reply UNUSED)
{
}

static void ping_summary(const struct settings *settings UNUSED,
			 const struct ping_summary *summary)
{
	metrics_add_tally(summary->target, summary->tally);
	metrics_add_count(METRICS_UNDER_WAY, summary->target,
			  summary->under_way);
	metrics_add_seconds(METRICS_ELAPSED, summary->target, "", "",
			    summary->elapsed);
}

static void load_start(const struct settings *settings UNUSED,
		       const struct target *target UNUSED)
{
}

static void load_interval(const struct settings *settings UNUSED,
			  const struct load_interval *interval UNUSED)
{
}

static void load_summary(const struct settings *settings UNUSED,
			 const struct load_summary *summary)
{
	const struct target *target = summary->target;

	metrics_add_tally(target, summary->tally);
	metrics_add_seconds(METRICS_ELAPSED, target, "", "", summary->elapsed);
	if (summary->intended)
		metrics_add_latency(METRICS_INTENDED, target,
				    summary->intended);
	if (summary->lag)
		metrics_add_latency(METRICS_LAG, target, summary->lag);
	if (summary->connect)
		metrics_add_latency(METRICS_CONNECT, target, summary->connect);
	metrics_add_count(METRICS_BYTES, target, summary->bytes);
	metrics_add_count(METRICS_DROPS, target, summary->socket_drops);
	metrics_add_seconds(METRICS_CPU, target, "_total", ",mode=\"user\"",
			    summary->user);
	metrics_add_seconds(METRICS_CPU, target, "_total", ",mode=\"system\"",
			    summary->system);
	metrics_add_count(METRICS_LIMITED, target,
			  summary->client_limited != NULL);
}

static void finish(const struct settings *settings UNUSED)
{
	metrics_print();
}

const struct reporter report_openmetrics = {
	.ping_start = ping_start,
	.reply = ignore_reply,
	.lost = ignore_reply,
	.ping_summary = ping_summary,
	.ping_status = report_ping_status,
	.load_start = load_start,
	.load_interval = load_interval,
	.load_summary = load_summary,
	.finish = finish,
};
