/* SPDX-License-Identifier: MIT */
/*
 * The datagrams that one socket has sent lately, and what became of them.
 *
 * A ring, at least four times as long as the pipeline is deep, indexed by the
 * sequence number; and in it, linked in the order of sending, those under way.
 * The place of one under way is never taken: its number's followers are left
 * out instead.  A reply to a message whose place was taken is late if one that
 * was lost is still missing, else a duplicate.
 */
#ifndef ECHOPING_LOAD_WINDOW_H
#define ECHOPING_LOAD_WINDOW_H

#include "common/list.h"
#include "common/macros.h"

#include <stdbool.h>
#include <stdint.h>

struct load_sent {
	struct list_node link; /* window.waiting */
	uint64_t sequence, sent, due;
	bool counted; /* sent in the measurement */
	enum {
		SENT_NEVER,
		SENT_UNDER_WAY,
		SENT_LOST,
		SENT_ANSWERED
	} state;
};

struct load_window {
	uint64_t newest, highest; /* numbers: sent last; answered */
	uint64_t missing;	  /* lost, and no reply since */
	uint32_t under_way, mask;
	struct list_node waiting; /* the oldest first */
	struct load_sent ring[];
};

/* With how many places? */
size_t load_window_size(uint32_t pipeline);
void load_window_init(struct load_window *window, uint32_t pipeline);

/* A new message is under way. */
struct load_sent *load_window_add(struct load_window *window, uint64_t now,
				  uint64_t due);

/* It could not be sent after all. */
void load_window_undo(struct load_window *window, struct load_sent *sent);

/* The one that is under way for the longest, or NULL. */
struct load_sent *load_window_oldest(struct load_window *window);

void load_window_lose(struct load_window *window, struct load_sent *sent);

/* None of those sent so far is counted. */
void load_window_forget(struct load_window *window);

/*
 * What is this reply to messages of `expected` bytes?  Returns a set of enum
 * fault (FAULT_... of report.h), 0 if it is as it should be; *sent is the
 * message that it answers, or NULL if that is not known any more.
 * *first: it was under way, and is not any more.
 */
unsigned load_window_judge(struct load_window *window,
			   const unsigned char *bytes, size_t size,
			   size_t expected, uint64_t nonce,
			   struct load_sent **sent, bool *first);

#endif
