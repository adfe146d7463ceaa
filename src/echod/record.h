/* SPDX-License-Identifier: MIT */
/*
 * What one instance leaves to the next besides sockets: its counters, what each
 * source of datagrams owes (limiter.h), and when it faulted.
 *
 * All of it lives in a memfd (memfd_create(2)) that all threads write to
 * directly. The service manager keeps a duplicate, so that not even SIGKILL
 * loses what was counted a moment before.  The memory is sealed: nobody who got
 * hold of it can make it shorter or longer.
 *
 * A fault is a signal that a bug raises, or whoever found the process hanging.
 * Three instances in a row that ended so, within seconds, may well have been
 * ended by something that each of them found again: the record is poisoned.
 * SIGKILL is nobody's fault, and breaks the row, as every other end does.
 */
#ifndef ECHOD_RECORD_H
#define ECHOD_RECORD_H

#include "common/macros.h"
#include "echod/limiter.h"
#include "echod/stats.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the memfd, as /proc/PID/fd shows it. */
#define RECORD_NAME "echod-record"

#define RECORD_FAULTS 3

/*
 * How the memfd begins, in the machine's byte order; a `struct stats` of each
 * thread follows, then the limiter's table.  A record with another version or
 * other counters is of another echod, and not read.
 */
struct record_head {
	_Alignas(CACHE_LINE) char magic[8];
	uint32_t version;
	uint32_t threads;
	uint32_t counters;   /* how many */
	uint32_t names;	     /* a checksum of their names */
	uint64_t size;	     /* of all, in bytes */
	uint64_t generation; /* 1, or one more than what it continues */
	/* CLOCK_MONOTONIC in µs; 0: not so. */
	atomic_uint_least64_t faulted_at;
	uint64_t faults[RECORD_FAULTS]; /* of those before, newest first */
	uint64_t table; /* bytes of the limiter's table; 0: it has none */
};

struct record {
	int fd;				 /* -1: this process alone has it */
	size_t size;			 /* in bytes */
	struct record_head *head;	 /* NULL: there is none */
	struct stats *stats;		 /* one for each thread */
	struct stats_snapshot continued; /* what others have counted */
	struct limiter limiter;		 /* table NULL: there is none */
};

/*
 * With a limiter of this rate; a rate of 0, or NULL: without a limit.  Where
 * the kernel gives no memfd, the record ends with the process.  0, or -errno
 * (mmap(2), getrandom(2)); record_close() is right after either.
 */
int record_create(struct record *record, size_t threads,
		  const struct limiter_rate *rate) MUST_CHECK;

/*
 * Go on from what an earlier instance left in this descriptor, which is
 * borrowed, and may be anything: what it had counted becomes thread 0's, and
 * debts remain debts, if the limit is the same.  Of several records, in any
 * order, the newest counts, which has the others in it.  False if it is none,
 * or of another echod; then nothing happens.
 */
bool record_continue(struct record *record, int fd);

/* The counters of a thread; those of the next one follow. */
struct stats *record_stats(struct record *record, size_t thread);

/* NULL if there is no limit. */
static inline struct limiter *record_limiter(struct record *record)
{
	return record->limiter.table ? &record->limiter : NULL;
}

/*
 * From now on a fault is noted, of any thread, and ends the process as it would
 * have.  One record at a time.  0, or -errno (sigaction(2)).
 */
int record_catch_faults(struct record *record) MUST_CHECK;

/* Did the last three instances end in faults, all within 10 s? */
bool record_is_poisoned(const struct record *record);
void record_absolve(struct record *record);

/* The memfd lives on in its duplicates.  Idempotent. */
void record_close(struct record *record);

#endif
