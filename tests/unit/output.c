/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/output.h"

#include "unit/harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEXT_MAX (1 << 20)

static off_t seen;

/* What the parent had buffered is the parent's. */
static void replace_stdout(int fd)
{
	ck_assert_int_ge(fd, 0);
	__fpurge(stdout);
	ck_assert_int_eq(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	ck_assert_int_eq(close(fd), 0);
	seen = 0;
}

void stdout_capture(void)
{
	replace_stdout(memfd_create("stdout", MFD_CLOEXEC));
}

void stdout_redirect(const char *path)
{
	replace_stdout(open(path, O_WRONLY | O_CLOEXEC));
}

const char *stdout_text(void)
{
	static char text[TEXT_MAX];
	ssize_t length = pread(STDOUT_FILENO, text, sizeof(text) - 1, seen);

	ck_assert_int_ge(length, 0);
	text[length] = '\0';
	seen += length;
	return text;
}

void stdout_expect(const char *text)
{
	ck_assert_str_eq(stdout_text(), text);
}

void stdout_expect_part(const char *part)
{
	const char *text = stdout_text();

	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in \"%s\"", part,
		      text);
}
