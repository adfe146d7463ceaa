/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "common/standard.h"
#include "common/text.h"
#include "echoping/conformance.h"
#include "echoping/console.h"
#include "echoping/export.h"
#include "echoping/load.h"
#include "echoping/pattern.h"
#include "echoping/ping.h"
#include "echoping/report.h"
#include "echoping/settings.h"
#include "echoping/target.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* It may quote what was given: one line stays one line. */
static enum exit_status complain(const char *quoting)
{
	char text[OPTION_ERROR_MAX];

	snprintf(text, sizeof(text), "%s", quoting);
	text_mask_controls(text);
	fprintf(stderr, "echoping: %s\n", text);
	return EXIT_STATUS_ERROR;
}

static enum exit_status run(const struct settings *settings,
			    struct target *targets, const struct source *source)
{
	switch (settings->mode) {
	case MODE_PING:
		return ping_run(settings, targets, source);
	case MODE_LOAD:
		return load_run(settings, &targets[0], source);
	case MODE_CONFORMANCE:
		return conformance_run(settings, targets, source);
	case MODE_PLOT:
		break;
	}
	return EXIT_STATUS_ERROR;
}

static enum exit_status resolve_and_run(const struct settings *settings,
					struct target *targets)
{
	char text[OPTION_ERROR_MAX];
	struct source source;
	const char *reason;

	if (source_resolve(&source, settings, &reason) < 0) {
		snprintf(text, sizeof(text), "--source='%.200s' %s",
			 settings->source, reason);
		return complain(text);
	}
	for (size_t i = 0; i < settings->target_count; i++) {
		if (target_resolve(&targets[i], settings->targets[i], settings,
				   &reason) == 0)
			continue;
		snprintf(text, sizeof(text), "'%.200s' %s",
			 settings->targets[i], reason);
		return complain(text);
	}
	return run(settings, targets, &source);
}

static enum exit_status measure(const struct settings *settings)
{
	struct target *targets;
	enum exit_status status;

	if (settings->mode == MODE_PLOT)
		return plot_runs(settings);
	targets = calloc(settings->target_count, sizeof(*targets));
	if (!targets)
		return complain("out of memory");
	pattern_init(&settings->fill);
	status = resolve_and_run(settings, targets);
	free(targets);
	return status;
}

/* Results that did not arrive are no success: a full disk, a closed pipe. */
static enum exit_status complain_of_output(void)
{
	char text[OPTION_ERROR_MAX];

	snprintf(text, sizeof(text), "cannot write standard output: %s",
		 strerrordesc_np(-console_error()));
	return complain(text);
}

int main(int argc, char *argv[])
{
	enum exit_status status = EXIT_STATUS_OK;
	char error[OPTION_ERROR_MAX];
	struct settings settings;

	standard_hold_places();
	/* A pipe that nobody reads any more is an error as any other. */
	(void)signal(SIGPIPE, SIG_IGN);
	switch (settings_parse(&settings, argc, argv, error)) {
	case OPTION_RUN:
		status = measure(&settings);
		break;
	case OPTION_HELP:
		settings_print_help(stdout);
		break;
	case OPTION_VERSION:
		puts(PACKAGE_STRING);
		break;
	case OPTION_WRONG:
		status = complain(error);
		break;
	}
	settings_deinit(&settings);
	console_flush();
	if (console_error() < 0)
		status = complain_of_output();
	exit((int)status);
}
