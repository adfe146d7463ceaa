/* SPDX-License-Identifier: MIT */
/*
 * All samples of a family stand together, whatever target they are of: they
 * are collected in a stream of each family.  A family without samples is not
 * mentioned.
 */
#include "config.h"

#include "echoping/report_metrics.h"

#include "common/text.h"
#include "echoping/console.h"
#include "echoping/latency.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Each character of a name may need an escape. */
#define NAME_LENGTH_MAX 1024
#define LABEL_MAX	(2 * NAME_LENGTH_MAX)

/* Besides the counters of a tally, which come first. */
static const struct {
	const char *name, *type, *unit, *help;
} families[METRICS_COUNT] = {
	[METRICS_TARGET] = { "target", "info", NULL,
			     "What was measured: by its name, and the address "
			     "that was asked." },
	[METRICS_UNDER_WAY] = { "under_way", "gauge", NULL,
				"Messages neither answered nor lost." },
	[METRICS_LOSS] = { "loss_ratio", "gauge", "ratio",
			   "Lost messages of those not under way." },
	[METRICS_ELAPSED] = { "elapsed_seconds", "gauge", "seconds",
			      "How long was measured." },
	[METRICS_RTT] = { "rtt_seconds", "summary", "seconds", "Round trips." },
	[METRICS_RTT_MIN] = { "rtt_min_seconds", "gauge", "seconds",
			      "The shortest round trip." },
	[METRICS_RTT_MAX] = { "rtt_max_seconds", "gauge", "seconds",
			      "The longest round trip." },
	[METRICS_INTENDED] = { "intended_rtt_seconds", "summary", "seconds",
			       "Round trips since the time when the message "
			       "was to be sent." },
	[METRICS_LAG] = { "send_lag_seconds", "summary", "seconds",
			  "How much later messages were sent than they were "
			  "to be." },
	[METRICS_CONNECT] = { "connect_seconds", "summary", "seconds",
			      "Making of connections." },
	[METRICS_BYTES] = { "echoed_bytes", "counter", "bytes",
			    "Bytes that came back and were verified." },
	[METRICS_DROPS] = { "socket_drops", "counter", NULL,
			    "Datagrams that the kernel dropped at the "
			    "client's own sockets." },
	[METRICS_CPU] = { "cpu_seconds", "counter", "seconds",
			  "CPU time of the client." },
	[METRICS_LIMITED] = { "client_limited", "gauge", NULL,
			      "Whether the client, not the server, was the "
			      "limit." },
};

static struct {
	FILE *file; /* NULL: no samples */
	char *text;
	size_t size;
} samples[TALLY_COUNTER_COUNT + METRICS_COUNT];

/* In a label's value backslash, quote and newline are escaped. */
static void escape(const char *name, char label[LABEL_MAX])
{
	static const char special[] = "\\\"\n", escaped[] = "\\\"n";

	for (size_t i = 0; *name && i < NAME_LENGTH_MAX - 1; name++, i++) {
		const char *found = strchr(special, *name);

		if (found)
			*label++ = '\\';
		*label++ = *(found ? escaped + (found - special) : name);
	}
	*label = '\0';
}

static const char *family_name(size_t family)
{
	return family < TALLY_COUNTER_COUNT
		       ? tally_counters[family].name
		       : families[family - TALLY_COUNTER_COUNT].name;
}

/*
 * A sample: echoping_NAME SUFFIX {target="...",LABELS} VALUE; `labels` are ""
 * or start with a comma.
 */
static void PRINTF_LIKE(5, 6)
	add_sample(size_t family, const struct target *target,
		   const char *suffix, const char *labels, const char *value,
		   ...)
{
	char name[NAME_LENGTH_MAX], label[LABEL_MAX];
	va_list arguments;
	FILE *file = samples[family].file;

	if (!file)
		file = open_memstream(&samples[family].text,
				      &samples[family].size);
	samples[family].file = file;
	if (!file) {
		console_fail(-ENOMEM);
		return;
	}
	snprintf(name, sizeof(name), "%s", target->name);
	text_mask_invalid(name);
	escape(name, label);
	text_mask_controls(label);
	fprintf(file, "echoping_%s%s{target=\"%s\"%s} ", family_name(family),
		suffix, label, labels);
	va_start(arguments, value);
	vfprintf(file, value, arguments);
	va_end(arguments);
	putc('\n', file);
}

static size_t index_of(enum metrics_family family)
{
	return TALLY_COUNTER_COUNT + family;
}

void metrics_add_count(enum metrics_family family, const struct target *target,
		       uint64_t count)
{
	bool is_counter = families[family].type[0] == 'c';

	add_sample(index_of(family), target, is_counter ? "_total" : "", "",
		   "%" PRIu64, count);
}

void metrics_add_number(enum metrics_family family, const struct target *target,
			double number)
{
	add_sample(index_of(family), target, "", "", "%.9g", number);
}

void metrics_add_seconds(enum metrics_family family,
			 const struct target *target, const char *suffix,
			 const char *labels, uint64_t nsec)
{
	add_sample(index_of(family), target, suffix, labels,
		   "%" PRIu64 ".%09" PRIu64, nsec / NSEC_PER_SEC,
		   nsec % NSEC_PER_SEC);
}

void metrics_add_tally(const struct target *target, const struct tally *tally)
{
	char address[ADDRESS_TEXT_MAX + 16], label[LABEL_MAX];

	escape(target->text, label);
	snprintf(address, sizeof(address), ",address=\"%.512s\"", label);
	add_sample(index_of(METRICS_TARGET), target, "_info", address, "1");
	for (size_t i = 0; i < TALLY_COUNTER_COUNT; i++)
		add_sample(i, target, "_total", "", "%" PRIu64,
			   tally_value(tally, i));
	metrics_add_number(METRICS_LOSS, target, tally_loss(tally) / 100);
	metrics_add_latency(METRICS_RTT, target, &tally->rtt);
	if (tally->rtt.total == 0)
		return;
	metrics_add_seconds(METRICS_RTT_MIN, target, "", "", tally->rtt.min);
	metrics_add_seconds(METRICS_RTT_MAX, target, "", "", tally->rtt.max);
}

void metrics_add_latency(enum metrics_family family,
			 const struct target *target,
			 const struct histogram *latency)
{
	char label[64];

	for (size_t i = 0; i < PERCENTILE_COUNT; i++) {
		uint64_t quantile = percentiles[i].quantile;

		snprintf(label, sizeof(label), ",quantile=\"%.9g\"",
			 (double)quantile / (double)HISTOGRAM_WHOLE);
		if (histogram_percentile_is_known(latency, quantile))
			metrics_add_seconds(
				family, target, "", label,
				histogram_value_at(latency, quantile));
		else
			add_sample(index_of(family), target, "", label, "NaN");
	}
	add_sample(index_of(family), target, "_count", "", "%" PRIu64,
		   latency->total);
	add_sample(index_of(family), target, "_sum", "", "%.9f",
		   histogram_mean(latency) * (double)latency->total / 1e9);
}

static void print_head(size_t family)
{
	const char *name = family_name(family), *type = "counter", *unit = NULL;
	const char *help;

	if (family < TALLY_COUNTER_COUNT) {
		help = tally_counters[family].help;
	} else {
		type = families[family - TALLY_COUNTER_COUNT].type;
		unit = families[family - TALLY_COUNTER_COUNT].unit;
		help = families[family - TALLY_COUNTER_COUNT].help;
	}
	printf("# TYPE echoping_%s %s\n", name, type);
	if (unit)
		printf("# UNIT echoping_%s %s\n", name, unit);
	printf("# HELP echoping_%s %s\n", name, help);
}

void metrics_print(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		if (!samples[i].file)
			continue;
		if (fclose(samples[i].file) != 0)
			console_fail(-ENOMEM);
		print_head(i);
		fputs(samples[i].text, stdout);
		free(samples[i].text);
		samples[i].file = NULL;
	}
	puts("# EOF");
	console_flush();
}
