/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/load_counts.h"

/* Members by their kind, so that none is forgotten in one of the functions. */
#define HISTOGRAMS(X) X(intended) X(lag) X(own_lag) X(connect)
#define SUMS(X)                                                                \
	X(bytes)                                                               \
	X(unsent) X(idle) X(no_port) X(socket_drops) X(user) X(system)

int load_counts_init(struct load_counts *counts)
{
	int error;

	*counts = (struct load_counts){ 0 };
	error = tally_init(&counts->tally);
#define INIT(name)                                                             \
	if (error == 0)                                                        \
		error = histogram_init(&counts->name);
	HISTOGRAMS(INIT)
	if (error < 0)
		load_counts_deinit(counts);
	return error;
}

void load_counts_deinit(struct load_counts *counts)
{
#define DEINIT(name) histogram_deinit(&counts->name);
	HISTOGRAMS(DEINIT)
	tally_deinit(&counts->tally);
}

void load_counts_reset_messages(struct load_counts *counts)
{
	struct histogram rtt = counts->tally.rtt;

	histogram_reset(&rtt);
	counts->tally = (struct tally){
		.rtt = rtt,
		.errors = counts->tally.errors,
	};
	counts->bytes = 0;
}

void load_counts_reset(struct load_counts *counts)
{
	load_counts_reset_messages(counts);
	counts->tally.errors = 0;
#define RESET(name) histogram_reset(&counts->name);
	HISTOGRAMS(RESET)
#define CLEAR(name) counts->name = 0;
	SUMS(CLEAR)
}

void load_counts_add(struct load_counts *counts, const struct load_counts *from)
{
	tally_add(&counts->tally, &from->tally);
#define MERGE(name) histogram_add(&counts->name, &from->name);
	HISTOGRAMS(MERGE)
#define ADD(name) counts->name += from->name;
	SUMS(ADD)
}
