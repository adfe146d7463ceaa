/* SPDX-License-Identifier: MIT */
/*
 * Does a service do what an echo service owes its clients?  --conformance.
 *
 * One table (conformance.c) names what is checked, each line with its row in
 * the list of obligations, the transports that it concerns and a function; the
 * functions are in conformance_check_*.c, what they send and receive with in
 * conformance_talk, conformance_post and conformance_forge.
 */
#ifndef ECHOPING_CONFORMANCE_H
#define ECHOPING_CONFORMANCE_H

#include "echoping/report.h"

/*
 * Check each target, a text without a scheme over both TCP and UDP, and print a
 * line for each row and transport.  EXIT_STATUS_OK if nothing failed,
 * EXIT_STATUS_MISSED if something did, EXIT_STATUS_ERROR (and a line on
 * standard error) if a target does not answer at all.
 */
enum exit_status conformance_run(const struct settings *settings,
				 struct target *targets,
				 const struct source *source);

#endif
