/* SPDX-License-Identifier: MIT */
/*
 * The log: structured entries when standard error is the journal, else plain
 * lines on standard error.
 *
 * The caller never blocks.  Entries go into a bounded queue in memory, from
 * which one thread writes them; what does not fit is dropped, counted, and
 * reported as soon as the log can be written again, but once a minute at most.
 * Before log_start() and after log_stop() entries are written at once, by the
 * caller.
 */
#ifndef ECHOD_LOG_H
#define ECHOD_LOG_H

#include "common/macros.h"
#include "echod/log_entry.h"

#include <syslog.h>

/*
 * Ids of the entries that people filter for (journalctl MESSAGE_ID=...); their
 * explanations are in systemd/echod.catalog.
 */
#define MESSAGE_LISTENING	    "ec3df2743e8f4dab8b650e12b8627fbc"
#define MESSAGE_ADOPTED		    "a6262ae6977645f8982b7b94b1a64efb"
#define MESSAGE_POISONED	    "1c1c529ee02d4c53b47afcc33f8afcbb"
#define MESSAGE_READY		    "56ffb5f1a2cc436484e42fe976763c3c"
#define MESSAGE_CONNECTION_CLOSED   "d6d79b9a60944796856b53565b1d47d6"
#define MESSAGE_TROUBLE		    "ec4abf5e93a846f38294a8eb1c26ec2c"
#define MESSAGE_COUNTERS	    "caa86deb3b5a433a9aa7467dbb9b6521"
#define MESSAGE_ENTRIES_LOST	    "cc3fa565383346208b6e1d6cbd4e50e2"
#define MESSAGE_RELOADED	    "0a21635e0fd341088737f41ba55bb4e3"
#define MESSAGE_STOPPING	    "55f3fb2c442244fd9bab28338033f0c1"
#define MESSAGE_STOPPED		    "0bca653bac4c491c9ffcefa80aac79a0"
#define MESSAGE_FAILED		    "c5d2fbb16951455ab9f4381b71afdb79"
#define MESSAGE_WORKER_UNRESPONSIVE "98fffc40c6fb4305a14b5543f40a4b22"

/* Entries above this level (LOG_ERR ... LOG_DEBUG) are not written. */
void log_set_level(int level);

/* 0 and the level, or -EINVAL; names as in syslog(3): "err", "warning", ... */
int log_parse_level(const char *text, int *level) MUST_CHECK;
const char *log_level_name(int level);

/* The first that the writer's thread does; NULL: nothing. */
typedef void log_thread(void);

/* Start the writer.  0 or -errno. */
int log_start(log_thread *join) MUST_CHECK;

/*
 * From then on the writer, if there is one, needs no more than to wait and to
 * write: its thread is there, and what it writes to is open.
 */
void log_await_writer(void);

/* Write what is queued, for at most a second, and stop the writer. */
void log_stop(void);

/* Entries lost so far: the queue was full, or the log did not take them. */
uint64_t log_dropped(void);

/* What log_entry_init() began: with its text it is written. */
void log_entry_commit(struct log_entry *entry, const char *format, ...)
	PRINTF_LIKE(2, 3);

/* An entry without fields of its own. */
void log_message(int level, const char *message_id, const char *format, ...)
	PRINTF_LIKE(3, 4);

#endif
