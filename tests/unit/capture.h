/* SPDX-License-Identifier: MIT */
/*
 * What a test's process logs: standard error as a pipe that the test reads,
 * and a journal that is none (link with -Wl,--wrap=journal_sendv).
 *
 * Check runs each test in a process of its own: nothing is put back.
 */
#ifndef ECHOD_TESTS_UNIT_CAPTURE_H
#define ECHOD_TESTS_UNIT_CAPTURE_H

#include <stddef.h>

/* Make standard error a pipe; returns its end to read, non-blocking. */
int stderr_capture(void);

/*
 * Fill the pipe, so that whoever writes another line waits.  The filling is
 * skipped by stderr_line().  Returns its length.
 */
size_t stderr_fill(void);

/* The next line, awaited; without the newline, valid until the next call. */
const char *stderr_line(int fd);

/* The next line, awaited, is this one; there is nothing to be read now. */
void stderr_expect(int fd, const char *line);
void stderr_expect_nothing(int fd);

/*
 * Let standard error be the stream of a journal, whose journal_sendv()
 * returns `result`.  It keeps what it gets, in order.
 */
void journal_fake(int result);

/* As SIGSTOP and SIGCONT for journald: meanwhile who sends an entry waits. */
void journal_hold(void);
void journal_release(void);

/* Called with each entry, in the thread that sends it; NULL: nothing is. */
void journal_set_hook(void (*hook)(void));

/* Entries so far; the fields of one; the value of one of them, or NULL. */
size_t journal_count(void);
size_t journal_field_count(size_t entry);
const char *journal_field(size_t entry, const char *name);

/* The value is this one. */
void journal_expect(size_t entry, const char *name, const char *value);

#endif
