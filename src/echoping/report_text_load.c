/* SPDX-License-Identifier: MIT */
/*
 * For people: load mode, with a live line while it runs.
 *
 * What a rate or a time stands for is said beside it: a closed loop waits for
 * the server and so hides its worst moments, an open loop does not.
 */
#include "config.h"

#include "echoping/report_text.h"

#include "common/text.h"
#include "common/units.h"
#include "echoping/console.h"
#include "echoping/latency.h"

#include <inttypes.h>
#include <stdarg.h>

#define RATE_TEXT_MAX 32
#define LINE_MAX      1024

/* So much a second; 0 of no time. */
static double per_second(uint64_t amount, uint64_t nsec)
{
	return nsec == 0 ? 0
			 : (double)amount * (double)NSEC_PER_SEC / (double)nsec;
}

static void format_rate(double rate, char text[RATE_TEXT_MAX])
{
	snprintf(text, RATE_TEXT_MAX, "%.*f", rate < 100 ? 2 : 0, rate);
}

/* "79.4 MB/s", "1.85 GB/s": powers of ten, as the units say. */
static void format_bandwidth(double rate, char text[RATE_TEXT_MAX])
{
	static const struct {
		double size;
		const char *name;
	} units[] = { { 1e9, "GB/s" }, { 1e6, "MB/s" }, { 1e3, "kB/s" } };

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		double value = rate / units[i].size;

		if (value < 0.9995)
			continue;
		snprintf(text, RATE_TEXT_MAX, "%.*f %s",
			 value < 9.995	 ? 2
			 : value < 99.95 ? 1
					 : 0,
			 value, units[i].name);
		return;
	}
	snprintf(text, RATE_TEXT_MAX, "%.0f B/s", rate);
}

/* The unit that bulk rates are compared in, whatever the rate. */
static void format_bulk_rate(double rate, char text[RATE_TEXT_MAX])
{
	snprintf(text, RATE_TEXT_MAX, "%.3f GB/s", rate / 1e9);
}

/* "1 connection", "50 connections", "50 sockets" */
static void format_connections(const struct target *target, uint64_t count,
			       char text[RATE_TEXT_MAX])
{
	snprintf(text, RATE_TEXT_MAX, "%" PRIu64 " %s%s", count,
		 target_type(target) == SOCK_DGRAM ? "socket" : "connection",
		 PLURAL(count));
}

/* Append to a line that ends, if it must, early. */
static void PRINTF_LIKE(3, 4)
	append(char line[LINE_MAX], size_t *length, const char *format, ...)
{
	va_list arguments;
	int added;

	va_start(arguments, format);
	added = vsnprintf(line + *length, LINE_MAX - *length, format,
			  arguments);
	va_end(arguments);
	if (added > 0)
		*length = MIN(*length + (size_t)added, (size_t)LINE_MAX - 1);
}

static void append_kind(char line[LINE_MAX], size_t *length,
			const struct settings *settings,
			const char *connections)
{
	const char *plural = PLURAL(settings->size);

	switch (settings->load) {
	case LOAD_MESSAGES:
		append(line, length, "%" PRIu32 " byte%s on %s", settings->size,
		       plural, connections);
		break;
	case LOAD_CONNECT:
		append(line, length,
		       "connect, echo %" PRIu32 " byte%s, close; %" PRIu32
		       " at a time",
		       settings->size, plural, settings->connections);
		break;
	case LOAD_BULK:
		append(line, length, "both ways as fast as possible on %s",
		       connections);
		break;
	case LOAD_HOLD:
		append(line, length,
		       "holding %s, an echo of %" PRIu32 " byte%s on each",
		       connections, settings->size, plural);
		if (settings->busy > 0)
			append(line, length, ", then %" PRIu32 " of them busy",
			       settings->busy);
		break;
	}
	if (settings->pipeline > 1)
		append(line, length, ", %" PRIu32 " under way on each%s",
		       settings->pipeline,
		       settings->gso ? ", sent as trains" : "");
	if (settings->busy_poll)
		append(line, length, ", never sleeping");
}

/* What is done: "64 bytes on 50 connections, closed loop, for 10s". */
static void append_work(char line[LINE_MAX], size_t *length,
			const struct settings *settings,
			const struct target *target)
{
	char span[UNITS_TEXT_MAX], connections[RATE_TEXT_MAX];

	format_connections(target, settings->connections, connections);
	append_kind(line, length, settings, connections);
	if (settings->rate > 0)
		append(line, length, ", open loop, %" PRIu64 " a second",
		       settings->rate);
	else if (settings->load == LOAD_MESSAGES)
		append(line, length, ", closed loop");
	if (settings->load == LOAD_HOLD)
		return;
	units_format_duration(settings->duration / NSEC_PER_USEC, span);
	append(line, length, ", for %s", span);
	units_format_duration(settings->warmup / NSEC_PER_USEC, span);
	if (settings->warmup > 0)
		append(line, length, " after %s of warm-up", span);
}

/* Alive until there is something to say; the summary has it again. */
void text_load_start(const struct settings *settings,
		     const struct target *target)
{
	char line[LINE_MAX];
	size_t length = 0;

	if (settings->quiet)
		return;
	append_work(line, &length, settings, target);
	console_draw(line);
}

static void append_latency(char line[LINE_MAX], size_t *length,
			   const struct histogram *latency)
{
	char p50[LATENCY_TEXT_MAX], p99[LATENCY_TEXT_MAX];

	latency_format_percentile(latency, HISTOGRAM_WHOLE / 2, p50);
	latency_format_percentile(latency, HISTOGRAM_WHOLE / 100 * 99, p99);
	append(line, length, ", p50 %s, p99 %s", p50, p99);
}

/* "5 s: 101234/s, p50 84.1 us, p99 101 us, 0.0 % loss"; of the interval. */
void text_load_interval(const struct settings *settings,
			const struct load_interval *interval)
{
	char line[LINE_MAX], rate[RATE_TEXT_MAX], loss[PERCENT_TEXT_MAX];
	uint64_t decided = interval->messages + interval->lost;
	size_t length = 0;

	if (settings->quiet)
		return;
	append(line, &length,
	       "%s%" PRIu64 " s: ", interval->warmup ? "warm-up " : "",
	       interval->elapsed / NSEC_PER_SEC);
	if (settings->load == LOAD_HOLD)
		append(line, &length, "%" PRIu64 " open, ",
		       interval->connections);
	if (settings->load == LOAD_BULK) {
		format_bulk_rate(per_second(interval->bytes, interval->length),
				 rate);
		append(line, &length, "%s each way", rate);
	} else {
		format_rate(per_second(interval->messages, interval->length),
			    rate);
		append(line, &length, "%s/s", rate);
		append_latency(line, &length, interval->latency);
		percent_format(100.0 * (double)interval->lost /
				       (double)MAX(decided, 1),
			       loss);
		append(line, &length, ", %s loss", loss);
	}
	console_draw(line);
}

static void print_work(const struct load_summary *summary)
{
	char line[LINE_MAX];
	size_t length = 0;

	append_work(line, &length, summary->settings, summary->target);
	puts(line);
}

static void print_amounts(const struct load_summary *summary)
{
	const struct tally *tally = summary->tally;
	const char *noun = "message";
	char elapsed[LATENCY_TEXT_MAX], rate[RATE_TEXT_MAX];
	char bandwidth[RATE_TEXT_MAX], connections[RATE_TEXT_MAX];
	bool is_bulk = summary->settings->load == LOAD_BULK;
	double bytes = per_second(summary->bytes, summary->elapsed);

	latency_format(summary->elapsed, elapsed);
	format_rate(per_second(tally->received, summary->elapsed), rate);
	format_connections(summary->target, summary->connections, connections);
	if (summary->settings->load == LOAD_CONNECT)
		noun = "connection";
	if (is_bulk) {
		format_bulk_rate(bytes, bandwidth);
		printf("%" PRIu64 " bytes", summary->bytes);
	} else {
		format_bandwidth(bytes, bandwidth);
		printf("%" PRIu64 " %s%s", tally->received, noun,
		       PLURAL(tally->received));
	}
	printf(" echoed and verified in %s", elapsed);
	if (!is_bulk)
		printf(", %s/s", rate);
	printf(", %s each way, on %s by %u thread%s\n", bandwidth, connections,
	       summary->threads, PLURAL(summary->threads));
}

static void print_losses(const struct settings *settings,
			 const struct load_summary *summary)
{
	char loss[PERCENT_TEXT_MAX];

	percent_format(tally_loss(summary->tally), loss);
	printf("%" PRIu64 " sent, %s%" PRIu64 " lost (%s)%s",
	       summary->tally->sent,
	       summary->tally->lost > 0
		       ? console_style(settings, stdout, CONSOLE_WRONG)
		       : "",
	       summary->tally->lost, loss,
	       summary->tally->lost > 0
		       ? console_style(settings, stdout, CONSOLE_PLAIN)
		       : "");
	text_print_troubles(settings, summary->tally);
	if (summary->unsent > 0)
		printf(", %" PRIu64 " due and never sent", summary->unsent);
	if (summary->socket_drops > 0)
		printf(", %" PRIu64 " dropped by the kernel at our own sockets",
		       summary->socket_drops);
	putchar('\n');
}

static void print_line(const char *what, const struct histogram *latency)
{
	text_print_latency(what, latency);
	putchar('\n');
}

static void print_latencies(const struct load_summary *summary)
{
	const struct histogram *rtt = &summary->tally->rtt;

	if (summary->connect)
		print_line("connect:", summary->connect);
	if (summary->settings->load == LOAD_BULK && rtt->total == 0)
		return;
	if (!summary->intended) {
		print_line(summary->settings->load == LOAD_CONNECT
				   ? "connect and echo (closed loop):"
				   : "latency (closed loop):",
			   rtt);
		return;
	}
	print_line("latency from the intended send time (open loop):",
		   summary->intended);
	print_line("latency from the actual send time:", rtt);
	if (summary->lag)
		print_line("send lag:", summary->lag);
}

/* Per message, or of bulk per byte. */
static void print_cpu(const struct load_summary *summary)
{
	bool is_bulk = summary->settings->load == LOAD_BULK;
	uint64_t count = is_bulk ? summary->bytes : summary->tally->received;
	uint64_t whole = summary->elapsed * MAX(summary->threads, 1);
	double busy = whole == 0 ? 0
				 : (double)(summary->user + summary->system) /
					   (double)whole;

	printf("client CPU: ");
	if (count > 0)
		printf("user %.*f ns and system %.*f ns per %s, ",
		       is_bulk ? 3 : 0, (double)summary->user / (double)count,
		       is_bulk ? 3 : 0, (double)summary->system / (double)count,
		       is_bulk ? "byte" : "message");
	printf("busy %.0f %% of %u thread%s\n", 100 * busy, summary->threads,
	       PLURAL(summary->threads));
}

void text_load_summary(const struct settings *settings,
		       const struct load_summary *summary)
{
	console_erase();
	text_print_heading(settings, summary->target, "load");
	print_work(summary);
	print_amounts(summary);
	print_losses(settings, summary);
	print_latencies(summary);
	print_cpu(summary);
	if (summary->client_limited)
		printf("%swarning: %s%s\n",
		       console_style(settings, stdout, CONSOLE_WRONG),
		       summary->client_limited,
		       console_style(settings, stdout, CONSOLE_PLAIN));
	console_flush();
}
