/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/report_json.h"

static const char *kind_name(enum load_kind kind)
{
	static const char *const names[] = {
		[LOAD_MESSAGES] = "messages",
		[LOAD_CONNECT] = "connect",
		[LOAD_BULK] = "bulk",
		[LOAD_HOLD] = "hold",
	};

	return names[kind];
}

/* What distinguishes one run from another, in its first and last line. */
static void put_work(json_t *line, const struct settings *settings)
{
	json_put_text(line, "mode", "load");
	json_put_text(line, "kind", kind_name(settings->load));
	json_put_text(line, "loop", settings->rate > 0 ? "open" : "closed");
	json_put_optional(line, "rate", settings->rate, 0);
	json_put_number(line, "bytes", settings->size);
	json_put_number(line, "pipeline", settings->pipeline);
	json_put(line, "gso", json_boolean(settings->gso));
	json_put(line, "busy_poll", json_boolean(settings->busy_poll));
	json_put_optional(line, "busy", settings->busy, 0);
}

void json_load_start(const struct settings *settings,
		     const struct target *target)
{
	json_t *line;

	if (settings->quiet)
		return;
	line = json_line("start", target, json_now());
	put_work(line, settings);
	json_put_text(line, "version", PACKAGE_VERSION);
	json_put_number(line, "connections", settings->connections);
	json_put_optional(line, "threads", settings->threads, 0);
	json_put_optional(line, "duration_ns", settings->duration,
			  NSEC_INFINITY);
	json_put_number(line, "warmup_ns", settings->warmup);
	json_line_print(line);
}

void json_load_interval(const struct settings *settings,
			const struct load_interval *interval)
{
	json_t *line;

	if (settings->quiet)
		return;
	line = json_line("interval", interval->target, json_now());
	json_put(line, "warmup", json_boolean(interval->warmup));
	json_put_number(line, "elapsed_ns", interval->elapsed);
	json_put_number(line, "length_ns", interval->length);
	json_put_number(line, "messages", interval->messages);
	json_put_number(line, "lost", interval->lost);
	json_put_number(line, "echoed_bytes", interval->bytes);
	json_put_number(line, "connections", interval->connections);
	json_put_latency(line, "latency", interval->latency, false);
	json_line_print(line);
}

void json_load_summary(const struct settings *settings UNUSED,
		       const struct load_summary *summary)
{
	json_t *line = json_line("summary", summary->target, json_now());
	json_t *cpu = json_object();
	double seconds = (double)MAX(summary->elapsed, 1) / 1e9;

	put_work(line, summary->settings);
	json_put_number(line, "connections", summary->connections);
	json_put_number(line, "threads", summary->threads);
	json_put_number(line, "elapsed_ns", summary->elapsed);
	json_put_tally(line, summary->tally);
	json_put_number(line, "echoed_bytes", summary->bytes);
	json_put(line, "messages_per_second",
		 json_real((double)summary->tally->received / seconds));
	json_put(line, "bytes_per_second",
		 json_real((double)summary->bytes / seconds));
	json_put_number(line, "unsent", summary->unsent);
	json_put_number(line, "socket_drops", summary->socket_drops);
	json_put_latency(line, "rtt", &summary->tally->rtt, true);
	json_put_latency(line, "intended", summary->intended, true);
	json_put_latency(line, "lag", summary->lag, true);
	json_put_latency(line, "connect", summary->connect, true);
	json_put_number(cpu, "user_ns", summary->user);
	json_put_number(cpu, "system_ns", summary->system);
	json_put(line, "cpu", cpu);
	if (summary->client_limited)
		json_put_text(line, "client_limited", summary->client_limited);
	else
		json_put(line, "client_limited", json_null());
	json_line_print(line);
}
