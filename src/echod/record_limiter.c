/* SPDX-License-Identifier: MIT */
/*
 * What sources of datagrams owe outlives the process.  Of 4 MiB most are pages
 * that nobody has ever written to: they are skipped.
 */
#include "config.h"

#include "echod/record_state.h"

#include <unistd.h>

/* Buckets that are read at a time: a piece of 32 KiB. */
#define PIECE 512

_Static_assert(LIMITER_BUCKETS % PIECE == 0, "all pieces are whole");

/* The first bucket from this one on that may be written to; or the end. */
static size_t next_written(int fd, uint64_t begin, size_t bucket)
{
	off_t from = (off_t)(begin + bucket * sizeof(struct limiter_bucket));
	off_t found = lseek(fd, from, SEEK_DATA);

	if (found < 0)
		return LIMITER_BUCKETS;
	return bucket + (size_t)(found - from) / sizeof(struct limiter_bucket);
}

void record_take_debts(struct record *record, int fd,
		       const struct record_head *left)
{
	uint64_t offset = record_counters_end(left->threads), now;
	struct limiter *limiter = &record->limiter;
	struct limiter_head head;
	uint64_t words[PIECE * LIMITER_BUCKET_SIZE];

	if (!limiter->table || left->table == 0 ||
	    !record_read(fd, &head, sizeof(head), offset) ||
	    !limiter_continue(limiter, &head))
		return;
	now = record_clock();
	offset += offsetof(struct limiter_table, buckets);
	for (size_t i = 0; i < LIMITER_BUCKETS; i += PIECE) {
		i = next_written(fd, offset, i) / PIECE * PIECE;
		if (i < LIMITER_BUCKETS &&
		    record_read(fd, words, sizeof(words),
				offset + i * sizeof(struct limiter_bucket)))
			limiter_take(limiter, i, words, PIECE, now);
	}
}
