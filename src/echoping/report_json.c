/* SPDX-License-Identifier: MIT */
/*
 * For programs: JSON Lines, an object each.  man/echoping.schema.json tells
 * every member; members are added, never changed, as long as "format" is 1.
 */
#include "config.h"

#include "echoping/report_json.h"

#include <string.h>

static void start_line(const struct settings *settings,
		       const struct target *target)
{
	json_t *line = json_line("start", target, json_now());

	json_put_text(line, "mode", "ping");
	json_put_text(line, "version", PACKAGE_VERSION);
	json_put_number(line, "bytes", settings->size);
	json_put_optional(line, "count", settings->count, 0);
	json_put_number(line, "interval_ns", settings->interval);
	json_put_number(line, "timeout_ns", settings->timeout);
	json_put_optional(line, "deadline_ns", settings->deadline,
			  NSEC_INFINITY);
	json_put_number(line, "flow_count", settings->flows);
	json_put(line, "connect", json_boolean(settings->connect));
	json_line_print(line);
}

static void ping_start(const struct settings *settings,
		       const struct target *targets, size_t count)
{
	for (size_t i = 0; i < count && !settings->quiet; i++)
		start_line(settings, &targets[i]);
}

static void put_faults(json_t *line, const struct reply *reply)
{
	json_t *names = json_array();

	for (unsigned i = 0; i < FAULT_COUNT; i++) {
		if (reply->faults & 1U << i)
			json_add(names, json_string(fault_names[i]));
	}
	json_put(line, "faults", names);
}

static void put_probe(json_t *line, const struct reply *reply)
{
	json_put_number(line, "flow", reply->flow);
	json_put_optional(line, "port", reply->port, 0);
}

static void reply_line(const struct reply *reply)
{
	static const char *const clocks[] = {
		[CLOCK_USER] = "user", [CLOCK_KERNEL] = "kernel"
	};
	json_t *line = json_line("reply", reply->target, reply->when);
	bool foreign = reply->faults & FAULT_FOREIGN;
	char from[ADDRESS_TEXT_MAX];

	address_format(&reply->from, from);
	json_put_optional(line, "sequence", foreign ? 0 : reply->sequence, 0);
	put_probe(line, reply);
	json_put_text(line, "from", from);
	json_put_number(line, "bytes", reply->size);
	json_put_optional(line, "rtt_ns",
			  reply->rtt_known ? reply->rtt : NSEC_INFINITY,
			  NSEC_INFINITY);
	json_put(line, "clock",
		 reply->rtt_known ? json_string(clocks[reply->clock])
				  : json_null());
	json_put(line, "connected", json_boolean(reply->connected));
	put_faults(line, reply);
	if (reply->faults & FAULT_CORRUPT)
		json_put_number(line, "first_wrong_byte", reply->mismatch);
	if (reply->faults & FAULT_TRUNCATED)
		json_put_number(line, "expected_bytes", reply->expected);
	json_line_print(line);
}

/* Who said that it is lost: a router, whose address has no port; or nobody. */
static void put_sender(json_t *line, const struct address *from)
{
	char text[ADDRESS_TEXT_MAX], *port;

	if (from->length == 0) {
		json_put(line, "from", json_null());
		return;
	}
	address_format(from, text);
	port = strrchr(text, ':');
	if (port && strcmp(port, ":0") == 0)
		*port = '\0';
	json_put_text(line, "from", text);
}

static void lost_line(const struct reply *probe)
{
	json_t *line = json_line("lost", probe->target, probe->when);

	json_put_number(line, "sequence", probe->sequence);
	put_probe(line, probe);
	json_put_number(line, "waited_ns", probe->rtt);
	if (probe->reason)
		json_put_text(line, "reason", probe->reason);
	else
		json_put(line, "reason", json_null());
	put_sender(line, &probe->from);
	json_line_print(line);
}

static void print_reply(const struct settings *settings,
			const struct reply *reply)
{
	if (!settings->quiet)
		reply_line(reply);
}

static void print_lost(const struct settings *settings,
		       const struct reply *probe)
{
	if (!settings->quiet)
		lost_line(probe);
}

static json_t *flow_object(const struct flow_summary *flow)
{
	json_t *object = json_object();

	json_put_number(object, "flow", flow->flow);
	json_put_optional(object, "port", flow->port, 0);
	json_put_tally(object, flow->tally);
	json_put_latency(object, "rtt", &flow->tally->rtt, false);
	return object;
}

static void ping_summary(const struct settings *settings UNUSED,
			 const struct ping_summary *summary)
{
	json_t *line = json_line("summary", summary->target, json_now());
	const struct tally *tally = summary->tally;
	json_t *clock = json_object(), *flows = json_array();

	json_put_text(line, "mode", "ping");
	json_put_number(line, "elapsed_ns", summary->elapsed);
	json_put_tally(line, tally);
	json_put_number(line, "under_way", summary->under_way);
	json_put_number(clock, "kernel", tally->kernel_clock);
	json_put_number(clock, "user", tally->rtt.total - tally->kernel_clock);
	json_put(line, "clock", clock);
	json_put_latency(line, "rtt", &tally->rtt, true);
	for (size_t i = 0; i < summary->flow_count; i++)
		json_add(flows, flow_object(&summary->flows[i]));
	json_put(line, "flows", flows);
	json_line_print(line);
}

static void finish(const struct settings *settings UNUSED)
{
}

const struct reporter report_json = {
	.ping_start = ping_start,
	.reply = print_reply,
	.lost = print_lost,
	.ping_summary = ping_summary,
	.ping_status = report_ping_status,
	.load_start = json_load_start,
	.load_interval = json_load_interval,
	.load_summary = json_load_summary,
	.finish = finish,
};
