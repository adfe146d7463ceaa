/* SPDX-License-Identifier: MIT */
/*
 * Numbers with units.
 *
 * Everything is integer arithmetic: a decimal is kept as its digits until the
 * unit is known, then scaled exactly, and what is finer than the result's unit
 * (a microsecond, a byte) is cut off.
 */
#include "config.h"

#include "common/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DIGITS "0123456789"
#define BLANKS " \t\n\r"

#define USEC_PER_MIN  (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MIN)
#define USEC_PER_DAY  (24 * USEC_PER_HOUR)
#define USEC_PER_WEEK (7 * USEC_PER_DAY)

struct unit {
	const char *name;
	uint64_t scale;
};

/* The spellings of systemd.time(7), without months and years. */
static const struct unit time_units[] = {
	{ "us", 1 },
	{ "usec", 1 },
	{ "ms", USEC_PER_MSEC },
	{ "msec", USEC_PER_MSEC },
	{ "", USEC_PER_SEC },
	{ "s", USEC_PER_SEC },
	{ "sec", USEC_PER_SEC },
	{ "second", USEC_PER_SEC },
	{ "seconds", USEC_PER_SEC },
	{ "m", USEC_PER_MIN },
	{ "min", USEC_PER_MIN },
	{ "minute", USEC_PER_MIN },
	{ "minutes", USEC_PER_MIN },
	{ "h", USEC_PER_HOUR },
	{ "hr", USEC_PER_HOUR },
	{ "hour", USEC_PER_HOUR },
	{ "hours", USEC_PER_HOUR },
	{ "d", USEC_PER_DAY },
	{ "day", USEC_PER_DAY },
	{ "days", USEC_PER_DAY },
	{ "w", USEC_PER_WEEK },
	{ "week", USEC_PER_WEEK },
	{ "weeks", USEC_PER_WEEK },
};

/* What a span is written with: whole numbers of these, largest first ... */
static const struct unit whole_units[] = {
	{ "d", USEC_PER_DAY },
	{ "h", USEC_PER_HOUR },
	{ "min", USEC_PER_MIN },
};

/* ... and the rest as a decimal of the first of these that it reaches. */
static const struct unit decimal_units[] = {
	{ "s", USEC_PER_SEC },
	{ "ms", USEC_PER_MSEC },
	{ "us", 1 },
};

static const struct unit size_units[] = {
	{ "T", 1ULL << 40 },
	{ "G", 1ULL << 30 },
	{ "M", 1ULL << 20 },
	{ "K", 1ULL << 10 },
};

/* An unsigned decimal as it stands in the text: "2.5", "2" or ".5". */
struct decimal {
	const char *whole, *fraction;
	size_t whole_length, fraction_length;
};

static int decimal_scan(const char **text, struct decimal *decimal)
{
	const char *end = *text;

	decimal->whole = end;
	decimal->whole_length = strspn(end, DIGITS);
	end += decimal->whole_length;
	decimal->fraction = end;
	decimal->fraction_length = 0;
	if (*end == '.') {
		decimal->fraction = ++end;
		decimal->fraction_length = strspn(end, DIGITS);
		end += decimal->fraction_length;
	}
	/* "5." and "." have a point with nothing behind it, "" has nothing. */
	if (end == *text || end[-1] == '.')
		return -EINVAL;
	*text = end;
	return 0;
}

static uint64_t digit_value(char digit)
{
	return (uint64_t)(digit - '0');
}

static int decimal_scale(const struct decimal *decimal, uint64_t scale,
			 uint64_t *result)
{
	uint64_t whole = 0, part = 0;
	size_t i;

	for (i = 0; i < decimal->whole_length; i++) {
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(
			    whole, digit_value(decimal->whole[i]), &whole))
			return -ERANGE;
	}
	/* Horner's scheme from the last digit: nested floors lose nothing. */
	for (i = decimal->fraction_length; i > 0; i--)
		part = (digit_value(decimal->fraction[i - 1]) * scale + part) /
		       10;
	if (__builtin_mul_overflow(whole, scale, &whole) ||
	    __builtin_add_overflow(whole, part, result))
		return -ERANGE;
	return 0;
}

/* The scale of the time unit that is exactly these bytes, 0 if none is. */
static uint64_t time_unit_scale(const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(time_units); i++) {
		if (strlen(time_units[i].name) == length &&
		    memcmp(time_units[i].name, name, length) == 0)
			return time_units[i].scale;
	}
	return 0;
}

/* One "30min " of a span; *bare is set if it has no unit. */
static int span_scan(const char **text, uint64_t *usec, bool *bare)
{
	struct decimal decimal;
	uint64_t scale;
	size_t length;

	if (decimal_scan(text, &decimal) < 0)
		return -EINVAL;
	*text += strspn(*text, BLANKS);
	length = strcspn(*text, DIGITS BLANKS ".");
	scale = time_unit_scale(*text, length);
	if (scale == 0)
		return -EINVAL;
	*bare = length == 0;
	*text += length;
	*text += strspn(*text, BLANKS);
	return decimal_scale(&decimal, scale, usec);
}

static bool is_infinity(const char *text)
{
	static const char word[] = "infinity";
	const size_t length = sizeof(word) - 1;

	return strncmp(text, word, length) == 0 &&
	       text[length + strspn(text + length, BLANKS)] == '\0';
}

int units_parse_duration(const char *text, uint64_t *usec)
{
	uint64_t sum = 0, span;
	bool bare, first = true;
	int result;

	text += strspn(text, BLANKS);
	if (is_infinity(text)) {
		*usec = USEC_INFINITY;
		return 0;
	}
	do {
		result = span_scan(&text, &span, &bare);
		if (result < 0)
			return result;
		/* "1 000" is a second or a thousand: better not to guess. */
		if (bare && (!first || *text != '\0'))
			return -EINVAL;
		if (__builtin_add_overflow(sum, span, &sum))
			return -ERANGE;
		first = false;
	} while (*text != '\0');
	if (sum == USEC_INFINITY)
		return -ERANGE;
	*usec = sum;
	return 0;
}

/* Step over a size's unit: "", "B", "K", "KB", "KiB"; K in either case. */
static uint64_t size_unit_scan(const char **text)
{
	uint64_t scale = 1;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(size_units); i++) {
		if ((**text & ~0x20) == size_units[i].name[0])
			scale = size_units[i].scale;
	}
	if (scale != 1)
		++*text;
	if (scale != 1 && strcmp(*text, "iB") == 0)
		*text += 2;
	else if (strcmp(*text, "B") == 0)
		*text += 1;
	return scale;
}

int units_parse_size(const char *text, uint64_t *bytes)
{
	struct decimal decimal;
	uint64_t scale;

	if (decimal_scan(&text, &decimal) < 0)
		return -EINVAL;
	scale = size_unit_scan(&text);
	if (*text != '\0')
		return -EINVAL;
	return decimal_scale(&decimal, scale, bytes);
}

/* Append to `text`, which holds `length` bytes; returns how many it has now. */
PRINTF_LIKE(3, 4)
static size_t text_append(char text[UNITS_TEXT_MAX], size_t length,
			  const char *format, ...)
{
	va_list arguments;
	int more;

	va_start(arguments, format);
	more = vsnprintf(text + length, UNITS_TEXT_MAX - length, format,
			 arguments);
	va_end(arguments);
	return MIN(length + (size_t)more, UNITS_TEXT_MAX - 1);
}

/* value / unit->scale, a power of ten, with as few digits as are exact. */
static size_t decimal_append(char text[UNITS_TEXT_MAX], size_t length,
			     uint64_t value, const struct unit *unit)
{
	uint64_t rest = value % unit->scale, scale;
	int width = 0;

	length = text_append(text, length, "%" PRIu64, value / unit->scale);
	for (scale = unit->scale; scale > 1; scale /= 10)
		width++;
	for (; rest != 0 && rest % 10 == 0; rest /= 10)
		width--;
	if (rest != 0)
		length = text_append(text, length, ".%0*" PRIu64, width, rest);
	return text_append(text, length, "%s", unit->name);
}

static void duration_write(uint64_t usec, char text[UNITS_TEXT_MAX])
{
	const struct unit *unit;
	size_t length = 0;

	for (unit = whole_units; unit < &whole_units[ARRAY_SIZE(whole_units)];
	     unit++) {
		if (usec < unit->scale)
			continue;
		length = text_append(text, length, "%s%" PRIu64 "%s",
				     length > 0 ? " " : "", usec / unit->scale,
				     unit->name);
		usec %= unit->scale;
	}
	if (usec == 0)
		return;
	for (unit = decimal_units; usec < unit->scale;)
		unit++;
	if (length > 0)
		length = text_append(text, length, " ");
	decimal_append(text, length, usec, unit);
}

/* "213503982d 23h 59min 59.999999s" is as long as it gets: 31 bytes. */
void units_format_duration(uint64_t usec, char text[UNITS_TEXT_MAX])
{
	if (usec == 0)
		snprintf(text, UNITS_TEXT_MAX, "0");
	else if (usec == USEC_INFINITY)
		snprintf(text, UNITS_TEXT_MAX, "infinity");
	else
		duration_write(usec, text);
}

void units_format_size(uint64_t bytes, char text[UNITS_TEXT_MAX])
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(size_units); i++) {
		if (bytes != 0 && bytes % size_units[i].scale == 0)
			break;
	}
	if (i == ARRAY_SIZE(size_units))
		snprintf(text, UNITS_TEXT_MAX, "%" PRIu64, bytes);
	else
		snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 "%s",
			 bytes / size_units[i].scale, size_units[i].name);
}
