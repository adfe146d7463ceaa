/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/settings.h"
#include "unit/harness.h"

#include <string.h>

#define RUNS_OR_TARGETS                                                        \
	"--plot draws either runs or what it measures (give only operands "    \
	"that end in .json, or none, and no --load)"

static const struct {
	const char *words[6];
	enum mode mode;
	const char *error; /* NULL: none */
} cases[] = {
	{ { "--plot=a.svg", "a.json" }, MODE_PLOT, NULL },
	{ { "--plot=a.svg", "a.json", "./b.json" }, MODE_PLOT, NULL },
	{ { "--plot=a.svg", "--hdr=b", "a.json" }, MODE_PLOT, NULL },
	{ { "--plot=a.svg", "json" }, MODE_PING, NULL },
	{ { "--plot=a.svg", "a.json.org", "a.jsonp" }, MODE_PING, NULL },
	{ { "--plot=a.svg", "--load", "a.org" }, MODE_LOAD, NULL },
	{ { "a.json" }, MODE_PING, NULL },
	{ { "--plot=a.svg", "a.json", "a.org" }, MODE_PING, RUNS_OR_TARGETS },
	{ { "--plot=a.svg", "--load", "a.json" }, MODE_LOAD, RUNS_OR_TARGETS },
	{ { "--openmetrics", "a", "b", "a" },
	  MODE_PING,
	  "--openmetrics tells targets apart by their names (give each "
	  "once)" },
	{ { "--openmetrics", "a", "b" }, MODE_PING, NULL },
	{ { "a", "a" }, MODE_PING, NULL },
};

START_TEST(operands_are_targets_or_runs)
{
	char *argv[8] = { (char[]){ "echoping" } };
	char error[OPTION_ERROR_MAX], words[6][32];
	struct settings settings;
	int argc = 1;

	for (size_t i = 0; i < 6 && cases[_i].words[i]; i++) {
		strcpy(words[i], cases[_i].words[i]);
		argv[argc++] = words[i];
	}
	ck_assert_int_eq(settings_parse(&settings, argc, argv, error),
			 cases[_i].error ? OPTION_WRONG : OPTION_RUN);
	if (cases[_i].error)
		ck_assert_str_eq(error, cases[_i].error);
	ck_assert_int_eq(settings.mode, cases[_i].mode);
	settings_deinit(&settings);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("settings_operands");
	TCase *tcase = tcase_create("settings_operands");

	tcase_add_loop_test(tcase, operands_are_targets_or_runs, 0,
			    ARRAY_SIZE(cases));
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
