/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/console.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Where a terminal does not tell how wide it is. */
#define COLUMNS_DEFAULT 80

/* What the live line covers, and why standard output failed first. */
static size_t drawn;
static int failure;

/* Moves the cursor and has colors. */
static bool is_capable(void)
{
	const char *type = getenv("TERM");

	return type && type[0] != '\0' && strcmp(type, "dumb") != 0;
}

/* Set, and not to nothing: https://no-color.org. */
static bool is_color_unwanted(void)
{
	const char *value = getenv("NO_COLOR");

	return value && value[0] != '\0';
}

static bool has_colors(const struct settings *settings, FILE *stream)
{
	if (settings->color != COLOR_AUTO)
		return settings->color == COLOR_ALWAYS;
	return !is_color_unwanted() && is_capable() && isatty(fileno(stream));
}

const char *console_style(const struct settings *settings, FILE *stream,
			  enum console_style style)
{
	static const char *const sequences[] = {
		[CONSOLE_PLAIN] = "\033[0m",
		[CONSOLE_WRONG] = "\033[31m",
		[CONSOLE_HEADING] = "\033[1m",
	};

	return has_colors(settings, stream) ? sequences[style] : "";
}

void console_fail(int error)
{
	if (failure == 0)
		failure = error;
}

/* What failed while something was printed fails here again, with its errno. */
void console_flush(void)
{
	errno = 0;
	if (fflush(stdout) != 0 || ferror(stdout))
		console_fail(errno > 0 ? -errno : -EIO);
}

int console_error(void)
{
	return failure;
}

/* Is there a terminal, and are we the ones who may write on it? */
static bool is_live(void)
{
	return isatty(STDERR_FILENO) && is_capable() &&
	       tcgetpgrp(STDERR_FILENO) == getpgrp();
}

/* The last column stays free: some terminals go on to the next line there. */
static size_t width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return COLUMNS_DEFAULT - 1;
	return size.ws_col - 1U;
}

void console_draw(const char *line)
{
	size_t length = MIN(strlen(line), width()), before = drawn;

	if (!is_live())
		return;
	/* Results first: both may go to the same terminal. */
	(void)fflush(stdout);
	drawn = length;
	fprintf(stderr, "\r%-*.*s", (int)MAX(length, MIN(before, width())),
		(int)length, line);
	(void)fflush(stderr);
}

/* By blanks: they need no escape sequence. */
void console_erase(void)
{
	if (drawn == 0)
		return;
	fprintf(stderr, "\r%*s\r", (int)MIN(drawn, width()), "");
	(void)fflush(stderr);
	drawn = 0;
}
