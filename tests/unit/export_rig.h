/* SPDX-License-Identifier: MIT */
/*
 * What is exported, and a directory to export it to.
 */
#ifndef ECHOD_TESTS_UNIT_EXPORT_RIG_H
#define ECHOD_TESTS_UNIT_EXPORT_RIG_H

#include "echoping/export.h"

/*
 * Two series: "first", 10 samples from 10 to 100 us, and "second", 1000 from
 * 1 us to 1 ms; and one without samples, "none".
 */
#define EXPORT_RIG_SERIES 3
struct export_rig {
	struct histogram histograms[EXPORT_RIG_SERIES];
	struct export_series series[EXPORT_RIG_SERIES];
	char directory[64];
};
extern struct export_rig export_rig;

void export_rig_init(void);

/* Also removes the directory and its files. */
void export_rig_deinit(void);

/* A file in the directory; valid to the end. */
const char *export_rig_path(const char *name);

/* How many there are. */
size_t export_rig_count_files(void);

/* All that is in a file; to be freed. */
char *export_rig_read(const char *path);

/* Make one. */
void export_rig_write(const char *path, const char *text);

#endif
