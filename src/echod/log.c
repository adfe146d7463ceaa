/* SPDX-License-Identifier: MIT */
/*
 * A ring between the threads that log and the one that writes.  The mutex is
 * held only while an entry is copied in or out, never while one is written: a
 * journald that is stopped, or a pipe that nobody reads, holds up the writer
 * alone.
 */
#include "config.h"

#include "echod/log.h"

#include "echod/journal.h"
#include "echod/log_ring.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What journal_sendv() gets at most: the counters are the longest entry. */
#define FIELDS_MAX 64

/* s between two entries about lost ones: a log that overflows again and again
   is not to be made longer by that. */
#define LOSS_EVERY 60

enum log_state {
	LOG_DIRECT, /* no writer: the caller writes */
	LOG_QUEUED, /* the writer writes */
	LOG_STUCK,  /* the writer was given up: nobody writes */
};

static struct {
	atomic_int level;
	atomic_uint_least64_t dropped;
	uint64_t reported; /* of those; the writer's, as is when to say more */
	struct timespec silent_until;
	bool to_journal;

	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t filled, finished;
	enum log_state state;
	bool stopping, running, begun;
	log_thread *join;
	struct log_ring ring;
} logger = {
	.level = LOG_INFO,
	.mutex = PTHREAD_MUTEX_INITIALIZER,
	.filled = PTHREAD_COND_INITIALIZER,
	.finished = PTHREAD_COND_INITIALIZER,
};

static const char *const level_names[] = {
	"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"
};

void log_set_level(int level)
{
	atomic_store_explicit(&logger.level, level, memory_order_relaxed);
}

static bool level_is_logged(int level)
{
	return level <=
	       atomic_load_explicit(&logger.level, memory_order_relaxed);
}

int log_parse_level(const char *text, int *level)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*level = (int)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *log_level_name(int level)
{
	return level_names[level];
}

uint64_t log_dropped(void)
{
	return atomic_load_explicit(&logger.dropped, memory_order_relaxed);
}

/* $JOURNAL_STREAM names the journal's socket by device and inode. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat status;
	char ours[64];

	if (!stream || fstat(STDERR_FILENO, &status) < 0)
		return false;
	snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)status.st_dev,
		 (uintmax_t)status.st_ino);
	return strcmp(stream, ours) == 0;
}

/* Write all, also to a descriptor that somebody else made non-blocking. */
static bool stderr_write(const char *data, size_t length)
{
	struct pollfd writable = { .fd = STDERR_FILENO, .events = POLLOUT };

	while (length > 0) {
		ssize_t written = write(STDERR_FILENO, data, length);

		if (written >= 0) {
			data += written;
			length -= (size_t)written;
		} else if (errno == EAGAIN) {
			(void)poll(&writable, 1, -1);
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

static bool write_line(const struct log_entry *entry)
{
	char line[LOG_TEXT_MAX + 16];
	int length = snprintf(line, sizeof(line), "echod: %s\n",
			      log_entry_text(entry));

	return stderr_write(line, MIN((size_t)length, sizeof(line) - 1));
}

static bool write_to_journal(struct log_entry *entry)
{
	struct iovec fields[FIELDS_MAX];
	char priority[] = "PRIORITY=0";
	int count = 0;

	priority[sizeof(priority) - 2] = (char)('0' + entry->level);
	fields[count++] = (struct iovec){ priority, strlen(priority) };
	for (size_t at = 0; at < entry->length && count < FIELDS_MAX;) {
		size_t length = strlen(entry->fields + at);

		fields[count++] = (struct iovec){ entry->fields + at, length };
		at += length + 1;
	}
	return journal_sendv(fields, count) == 0;
}

/* False if the log does not take it. */
static bool entry_write(struct log_entry *entry)
{
	return logger.to_journal ? write_to_journal(entry) : write_line(entry);
}

static void count_dropped(void)
{
	atomic_fetch_add_explicit(&logger.dropped, 1, memory_order_relaxed);
}

PRINTF_LIKE(2, 3)
static void entry_finish(struct log_entry *entry, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_entry_set_text(entry, format, arguments);
	va_end(arguments);
}

/* Called with the mutex held; gives it up meanwhile. */
static bool writer_write(struct log_entry *entry)
{
	bool written;

	pthread_mutex_unlock(&logger.mutex);
	written = entry_write(entry);
	pthread_mutex_lock(&logger.mutex);
	return written;
}

/* Is it time to say so?  In the end it is. */
static bool writer_may_report(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!logger.stopping && now.tv_sec < logger.silent_until.tv_sec)
		return false;
	logger.silent_until.tv_sec = now.tv_sec + LOSS_EVERY;
	return true;
}

/* Until there is something to write, or to say about what was lost. */
static void writer_wait(bool lost)
{
	if (lost)
		(void)pthread_cond_clockwait(&logger.filled, &logger.mutex,
					     CLOCK_MONOTONIC,
					     &logger.silent_until);
	else
		(void)pthread_cond_wait(&logger.filled, &logger.mutex);
}

/*
 * Not by way of the ring, which may be full again.  What cannot be said now is
 * said the next time, of which there is one after the end was asked for.
 */
static void writer_report_lost(struct log_entry *entry, uint64_t lost)
{
	bool last = logger.stopping;

	logger.reported += lost;
	if (!level_is_logged(LOG_WARNING))
		return;
	log_entry_init(entry, LOG_WARNING, MESSAGE_ENTRIES_LOST);
	log_entry_add(entry, "ECHOD_ENTRIES_LOST", "%" PRIu64, lost);
	entry_finish(entry,
		     "%" PRIu64 " log entries were lost: the log did not take "
		     "them, or not as fast as they came",
		     lost);
	if (!writer_write(entry) && !last)
		logger.reported -= lost;
}

static void *writer_run(void *unused UNUSED)
{
	static struct log_entry entry;
	uint64_t lost;

	if (logger.join)
		logger.join();
	pthread_mutex_lock(&logger.mutex);
	logger.begun = true;
	pthread_cond_signal(&logger.finished);
	for (;;) {
		lost = log_dropped() - logger.reported;
		if (!log_ring_is_empty(&logger.ring)) {
			log_ring_take(&logger.ring, &entry);
			if (!writer_write(&entry))
				count_dropped();
		} else if (lost > 0 && writer_may_report()) {
			writer_report_lost(&entry, lost);
		} else if (logger.stopping) {
			break;
		} else {
			writer_wait(lost > 0);
		}
	}
	logger.running = false;
	pthread_cond_signal(&logger.finished);
	pthread_mutex_unlock(&logger.mutex);
	return NULL;
}

int log_start(log_thread *join)
{
	sigset_t all, before;
	int error;

	logger.to_journal = stderr_is_journal();
	if (logger.to_journal)
		journal_open();
	logger.join = join;
	logger.begun = false;
	logger.stopping = false;
	logger.running = true;
	logger.reported = log_dropped();
	logger.silent_until = (struct timespec){ 0 };
	logger.state = LOG_QUEUED;
	/* The writer is not to be the thread that a signal ends up in. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&logger.thread, NULL, writer_run, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0)
		logger.state = LOG_DIRECT;
	return -error;
}

void log_await_writer(void)
{
	pthread_mutex_lock(&logger.mutex);
	while (logger.state == LOG_QUEUED && !logger.begun)
		pthread_cond_wait(&logger.finished, &logger.mutex);
	pthread_mutex_unlock(&logger.mutex);
}

void log_stop(void)
{
	struct timespec deadline;
	int error = 0;

	pthread_mutex_lock(&logger.mutex);
	if (logger.state != LOG_QUEUED) {
		pthread_mutex_unlock(&logger.mutex);
		return;
	}
	logger.stopping = true;
	pthread_cond_signal(&logger.filled);
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec++;
	while (logger.running && error == 0)
		error = pthread_cond_clockwait(&logger.finished, &logger.mutex,
					       CLOCK_MONOTONIC, &deadline);
	logger.state = error == 0 ? LOG_DIRECT : LOG_STUCK;
	pthread_mutex_unlock(&logger.mutex);

	/* A writer that is stuck ends with the process. */
	if (error == 0)
		pthread_join(logger.thread, NULL);
	else
		pthread_detach(logger.thread);
}

static void entry_enqueue(const struct log_entry *entry)
{
	if (log_ring_put(&logger.ring, entry))
		pthread_cond_signal(&logger.filled);
	else
		count_dropped();
}

static void entry_submit(struct log_entry *entry)
{
	enum log_state state;

	pthread_mutex_lock(&logger.mutex);
	state = logger.state;
	if (state == LOG_QUEUED)
		entry_enqueue(entry);
	pthread_mutex_unlock(&logger.mutex);
	if (state != LOG_DIRECT)
		return;
	logger.to_journal = stderr_is_journal();
	(void)entry_write(entry); /* there is nobody left to tell */
}

void log_entry_commit(struct log_entry *entry, const char *format, ...)
{
	va_list arguments;

	if (!level_is_logged(entry->level))
		return;
	va_start(arguments, format);
	log_entry_set_text(entry, format, arguments);
	va_end(arguments);
	entry_submit(entry);
}

void log_message(int level, const char *message_id, const char *format, ...)
{
	struct log_entry entry;
	va_list arguments;

	if (!level_is_logged(level))
		return;
	log_entry_init(&entry, level, message_id);
	va_start(arguments, format);
	log_entry_set_text(&entry, format, arguments);
	va_end(arguments);
	entry_submit(&entry);
}
