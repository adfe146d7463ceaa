/* SPDX-License-Identifier: MIT */
/*
 * --udp-rate, which is two numbers.
 */
#include "config.h"

#include "echod/options.h"
#include "unit/harness.h"

#include <string.h>

static const struct {
	const char *text;
	uint32_t rate, burst;
} rates[] = {
	{ "--udp-rate=0", 0, 5 },
	{ "--udp-rate=1", 1, 5 },
	{ "--udp-rate|200", 200, 1000 },
	{ "--udp-rate=1000000", 1000000, 5000000 },
	{ "--udp-rate=10/1", 10, 1 },
	{ "--udp-rate=0/1", 0, 1 },
	{ "--udp-rate=10000/3", 10000, 3 },
	{ "--udp-rate=1/100000000", 1, 100000000 },
	{ "--udp-rate=7/8|--udp-rate=9", 9, 45 },
};

START_TEST(udp_rate_is_read)
{
	char text[64], error[OPTION_ERROR_MAX], *rest = text;
	char *arguments[4] = { NULL };
	struct options options;
	int count = 0;

	snprintf(text, sizeof(text), "echod|%s", rates[_i].text);
	while (rest)
		arguments[count++] = strsep(&rest, "|");
	ck_assert_int_eq(options_parse(&options, count, arguments, error),
			 OPTION_RUN);
	ck_assert_uint_eq(options.udp_rate.rate, rates[_i].rate);
	ck_assert_uint_eq(options.udp_rate.burst, rates[_i].burst);
	options_deinit(&options);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("options_rate");
	TCase *tcase = tcase_create("rate");

	tcase_add_loop_test(tcase, udp_rate_is_read, 0, ARRAY_SIZE(rates));
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
