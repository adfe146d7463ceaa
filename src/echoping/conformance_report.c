/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/conformance_report.h"

#include "common/text.h"
#include "echoping/console.h"
#include "echoping/report_json.h"

static const struct {
	const char *text, *json;
} words[] = {
	[VERDICT_OK] = { "ok", "ok" },
	[VERDICT_FAILED] = { "FAILED", "failed" },
	[VERDICT_NOT_APPLICABLE] = { "not applicable", "not_applicable" },
};

void conformance_report_target(const struct settings *settings,
			       const struct target *target)
{
	if (settings->output == OUTPUT_JSON)
		return;
	printf("%s%s%s\n", console_style(settings, stdout, CONSOLE_HEADING),
	       target->name, console_style(settings, stdout, CONSOLE_PLAIN));
	console_flush();
}

static void print_json(const struct finding *finding)
{
	json_t *line = json_line("conformance", finding->target, json_now());

	json_put_number(line, "row", finding->row);
	json_put_text(line, "transport",
		      transport_name(finding->target->endpoint.transport));
	json_put_text(line, "result", words[finding->verdict].json);
	json_put_text(line, "title", finding->title);
	json_put_text(line, "detail", finding->detail);
	json_line_print(line);
}

void conformance_report_row(const struct settings *settings,
			    const struct finding *finding)
{
	char detail[CHECK_DETAIL_MAX];
	bool failed = finding->verdict == VERDICT_FAILED;

	if (settings->output == OUTPUT_JSON) {
		print_json(finding);
		return;
	}
	snprintf(detail, sizeof(detail), "%s", finding->detail);
	text_mask_controls(detail);
	printf("%2u  %-4s %s%-14s%s  %s: %s\n", finding->row,
	       transport_name(finding->target->endpoint.transport),
	       failed ? console_style(settings, stdout, CONSOLE_WRONG) : "",
	       words[finding->verdict].text,
	       failed ? console_style(settings, stdout, CONSOLE_PLAIN) : "",
	       finding->title, detail);
	console_flush();
}

void conformance_report_summary(const struct settings *settings,
				const struct target *target,
				const unsigned counts[VERDICT_COUNT])
{
	json_t *line;

	if (settings->output != OUTPUT_JSON) {
		printf("%u ok, %u failed, %u not applicable\n",
		       counts[VERDICT_OK], counts[VERDICT_FAILED],
		       counts[VERDICT_NOT_APPLICABLE]);
		console_flush();
		return;
	}
	line = json_line("conformance_summary", target, json_now());
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		json_put_number(line, words[i].json, counts[i]);
	json_line_print(line);
}
