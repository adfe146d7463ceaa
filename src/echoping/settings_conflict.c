/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/settings_conflict.h"

/* Of each row at most one can be had. */
static const struct {
	unsigned options;
	const char *what;
} exclusive[] = {
	{ ASKED_IPV4 | ASKED_IPV6,
	  "--ipv4 and --ipv6 exclude each other (leave both out for any)" },
	{ ASKED_LOAD | ASKED_CONFORMANCE,
	  "--load and --conformance exclude each other (choose one)" },
	{ ASKED_NUMBER | ASKED_JSON | ASKED_OPENMETRICS,
	  "--number, --json and --openmetrics exclude each other (choose one; "
	  "--count goes with all)" },
	{ ASKED_CONNECT | ASKED_BULK | ASKED_HOLD,
	  "--connect, --bulk and --hold exclude each other (choose one)" },
};

static bool has_two(unsigned bits)
{
	return (bits & (bits - 1)) != 0;
}

static const char *find_exclusive(const struct settings *settings)
{
	for (size_t i = 0; i < ARRAY_SIZE(exclusive); i++) {
		if (has_two(settings->asked & exclusive[i].options))
			return exclusive[i].what;
	}
	return NULL;
}

struct conflict {
	bool wrong;
	const char *what;
};

static const char *find_wrong(const struct conflict *conflicts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (conflicts[i].wrong)
			return conflicts[i].what;
	}
	return NULL;
}

/* Whatever the mode is. */
static const char *find_general(const struct settings *settings)
{
	const struct conflict conflicts[] = {
		{ settings->target_count == 0,
		  "no target is given (such as example.org or udp:[::1]:7)" },
	};

	return find_wrong(conflicts, ARRAY_SIZE(conflicts));
}

/* What is for probes only. */
static const char *find_probing(const struct settings *settings,
				const struct settings *defaults)
{
	const struct conflict conflicts[] = {
		{ settings->target_count > 1,
		  "--load takes one target (start one echoping for each)" },
		{ settings->asked & ASKED_NUMBER,
		  "--number is for probes (with --load use --duration)" },
		{ settings->count != defaults->count,
		  "--count is for probes (with --load use --duration)" },
		{ settings->interval != defaults->interval,
		  "--interval is for probes (with --load use --rate)" },
		{ settings->flows != defaults->flows,
		  "--flows is for probes (with --load use --connections)" },
		{ settings->busy > 0 && settings->load != LOAD_HOLD,
		  "--busy is for --hold (elsewhere all --connections are)" },
		{ settings->busy > settings->connections,
		  "--busy is how many of the --connections (use at most as "
		  "many)" },
	};

	return find_wrong(conflicts, ARRAY_SIZE(conflicts));
}

/* What is for load only. */
static const char *find_loading(const struct settings *settings,
				const struct settings *defaults)
{
	const struct conflict conflicts[] = {
		{ settings->asked & ASKED_BULK,
		  "--bulk is a kind of load (add --load)" },
		{ settings->asked & ASKED_HOLD,
		  "--hold is a kind of load (add --load)" },
		{ settings->busy > 0,
		  "--busy is for load (add --load --hold)" },
		{ settings->rate != defaults->rate,
		  "--rate is for load (add --load, or use --interval)" },
		{ settings->connections != defaults->connections,
		  "--connections is for load (add --load, or use --flows)" },
		{ settings->duration != defaults->duration,
		  "--duration is for load (add --load, or use --deadline)" },
		{ settings->threads != defaults->threads,
		  "--threads is for load (add --load)" },
		{ settings->warmup != defaults->warmup,
		  "--warmup is for load (add --load)" },
		{ settings->pipeline != defaults->pipeline,
		  "--pipeline is for load (add --load)" },
		{ settings->gso, "--gso is for load (add --load)" },
		{ settings->busy_poll, "--busy-poll is for load (add --load)" },
	};

	return find_wrong(conflicts, ARRAY_SIZE(conflicts));
}

const char *settings_conflict(const struct settings *settings,
			      const struct settings *defaults)
{
	const char *what = find_exclusive(settings);

	if (!what)
		what = find_general(settings);
	if (!what)
		what = settings->mode == MODE_LOAD
			       ? find_probing(settings, defaults)
			       : find_loading(settings, defaults);
	return what;
}
