/* SPDX-License-Identifier: MIT */
/*
 * For people: ping mode as ping(8) prints, in plain words and with units.
 */
#include "config.h"

#include "echoping/report_text.h"

#include "common/text.h"
#include "common/units.h"
#include "echoping/console.h"
#include "echoping/latency.h"

#include <inttypes.h>
#include <string.h>

/* Flows that a summary lists; whoever wants all takes --json. */
#define FLOW_ROWS_MAX 32

/* In TALLY_COUNTERS after sent, received and lost. */
#define FIRST_TROUBLE 3

void text_label(const struct target *target, char label[LABEL_MAX])
{
	if (strstr(target->text, target->name))
		snprintf(label, LABEL_MAX, "%s", target->text);
	else
		snprintf(label, LABEL_MAX, "%.250s (%s)", target->name,
			 target->text);
	text_mask_controls(label);
}

void text_print_heading(const struct settings *settings,
			const struct target *target, const char *noun)
{
	char label[LABEL_MAX];

	text_label(target, label);
	printf("%s--- %s echoping %s ---%s\n",
	       console_style(settings, stdout, CONSOLE_HEADING), label, noun,
	       console_style(settings, stdout, CONSOLE_PLAIN));
}

void text_print_latency(const char *what, const struct histogram *latency)
{
	char text[LATENCY_TEXT_MAX];

	latency_format_min(latency, text);
	printf("%s min %s", what, text);
	for (size_t i = 0; i < PERCENTILE_COUNT; i++) {
		latency_format_percentile(latency, percentiles[i].quantile,
					  text);
		printf(", %s %s", percentiles[i].name, text);
	}
	latency_format_max(latency, text);
	printf(", max %s, %" PRIu64 " sample%s", text, latency->total,
	       PLURAL(latency->total));
}

void text_print_troubles(const struct settings *settings,
			 const struct tally *tally)
{
	for (size_t i = FIRST_TROUBLE; i < TALLY_COUNTER_COUNT; i++) {
		uint64_t value = tally_value(tally, i);

		if (value > 0)
			printf(", %s%" PRIu64 " %s%s",
			       console_style(settings, stdout, CONSOLE_WRONG),
			       value, tally_counters[i].text,
			       console_style(settings, stdout, CONSOLE_PLAIN));
	}
}

static void ping_start(const struct settings *settings,
		       const struct target *targets, size_t count)
{
	char label[LABEL_MAX], interval[UNITS_TEXT_MAX];

	if (settings->quiet)
		return;
	units_format_duration(settings->interval / NSEC_PER_USEC, interval);
	for (size_t i = 0; i < count; i++) {
		text_label(&targets[i], label);
		printf("echoping %s: %" PRIu32 " byte%s every %s", label,
		       settings->size, PLURAL(settings->size), interval);
		if (settings->flows > 1)
			printf(", %u flows", settings->flows);
		if (settings->connect)
			printf(", a connection each");
		putchar('\n');
	}
	console_flush();
}

static void print_when(const struct settings *settings,
		       const struct reply *reply)
{
	if (settings->timestamps)
		printf("[%" PRIu64 ".%06" PRIu64 "] ",
		       reply->when / NSEC_PER_SEC,
		       reply->when % NSEC_PER_SEC / NSEC_PER_USEC);
}

/* Of several targets the one meant, where the address alone does not tell. */
static void print_from(const struct settings *settings,
		       const struct reply *reply, const struct address *address)
{
	char text[ADDRESS_TEXT_MAX], name[LABEL_MAX];

	address_format(address, text);
	printf(" from %s", text);
	if (settings->target_count > 1 && !strstr(text, reply->target->name)) {
		snprintf(name, sizeof(name), "%.250s", reply->target->name);
		text_mask_controls(name);
		printf(" (%s)", name);
	}
	putchar(':');
}

static void print_probe(const struct settings *settings,
			const struct reply *reply)
{
	printf(" seq=%" PRIu64, reply->sequence);
	if (settings->flows <= 1)
		return;
	printf(" flow=%u", reply->flow);
	if (reply->port > 0)
		printf(" port=%u", (unsigned)reply->port);
}

static void describe_fault(enum reply_fault fault, const struct reply *reply,
			   char *text, size_t size)
{
	char asked[ADDRESS_TEXT_MAX];

	switch (fault) {
	case FAULT_DUPLICATE:
		snprintf(text, size, "DUPLICATE");
		break;
	case FAULT_REORDERED:
		snprintf(text, size, "reordered");
		break;
	case FAULT_LATE:
		snprintf(text, size, "late");
		break;
	case FAULT_CORRUPT:
		snprintf(text, size, "corrupt from byte %zu", reply->mismatch);
		break;
	case FAULT_TRUNCATED:
		snprintf(text, size, "truncated: %zu of %zu bytes", reply->size,
			 reply->expected);
		break;
	case FAULT_MISADDRESSED:
		address_format(&reply->target->endpoint.address, asked);
		snprintf(text, size,
			 "from another address than asked (asked %s)", asked);
		break;
	case FAULT_FOREIGN:
		snprintf(text, size, "foreign: answers nothing that was sent");
		break;
	}
}

static void print_faults(const struct settings *settings,
			 const struct reply *reply)
{
	char text[ADDRESS_TEXT_MAX + 64] = "";
	const char *separator = " ";

	if (reply->faults == 0)
		return;
	fputs(console_style(settings, stdout, CONSOLE_WRONG), stdout);
	for (unsigned i = 0; i < FAULT_COUNT; i++) {
		if (!(reply->faults & 1U << i))
			continue;
		describe_fault((enum reply_fault)(1U << i), reply, text,
			       sizeof(text));
		printf("%s%s", separator, text);
		separator = ", ";
	}
	fputs(console_style(settings, stdout, CONSOLE_PLAIN), stdout);
}

static void print_reply(const struct settings *settings,
			const struct reply *reply)
{
	char rtt[LATENCY_TEXT_MAX];

	if (settings->quiet)
		return;
	print_when(settings, reply);
	printf("%zu byte%s", reply->size, PLURAL(reply->size));
	print_from(settings, reply, &reply->from);
	if (!(reply->faults & FAULT_FOREIGN))
		print_probe(settings, reply);
	if (reply->rtt_known) {
		latency_format(reply->rtt, rtt);
		printf(" time=%s clock=%s", rtt,
		       reply->clock == CLOCK_KERNEL ? "kernel" : "user");
	}
	if (reply->connected)
		printf(" with connect");
	print_faults(settings, reply);
	putchar('\n');
	console_flush();
}

/* Who says that it is lost, if another than who was asked. */
static void print_offender(const struct reply *probe)
{
	const struct address *asked = &probe->target->endpoint.address;
	struct address from = probe->from, to = *asked;
	char text[ADDRESS_TEXT_MAX];
	const char *end;

	if (from.length == 0)
		return;
	/* An ICMP error comes from a host, not from a port. */
	address_set_port(&from, 0);
	address_set_port(&to, 0);
	if (from.length == to.length &&
	    memcmp(&from.any, &to.any, to.length) == 0)
		return;
	address_format(&from, text);
	end = strrchr(text, ':');
	if (end)
		printf(" (says %.*s)", (int)(end - text), text);
}

static void print_lost(const struct settings *settings,
		       const struct reply *probe)
{
	char waited[LATENCY_TEXT_MAX];

	if (settings->quiet)
		return;
	latency_format(probe->rtt, waited);
	print_when(settings, probe);
	fputs(console_style(settings, stdout, CONSOLE_WRONG), stdout);
	printf("no reply");
	print_from(settings, probe, &probe->target->endpoint.address);
	print_probe(settings, probe);
	printf(" after %s%s%s", waited, probe->reason ? ": " : "",
	       probe->reason ? probe->reason : "");
	print_offender(probe);
	printf("%s\n", console_style(settings, stdout, CONSOLE_PLAIN));
	console_flush();
}

static void print_counts(const struct settings *settings,
			 const struct ping_summary *summary)
{
	const struct tally *tally = summary->tally;
	char loss[PERCENT_TEXT_MAX], elapsed[LATENCY_TEXT_MAX];
	bool is_wrong = tally->lost > 0;

	percent_format(tally_loss(tally), loss);
	latency_format(summary->elapsed, elapsed);
	printf("%" PRIu64 " sent, %" PRIu64 " received, %s%" PRIu64
	       " lost (%s)%s, %s",
	       tally->sent, tally->received,
	       is_wrong ? console_style(settings, stdout, CONSOLE_WRONG) : "",
	       tally->lost, loss,
	       is_wrong ? console_style(settings, stdout, CONSOLE_PLAIN) : "",
	       elapsed);
	text_print_troubles(settings, tally);
	if (summary->under_way > 0)
		printf(", %" PRIu64 " under way", summary->under_way);
	putchar('\n');
}

static void print_clock(const struct tally *tally)
{
	uint64_t user = tally->rtt.total - tally->kernel_clock;

	if (tally->rtt.total == 0)
		printf(", clock -\n");
	else if (user == 0)
		printf(", clock kernel\n");
	else if (tally->kernel_clock == 0)
		printf(", clock user\n");
	else
		printf(", clock kernel %" PRIu64 ", user %" PRIu64 "\n",
		       tally->kernel_clock, user);
}

static void print_flow(const struct flow_summary *flow)
{
	const struct tally *tally = flow->tally;
	char p50[LATENCY_TEXT_MAX], p99[LATENCY_TEXT_MAX];
	char max[LATENCY_TEXT_MAX], loss[PERCENT_TEXT_MAX];

	percent_format(tally_loss(tally), loss);
	latency_format_percentile(&tally->rtt, HISTOGRAM_WHOLE / 2, p50);
	latency_format_percentile(&tally->rtt, HISTOGRAM_WHOLE / 100 * 99, p99);
	latency_format_max(&tally->rtt, max);
	printf("%5u %5u %9" PRIu64 " %9" PRIu64 " %9s %8s %8s %8s\n",
	       flow->flow, (unsigned)flow->port, tally->sent, tally->lost, loss,
	       p50, p99, max);
}

static void print_flows(const struct ping_summary *summary)
{
	size_t count = summary->flow_count;

	if (count <= 1)
		return;
	printf("%5s %5s %9s %9s %9s %8s %8s %8s\n", "flow", "port", "sent",
	       "lost", "loss", "p50", "p99", "max");
	for (size_t i = 0; i < count; i++) {
		if (i == FLOW_ROWS_MAX) {
			printf("and %zu more flow%s, none of which is worse\n",
			       count - i, PLURAL(count - i));
			break;
		}
		print_flow(&summary->flows[i]);
	}
}

static void ping_summary(const struct settings *settings,
			 const struct ping_summary *summary)
{
	putchar('\n');
	text_print_heading(settings, summary->target, "statistics");
	print_counts(settings, summary);
	text_print_latency("rtt", &summary->tally->rtt);
	print_clock(summary->tally);
	print_flows(summary);
	console_flush();
}

static void finish(const struct settings *settings UNUSED)
{
	console_erase();
}

const struct reporter report_text = {
	.ping_start = ping_start,
	.reply = print_reply,
	.lost = print_lost,
	.ping_summary = ping_summary,
	.ping_status = report_ping_status,
	.load_start = text_load_start,
	.load_interval = text_load_interval,
	.load_summary = text_load_summary,
	.finish = finish,
};
