/* SPDX-License-Identifier: MIT */
/*
 * Latencies as files for other tools: --hdr=FILE and --plot=FILE.svg, from what
 * was just measured or from what was measured before (JSON Lines).
 *
 * A file is written under another name beside and then renamed: it is there as
 * a whole or not at all.  (What is there and no regular file, /dev/stdout, is
 * written to.)
 */
#ifndef ECHOPING_EXPORT_H
#define ECHOPING_EXPORT_H

#include "common/histogram.h"
#include "echoping/report.h"
#include "echoping/settings.h"

/* One curve; both members are borrowed. */
struct export_series {
	const char *name; /* "udp:127.0.0.1:7" */
	const struct histogram *latency;
};

/*
 * Write the files that the command line asks for: all series together for
 * --hdr, a curve each for --plot.  0, or -errno after a line on standard error
 * that says what could not be written.
 */
int export_files(const struct settings *settings,
		 const struct export_series *series, size_t count) MUST_CHECK;

/* MODE_PLOT: the same of the runs in the operands; says what is wrong. */
enum exit_status plot_runs(const struct settings *settings);

#endif
