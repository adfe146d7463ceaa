/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/report.h"

#include "common/text.h"
#include "echoping/console.h"
#include "echoping/latency.h"

#include <inttypes.h>
#include <stdarg.h>

const char *const fault_names[FAULT_COUNT] = {
	"duplicate", "reordered",    "late",	"corrupt",
	"truncated", "misaddressed", "foreign",
};

const struct reporter *report_choose(const struct settings *settings)
{
	static const struct reporter *const reporters[] = {
		[OUTPUT_TEXT] = &report_text,
		[OUTPUT_HISTORICAL] = &report_historical,
		[OUTPUT_JSON] = &report_json,
		[OUTPUT_OPENMETRICS] = &report_openmetrics,
	};

	return reporters[settings->output];
}

enum exit_status report_verdict(const struct settings *settings,
				const struct tally *tally,
				const struct histogram *rtt)
{
	uint64_t p99 = histogram_value_at(rtt, HISTOGRAM_WHOLE / 100 * 99);

	return tally->received > 0 && tally_loss(tally) <= settings->max_loss &&
			       p99 <= settings->max_rtt_p99
		       ? EXIT_STATUS_OK
		       : EXIT_STATUS_MISSED;
}

void report_trouble(const struct target *target, const char *format, ...)
{
	char text[OPTION_ERROR_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	text_mask_controls(text);
	/* Results first: both may go to the same terminal or file. */
	console_flush();
	console_erase();
	fprintf(stderr, "echoping: %s: %s\n", target->text, text);
}

void report_ping_status(const struct settings *settings,
			const struct ping_summary *summary)
{
	const struct tally *tally = summary->tally;
	char p50[LATENCY_TEXT_MAX], p99[LATENCY_TEXT_MAX];
	char max[LATENCY_TEXT_MAX], loss[PERCENT_TEXT_MAX];

	latency_format_percentile(&tally->rtt, HISTOGRAM_WHOLE / 2, p50);
	latency_format_percentile(&tally->rtt, HISTOGRAM_WHOLE / 100 * 99, p99);
	latency_format_max(&tally->rtt, max);
	percent_format(tally_loss(tally), loss);
	console_flush();
	if (settings->target_count > 1)
		fprintf(stderr, "%s: ", summary->target->text);
	fprintf(stderr,
		"%" PRIu64 "/%" PRIu64 " replies, %s loss, p50 %s, p99 %s, "
		"max %s\n",
		tally->received, tally->sent, loss, p50, p99, max);
}
