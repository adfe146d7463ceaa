/* SPDX-License-Identifier: MIT */
/*
 * Any text in the environment that the service manager sets.
 *
 * The lines of the input are the values of the variables below; a line that is
 * missing leaves its variable unset, and a `$` at its beginning stands for our
 * process id or, for the journal, our standard error.  So that passing
 * descriptors does no harm, some are made to be passed: what is taken is
 * marked close-on-exec, and never closed.
 *
 * Link with -Wl,--wrap=journal_sendv and write: the log stays silent.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/log.h"
#include "echod/service.h"
#include "fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FIRST_FD    3
#define DESCRIPTORS 8

static const char *const variables[] = { "LISTEN_PID",	   "LISTEN_FDS",
					 "LISTEN_FDNAMES", "WATCHDOG_USEC",
					 "WATCHDOG_PID",   "JOURNAL_STREAM" };

static bool logging;
static unsigned lines, entries;

int __wrap_journal_sendv(const struct iovec *fields, int count);
ssize_t __real_write(int fd, const void *data, size_t length);
ssize_t __wrap_write(int fd, const void *data, size_t length);

int __wrap_journal_sendv(const struct iovec *fields, int count)
{
	assert(fields && count > 0);
	entries++;
	return 0;
}

ssize_t __wrap_write(int fd, const void *data, size_t length)
{
	if (!logging)
		return __real_write(fd, data, length);
	assert(fd == STDERR_FILENO);
	lines++;
	return (ssize_t)length;
}

/* Descriptors 3 to 10 are open from here on. */
static void make_descriptors(void)
{
	int fd = 0;

	while (fd >= 0 && fd < FIRST_FD + DESCRIPTORS - 1)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert(fd >= 0);
}

/* What a `$` stands for. */
static void write_own(const char *variable, char *text, size_t size)
{
	struct stat status = { 0 };

	if (strcmp(variable, "JOURNAL_STREAM") != 0) {
		snprintf(text, size, "%d", getpid());
		return;
	}
	(void)fstat(STDERR_FILENO, &status);
	snprintf(text, size, "%ju:%ju", (uintmax_t)status.st_dev,
		 (uintmax_t)status.st_ino);
}

/* "VARIABLE=VALUE". */
static char *make_setting(const char *variable, const char *value)
{
	char own[64] = "", *text;

	if (*value == '$') {
		write_own(variable, own, sizeof(own));
		value++;
	}
	assert(asprintf(&text, "%s=%s%s", variable, own, value) > 0);
	return text;
}

/* setenv(3) would keep what it replaces: a leak. */
static void set_environment(char *settings[], char *text)
{
	static char *list[ARRAY_SIZE(variables) + 1];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(variables) && text; i++) {
		settings[i] = make_setting(variables[i], strsep(&text, "\n"));
		list[i] = settings[i];
	}
	list[i] = NULL;
	environ = list;
}

static void check_sockets(void)
{
	struct service_socket some, *sockets = &some;
	int count = service_take_sockets(&sockets);

	assert(count <= 0 || !getenv("LISTEN_PID"));
	assert((count > 0) == (sockets != NULL));
	for (int i = 0; i < count; i++) {
		assert(sockets[i].fd == FIRST_FD + i);
		assert(sockets[i].name);
		assert(fcntl(sockets[i].fd, F_GETFD) == FD_CLOEXEC);
	}
	service_free_sockets(sockets, MAX(count, 0));
	for (int i = 0; i < DESCRIPTORS; i++)
		assert(fcntl(FIRST_FD + i, F_GETFD) >= 0);
}

/* Each entry goes to one place. */
static void check_log(void)
{
	lines = entries = 0;
	logging = true;
	log_message(LOG_INFO, NULL, "an entry");
	logging = false;
	assert(lines + entries == 1);
	assert(lines == 1 || getenv("JOURNAL_STREAM"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *settings[ARRAY_SIZE(variables)] = { NULL }, *text;
	static bool made;

	if (!made)
		make_descriptors();
	made = true;
	text = malloc(size + 1);
	assert(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	set_environment(settings, text);
	free(text);
	check_sockets();
	check_log();
	(void)service_watchdog_usec();
	environ = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		free(settings[i]);
	return 0;
}
