/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/stats.h"

#include <string.h>

const struct counter_description stats_table[COUNTER_COUNT] = {
#define X(name, trouble, help) { #name, trouble, help },
	COUNTERS(X)
#undef X
};

void stats_collect(const struct stats *stats, struct stats_snapshot *sum)
{
	for (size_t i = 0; i < COUNTER_COUNT; i++)
		sum->values[i] += atomic_load_explicit(&stats->values[i],
						       memory_order_relaxed);
}

bool stats_differ(const struct stats_snapshot *a,
		  const struct stats_snapshot *b)
{
	return memcmp(a, b, sizeof(*a)) != 0;
}

uint64_t stats_refused(const struct stats_snapshot *snapshot)
{
	const uint64_t *values = snapshot->values;

	return values[COUNTER_datagrams_refused_group] +
	       values[COUNTER_datagrams_refused_source] +
	       values[COUNTER_datagrams_refused_own] +
	       values[COUNTER_datagrams_refused_port] +
	       values[COUNTER_datagrams_refused_ttl] +
	       values[COUNTER_datagrams_refused_rate] +
	       values[COUNTER_datagrams_refused_unnamed] +
	       values[COUNTER_datagrams_refused_long];
}
