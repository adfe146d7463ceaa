/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/export_file.h"

#include "echoping/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What mkstemp(3) fills in. */
#define TEMPORARY_SUFFIX ".XXXXXX"

/* Write and close it, whatever happens; 0 or -errno. */
static int write_and_close(FILE *file, export_writer *writer,
			   const struct export_series *series, size_t count)
{
	int error = writer(file, series, count);

	errno = 0;
	if (error == 0 && (fflush(file) != 0 || ferror(file)))
		error = errno > 0 ? -errno : -EIO;
	if (fclose(file) != 0 && error == 0)
		error = -errno;
	return error;
}

/* A terminal, a pipe or a device cannot be replaced, but written to. */
static bool is_special(const char *name)
{
	struct stat status;

	return stat(name, &status) == 0 && !S_ISREG(status.st_mode);
}

static int write_special(const char *name, export_writer *writer,
			 const struct export_series *series, size_t count)
{
	FILE *file = fopen(name, "we");

	return file ? write_and_close(file, writer, series, count) : -errno;
}

/* A stream to a new file, as open(2) would make it; name is its template. */
static FILE *open_temporary(char *name)
{
	mode_t mask = umask(0);
	int fd = mkostemp(name, O_CLOEXEC);
	FILE *file = NULL;

	(void)umask(mask);
	if (fd < 0)
		return NULL;
	if (fchmod(fd, 0666 & ~mask) == 0)
		file = fdopen(fd, "w");
	if (!file) {
		close(fd);
		(void)unlink(name);
	}
	return file;
}

static int write_beside(const char *name, export_writer *writer,
			const struct export_series *series, size_t count)
{
	size_t size = strlen(name) + sizeof(TEMPORARY_SUFFIX);
	char *temporary = malloc(size);
	FILE *file;
	int error;

	if (!temporary)
		return -ENOMEM;
	snprintf(temporary, size, "%s" TEMPORARY_SUFFIX, name);
	file = open_temporary(temporary);
	if (!file) {
		error = -errno;
		free(temporary);
		return error;
	}
	error = write_and_close(file, writer, series, count);
	if (error == 0 && rename(temporary, name) < 0)
		error = -errno;
	if (error < 0)
		(void)unlink(temporary);
	free(temporary);
	return error;
}

/* Through a symbolic link, not in its place. */
static int write_file(const char *name, export_writer *writer,
		      const struct export_series *series, size_t count)
{
	char *resolved;
	int error;

	if (is_special(name))
		return write_special(name, writer, series, count);
	resolved = realpath(name, NULL);
	error = write_beside(resolved ? resolved : name, writer, series, count);
	free(resolved);
	return error;
}

int export_files(const struct settings *settings,
		 const struct export_series *series, size_t count)
{
	const struct {
		const char *name;
		export_writer *writer;
	} files[] = {
		{ settings->hdr, export_write_hdr },
		{ settings->plot, export_write_plot },
	};
	int result = 0;

	console_flush();
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int error;

		if (!files[i].name)
			continue;
		error = write_file(files[i].name, files[i].writer, series,
				   count);
		if (error == 0)
			continue;
		fprintf(stderr, "echoping: cannot write %s: %s\n",
			files[i].name, strerror(-error));
		if (result == 0)
			result = error;
	}
	return result;
}
