/* SPDX-License-Identifier: MIT */
/*
 * What conformance prints: a line or a JSON object for each row, and a summary.
 */
#ifndef ECHOPING_CONFORMANCE_REPORT_H
#define ECHOPING_CONFORMANCE_REPORT_H

#include "echoping/conformance_check.h"

/* One line of the result. */
struct finding {
	const struct target *target;
	unsigned row;
	enum verdict verdict;
	const char *title, *detail;
};

/* More than one target: whose rows follow. */
void conformance_report_target(const struct settings *settings,
			       const struct target *target);

void conformance_report_row(const struct settings *settings,
			    const struct finding *finding);

/* How many of each verdict there were of a target. */
void conformance_report_summary(const struct settings *settings,
				const struct target *target,
				const unsigned counts[VERDICT_COUNT]);

#endif
