/* SPDX-License-Identifier: MIT */
/*
 * SipHash-1-3 of fifteen bytes.  The vectors are of other implementations: that
 * of the Rust standard library's tests, and hash(bytes) of CPython 3.11 with
 * PYTHONHASHSEED=0, which is a key of zeros.
 */
#include "config.h"

#include "common/siphash.h"
#include "unit/harness.h"

#include <string.h>

/* As on a little-endian machine. */
static uint64_t word_of(const char *bytes, size_t count)
{
	uint64_t word = 0;

	while (count-- > 0)
		word = word << 8 | (unsigned char)bytes[count];
	return word;
}

static uint64_t hash_of(const struct siphash_key *key, const char text[15])
{
	return siphash(key, word_of(text, 8), word_of(text + 8, 7));
}

START_TEST(vectors_of_others_are_met)
{
	static const struct siphash_key counting = {
		{ UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) },
	};
	static const struct siphash_key zeros;

	ck_assert(hash_of(&counting, "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16") ==
		  UINT64_C(0xd320d86d2a519956));
	ck_assert(hash_of(&zeros, "fifteen  bytes!") ==
		  UINT64_C(16668893767658595941));
}
END_TEST

START_TEST(each_bit_matters)
{
	const struct siphash_key key = { { 1, 2 } };
	uint64_t before = siphash(&key, 3, 4);

	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t one = UINT64_C(1) << bit;
		struct siphash_key other = { { 1 ^ one, 2 } };

		ck_assert(siphash(&key, 3 ^ one, 4) != before);
		ck_assert((siphash(&key, 3, 4 ^ one) == before) == (bit >= 56));
		ck_assert(siphash(&other, 3, 4) != before);
		other = (struct siphash_key){ { 1, 2 ^ one } };
		ck_assert(siphash(&other, 3, 4) != before);
	}
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("siphash");
	TCase *tcase = tcase_create("siphash");

	tcase_add_test(tcase, vectors_of_others_are_met);
	tcase_add_test(tcase, each_bit_matters);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
