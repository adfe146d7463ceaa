/* SPDX-License-Identifier: MIT */
/*
 * How libFuzzer changes schedules: by whole steps, so that what comes behind a
 * change still means the same.  Headers are of whole steps, too.
 */
#include "config.h"

#include "fuzz/fuzz.h"

#include <string.h>

#define STEP 4

/* Of the targets that are changed so: the longest. */
#define HEADER_MAX 8

/* At one go, of a schedule that got longer. */
#define CHANGES 8

/* libFuzzer's: change these bytes, of which there may be so many. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

/* It calls this if it is there. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,
			       unsigned seed);

static void change(uint8_t *step)
{
	(void)LLVMFuzzerMutate(step, STEP, STEP);
}

/* A copy of `count` steps from `from`, at `at`. */
static size_t copy(uint8_t *data, size_t size, size_t at, size_t from,
		   size_t count)
{
	uint8_t steps[16 * STEP];
	size_t length = count * STEP;

	memcpy(steps, data + from * STEP, length);
	memmove(data + at * STEP + length, data + at * STEP, size - at * STEP);
	memcpy(data + at * STEP, steps, length);
	return size + length;
}

static size_t drop(uint8_t *data, size_t size, size_t at, size_t count)
{
	size_t begin = at * STEP, end = begin + count * STEP;

	memmove(data + begin, data + end, size - end);
	return size - count * STEP;
}

static void swap(uint8_t *a, uint8_t *b)
{
	uint8_t step[STEP];

	memcpy(step, a, STEP);
	memcpy(a, b, STEP);
	memcpy(b, step, STEP);
}

/* Twice as long, from behind the header on: what was found, and then more. */
static size_t repeat(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	size_t room = (most - size) / STEP * STEP, again = size - HEADER_MAX;

	if (again > room)
		again = room;
	memcpy(data + size, data + HEADER_MAX, again);
	size += again;
	for (size_t i = 0; i < CHANGES; i++) {
		change(data + seed % (size / STEP) * STEP);
		seed = seed * 1103515245 + 12345;
	}
	return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,
			       unsigned seed)
{
	size_t steps = size / STEP, at, other, count;

	if (steps < 4)
		return LLVMFuzzerMutate(data, size, most) / STEP * STEP;
	size = steps * STEP;
	at = seed / 8 % steps;
	other = seed / 8 / steps % steps;
	count = 1 + seed / 65536 % 16;
	if (count > steps - other)
		count = steps - other;
	switch (seed % 8) {
	case 0:
	case 1:
		if (size + count * STEP <= most)
			size = copy(data, size, at, other, count);
		break;
	case 2:
		return drop(data, size, other, count < steps ? count : 1);
	case 3:
		swap(data + at * STEP, data + other * STEP);
		break;
	case 4:
	case 5:
		return repeat(data, size, most, seed / 8);
	default:
		break;
	}
	change(data + at * STEP);
	return size;
}
