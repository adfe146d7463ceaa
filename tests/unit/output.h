/* SPDX-License-Identifier: MIT */
/*
 * What a test's process prints: standard output as a file in memory, apart from
 * the TAP of the test itself.
 *
 * Check runs each test in a process of its own: nothing is put back.
 */
#ifndef ECHOD_TESTS_UNIT_OUTPUT_H
#define ECHOD_TESTS_UNIT_OUTPUT_H

/* From now on. */
void stdout_capture(void);

/* To this file instead, such as /dev/full. */
void stdout_redirect(const char *path);

/* What was written since the last call; valid until the next one. */
const char *stdout_text(void);

/* It is this text; it contains this one. */
void stdout_expect(const char *text);
void stdout_expect_part(const char *part);

#endif
