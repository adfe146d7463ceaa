/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over files, for machines without libFuzzer.
 *
 *   fuzz_NAME [FILE|DIRECTORY]...
 *
 * Without arguments that is $srcdir/tests/fuzz/corpus/NAME.  Each input runs in
 * a child, so that a crash is one `not ok` and the others still run.
 */
#include "config.h"

#include "fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int inputs, failures;

/* The buffer is exactly as large as the file: sanitizers see one byte more. */
static void run_file(const char *path)
{
	FILE *file = fopen(path, "re");
	struct stat status;
	uint8_t *data;
	size_t size;

	if (!file || fstat(fileno(file), &status) < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(EXIT_FAILURE);
	}
	data = malloc((size_t)status.st_size);
	size = fread(data, 1, (size_t)status.st_size, file);
	fclose(file);
	assert(size == (size_t)status.st_size);
	(void)LLVMFuzzerTestOneInput(data, size);
	free(data);
}

static void replay_file(const char *path)
{
	int status = -1;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		run_file(path);
		exit(EXIT_SUCCESS);
	}
	if (child > 0)
		(void)waitpid(child, &status, 0);
	failures += status != 0;
	printf("%s %d - %s\n", status == 0 ? "ok" : "not ok", ++inputs, path);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void replay(const char *path)
{
	struct dirent **entries;
	int i, count = scandir(path, &entries, is_visible, alphasort);
	char *inner;

	if (count < 0) {
		replay_file(path); /* which says it if this is no file either */
		return;
	}
	for (i = 0; i < count; i++) {
		if (asprintf(&inner, "%s/%s", path, entries[i]->d_name) < 0)
			abort();
		replay(inner);
		free(inner);
		free(entries[i]);
	}
	free(entries);
}

static void replay_own_corpus(void)
{
	const char *name = strchr(program_invocation_short_name, '_');
	const char *top = getenv("srcdir");
	char *path;

	if (asprintf(&path, "%s/tests/fuzz/corpus/%s", top ? top : ".",
		     name ? name + 1 : "") < 0)
		abort();
	replay(path);
	free(path);
}

int main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		replay(argv[i]);
	if (argc < 2)
		replay_own_corpus();
	printf("1..%d\n", inputs);
	if (inputs == 0)
		fprintf(stderr, "nothing to replay\n");
	return failures == 0 && inputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
