/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/tally.h"

#define TALLY_ROW(name, text, help)                                            \
	{ #name, text, help, offsetof(struct tally, name) },
const struct tally_counter tally_counters[TALLY_COUNTER_COUNT] = {
	TALLY_COUNTERS(TALLY_ROW)
};

int tally_init(struct tally *tally)
{
	*tally = (struct tally){ 0 };
	return histogram_init(&tally->rtt);
}

void tally_deinit(struct tally *tally)
{
	histogram_deinit(&tally->rtt);
}

void tally_add(struct tally *tally, const struct tally *from)
{
#define TALLY_ADD(name, text, help) tally->name += from->name;
	TALLY_COUNTERS(TALLY_ADD)
	tally->kernel_clock += from->kernel_clock;
	histogram_add(&tally->rtt, &from->rtt);
}

double tally_loss(const struct tally *tally)
{
	uint64_t decided = tally->received + tally->lost;

	return 100.0 * (double)tally->lost / (double)MAX(decided, 1);
}

uint64_t tally_value(const struct tally *tally, size_t counter)
{
	return *(
		const uint64_t *)(const void *)((const char *)tally +
						tally_counters[counter].offset);
}
