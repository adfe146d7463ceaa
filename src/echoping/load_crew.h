/* SPDX-License-Identifier: MIT */
/*
 * All workers of a load, as the main thread sees them: their turns, the sum of
 * what they count, and what is told of it.
 */
#ifndef ECHOPING_LOAD_CREW_H
#define ECHOPING_LOAD_CREW_H

#include "echoping/load_engines.h"

struct load_crew {
	struct load_plan plan;
	struct load_control control;
	const struct reporter *reporter;
	struct load_worker *workers; /* plan.threads of them */
	unsigned made, started;

	struct load_counts total, interval;
	uint64_t began, ended; /* the measurement */
	uint64_t since;	       /* the interval */
	uint64_t connections;  /* open at a time, the most; hold: at the end */
};

/* 0 or -errno; deinit in either case. */
int load_crew_init(struct load_crew *crew) MUST_CHECK;
int load_crew_start(struct load_crew *crew) MUST_CHECK;
void load_crew_deinit(struct load_crew *crew);

/* Is each through with this phase; has each ended? */
bool load_crew_is_ready(const struct load_crew *crew, enum load_phase phase);
bool load_crew_has_ended(const struct load_crew *crew);

/* All take a turn, and then are in this phase; their counts are added up. */
void load_crew_turn(struct load_crew *crew, enum load_phase phase);

/* When the last turn was taken: each took it when it could, this is the mean.
 */
uint64_t load_crew_turned_at(const struct load_crew *crew);

/* The present interval ends: tell of it. */
void load_crew_tell_interval(struct load_crew *crew);

/* Do not wait for what is under way; all threads end. */
void load_crew_abandon(struct load_crew *crew);

/* Await the end of all threads, and add up what they counted last. */
void load_crew_join(struct load_crew *crew);

/* How many connections are open, as of the last turn. */
uint64_t load_crew_open(const struct load_crew *crew);

/* Tell of everything; returns what it means for the exit status. */
enum exit_status load_crew_summarize(struct load_crew *crew);

#endif
