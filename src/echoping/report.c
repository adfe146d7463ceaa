/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/report.h"

#include "common/text.h"

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
	(void)fflush(stdout);
	fprintf(stderr, "echoping: %s: %s\n", target->text, text);
}
