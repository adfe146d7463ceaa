/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/settings_operands.h"

#include <string.h>

/* What --json printed, as --plot takes it. */
static bool is_run(const char *operand)
{
	const char *dot = strrchr(operand, '.');

	return dot && strcmp(dot, ".json") == 0;
}

static size_t count_runs(const struct settings *settings)
{
	size_t count = 0;

	for (size_t i = 0; i < settings->target_count; i++)
		count += is_run(settings->targets[i]);
	return count;
}

/* Samples of two targets with the same name could not be told apart. */
static bool has_doubles(const struct settings *settings)
{
	for (size_t i = 0; i < settings->target_count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (strcmp(settings->targets[i],
				   settings->targets[j]) == 0)
				return true;
		}
	}
	return false;
}

const char *settings_judge_operands(struct settings *settings)
{
	size_t runs = settings->plot ? count_runs(settings) : 0;

	if (settings->output == OUTPUT_OPENMETRICS && has_doubles(settings))
		return "--openmetrics tells targets apart by their names (give "
		       "each once)";
	if (runs == 0)
		return NULL;
	if (runs < settings->target_count || settings->mode != MODE_PING)
		return "--plot draws either runs or what it measures (give "
		       "only operands that end in .json, or none, and no "
		       "--load)";
	settings->mode = MODE_PLOT;
	return NULL;
}
