/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/conformance_report.h"

#include "common/text.h"

#include <stdio.h>
#include <string.h>

static const char *const words[] = {
	[VERDICT_OK] = "ok",
	[VERDICT_FAILED] = "FAILED",
	[VERDICT_NOT_APPLICABLE] = "not applicable",
};

void conformance_report_target(const struct settings *settings,
			       const struct target *target)
{
	if (settings->output != OUTPUT_JSON)
		printf("%s:\n", target->name);
}

void conformance_report_row(const struct settings *settings UNUSED,
			    const struct finding *finding)
{
	char detail[CHECK_DETAIL_MAX];

	snprintf(detail, sizeof(detail), "%s", finding->detail);
	text_mask_controls(detail);
	printf("%2u  %-4s %-14s  %s: %s\n", finding->row,
	       transport_name(finding->target->endpoint.transport),
	       words[finding->verdict], finding->title, detail);
	(void)fflush(stdout);
}

void conformance_report_summary(const struct settings *settings UNUSED,
				const unsigned counts[VERDICT_COUNT])
{
	printf("%u ok, %u failed, %u not applicable\n", counts[VERDICT_OK],
	       counts[VERDICT_FAILED], counts[VERDICT_NOT_APPLICABLE]);
	(void)fflush(stdout);
}
