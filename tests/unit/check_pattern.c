/* SPDX-License-Identifier: MIT */
/*
 * The bytes that are sent, and finding the first that is wrong.
 */
#include "config.h"

#include "common/macros.h"
#include "echoping/pattern.h"
#include "unit/harness.h"

#include <stdlib.h>
#include <string.h>

static void setup(void)
{
	pattern_init(&(struct fill){ .length = 0 });
}

START_TEST(the_sequence_is_the_same_in_every_run)
{
	/* The low bytes of splitmix64 from 862 on. */
	static const unsigned char begin[] = {
		0x2d, 0xce, 0x7f, 0x33, 0xd8, 0x57, 0xf9, 0x76,
		0x5e, 0xef, 0x51, 0x52, 0x22, 0xba, 0x41, 0x99,
	};

	ck_assert_mem_eq(pattern_bytes, begin, sizeof(begin));
}
END_TEST

START_TEST(the_sequence_repeats_after_its_period)
{
	ck_assert_mem_eq(pattern_bytes, pattern_bytes + PATTERN_PERIOD,
			 PATTERN_SPAN);
}
END_TEST

/* What is lost, doubled or moved is rarely what was sent. */
START_TEST(the_sequence_is_like_no_other_part_of_it)
{
	static const size_t moves[] = { 1,    2,    3,	   4,	  7,	8,
					15,   16,   255,   256,	  257,	1460,
					4096, 4799, 32768, 65520, 65536 };

	for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
		const unsigned char *moved = pattern_at(moves[i]);
		int same = 0;

		for (size_t at = 0; at < PATTERN_PERIOD; at++)
			same += pattern_bytes[at] == moved[at];
		/* 1 of 256 by chance: 256, and a deviation of 16. */
		ck_assert_int_lt(same, 256 + 6 * 16);
	}
}
END_TEST

START_TEST(every_byte_is_about_as_frequent)
{
	int counts[256] = { 0 };

	for (size_t at = 0; at < PATTERN_PERIOD; at++)
		counts[pattern_bytes[at]]++;
	for (size_t byte = 0; byte < 256; byte++) {
		ck_assert_int_gt(counts[byte], 256 - 6 * 16);
		ck_assert_int_lt(counts[byte], 256 + 6 * 16);
	}
}
END_TEST

static const struct fill fills[] = {
	{ "x", 1 },
	{ "\0\xff", 2 },
	{ "abc", 3 },
	{ { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 }, 16 },
};

START_TEST(a_fill_is_repeated)
{
	const struct fill *fill = &fills[_i];

	pattern_init(fill);
	for (size_t at = 0; at < PATTERN_PERIOD; at++)
		ck_assert_uint_eq(pattern_bytes[at],
				  fill->bytes[at % fill->length]);
	ck_assert_mem_eq(pattern_bytes, pattern_bytes + PATTERN_PERIOD,
			 PATTERN_SPAN);
}
END_TEST

static const uint64_t positions[] = {
	0,
	1,
	PATTERN_PERIOD - 1,
	PATTERN_PERIOD,
	PATTERN_PERIOD + 1,
	PATTERN_SPAN,
	UINT64_C(1) << 40,
	UINT64_MAX - MESSAGE_SIZE_MAX, /* position + length is one, too */
};

START_TEST(every_position_can_be_had)
{
	for (size_t i = 0; i < ARRAY_SIZE(positions); i++) {
		const unsigned char *at = pattern_at(positions[i]);

		ck_assert_ptr_eq(at,
				 pattern_bytes + positions[i] % PATTERN_PERIOD);
		ck_assert(at + PATTERN_SPAN <=
			  pattern_bytes + sizeof(pattern_bytes));
	}
}
END_TEST

/* Exactly so large: who reads behind it is seen by sanitizers. */
static unsigned char *sequence_copy(uint64_t position, size_t length)
{
	unsigned char *bytes = malloc(MAX(length, 1));

	ck_assert_ptr_nonnull(bytes);
	for (size_t at = 0; at < length; at++)
		bytes[at] = pattern_bytes[(position + at) % PATTERN_PERIOD];
	return bytes;
}

static const size_t lengths[] = {
	0,
	1,
	2,
	7,
	8,
	9,
	15,
	16,
	17,
	PATTERN_PERIOD - 1,
	PATTERN_PERIOD,
	PATTERN_PERIOD + 1,
	PATTERN_SPAN - 1,
	PATTERN_SPAN,
	PATTERN_SPAN + 1,
	2 * PATTERN_SPAN,
	2 * PATTERN_SPAN + 1,
	MESSAGE_SIZE_MAX,
};

START_TEST(the_sequence_has_no_mismatch)
{
	size_t length = lengths[_i];

	for (size_t i = 0; i < ARRAY_SIZE(positions); i++) {
		unsigned char *bytes = sequence_copy(positions[i], length);

		ck_assert_uint_eq(pattern_mismatch(positions[i], bytes, length),
				  length);
		free(bytes);
	}
}
END_TEST

/* With other wrong bytes behind it. */
static void expect_mismatch(unsigned char *bytes, size_t length, size_t wrong,
			    uint64_t position)
{
	bytes[wrong] ^= 0x80;
	bytes[length - 1] ^= 0x01;
	ck_assert_uint_eq(pattern_mismatch(position, bytes, length), wrong);
	bytes[wrong] ^= 0x80;
	bytes[length - 1] ^= 0x01;
}

START_TEST(the_first_wrong_byte_is_found)
{
	size_t length = lengths[_i];
	const size_t edges[] = { 0,
				 1,
				 length / 2,
				 PATTERN_PERIOD - 1,
				 PATTERN_PERIOD,
				 PATTERN_SPAN - 1,
				 PATTERN_SPAN,
				 PATTERN_SPAN + 1,
				 2 * PATTERN_SPAN - 1,
				 2 * PATTERN_SPAN,
				 length - 2,
				 length - 1 };

	for (size_t i = 0; i < ARRAY_SIZE(positions); i++) {
		unsigned char *bytes = sequence_copy(positions[i], length);

		for (size_t at = 0; at < length && length <= 17; at++)
			expect_mismatch(bytes, length, at, positions[i]);
		for (size_t edge = 0; edge < ARRAY_SIZE(edges); edge++)
			if (edges[edge] < length)
				expect_mismatch(bytes, length, edges[edge],
						positions[i]);
		free(bytes);
	}
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("pattern");
	TCase *tcase = tcase_create("pattern");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, the_sequence_is_the_same_in_every_run);
	tcase_add_test(tcase, the_sequence_repeats_after_its_period);
	tcase_add_test(tcase, the_sequence_is_like_no_other_part_of_it);
	tcase_add_test(tcase, every_byte_is_about_as_frequent);
	tcase_add_loop_test(tcase, a_fill_is_repeated, 0, ARRAY_SIZE(fills));
	tcase_add_test(tcase, every_position_can_be_had);
	tcase_add_loop_test(tcase, the_sequence_has_no_mismatch, 0,
			    ARRAY_SIZE(lengths));
	tcase_add_loop_test(tcase, the_first_wrong_byte_is_found, 0,
			    ARRAY_SIZE(lengths));
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
