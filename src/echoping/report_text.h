/* SPDX-License-Identifier: MIT */
/*
 * What the text of ping mode and that of load mode share.  Private to
 * report_text.c and report_text_load.c.
 */
#ifndef ECHOPING_REPORT_TEXT_H
#define ECHOPING_REPORT_TEXT_H

#include "echoping/report.h"

#define LABEL_MAX (ADDRESS_TEXT_MAX + 256)

/* "udp:127.0.0.1:7", or "localhost (udp:127.0.0.1:7)" if it was called so. */
void text_label(const struct target *target, char label[LABEL_MAX]);

/* A blank line, then "--- LABEL echoping NOUN ---". */
void text_print_heading(const struct settings *settings,
			const struct target *target, const char *noun);

/* "WHAT min 71.0 us, p50 84.1 us, ..., max 101 us, 5 samples" */
void text_print_latency(const char *what, const struct histogram *latency);

/* ", 3 late, 1 corrupt": the counters of trouble that are not 0. */
void text_print_troubles(const struct settings *settings,
			 const struct tally *tally);

void text_load_start(const struct settings *settings,
		     const struct target *target);
void text_load_interval(const struct settings *settings,
			const struct load_interval *interval);
void text_load_summary(const struct settings *settings,
		       const struct load_summary *summary);

#endif
