/* SPDX-License-Identifier: MIT */
/*
 * As the echoping of 1996 printed, for programs that read it: SmokePing looks
 * for /^Elapsed time: (\d+\.\d+) seconds/.  What failed is no result, and goes
 * to standard error.
 */
#include "config.h"

#include "echoping/report.h"

#include "echoping/console.h"
#include "echoping/latency.h"

#include <inttypes.h>

static void ping_start(const struct settings *settings UNUSED,
		       const struct target *targets UNUSED, size_t count UNUSED)
{
}

/* A time in seconds with the point that the readers expect: microseconds. */
static void print_seconds(const char *what, double nsec)
{
	printf("%s: %.6f seconds", what, nsec / (double)NSEC_PER_SEC);
}

/* Everything but a good reply, also one from elsewhere, is a failure here. */
static void print_reply(const struct settings *settings UNUSED,
			const struct reply *reply)
{
	unsigned wrong = reply->faults & ~(unsigned)FAULT_REORDERED;

	if (wrong == 0 && reply->rtt_known) {
		print_seconds("Elapsed time", (double)reply->rtt);
		putchar('\n');
		console_flush();
		return;
	}
	for (unsigned i = 0; i < FAULT_COUNT; i++) {
		if (wrong & 1U << i)
			report_trouble(reply->target, "reply is %s",
				       fault_names[i]);
	}
}

static void print_lost(const struct settings *settings UNUSED,
		       const struct reply *probe)
{
	char waited[LATENCY_TEXT_MAX];

	latency_format(probe->rtt, waited);
	if (probe->reason)
		report_trouble(probe->target, "%s", probe->reason);
	else
		report_trouble(probe->target, "no reply after %s", waited);
}

static void print_statistic(const char *what, double nsec, uint32_t size)
{
	print_seconds(what, nsec);
	if (nsec > 0)
		printf(" (%.0f bytes per sec.)",
		       (double)size * (double)NSEC_PER_SEC / nsec);
	putchar('\n');
}

static void ping_summary(const struct settings *settings,
			 const struct ping_summary *summary)
{
	const struct histogram *rtt = &summary->tally->rtt;
	uint32_t size = settings->size;

	if (settings->count <= 1 || rtt->total == 0)
		return;
	puts("---");
	print_statistic("Minimum time", (double)rtt->min, size);
	print_statistic("Maximum time", (double)rtt->max, size);
	print_statistic("Average time", histogram_mean(rtt), size);
	print_seconds("Standard deviation", histogram_deviation(rtt));
	putchar('\n');
	print_statistic("Median time",
			(double)histogram_value_at(rtt, HISTOGRAM_WHOLE / 2),
			size);
	console_flush();
}

static void load_start(const struct settings *settings UNUSED,
		       const struct target *target UNUSED)
{
}

static void load_interval(const struct settings *settings UNUSED,
			  const struct load_interval *interval UNUSED)
{
}

/* It knew no load. */
static void load_summary(const struct settings *settings UNUSED,
			 const struct load_summary *summary UNUSED)
{
}

static void finish(const struct settings *settings UNUSED)
{
}

const struct reporter report_historical = {
	.ping_start = ping_start,
	.reply = print_reply,
	.lost = print_lost,
	.ping_summary = ping_summary,
	.ping_status = report_ping_status,
	.load_start = load_start,
	.load_interval = load_interval,
	.load_summary = load_summary,
	.finish = finish,
};
