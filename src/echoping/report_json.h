/* SPDX-License-Identifier: MIT */
/*
 * What the JSON of ping mode and that of load mode share.  Private to
 * report_json.c, report_json_load.c and report_json_value.c.
 *
 * Objects are built member by member; whatever cannot be allocated is noted
 * (console_fail()), so that only the end has to look.
 */
#ifndef ECHOPING_REPORT_JSON_H
#define ECHOPING_REPORT_JSON_H

#include "echoping/report.h"

#include <jansson.h>

/* The "format" of every object: what is not compatible gets another number. */
#define JSON_FORMAT 1

/* An object with what every line has; `when` is of CLOCK_REALTIME, in ns. */
json_t *json_line(const char *type, const struct target *target, uint64_t when);

/* Now, by CLOCK_REALTIME. */
uint64_t json_now(void);

/* Print it, a line, and flush; consumed. */
void json_line_print(json_t *line);

/* Add an element, or a member; `value` is consumed. */
void json_add(json_t *array, json_t *value);
void json_put(json_t *object, const char *key, json_t *value);
void json_put_number(json_t *object, const char *key, uint64_t number);
void json_put_text(json_t *object, const char *key, const char *text);

/* null instead of the value that stands for none. */
void json_put_optional(json_t *object, const char *key, uint64_t number,
		       uint64_t none);

/* The counters of a tally, and the loss. */
void json_put_tally(json_t *object, const struct tally *tally);

/* Samples, percentiles and, if `whole`, the histogram; NULL: null. */
void json_put_latency(json_t *object, const char *key,
		      const struct histogram *latency, bool whole);

void json_load_start(const struct settings *settings,
		     const struct target *target);
void json_load_interval(const struct settings *settings,
			const struct load_interval *interval);
void json_load_summary(const struct settings *settings,
		       const struct load_summary *summary);

#endif
