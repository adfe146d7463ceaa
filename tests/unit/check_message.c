/* SPDX-License-Identifier: MIT */
/*
 * What a message carries, at every size that is special.
 */
#include "config.h"

#include "echoping/message.h"
#include "echoping/pattern.h"
#include "unit/harness.h"

#include <stdlib.h>
#include <string.h>

#define HEADER	 MESSAGE_HEADER_SIZE
#define SEQUENCE UINT64_C(0x8877665544332211)
#define NONCE	 UINT64_C(0xf0e0d0c0b0a09080)
#define GUARD	 0x5a

static const unsigned char header[] = {
	0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
	0x80, 0x90, 0xa0, 0xb0, 0xc0, 0xd0, 0xe0, 0xf0,
};
_Static_assert(sizeof(header) == HEADER, "it is all of it");

static void setup(void)
{
	pattern_init(&(struct fill){ .length = 0 });
}

/* Sizes at which another part begins. */
static const size_t sizes[] = {
	0,
	1,
	2,
	7,
	8,
	9,
	15,
	16,
	17,
	18,
	64,
	1000,
	HEADER + PATTERN_PERIOD,
	HEADER + PATTERN_SPAN - 1,
	HEADER + PATTERN_SPAN,
	HEADER + PATTERN_SPAN + 1,
	HEADER + 2 * PATTERN_SPAN + 1,
	MESSAGE_SIZE_MAX,
};

/* Exactly so large: who reads behind it is seen by sanitizers. */
static unsigned char *message_make(size_t size, uint64_t sequence,
				   uint64_t nonce)
{
	unsigned char *bytes = malloc(MAX(size, 1));

	ck_assert_ptr_nonnull(bytes);
	message_write(bytes, size, sequence, nonce);
	return bytes;
}

START_TEST(as_much_is_written_as_fits)
{
	size_t size = sizes[_i];
	unsigned char *bytes = malloc(size + 1);

	ck_assert_ptr_nonnull(bytes);
	memset(bytes, GUARD, size + 1);
	message_write(bytes, size, SEQUENCE, NONCE);
	ck_assert_mem_eq(bytes, header, MIN(size, HEADER));
	ck_assert_uint_eq(bytes[size], GUARD);
	free(bytes);
}
END_TEST

/* Where in the pattern this is; PATTERN_PERIOD: nowhere. */
static size_t pattern_find(const unsigned char *bytes, size_t size)
{
	size_t at = 0;

	while (at < PATTERN_PERIOD && memcmp(pattern_bytes + at, bytes, size))
		at++;
	return at;
}

START_TEST(the_body_is_a_piece_of_the_pattern)
{
	size_t size = MESSAGE_SIZE_MAX, at;
	unsigned char *bytes = message_make(size, SEQUENCE, NONCE);

	at = pattern_find(bytes + HEADER, 64);
	ck_assert_uint_lt(at, PATTERN_PERIOD);
	ck_assert_uint_eq(pattern_mismatch(at, bytes + HEADER, size - HEADER),
			  size - HEADER);
	free(bytes);
}
END_TEST

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, 8);
}

/* So that one that takes the place of another is seen. */
START_TEST(bodies_differ_as_long_as_they_can)
{
	static unsigned char bodies[PATTERN_PERIOD][8];
	unsigned char bytes[HEADER + 8];

	for (size_t i = 0; i < PATTERN_PERIOD; i++) {
		message_write(bytes, sizeof(bytes), SEQUENCE + i, NONCE);
		memcpy(bodies[i], bytes + HEADER, 8);
	}
	qsort(bodies, PATTERN_PERIOD, 8, compare);
	for (size_t i = 1; i < PATTERN_PERIOD; i++)
		ck_assert_mem_ne(bodies[i - 1], bodies[i], 8);
}
END_TEST

static void expect_mismatch(unsigned char *bytes, size_t size, size_t wrong)
{
	bytes[wrong] ^= 0x80;
	bytes[size - 1] ^= 0x01;
	ck_assert_uint_eq(message_mismatch(bytes, size, SEQUENCE, NONCE),
			  wrong);
	bytes[wrong] ^= 0x80;
	bytes[size - 1] ^= 0x01;
}

START_TEST(the_first_wrong_byte_is_found)
{
	size_t size = sizes[_i];
	const size_t edges[] = {
		HEADER - 1,
		HEADER,
		HEADER + PATTERN_SPAN - 1,
		HEADER + PATTERN_SPAN,
		size - 2,
		size - 1,
	};
	unsigned char *bytes = message_make(size, SEQUENCE, NONCE);

	ck_assert_uint_eq(message_mismatch(bytes, size, SEQUENCE, NONCE), size);
	for (size_t at = 0; at < MIN(size, 1000); at++)
		expect_mismatch(bytes, size, at);
	for (size_t edge = 0; edge < ARRAY_SIZE(edges); edge++)
		if (edges[edge] < size)
			expect_mismatch(bytes, size, edges[edge]);
	free(bytes);
}
END_TEST

START_TEST(another_message_is_not_this_one)
{
	unsigned char *bytes = message_make(100, SEQUENCE, NONCE);

	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t other = UINT64_C(1) << bit;

		ck_assert_uint_eq(
			message_mismatch(bytes, 100, SEQUENCE ^ other, NONCE),
			bit / 8);
		ck_assert_uint_eq(
			message_mismatch(bytes, 100, SEQUENCE, NONCE ^ other),
			8 + bit / 8);
	}
	free(bytes);
}
END_TEST

/* So that a reply whose header is wrong is known all the same. */
START_TEST(a_message_may_have_a_body_whatever_its_header)
{
	size_t size = sizes[_i];
	unsigned char *bytes = message_make(size, SEQUENCE, NONCE);

	memset(bytes, GUARD, MIN(size, HEADER));
	ck_assert_int_eq(message_has_body(bytes, size, SEQUENCE),
			 size > HEADER);
	ck_assert(!message_has_body(bytes, size, SEQUENCE + 1) || size == 17);
	if (size > HEADER)
		bytes[size - 1] ^= 0x01;
	ck_assert(!message_has_body(bytes, size, SEQUENCE));
	free(bytes);
}
END_TEST

/* As much of the nonce as there is decides, be it nothing. */
START_TEST(a_message_is_ours_by_its_nonce)
{
	for (size_t size = 0; size <= 20; size++) {
		unsigned char *bytes = message_make(size, SEQUENCE, NONCE);

		ck_assert(message_is_ours(bytes, size, NONCE));
		for (int bit = 0; bit < 64; bit++)
			ck_assert_int_eq(
				message_is_ours(bytes, size,
						NONCE ^ UINT64_C(1) << bit),
				size <= 8U + (unsigned)bit / 8);
		memset(bytes, GUARD, MIN(size, 8));
		memset(bytes + MIN(size, 16), GUARD, size - MIN(size, 16));
		ck_assert(message_is_ours(bytes, size, NONCE));
		free(bytes);
	}
}
END_TEST

/* Numbers near which some byte of the sequence turns. */
static const uint64_t newest_numbers[] = {
	0,
	1,
	2,
	100,
	0xff,
	0x100,
	0x101,
	0x1ff,
	0x200,
	0xffff,
	0x10000,
	0x10001,
	0xffffff,
	0x1000000,
	0xffffffff,
	UINT64_C(0x100000000),
	UINT64_C(0x1234567890),
	UINT64_C(0xffffffffff),
	UINT64_C(0x10000000000),
	UINT64_C(0xffffffffffff),
	UINT64_C(0x1000000000000),
	UINT64_C(0xffffffffffffff),
	UINT64_C(0x100000000000000),
	UINT64_C(0x7fffffffffffffff),
	UINT64_MAX - 1,
	UINT64_MAX,
};

static uint64_t sequence_of(uint64_t number, size_t size, uint64_t newest)
{
	unsigned char *bytes = message_make(size, number, NONCE);
	uint64_t sequence = message_sequence(bytes, size, newest);

	free(bytes);
	return sequence;
}

/* Of all that the low bytes can tell apart, up to the one sent last. */
START_TEST(the_sequence_is_completed)
{
	uint64_t newest = newest_numbers[_i];

	for (size_t size = 0; size < 8; size++) {
		uint64_t last = (UINT64_C(1) << (8 * size)) - 1;
		const uint64_t ages[] = {
			0,   1,	       2,	 100,  254,
			255, last / 2, last - 1, last, last & 0x8421
		};

		for (size_t i = 0; i < ARRAY_SIZE(ages); i++)
			if (ages[i] <= last && ages[i] <= newest)
				ck_assert_uint_eq(sequence_of(newest - ages[i],
							      size, newest),
						  newest - ages[i]);
		for (uint64_t age = 0; size == 1 && age < MIN(newest, 256);
		     age++)
			ck_assert_uint_eq(sequence_of(newest - age, 1, newest),
					  newest - age);
	}
}
END_TEST

/* A number that was never sent: there is none that it could be. */
START_TEST(a_number_from_the_future_is_what_its_bytes_say)
{
	ck_assert_uint_eq(sequence_of(1, 1, 0), 1);
	ck_assert_uint_eq(sequence_of(255, 1, 254), 255);
	ck_assert_uint_eq(sequence_of(0xffff, 2, 0x100), 0xffff);
	ck_assert_uint_eq(sequence_of(0xffffffffffffff, 7, 3),
			  0xffffffffffffff);
	/* One turn later it is an old one. */
	ck_assert_uint_eq(sequence_of(0x1ff, 1, 0x1fe), 0xff);
	ck_assert_uint_eq(sequence_of(0x20001, 2, 0x20000), 0x10001);
}
END_TEST

START_TEST(a_whole_sequence_is_itself)
{
	for (size_t i = 0; i < ARRAY_SIZE(newest_numbers); i++)
		for (size_t size = 8; size <= 17; size++) {
			ck_assert_uint_eq(
				sequence_of(newest_numbers[i], size, 0),
				newest_numbers[i]);
			ck_assert_uint_eq(sequence_of(newest_numbers[i], size,
						      UINT64_MAX),
					  newest_numbers[i]);
		}
}
END_TEST

START_TEST(an_empty_message_is_the_newest)
{
	ck_assert_uint_eq(sequence_of(1, 0, 0), 0);
	ck_assert_uint_eq(sequence_of(1, 0, 77), 77);
	ck_assert_uint_eq(sequence_of(1, 0, UINT64_MAX), UINT64_MAX);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("message");
	TCase *tcase = tcase_create("message");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_loop_test(tcase, as_much_is_written_as_fits, 0,
			    ARRAY_SIZE(sizes));
	tcase_add_test(tcase, the_body_is_a_piece_of_the_pattern);
	tcase_add_test(tcase, bodies_differ_as_long_as_they_can);
	tcase_add_loop_test(tcase, the_first_wrong_byte_is_found, 0,
			    ARRAY_SIZE(sizes));
	tcase_add_test(tcase, another_message_is_not_this_one);
	tcase_add_loop_test(tcase,
			    a_message_may_have_a_body_whatever_its_header, 0,
			    ARRAY_SIZE(sizes));
	tcase_add_test(tcase, a_message_is_ours_by_its_nonce);
	tcase_add_loop_test(tcase, the_sequence_is_completed, 0,
			    ARRAY_SIZE(newest_numbers));
	tcase_add_test(tcase, a_number_from_the_future_is_what_its_bytes_say);
	tcase_add_test(tcase, a_whole_sequence_is_itself);
	tcase_add_test(tcase, an_empty_message_is_the_newest);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
