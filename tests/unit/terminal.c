/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/terminal.h"

#include "unit/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* A test's process has no terminal that could say who is in front. */
pid_t __wrap_tcgetpgrp(int fd);
bool terminal_is_ours = true;

pid_t __wrap_tcgetpgrp(int fd)
{
	ck_assert_int_eq(fd, STDERR_FILENO);
	return terminal_is_ours ? getpgrp() : -1;
}

int terminal_make(int fd, unsigned short columns)
{
	struct winsize size = { .ws_row = 25, .ws_col = columns };
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct termios attributes;
	int slave;

	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(slave, 0);
	ck_assert_int_eq(tcgetattr(slave, &attributes), 0);
	cfmakeraw(&attributes);
	ck_assert_int_eq(tcsetattr(slave, TCSANOW, &attributes), 0);
	ck_assert_int_eq(ioctl(slave, TIOCSWINSZ, &size), 0);
	ck_assert_int_eq(dup2(slave, fd), fd);
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	return master;
}

void terminal_expect(int master, const char *text)
{
	char drawn[1024];
	ssize_t length = read(master, drawn, sizeof(drawn) - 1);

	if (length < 0)
		ck_assert_int_eq(errno, EAGAIN);
	drawn[length < 0 ? 0 : length] = '\0';
	ck_assert_str_eq(drawn, text);
}
