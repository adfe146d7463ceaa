/* SPDX-License-Identifier: MIT */
/*
 * A terminal that a test's process writes on (link with -Wl,--wrap=tcgetpgrp).
 */
#ifndef ECHOD_TESTS_UNIT_TERMINAL_H
#define ECHOD_TESTS_UNIT_TERMINAL_H

#include <stdbool.h>

/* Is the process in the foreground?  It is, until this is changed. */
extern bool terminal_is_ours;

/*
 * Make this descriptor a terminal, with colors and so wide.  Returns the other
 * end, which never waits.
 */
int terminal_make(int fd, unsigned short columns);

/* Since the last call this was written; "": nothing. */
void terminal_expect(int master, const char *text);

#endif
