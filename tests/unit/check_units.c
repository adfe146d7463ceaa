/* SPDX-License-Identifier: MIT */
/*
 * Durations and sizes: tables of what is read and written, and what is not.
 */
#include "config.h"

#include "common/units.h"
#include "unit/harness.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define MINUTE (60 * USEC_PER_SEC)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* No parser may leave this behind, nor touch it when it fails. */
#define UNTOUCHED 0xdeadbeefULL

struct example {
	const char *text;
	uint64_t value;
};

struct refusal {
	const char *text;
	int error;
};

static const struct example durations[] = {
	{ "0", 0 },
	{ "1", USEC_PER_SEC },
	{ "007", 7 * USEC_PER_SEC },
	{ "1us", 1 },
	{ "3usec", 3 },
	{ "500ms", 500 * USEC_PER_MSEC },
	{ "2msec", 2 * USEC_PER_MSEC },
	{ "5s", 5 * USEC_PER_SEC },
	{ "5sec", 5 * USEC_PER_SEC },
	{ "1second", USEC_PER_SEC },
	{ "9seconds", 9 * USEC_PER_SEC },
	{ "5m", 5 * MINUTE },
	{ "5min", 5 * MINUTE },
	{ "1minute", MINUTE },
	{ "5minutes", 5 * MINUTE },
	{ "2h", 2 * HOUR },
	{ "2hr", 2 * HOUR },
	{ "1hour", HOUR },
	{ "2hours", 2 * HOUR },
	{ "3d", 3 * DAY },
	{ "1day", DAY },
	{ "3days", 3 * DAY },
	{ "1w", 7 * DAY },
	{ "1week", 7 * DAY },
	{ "2weeks", 14 * DAY },
	{ "1h 30min", HOUR + 30 * MINUTE },
	{ "1h30min", HOUR + 30 * MINUTE },
	{ " 1 h\t30 min\n", HOUR + 30 * MINUTE },
	{ "30min 1h", HOUR + 30 * MINUTE },
	{ "1s 1s", 2 * USEC_PER_SEC },
	{ "2.5s", 2500 * USEC_PER_MSEC },
	{ "2.5", 2500 * USEC_PER_MSEC },
	{ ".5ms", 500 },
	{ "1h.5min", HOUR + 30 * USEC_PER_SEC },
	{ "0.000001s", 1 },
	{ "0.0000019s", 1 },
	{ "0.1d", DAY / 10 },
	{ "0.00000000001157407407d", 0 },
	{ "0.00000000001157407408d", 1 },
	{ "infinity", USEC_INFINITY },
	{ " infinity ", USEC_INFINITY },
	{ "18446744073709551614us", UINT64_MAX - 1 },
};

static const struct refusal bad_durations[] = {
	{ "", -EINVAL },
	{ " ", -EINVAL },
	{ "s", -EINVAL },
	{ "five", -EINVAL },
	{ "-1s", -EINVAL },
	{ "+1s", -EINVAL },
	{ "1.s", -EINVAL },
	{ "1.", -EINVAL },
	{ ".", -EINVAL },
	{ ".s", -EINVAL },
	{ "1.2.3s", -EINVAL },
	{ "1,5s", -EINVAL },
	{ "1S", -EINVAL },
	{ "1M", -EINVAL },
	{ "1fortnight", -EINVAL },
	{ "1se", -EINVAL },
	{ "1 000", -EINVAL },
	{ "5 10s", -EINVAL },
	{ "1min 30", -EINVAL },
	{ "0x10", -EINVAL },
	{ "1s;", -EINVAL },
	{ "1h 30min x", -EINVAL },
	{ "infinit", -EINVAL },
	{ "infinity 1s", -EINVAL },
	{ "1s infinity", -EINVAL },
	{ "18446744073709551615us", -ERANGE }, /* would read as infinity */
	{ "18446744073709551616us", -ERANGE },
	{ "18446744073709551620us", -ERANGE },
	{ "99999999999999999999999999s", -ERANGE },
	{ "18446744073710s", -ERANGE },
	{ "18446744073709.551616s", -ERANGE },
	{ "213503982d 1d", -ERANGE },
};

static const struct example sizes[] = {
	{ "0", 0 },
	{ "1", 1 },
	{ "1000", 1000 },
	{ "1B", 1 },
	{ "64K", 65536 },
	{ "64k", 65536 },
	{ "64KB", 65536 },
	{ "64KiB", 65536 },
	{ "1M", 1ULL << 20 },
	{ "1MiB", 1ULL << 20 },
	{ "3G", 3ULL << 30 },
	{ "2T", 2ULL << 40 },
	{ "2t", 2ULL << 40 },
	{ "1.5K", 1536 },
	{ ".5M", 512ULL * 1024 },
	{ "0.1K", 102 },
	{ "16777215T", 16777215ULL << 40 },
	{ "18446744073709551615", UINT64_MAX },
};

static const struct refusal bad_sizes[] = {
	{ "", -EINVAL },
	{ " 1", -EINVAL },
	{ "1 ", -EINVAL },
	{ "1 K", -EINVAL },
	{ "K", -EINVAL },
	{ "-1", -EINVAL },
	{ "+1", -EINVAL },
	{ "1.", -EINVAL },
	{ "1iB", -EINVAL },
	{ "1Ki", -EINVAL },
	{ "1Kb", -EINVAL },
	{ "1KK", -EINVAL },
	{ "1KBB", -EINVAL },
	{ "1P", -EINVAL },
	{ "0x10", -EINVAL },
	{ "1K1", -EINVAL },
	{ "infinity", -EINVAL },
	{ "18446744073709551616", -ERANGE },
	{ "16777216T", -ERANGE },
	{ "18014398509481984K", -ERANGE },
	{ "99999999999999999999999999", -ERANGE },
};

static const struct example written_durations[] = {
	{ "0", 0 },
	{ "1us", 1 },
	{ "999us", 999 },
	{ "1ms", USEC_PER_MSEC },
	{ "1.5ms", 1500 },
	{ "1.001ms", 1001 },
	{ "500ms", 500 * USEC_PER_MSEC },
	{ "999.999ms", USEC_PER_SEC - 1 },
	{ "1s", USEC_PER_SEC },
	{ "2.5s", 2500 * USEC_PER_MSEC },
	{ "1.000001s", USEC_PER_SEC + 1 },
	{ "10s", 10 * USEC_PER_SEC },
	{ "1min", MINUTE },
	{ "1min 30s", 90 * USEC_PER_SEC },
	{ "1min 500ms", MINUTE + 500 * USEC_PER_MSEC },
	{ "1h", HOUR },
	{ "1h 30min", HOUR + 30 * MINUTE },
	{ "1h 1us", HOUR + 1 },
	{ "1d", DAY },
	{ "7d", 7 * DAY },
	{ "1d 59.999999s", DAY + MINUTE - 1 },
	{ "infinity", USEC_INFINITY },
	/* As long as it gets: it must fit UNITS_TEXT_MAX. */
	{ "213503981d 23h 59min 59.999999s", 213503982 * DAY - 1 },
};

static const struct example written_sizes[] = {
	{ "0", 0 },
	{ "1", 1 },
	{ "1000", 1000 },
	{ "1023", 1023 },
	{ "1K", 1024 },
	{ "1025", 1025 },
	{ "64K", 65536 },
	{ "1M", 1ULL << 20 },
	{ "1025K", 1025ULL * 1024 },
	{ "64M", 64ULL << 20 },
	{ "1G", 1ULL << 30 },
	{ "1T", 1ULL << 40 },
	{ "1024T", 1ULL << 50 },
	{ "18446744073709551615", UINT64_MAX },
};

START_TEST(durations_are_read)
{
	const struct example *example = &durations[_i];
	uint64_t usec = UNTOUCHED;

	ck_assert_msg(units_parse_duration(example->text, &usec) == 0,
		      "'%s' was refused", example->text);
	ck_assert_msg(usec == example->value, "'%s' was read as %" PRIu64 " us",
		      example->text, usec);
}
END_TEST

START_TEST(bad_durations_are_refused)
{
	const struct refusal *refusal = &bad_durations[_i];
	uint64_t usec = UNTOUCHED;
	int result = units_parse_duration(refusal->text, &usec);

	ck_assert_msg(result == refusal->error, "'%s' gave %d", refusal->text,
		      result);
	ck_assert_uint_eq(usec, UNTOUCHED);
}
END_TEST

START_TEST(sizes_are_read)
{
	const struct example *example = &sizes[_i];
	uint64_t bytes = UNTOUCHED;

	ck_assert_msg(units_parse_size(example->text, &bytes) == 0,
		      "'%s' was refused", example->text);
	ck_assert_msg(bytes == example->value, "'%s' was read as %" PRIu64,
		      example->text, bytes);
}
END_TEST

START_TEST(bad_sizes_are_refused)
{
	const struct refusal *refusal = &bad_sizes[_i];
	uint64_t bytes = UNTOUCHED;
	int result = units_parse_size(refusal->text, &bytes);

	ck_assert_msg(result == refusal->error, "'%s' gave %d", refusal->text,
		      result);
	ck_assert_uint_eq(bytes, UNTOUCHED);
}
END_TEST

START_TEST(durations_are_written_and_read_back)
{
	const struct example *example = &written_durations[_i];
	char text[UNITS_TEXT_MAX];
	uint64_t usec = UNTOUCHED;

	units_format_duration(example->value, text);
	ck_assert_str_eq(text, example->text);
	ck_assert_int_eq(units_parse_duration(text, &usec), 0);
	ck_assert_uint_eq(usec, example->value);
}
END_TEST

START_TEST(sizes_are_written_and_read_back)
{
	const struct example *example = &written_sizes[_i];
	char text[UNITS_TEXT_MAX];
	uint64_t bytes = UNTOUCHED;

	units_format_size(example->value, text);
	ck_assert_str_eq(text, example->text);
	ck_assert_int_eq(units_parse_size(text, &bytes), 0);
	ck_assert_uint_eq(bytes, example->value);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("units");
	TCase *duration = tcase_create("duration");
	TCase *size = tcase_create("size");

	tcase_add_loop_test(duration, durations_are_read, 0,
			    ARRAY_SIZE(durations));
	tcase_add_loop_test(duration, bad_durations_are_refused, 0,
			    ARRAY_SIZE(bad_durations));
	tcase_add_loop_test(duration, durations_are_written_and_read_back, 0,
			    ARRAY_SIZE(written_durations));
	tcase_add_loop_test(size, sizes_are_read, 0, ARRAY_SIZE(sizes));
	tcase_add_loop_test(size, bad_sizes_are_refused, 0,
			    ARRAY_SIZE(bad_sizes));
	tcase_add_loop_test(size, sizes_are_written_and_read_back, 0,
			    ARRAY_SIZE(written_sizes));
	suite_add_tcase(suite, duration);
	suite_add_tcase(suite, size);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
