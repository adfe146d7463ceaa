/* SPDX-License-Identifier: MIT */
/*
 * What became of the messages to one target, or of one of its flows.
 */
#ifndef ECHOPING_TALLY_H
#define ECHOPING_TALLY_H

#include "common/histogram.h"

/*
 * X(name, text, help): the text stands behind the number in a summary.
 *
 * sent = received + lost + under way.  A reply that came late, or that was
 * corrupt or short, was lost first and is counted there, too.
 */
#define TALLY_COUNTERS(X)                                                      \
	X(sent, "sent", "Messages sent.")                                      \
	X(received, "received",                                                \
	  "Messages that came back, intact and in time.")                      \
	X(lost, "lost", "Messages that did not come back intact in time.")     \
	X(late, "late", "Replies after the timeout.")                          \
	X(duplicate, "duplicate", "Replies to what was answered already.")     \
	X(reordered, "reordered",                                              \
	  "Replies overtaken by a later one of the "                           \
	  "same flow.")                                                        \
	X(corrupt, "corrupt", "Replies with other bytes than were sent.")      \
	X(truncated, "truncated", "Replies shorter than what was sent.")       \
	X(misaddressed, "from another address",                                \
	  "Replies from another address than was asked.")                      \
	X(foreign, "foreign", "Datagrams that answer nothing of this run.")    \
	X(errors, "errors", "Errors of sending, receiving or connecting.")

struct tally {
#define TALLY_FIELD(name, text, help) uint64_t name;
	TALLY_COUNTERS(TALLY_FIELD)
#undef TALLY_FIELD
	uint64_t kernel_clock; /* samples timed by the kernel */
	struct histogram rtt;  /* of what was received, in ns */
};

/* 0 or -ENOMEM; all counters are 0. */
int tally_init(struct tally *tally) MUST_CHECK;

/* Also of one that is zeroed. */
void tally_deinit(struct tally *tally);

/* Add all of another one. */
void tally_add(struct tally *tally, const struct tally *from);

/* What was lost of what is not under way any more, in percent; 0 of nothing. */
double tally_loss(const struct tally *tally);

/* The value of a counter by its place in TALLY_COUNTERS, and its name. */
#define TALLY_COUNTER_COUNT 11
struct tally_counter {
	const char *name, *text, *help;
	size_t offset;
};
extern const struct tally_counter tally_counters[TALLY_COUNTER_COUNT];
uint64_t tally_value(const struct tally *tally, size_t counter);

#endif
