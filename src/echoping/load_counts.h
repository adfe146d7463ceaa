/* SPDX-License-Identifier: MIT */
/*
 * What a thread of load mode counts: of a slice of time, or altogether.
 */
#ifndef ECHOPING_LOAD_COUNTS_H
#define ECHOPING_LOAD_COUNTS_H

#include "echoping/tally.h"

struct load_counts {
	struct tally tally; /* rtt: from when it was sent */
	uint64_t bytes;	    /* that came back, verified */

	/* Open loop: from when it was due; due to sent; due to sent, but for
	 * the time that there was room for it nowhere. */
	struct histogram intended, lag, own_lag;
	uint64_t unsent; /* due, and never sent */
	uint64_t idle;	 /* ns without anything to do */

	struct histogram connect;
	uint64_t no_port;      /* connections for want of a source port */
	uint64_t socket_drops; /* datagrams, at our own sockets */
	uint64_t user, system; /* ns of CPU */
};

/* 0 or -ENOMEM; all is 0. */
int load_counts_init(struct load_counts *counts) MUST_CHECK;

/* Also of one that is zeroed. */
void load_counts_deinit(struct load_counts *counts);

/* Neither frees nor allocates. */
void load_counts_reset(struct load_counts *counts);

/* As if no message had been sent: errors and connecting stay. */
void load_counts_reset_messages(struct load_counts *counts);

void load_counts_add(struct load_counts *counts,
		     const struct load_counts *from);

#endif
