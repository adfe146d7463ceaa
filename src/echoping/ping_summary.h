/* SPDX-License-Identifier: MIT */
/*
 * Ping mode: adding up what the flows of each target have counted.
 */
#ifndef ECHOPING_PING_SUMMARY_H
#define ECHOPING_PING_SUMMARY_H

#include "echoping/ping.h"

/* Where each target stands, on standard error. */
void ping_report_status(struct ping *ping);

/* The summaries of all targets, and --hdr and --plot; the exit status. */
enum exit_status ping_report_summaries(struct ping *ping) MUST_CHECK;

#endif
