/* SPDX-License-Identifier: MIT */
/*
 * Durations and sizes as people write them.
 *
 * Durations are systemd.time(7) spans: "500ms", "5min", "1h 30min", "2.5s"; a
 * number alone is seconds, "infinity" is USEC_INFINITY.  Units: us ms s min (m)
 * h d w, and their long names ("sec", "minutes").  Sizes: "64K", "1.5M";
 * suffixes K M G T, base 1024, an optional "B" or "iB" after them ("64KiB").
 * What is finer than a microsecond or a byte is cut off.
 */
#ifndef ECHOD_COMMON_UNITS_H
#define ECHOD_COMMON_UNITS_H

#include "common/macros.h"

#include <stdint.h>

#define UNITS_TEXT_MAX 32

/* 0, -EINVAL (not a duration) or -ERANGE; *usec is untouched on failure. */
int units_parse_duration(const char *text, uint64_t *usec) MUST_CHECK;

/* 0, -EINVAL (not a size) or -ERANGE; *bytes is untouched on failure. */
int units_parse_size(const char *text, uint64_t *bytes) MUST_CHECK;

/* A short and exact span that the parser reads back: "1min 30s", "500ms". */
void units_format_duration(uint64_t usec, char text[UNITS_TEXT_MAX]);

/* The largest suffix that is exact: 65536 is "64K", 1000 is "1000". */
void units_format_size(uint64_t bytes, char text[UNITS_TEXT_MAX]);

#endif
