/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/pattern.h"
#include "echoping/ping.h"
#include "echoping/report.h"
#include "echoping/settings.h"
#include "echoping/target.h"

#include <stdio.h>
#include <stdlib.h>

static enum exit_status complain(const char *text)
{
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
	case MODE_CONFORMANCE:
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
	struct target *targets =
		calloc(settings->target_count, sizeof(*targets));
	enum exit_status status;

	if (!targets)
		return complain("out of memory");
	pattern_init(&settings->fill);
	status = resolve_and_run(settings, targets);
	free(targets);
	return status;
}

int main(int argc, char *argv[])
{
	enum exit_status status = EXIT_STATUS_OK;
	char error[OPTION_ERROR_MAX];
	struct settings settings;

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
	if (fflush(stdout) != 0)
		status = EXIT_STATUS_ERROR;
	exit((int)status);
}
