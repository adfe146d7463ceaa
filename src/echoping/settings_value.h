/* SPDX-License-Identifier: MIT */
/*
 * The values of echoping's options as people write them.  Private to settings.
 *
 * All return 0 or -EINVAL; *value is untouched on failure.
 */
#ifndef ECHOPING_SETTINGS_VALUE_H
#define ECHOPING_SETTINGS_VALUE_H

#include "echoping/settings.h"

/* Decimal, or hexadecimal after 0x. */
int value_parse_number(const char *text, uint64_t minimum, uint64_t maximum,
		       uint64_t *number) MUST_CHECK;

/*
 * As units_parse_duration(), in ns: from `minimum` to `maximum`; what is above
 * NSEC_LONGEST is NSEC_INFINITY.
 */
int value_parse_duration(const char *text, uint64_t minimum, uint64_t maximum,
			 uint64_t *nsec) MUST_CHECK;

/* "A": one character; "0xff00": up to 16 bytes. */
int value_parse_fill(const char *text, struct fill *fill) MUST_CHECK;

/* "0.5" or "0.5%". */
int value_parse_percent(const char *text, double *percent) MUST_CHECK;

/* "2500", "100K", "1.5M", decimal as rates are: from 1 to 1G a second. */
int value_parse_rate(const char *text, uint64_t *rate) MUST_CHECK;

#endif
