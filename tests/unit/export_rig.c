/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/export_rig.h"

#include "unit/harness.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX  (1 << 20)
#define PATHS_MAX 16

struct export_rig export_rig;

void export_rig_init(void)
{
	static const char *const names[] = { "first", "second", "none" };

	strcpy(export_rig.directory, "/tmp/echoping-export-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(export_rig.directory));
	for (size_t i = 0; i < EXPORT_RIG_SERIES; i++) {
		struct histogram *histogram = &export_rig.histograms[i];

		ck_assert_int_eq(histogram_init(histogram), 0);
		export_rig.series[i] =
			(struct export_series){ names[i], histogram };
	}
	for (uint64_t i = 1; i <= 10; i++)
		histogram_record(&export_rig.histograms[0], i * 10000);
	for (uint64_t i = 1; i <= 1000; i++)
		histogram_record(&export_rig.histograms[1], i * 1000);
}

/* Count the entries but those of the directory itself. */
static size_t for_each_file(bool remove)
{
	DIR *directory = opendir(export_rig.directory);
	const struct dirent *entry;
	size_t count = 0;

	ck_assert_ptr_nonnull(directory);
	while ((entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		if (remove)
			ck_assert_int_eq(
				unlinkat(dirfd(directory), entry->d_name, 0),
				0);
	}
	closedir(directory);
	return count;
}

void export_rig_deinit(void)
{
	for (size_t i = 0; i < EXPORT_RIG_SERIES; i++)
		histogram_deinit(&export_rig.histograms[i]);
	(void)for_each_file(true);
	ck_assert_int_eq(rmdir(export_rig.directory), 0);
}

size_t export_rig_count_files(void)
{
	return for_each_file(false);
}

const char *export_rig_path(const char *name)
{
	static char paths[PATHS_MAX][128];
	static size_t count;

	ck_assert_uint_lt(count, PATHS_MAX);
	snprintf(paths[count], sizeof(paths[count]), "%s/%s",
		 export_rig.directory, name);
	return paths[count++];
}

char *export_rig_read(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = malloc(FILE_MAX);
	size_t length;

	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(text);
	length = fread(text, 1, FILE_MAX - 1, file);
	text[length] = '\0';
	fclose(file);
	return text;
}

void export_rig_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}
