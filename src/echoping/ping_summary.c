/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/ping_summary.h"

#include "echoping/export.h"
#include "echoping/stamp.h"

#include <stdlib.h>

/* The worst first: by loss, then by the longest round trip. */
static int compare_flows(const void *left, const void *right)
{
	const struct tally *a = ((const struct flow_summary *)left)->tally;
	const struct tally *b = ((const struct flow_summary *)right)->tally;
	double loss_a = tally_loss(a), loss_b = tally_loss(b);

	if (loss_a != loss_b)
		return loss_a > loss_b ? -1 : 1;
	if (a->rtt.max != b->rtt.max)
		return a->rtt.max > b->rtt.max ? -1 : 1;
	return 0;
}

/* The sum of the flows, in `total`; false if there is no memory for it. */
static bool add_up(const struct ping *ping, const struct ping_target *target,
		   struct tally *total, struct ping_summary *summary,
		   struct flow_summary *flows)
{
	if (tally_init(total) < 0)
		return false;
	*summary = (struct ping_summary){
		.target = target->target,
		.elapsed = clock_now() - ping->started,
		.tally = total,
		.flows = flows,
		.flow_count = target->flow_count,
	};
	for (unsigned i = 0; i < target->flow_count; i++) {
		const struct flow *flow = &target->flows[i];

		flows[i] = (struct flow_summary){
			.flow = flow->number,
			.port = flow->port,
			.tally = &flow->tally,
		};
		tally_add(total, &flow->tally);
		summary->under_way += flow->waiting;
	}
	qsort(flows, target->flow_count, sizeof(*flows), compare_flows);
	return true;
}

void ping_report_status(struct ping *ping)
{
	const struct flow_context *context = &ping->context;

	for (size_t i = 0; i < ping->target_count; i++) {
		struct flow_summary flows[FLOWS_MAX];
		struct ping_summary summary;
		struct tally total;

		if (add_up(ping, &ping->targets[i], &total, &summary, flows))
			context->reporter->ping_status(context->settings,
						       &summary);
		tally_deinit(&total);
	}
}

/* Tell of one target; its tally remains, for export. */
static enum exit_status summarize(struct ping *ping, size_t number,
				  struct tally *total)
{
	const struct flow_context *context = &ping->context;
	struct flow_summary flows[FLOWS_MAX];
	struct ping_summary summary;

	if (!add_up(ping, &ping->targets[number], total, &summary, flows)) {
		report_trouble(ping->targets[number].target, "out of memory");
		return EXIT_STATUS_ERROR;
	}
	context->reporter->ping_summary(context->settings, &summary);
	return report_verdict(context->settings, total, &total->rtt);
}

static enum exit_status summarize_all(struct ping *ping, struct tally *totals,
				      struct export_series *series)
{
	enum exit_status status = EXIT_STATUS_OK, one;

	for (size_t i = 0; i < ping->target_count; i++) {
		one = summarize(ping, i, &totals[i]);
		status = MAX(status, one);
		series[i] = (struct export_series){
			.name = ping->targets[i].target->text,
			.latency = &totals[i].rtt,
		};
	}
	ping->context.reporter->finish(ping->context.settings);
	if (export_files(ping->context.settings, series, ping->target_count) <
	    0)
		status = EXIT_STATUS_ERROR;
	return status;
}

enum exit_status ping_report_summaries(struct ping *ping)
{
	struct tally *totals = calloc(ping->target_count, sizeof(*totals));
	struct export_series *series =
		calloc(ping->target_count, sizeof(*series));
	enum exit_status status = EXIT_STATUS_ERROR;

	if (totals && series)
		status = summarize_all(ping, totals, series);
	else
		report_trouble(ping->targets[0].target, "out of memory");
	for (size_t i = 0; totals && i < ping->target_count; i++)
		tally_deinit(&totals[i]);
	free(totals);
	free(series);
	return status;
}
