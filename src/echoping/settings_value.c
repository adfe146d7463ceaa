/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/settings_value.h"

#include "common/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RATE_MAX 1e9

int value_parse_number(const char *text, uint64_t minimum, uint64_t maximum,
		       uint64_t *number)
{
	int base = strncmp(text, "0x", 2) == 0 ? 16 : 10;
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, base);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    value < minimum || value > maximum)
		return -EINVAL;
	*number = value;
	return 0;
}

int value_parse_duration(const char *text, uint64_t minimum, uint64_t maximum,
			 uint64_t *nsec)
{
	uint64_t usec, value;

	if (units_parse_duration(text, &usec) < 0)
		return -EINVAL;
	value = usec > NSEC_LONGEST / NSEC_PER_USEC ? NSEC_INFINITY
						    : usec * NSEC_PER_USEC;
	if (value < minimum || value > maximum)
		return -EINVAL;
	*nsec = value;
	return 0;
}

static int hex_digit(char digit)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = digit ? strchr(digits, digit) : NULL;

	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return found ? (int)(found - digits) : -1;
}

static int parse_bytes(const char *text, struct fill *fill)
{
	size_t length = strlen(text);
	struct fill value = { .length = length / 2 };

	if (length == 0 || length % 2 != 0 ||
	    value.length > sizeof(value.bytes))
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		int digit = hex_digit(text[i]);

		if (digit < 0)
			return -EINVAL;
		value.bytes[i / 2] =
			(unsigned char)(value.bytes[i / 2] << 4 | digit);
	}
	*fill = value;
	return 0;
}

int value_parse_fill(const char *text, struct fill *fill)
{
	if (strncmp(text, "0x", 2) == 0)
		return parse_bytes(text + 2, fill);
	if (text[0] == '\0' || text[1] != '\0')
		return -EINVAL;
	*fill = (struct fill){ { (unsigned char)text[0] }, 1 };
	return 0;
}

/* A decimal number without sign, exponent or the like; *end is behind it. */
static int parse_decimal(const char *text, double *number, const char **end)
{
	size_t length = strspn(text, "0123456789.");

	if (text[0] < '0' || text[0] > '9' || text[length - 1] == '.' ||
	    memchr(text, '.', length) != memrchr(text, '.', length))
		return -EINVAL;
	*number = strtod(text, NULL);
	*end = text + length;
	return 0;
}

int value_parse_percent(const char *text, double *percent)
{
	const char *end;
	double value;

	if (parse_decimal(text, &value, &end) < 0 || value > 100 ||
	    (*end != '\0' && strcmp(end, "%") != 0))
		return -EINVAL;
	*percent = value;
	return 0;
}

int value_parse_rate(const char *text, uint64_t *rate)
{
	static const struct {
		const char *suffix;
		double factor;
	} suffixes[] = { { "", 1 }, { "K", 1e3 }, { "k", 1e3 }, { "M", 1e6 } };
	const char *end;
	double value;

	if (parse_decimal(text, &value, &end) < 0)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		if (strcmp(end, suffixes[i].suffix) != 0)
			continue;
		value *= suffixes[i].factor;
		if (value < 1 || value > RATE_MAX)
			return -EINVAL;
		*rate = (uint64_t)(value + 0.5);
		return 0;
	}
	return -EINVAL;
}
