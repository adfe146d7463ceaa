/* SPDX-License-Identifier: MIT */
/*
 * Values of options at their bounds.  What fails leaves the value alone.
 */
#include "config.h"

#include "echoping/settings_value.h"
#include "unit/harness.h"

#include <errno.h>
#include <string.h>

#define UNTOUCHED UINT64_C(0x1234567890abcdef)
#define REFUSED	  UNTOUCHED /* as the value of an example */

struct example {
	const char *text;
	uint64_t value;
};

static void expect(const struct example *example, int result,
		   const uint64_t *value)
{
	ck_assert_msg(result == (example->value == REFUSED ? -EINVAL : 0),
		      "'%s' gave %d", example->text, result);
	ck_assert_msg(*value == example->value, "'%s' gave %ju", example->text,
		      (uintmax_t)*value);
}

/* From 5 to 300; hexadecimal after 0x. */
static const struct example numbers[] = {
	{ "5", 5 },
	{ "300", 300 },
	{ "4", REFUSED },
	{ "301", REFUSED },
	{ "90", 90 },
	{ "0x5", 5 },
	{ "0x12c", 300 },
	{ "0x12C", 300 },
	{ "0x12d", REFUSED },
	{ "0x4", REFUSED },
	{ "00000000000000000000000000000009", 9 },
	{ "010", 10 },
	{ "18446744073709551616", REFUSED },
	{ "18446744073709551630", REFUSED },
	{ "0x10000000000000010", REFUSED },
	{ "", REFUSED },
	{ "0x", REFUSED },
	{ "0X10", REFUSED },
	{ "x10", REFUSED },
	{ "0x0x10", REFUSED },
	{ "0x-10", REFUSED },
	{ "0x 10", REFUSED },
	{ "-10", REFUSED },
	{ "+10", REFUSED },
	{ " 10", REFUSED },
	{ "10 ", REFUSED },
	{ "1a", REFUSED },
	{ "/10", REFUSED },
	{ ":10", REFUSED },
	{ "10.0", REFUSED },
	{ "1e1", REFUSED },
	{ "\xc2\xb2", REFUSED },
};

START_TEST(numbers_have_bounds)
{
	uint64_t value = UNTOUCHED;

	errno = ERANGE; /* of something before */
	expect(&numbers[_i],
	       value_parse_number(numbers[_i].text, 5, 300, &value), &value);
}
END_TEST

START_TEST(numbers_go_to_the_last_of_64_bits)
{
	static const struct example largest[] = {
		{ "18446744073709551615", UINT64_MAX },
		{ "0xffffffffffffffff", UINT64_MAX },
		{ "18446744073709551616", REFUSED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(largest); i++) {
		uint64_t value = UNTOUCHED;

		expect(&largest[i],
		       value_parse_number(largest[i].text, 0, UINT64_MAX,
					  &value),
		       &value);
	}
}
END_TEST

/* From 10 us to 1 s. */
static const struct example durations[] = {
	{ "10us", 10000 },
	{ "9us", REFUSED },
	{ "9.9us", REFUSED },
	{ "10.9us", 10000 },
	{ "1s", NSEC_PER_SEC },
	{ "1", NSEC_PER_SEC },
	{ "1000001us", REFUSED },
	{ "infinity", REFUSED },
	{ "99999999999999999999", REFUSED },
	{ "", REFUSED },
	{ "-1", REFUSED },
	{ "10ns", REFUSED },
};

START_TEST(durations_have_bounds)
{
	uint64_t value = UNTOUCHED;

	expect(&durations[_i],
	       value_parse_duration(durations[_i].text, 10000, NSEC_PER_SEC,
				    &value),
	       &value);
}
END_TEST

/* NSEC_LONGEST is 4611686018427387.9 us. */
static const struct example long_durations[] = {
	{ "4611686018427387us", UINT64_C(4611686018427387000) },
	{ "4611686018427388us", NSEC_INFINITY },
	{ "18446744073709551us", NSEC_INFINITY },
	{ "18446744073709552us", NSEC_INFINITY },
	{ "18446744073709551614us", NSEC_INFINITY },
	{ "infinity", NSEC_INFINITY },
	{ "0", 0 },
};

START_TEST(a_duration_is_infinite_before_sums_overflow)
{
	uint64_t value = UNTOUCHED;

	expect(&long_durations[_i],
	       value_parse_duration(long_durations[_i].text, 0, NSEC_INFINITY,
				    &value),
	       &value);
}
END_TEST

static const struct {
	const char *text, *bytes;
	size_t length;
} fills[] = {
	{ "A", "A", 1 },
	{ "0", "0", 1 },
	{ " ", " ", 1 },
	{ "\xff", "\xff", 1 },
	{ "0x00", "\0", 1 },
	{ "0xff00", "\xff\0", 2 },
	{ "0x09afAF90", "\x09\xaf\xaf\x90", 4 },
	{ "0x000102030405060708090a0b0c0d0e0f",
	  "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17", 16 },
};

START_TEST(fills_are_a_character_or_bytes)
{
	struct fill fill;

	memset(&fill, 0x55, sizeof(fill));
	ck_assert_int_eq(value_parse_fill(fills[_i].text, &fill), 0);
	ck_assert_uint_eq(fill.length, fills[_i].length);
	ck_assert_mem_eq(fill.bytes, fills[_i].bytes, fill.length);
}
END_TEST

static const char *const bad_fills[] = {
	"",
	"ab",
	"\xc3\xa9",
	"0x",
	"0x0",
	"0x123",
	"0xgg",
	"0x0g",
	"0xG0",
	"0x/0",
	"0x:0",
	"0x@0",
	"0x`0",
	"0x0 ",
	"0x-1",
	"0X10",
	"0x000102030405060708090a0b0c0d0e0f0",
	"0x000102030405060708090a0b0c0d0e0f10",
};

START_TEST(other_fills_are_refused)
{
	struct fill fill, before;

	memset(&fill, 0x55, sizeof(fill));
	before = fill;
	ck_assert_int_eq(value_parse_fill(bad_fills[_i], &fill), -EINVAL);
	ck_assert_mem_eq(&fill, &before, sizeof(fill));
}
END_TEST

/* In thousandths. */
static const struct example percents[] = {
	{ "0", 0 },
	{ "0%", 0 },
	{ "0.5", 500 },
	{ "0.5%", 500 },
	{ "99.999%", 99999 },
	{ "100", 100000 },
	{ "100.000%", 100000 },
	{ "00100", 100000 },
	{ "100.001", REFUSED },
	{ "101", REFUSED },
	{ "", REFUSED },
	{ "%", REFUSED },
	{ ".5", REFUSED },
	{ "5.", REFUSED },
	{ "5.%", REFUSED },
	{ "1.2.3", REFUSED },
	{ "1..2", REFUSED },
	{ "-1", REFUSED },
	{ "+1", REFUSED },
	{ " 1", REFUSED },
	{ "1 ", REFUSED },
	{ "1 %", REFUSED },
	{ "1%%", REFUSED },
	{ "1%x", REFUSED },
	{ "1e1", REFUSED },
	{ "0x1", REFUSED },
	{ "1,5", REFUSED },
	{ "inf", REFUSED },
	{ "nan", REFUSED },
};

START_TEST(percentages_go_to_a_hundred)
{
	double percent = -1;
	int result = value_parse_percent(percents[_i].text, &percent);
	uint64_t value = UNTOUCHED;

	if (percent >= 0)
		value = (uint64_t)(percent * 1000 + 0.5);
	expect(&percents[_i], result, &value);
}
END_TEST

static const struct example rates[] = {
	{ "1", 1 },
	{ "0.999", REFUSED },
	{ "0", REFUSED },
	{ "2500", 2500 },
	{ "2500.5", 2501 },
	{ "2500.4", 2500 },
	{ "1K", 1000 },
	{ "1k", 1000 },
	{ "0.001K", 1 },
	{ "0.0009K", REFUSED },
	{ "100K", 100000 },
	{ "1.5M", 1500000 },
	{ "0.000001M", 1 },
	{ "1000M", 1000000000 },
	{ "1000000000", 1000000000 },
	{ "1000000001", REFUSED },
	{ "1000.000001M", REFUSED },
	{ "1000000K", 1000000000 },
	{ "1m", REFUSED },
	{ "1G", REFUSED },
	{ "1KB", REFUSED },
	{ "1 K", REFUSED },
	{ "K", REFUSED },
	{ "", REFUSED },
	{ "1.", REFUSED },
	{ "1.K", REFUSED },
	{ ".5K", REFUSED },
	{ "1.2.3K", REFUSED },
	{ "-1", REFUSED },
	{ "1e3", REFUSED },
	{ "0x10", REFUSED },
};

START_TEST(rates_go_from_one_to_a_thousand_millions)
{
	uint64_t value = UNTOUCHED;

	expect(&rates[_i], value_parse_rate(rates[_i].text, &value), &value);
}
END_TEST

START_TEST(long_decimals_do_no_harm)
{
	char text[1024];
	double percent = 7;
	uint64_t rate = 7;

	memset(text, '9', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(value_parse_percent(text, &percent), -EINVAL);
	ck_assert_int_eq(value_parse_rate(text, &rate), -EINVAL);
	memset(text, '0', sizeof(text) - 1);
	ck_assert_int_eq(value_parse_rate(text, &rate), -EINVAL);
	ck_assert_int_eq(value_parse_percent(text, &percent), 0);
	ck_assert(percent < 0.001 && rate == 7);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("settings_value");
	TCase *tcase = tcase_create("settings_value");

	tcase_add_loop_test(tcase, numbers_have_bounds, 0, ARRAY_SIZE(numbers));
	tcase_add_test(tcase, numbers_go_to_the_last_of_64_bits);
	tcase_add_loop_test(tcase, durations_have_bounds, 0,
			    ARRAY_SIZE(durations));
	tcase_add_loop_test(tcase, a_duration_is_infinite_before_sums_overflow,
			    0, ARRAY_SIZE(long_durations));
	tcase_add_loop_test(tcase, fills_are_a_character_or_bytes, 0,
			    ARRAY_SIZE(fills));
	tcase_add_loop_test(tcase, other_fills_are_refused, 0,
			    ARRAY_SIZE(bad_fills));
	tcase_add_loop_test(tcase, percentages_go_to_a_hundred, 0,
			    ARRAY_SIZE(percents));
	tcase_add_loop_test(tcase, rates_go_from_one_to_a_thousand_millions, 0,
			    ARRAY_SIZE(rates));
	tcase_add_test(tcase, long_decimals_do_no_harm);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
