/* SPDX-License-Identifier: MIT */
/*
 * One datagram socket of a load, and what is sent by it.
 */
#ifndef ECHOPING_LOAD_FLOW_H
#define ECHOPING_LOAD_FLOW_H

#include "echoping/load_batch.h"
#include "echoping/load_link.h"
#include "echoping/load_window.h"

struct load_flow {
	struct load_link link;
	struct list_node place;
	uint64_t nonce;
	uint32_t drops; /* before the measurement */
	bool blocked;	/* until it can be sent to, or the next check */
	struct load_window window; /* last: its ring follows */
};

/* How many messages may be sent now. */
unsigned load_flow_room(const struct load_worker *worker,
			const struct load_flow *flow);

/* Send so many, at most what the batch takes; how many were sent. */
unsigned load_flow_send(struct load_worker *worker, struct load_flow *flow,
			unsigned count);

/* Closed loop: fill the pipeline.  Open loop: offer it. */
void load_flow_use_room(struct load_worker *worker, struct load_flow *flow);

/* The error says nothing about the socket: count it, and go on. */
void load_flow_count_error(struct load_worker *worker,
			   enum load_trouble trouble, const char *what,
			   int error);

/* It does, and the socket has to be made again. */
void load_flow_fail(struct load_worker *worker, struct load_flow *flow,
		    enum load_trouble trouble, const char *what, int error);

/* Is this what a device says that cannot cut trains?  Then there are none. */
bool load_flow_gives_up_trains(struct load_worker *worker, int error);

#endif
