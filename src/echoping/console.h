/* SPDX-License-Identifier: MIT */
/*
 * Standard output, to which results go, and the terminal, if there is one.
 *
 * The live line is drawn on standard error, so that results may go to a file
 * meanwhile, and only if that is a terminal which this process owns (it is in
 * the foreground) and which can return to the start of a line (not TERM=dumb).
 * Whoever else writes a line to the terminal erases it first.
 */
#ifndef ECHOPING_CONSOLE_H
#define ECHOPING_CONSOLE_H

#include "echoping/settings.h"

enum console_style {
	CONSOLE_PLAIN, /* ends each other one */
	CONSOLE_WRONG,
	CONSOLE_HEADING,
};

/*
 * What switches the style of text on this stream, stdout or stderr: an escape
 * sequence, or "" where there are no colors: --color, NO_COLOR (no-color.org),
 * TERM=dumb, or no terminal.
 */
const char *console_style(const struct settings *settings, FILE *stream,
			  enum console_style style);

/* Write out what was printed on standard output. */
void console_flush(void);

/* Say that something could not be printed at all; -errno. */
void console_fail(int error);

/* 0, or -errno: why standard output does not take what is printed any more. */
int console_error(void);

/* Draw the live line, if there may be one; it replaces the one before. */
void console_draw(const char *line);

/* Leave nothing of it. */
void console_erase(void);

#endif
