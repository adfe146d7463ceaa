/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a duration and as a size, and eight bytes as the number itself:
 * what is written is read back, to the same number.
 */
#include "config.h"

#include "common/units.h"
#include "fuzz/fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNTOUCHED 0xdeadbeefULL

static void check_duration(uint64_t usec)
{
	char text[UNITS_TEXT_MAX];
	uint64_t again;

	units_format_duration(usec, text);
	assert(units_parse_duration(text, &again) == 0);
	assert(again == usec);
}

static void check_size(uint64_t bytes)
{
	char text[UNITS_TEXT_MAX];
	uint64_t again;

	units_format_size(bytes, text);
	assert(units_parse_size(text, &again) == 0);
	assert(again == bytes);
}

static void check_text(const char *text)
{
	uint64_t value = UNTOUCHED;
	int result = units_parse_duration(text, &value);

	assert(result == 0 || result == -EINVAL || result == -ERANGE);
	assert(result == 0 || value == UNTOUCHED);
	check_duration(value);

	value = UNTOUCHED;
	result = units_parse_size(text, &value);
	assert(result == 0 || result == -EINVAL || result == -ERANGE);
	assert(result == 0 || value == UNTOUCHED);
	check_size(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	uint64_t number;

	assert(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	check_text(text);
	free(text);
	if (size == sizeof(number)) {
		memcpy(&number, data, sizeof(number));
		check_duration(number);
		check_size(number);
	}
	return 0;
}
