/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/export.h"
#include "unit/capture.h"
#include "unit/export_rig.h"
#include "unit/harness.h"

#include <stdlib.h>
#include <string.h>

#define START "{\"format\":1,\"type\":\"start\",\"target\":\"udp:[::1]:7\"}\n"

/* A summary of 3 samples: 2 of 10 us, 1 of 20 us. */
#define HISTOGRAM                                                              \
	"{\"count\":3,\"min_ns\":10000,\"max_ns\":20000,"                      \
	"\"histogram\":[[10000,10007,2],[20000,20015,1]]}"
#define SUMMARY(members)                                                       \
	"{\"format\":1,\"type\":\"summary\",\"target\":\"udp:[::1]:"           \
	"7\"," members "}\n"
#define RTT "\"rtt\":" HISTOGRAM
#define INTENDED                                                               \
	"\"rtt\":{\"count\":0,\"histogram\":[]},\"intended\":" HISTOGRAM

static struct settings settings;
static const char *operands[2];
static int errors;

static void setup(void)
{
	export_rig_init();
	operands[0] = export_rig_path("before.json");
	operands[1] = export_rig_path("after.json");
	settings = (struct settings){ .targets = operands,
				      .target_count = 1,
				      .plot = export_rig_path("out.svg") };
	errors = stderr_capture();
}

static void teardown(void)
{
	export_rig_deinit();
}

/* The plot has this. */
static void expect_drawn(const char *part)
{
	char *text = export_rig_read(settings.plot);

	ck_assert_msg(strstr(text, part) != NULL, "no %s in %s", part, text);
	free(text);
}

/* A line on standard error that names the first file. */
static void expect_refused(const char *reason)
{
	char line[512];

	ck_assert_int_eq(plot_runs(&settings), EXIT_STATUS_ERROR);
	snprintf(line, sizeof(line), "echoping: %s", reason);
	stderr_expect(errors, line);
	stderr_expect_nothing(errors);
}

START_TEST(a_summary_is_drawn_as_it_was_measured)
{
	export_rig_write(operands[0], START SUMMARY(RTT));
	ck_assert_int_eq(plot_runs(&settings), EXIT_STATUS_OK);
	expect_drawn(">before: udp:[::1]:7<");
	expect_drawn(">p50 10.0 us, p99 -, max 20.0 us, 3 samples<");
	stderr_expect_nothing(errors);
}
END_TEST

START_TEST(several_runs_are_compared)
{
	export_rig_write(operands[0], START SUMMARY(RTT) SUMMARY(RTT));
	export_rig_write(operands[1], SUMMARY(RTT));
	settings.target_count = 2;
	settings.hdr = export_rig_path("out.hdr");
	ck_assert_int_eq(plot_runs(&settings), EXIT_STATUS_OK);
	expect_drawn("curve2");
	expect_drawn(">after: udp:[::1]:7<");
	settings.plot = settings.hdr;
	expect_drawn("Total count    =            9]");
	expect_drawn("#[Max     =       20.000, ");
}
END_TEST

START_TEST(of_an_open_loop_the_intended_time_counts)
{
	export_rig_write(operands[0], SUMMARY(INTENDED));
	ck_assert_int_eq(plot_runs(&settings), EXIT_STATUS_OK);
	expect_drawn(", 3 samples<");
}
END_TEST

START_TEST(a_run_without_samples_is_drawn_as_such)
{
	export_rig_write(operands[0],
			 SUMMARY("\"rtt\":{\"count\":0,\"min_ns\":null,"
				 "\"max_ns\":null,\"histogram\":[]}"));
	ck_assert_int_eq(plot_runs(&settings), EXIT_STATUS_OK);
	expect_drawn(", 0 samples<");
}
END_TEST

static const struct {
	const char *text, *reason;
} strange[] = {
	{ START START,
	  "line 2 has no summary after it (was the run ended by SIGKILL?)" },
	{ START "PING 127.0.0.1\n",
	  "line 2 is no JSON object (of a run with --json)" },
	{ "[1]\n", "line 1 is no JSON object (of a run with --json)" },
	{ "{\"a\":1}\n", "line 1 is not of echoping (start it with --json)" },
	{ "{\"format\":1}\n",
	  "line 1 is not of echoping (start it with --json)" },
	{ "{\"format\":2,\"type\":\"summary\"}\n",
	  "line 1 is of another format (use the echoping that wrote it)" },
	{ SUMMARY("\"rtt\":null"),
	  "line 1 has a summary whose histogram is not whole" },
	{ SUMMARY("\"rtt\":{\"histogram\":[]}"),
	  "line 1 has a summary whose histogram is not whole" },
	{ SUMMARY("\"rtt\":{\"count\":2,\"histogram\":[[1,1,1]]}"),
	  "line 1 has a summary whose histogram is not whole" },
	{ SUMMARY("\"rtt\":{\"count\":1,\"histogram\":[[1,1]]}"),
	  "line 1 has a summary whose histogram is not whole" },
	{ SUMMARY("\"rtt\":{\"count\":1,\"histogram\":[[2,1,1]]}"),
	  "line 1 has a summary whose histogram is not whole" },
	{ SUMMARY("\"rtt\":{\"count\":1,\"histogram\":[[1,\"1\",1]]}"),
	  "line 1 has a summary whose histogram is not whole" },
	{ SUMMARY("\"rtt\":{\"count\":1,\"histogram\":[[-1,1,1]]}"),
	  "line 1 has a summary whose histogram is not whole" },
	{ SUMMARY("\"rtt\":{\"count\":-1,\"histogram\":[[1,1,-1]]}"),
	  "line 1 has a summary whose histogram is not whole" },
	{ SUMMARY("\"rtt\":{\"count\":0,\"histogram\":[[1,1,0]]}"),
	  "line 1 has a summary whose histogram is not whole" },
};

START_TEST(what_is_no_run_is_told_with_its_line)
{
	char reason[256];

	export_rig_write(operands[0], strange[_i].text);
	snprintf(reason, sizeof(reason), "%s: %s", operands[0],
		 strange[_i].reason);
	expect_refused(reason);
	ck_assert_uint_eq(export_rig_count_files(), 1);
}
END_TEST

START_TEST(what_is_empty_is_told)
{
	char reason[256];

	export_rig_write(operands[0], "");
	snprintf(reason, sizeof(reason),
		 "%s is empty (give what --json printed)", operands[0]);
	expect_refused(reason);
}
END_TEST

START_TEST(what_cannot_be_read_is_told)
{
	char reason[256];

	snprintf(reason, sizeof(reason),
		 "cannot read %s: No such file or directory", operands[0]);
	expect_refused(reason);
	operands[0] = export_rig.directory;
	snprintf(reason, sizeof(reason), "cannot read %s: Is a directory",
		 operands[0]);
	expect_refused(reason);
}
END_TEST

START_TEST(a_plot_that_cannot_be_written_is_an_error)
{
	char reason[256];

	export_rig_write(operands[0], SUMMARY(RTT));
	settings.plot = export_rig_path("none/out.svg");
	snprintf(reason, sizeof(reason),
		 "cannot write %s: No such file or directory", settings.plot);
	expect_refused(reason);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("export_runs");
	TCase *tcase = tcase_create("export_runs");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_summary_is_drawn_as_it_was_measured);
	tcase_add_test(tcase, several_runs_are_compared);
	tcase_add_test(tcase, of_an_open_loop_the_intended_time_counts);
	tcase_add_test(tcase, a_run_without_samples_is_drawn_as_such);
	tcase_add_loop_test(tcase, what_is_no_run_is_told_with_its_line, 0,
			    ARRAY_SIZE(strange));
	tcase_add_test(tcase, what_is_empty_is_told);
	tcase_add_test(tcase, what_cannot_be_read_is_told);
	tcase_add_test(tcase, a_plot_that_cannot_be_written_is_an_error);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
