/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/capture.h"

#include "common/macros.h"
#include "unit/await.h"
#include "unit/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Fail the test unless the call succeeded. */
#define CALL(call) ck_assert_msg((call) >= 0, "%s: %s", #call, strerror(errno))

#define FILLING	 '#'
#define ENTRIES	 64
#define FIELDS	 64
#define LINE_MAX 4096

/* Hides the real one, so that no test leaves an entry in the journal. */
int __wrap_journal_sendv(const struct iovec *fields, int count);

static struct {
	pthread_mutex_t mutex; /* of the entries */
	pthread_mutex_t held;  /* locked: it does not answer */
	int result;
	void (*hook)(void);
	size_t count;
	struct {
		size_t count;
		char *fields[FIELDS];
	} entries[ENTRIES];
} journal = {
	.mutex = PTHREAD_MUTEX_INITIALIZER,
	.held = PTHREAD_MUTEX_INITIALIZER,
};

int stderr_capture(void)
{
	int fds[2];

	CALL(pipe2(fds, O_CLOEXEC));
	CALL(fcntl(fds[0], F_SETFL, O_NONBLOCK));
	CALL(dup2(fds[1], STDERR_FILENO));
	CALL(close(fds[1]));
	return fds[0];
}

size_t stderr_fill(void)
{
	int flags = fcntl(STDERR_FILENO, F_GETFL);
	size_t filled = 0;
	char byte = FILLING;

	CALL(fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK));
	while (write(STDERR_FILENO, &byte, 1) == 1)
		filled++;
	ck_assert_int_eq(errno, EAGAIN);
	CALL(fcntl(STDERR_FILENO, F_SETFL, flags));
	return filled;
}

static char byte_await(int fd)
{
	char byte;

	while (read(fd, &byte, 1) != 1) {
		ck_assert_int_eq(errno, EAGAIN);
		await_readable(fd);
	}
	return byte;
}

const char *stderr_line(int fd)
{
	static char line[LINE_MAX];
	size_t length = 0;

	do {
		line[length] = byte_await(fd);
		if (line[length] != FILLING || length > 0)
			length++;
		ck_assert_uint_lt(length, sizeof(line));
	} while (length == 0 || line[length - 1] != '\n');
	line[length - 1] = '\0';
	return line;
}

void stderr_expect(int fd, const char *line)
{
	ck_assert_str_eq(stderr_line(fd), line);
}

void stderr_expect_nothing(int fd)
{
	char byte;

	ck_assert_int_eq(read(fd, &byte, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

int __wrap_journal_sendv(const struct iovec *fields, int count)
{
	int result;

	pthread_mutex_lock(&journal.held);
	pthread_mutex_unlock(&journal.held);
	pthread_mutex_lock(&journal.mutex);
	ck_assert_uint_lt(journal.count, ENTRIES);
	ck_assert_int_le(count, FIELDS);
	for (int i = 0; i < count; i++)
		journal.entries[journal.count].fields[i] =
			strndup(fields[i].iov_base, fields[i].iov_len);
	journal.entries[journal.count++].count = (size_t)count;
	result = journal.result;
	pthread_mutex_unlock(&journal.mutex);
	if (journal.hook)
		journal.hook();
	return result;
}

void journal_set_hook(void (*hook)(void))
{
	journal.hook = hook;
}

void journal_fake(int result)
{
	struct stat status;
	char stream[64];

	pthread_mutex_lock(&journal.mutex);
	journal.result = result;
	pthread_mutex_unlock(&journal.mutex);
	CALL(fstat(STDERR_FILENO, &status));
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev,
		 (uintmax_t)status.st_ino);
	CALL(setenv("JOURNAL_STREAM", stream, 1));
}

void journal_hold(void)
{
	pthread_mutex_lock(&journal.held);
}

void journal_release(void)
{
	pthread_mutex_unlock(&journal.held);
}

size_t journal_count(void)
{
	size_t count;

	pthread_mutex_lock(&journal.mutex);
	count = journal.count;
	pthread_mutex_unlock(&journal.mutex);
	return count;
}

size_t journal_field_count(size_t entry)
{
	ck_assert_uint_lt(entry, journal_count());
	return journal.entries[entry].count;
}

const char *journal_field(size_t entry, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < journal_field_count(entry); i++) {
		const char *field = journal.entries[entry].fields[i];

		if (strncmp(field, name, length) == 0 && field[length] == '=')
			return field + length + 1;
	}
	return NULL;
}

void journal_expect(size_t entry, const char *name, const char *value)
{
	const char *found = journal_field(entry, name);

	ck_assert_msg(found != NULL, "no field %s", name);
	ck_assert_msg(strcmp(found, value) == 0, "%s=%s, not %s", name, found,
		      value);
}
