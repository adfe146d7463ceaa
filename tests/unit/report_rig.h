/* SPDX-License-Identifier: MIT */
/*
 * What reporters are fed with: a command line, its targets, and tallies.
 */
#ifndef ECHOD_TESTS_UNIT_REPORT_RIG_H
#define ECHOD_TESTS_UNIT_REPORT_RIG_H

#include "echoping/report.h"

#define RIG_TARGETS_MAX 4

struct report_rig {
	struct settings settings;
	struct target targets[RIG_TARGETS_MAX];
	struct tally tally;
	struct reply reply;	     /* 64 bytes, seq=1, 84.1 us, kernel */
	struct ping_summary summary; /* of the tally, after 4.02 s */
};

/*
 * Parse the command line, "--color=never" put in front, and resolve its
 * targets; captures standard output.
 */
void report_rig_init(struct report_rig *rig, const char *command_line);
void report_rig_deinit(struct report_rig *rig);

/* Count messages that came back after so long, by the kernel; or did not. */
void report_rig_receive(struct tally *tally, uint64_t count, uint64_t rtt);
void report_rig_lose(struct tally *tally, uint64_t count);

/* A load summary of the tally: 10 s, 2 threads, 50 connections. */
struct load_summary report_rig_load(const struct report_rig *rig);

#endif
