/* SPDX-License-Identifier: MIT */
/*
 * Sums over flows that were counted by hand, told to a reporter of the test.
 *
 * Link with -Wl,--wrap=calloc, export_files and mmap.
 */
#include "config.h"

#include "echoping/export.h"
#include "echoping/ping_summary.h"
#include "echoping/stamp.h"
#include "unit/capture.h"
#include "unit/flow_rig.h"
#include "unit/harness.h"
#include "unit/injection.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FLOWS 5

INJECTED(void *, NULL, calloc, (size_t count, size_t size), (count, size))
INJECTED(void *, MAP_FAILED, mmap,
	 (void *address, size_t length, int protection, int flags, int fd,
	  off_t offset),
	 (address, length, protection, flags, fd, offset))

/* What was told last. */
static struct {
	struct ping_summary summary;
	struct tally tally; /* without its histogram */
	unsigned order[FLOWS];
	int summaries, states, finishes, exports;
	size_t exported;
	const char *name;
	uint64_t samples;
} seen;
static int export_result;

int __wrap_export_files(const struct settings *settings,
			const struct export_series *series, size_t count);
int __wrap_export_files(const struct settings *settings UNUSED,
			const struct export_series *series, size_t count)
{
	ck_assert_int_eq(seen.finishes, 1);
	seen.exports++;
	seen.exported = count;
	seen.name = series[0].name;
	seen.samples = series[0].latency->total;
	return export_result;
}

static void see(const struct ping_summary *summary)
{
	seen.summary = *summary;
	seen.tally = *summary->tally;
	for (size_t i = 0; i < summary->flow_count; i++)
		seen.order[i] = summary->flows[i].flow;
}

static void see_summary(const struct settings *settings UNUSED,
			const struct ping_summary *summary)
{
	see(summary);
	seen.summaries++;
}

static void see_status(const struct settings *settings UNUSED,
		       const struct ping_summary *summary)
{
	see(summary);
	seen.states++;
}

static void see_end(const struct settings *settings UNUSED)
{
	seen.finishes++;
}

static const struct reporter reporter = {
	.ping_summary = see_summary,
	.ping_status = see_status,
	.finish = see_end,
};

static struct flow_rig rig;
static struct flow flows[2][FLOWS];
static struct ping_target targets[2];
static struct ping ping;

static void set_up(void)
{
	flow_rig_init(&rig, "udp:127.0.0.1:7");
	rig.settings.max_loss = 101;
	rig.settings.max_rtt_p99 = NSEC_INFINITY;
	for (unsigned i = 0; i < 2 * FLOWS; i++) {
		struct flow *flow = &flows[i / FLOWS][i % FLOWS];

		ck_assert_int_eq(flow_init(flow, &rig.context, &rig.target,
					   i % FLOWS, FLOWS, 1),
				 0);
		flow->port = (uint16_t)(1000 + i);
	}
	for (size_t i = 0; i < 2; i++)
		targets[i] = (struct ping_target){ .target = &rig.target,
						   .flows = flows[i],
						   .flow_count = FLOWS };
	ping = (struct ping){ .context = rig.context,
			      .targets = targets,
			      .target_count = 1,
			      .started = clock_now() };
	ping.context.reporter = &reporter;
}

static void tear_down(void)
{
	for (unsigned i = 0; i < 2 * FLOWS; i++)
		flow_deinit(&flows[i / FLOWS][i % FLOWS]);
	flow_rig_deinit(&rig);
}

/* So many were answered, after this time, and so many lost. */
static void count(struct flow *flow, uint64_t received, uint64_t rtt,
		  uint64_t lost)
{
	flow->tally.received += received;
	flow->tally.lost += lost;
	flow->tally.sent += received + lost;
	for (uint64_t i = 0; i < received; i++)
		histogram_record(&flow->tally.rtt, rtt);
}

static void expect_order(const unsigned order[FLOWS])
{
	for (size_t i = 0; i < FLOWS; i++)
		ck_assert_uint_eq(seen.order[i], order[i]);
}

START_TEST(adds_up_all_flows)
{
	for (unsigned i = 0; i < FLOWS; i++) {
		count(&flows[0][i], 10, 1000 * (i + 1), i);
		flows[0][i].waiting = i;
		flows[0][i].tally.sent += i;
		flows[0][i].tally.kernel_clock = 2;
	}
	ck_assert_int_eq(ping_report_summaries(&ping), EXIT_STATUS_OK);
	ck_assert_int_eq(seen.summaries, 1);
	ck_assert_uint_eq(seen.tally.received, 50);
	ck_assert_uint_eq(seen.tally.lost, 10);
	ck_assert_uint_eq(seen.summary.under_way, 10);
	ck_assert_uint_eq(seen.tally.sent, 70);
	ck_assert_uint_eq(seen.tally.kernel_clock, 10);
	ck_assert_uint_eq(seen.tally.rtt.total, 50);
	ck_assert_uint_eq(seen.tally.rtt.max, 5000);
	ck_assert_uint_eq(seen.summary.flow_count, FLOWS);
	ck_assert_uint_le(seen.summary.elapsed, clock_now() - ping.started);
	ck_assert_uint_gt(seen.summary.elapsed, 0);
	ck_assert_int_eq(seen.exports, 1);
	ck_assert_str_eq(seen.name, rig.target.text);
	ck_assert_uint_eq(seen.samples, 50);
}
END_TEST

START_TEST(names_the_worst_flow_first)
{
	/* 2 loses most; 4 and 1 lose as much, of which 1 is slower; 0 is slow.
	 */
	static const unsigned order[] = { 2, 1, 4, 0, 3 };

	count(&flows[0][0], 10, 900000, 0);
	count(&flows[0][1], 8, 2000, 2);
	count(&flows[0][2], 1, 1000, 1);
	count(&flows[0][3], 10, 3000, 0);
	count(&flows[0][4], 4, 1000, 1);
	(void)!ping_report_summaries(&ping);
	expect_order(order);
}
END_TEST

START_TEST(the_best_may_be_the_first)
{
	static const unsigned order[] = { 4, 3, 2, 1, 0 };

	for (unsigned i = 0; i < FLOWS; i++)
		count(&flows[0][i], 5, 10 * (i + 1), 0);
	(void)!ping_report_summaries(&ping);
	expect_order(order);
}
END_TEST

START_TEST(status_changes_nothing)
{
	count(&flows[0][0], 3, 1000, 1);
	flows[0][1].waiting = 1;
	flows[0][1].tally.sent = 1;
	ping.target_count = 2;
	for (int i = 1; i <= 2; i++) {
		ping_report_status(&ping);
		ck_assert_int_eq(seen.states, 2 * i);
	}
	ping.target_count = 1;
	ping_report_status(&ping);
	ck_assert_uint_eq(seen.tally.received, 3);
	ck_assert_uint_eq(seen.summary.under_way, 1);
	ck_assert_int_eq(seen.summaries, 0);
	ck_assert_int_eq(seen.finishes, 0);
}
END_TEST

START_TEST(the_worst_target_decides)
{
	ping.target_count = 2;
	count(&flows[0][0], 3, 1000, 0);
	ck_assert_int_eq(ping_report_summaries(&ping), EXIT_STATUS_MISSED);
	ck_assert_int_eq(seen.summaries, 2);
	ck_assert_int_eq(seen.finishes, 1);
	ck_assert_uint_eq(seen.exported, 2);
	/* The other way round. */
	targets[0].flows = flows[1];
	targets[1].flows = flows[0];
	seen.finishes = 0;
	ck_assert_int_eq(ping_report_summaries(&ping), EXIT_STATUS_MISSED);
	seen.finishes = 0;
	count(&flows[1][4], 3, 1000, 0);
	ck_assert_int_eq(ping_report_summaries(&ping), EXIT_STATUS_OK);
	seen.finishes = 0;
	rig.settings.max_rtt_p99 = 999;
	ck_assert_int_eq(ping_report_summaries(&ping), EXIT_STATUS_MISSED);
}
END_TEST

START_TEST(what_could_not_be_exported_is_an_error)
{
	count(&flows[0][0], 3, 1000, 0);
	export_result = -EIO;
	ck_assert_int_eq(ping_report_summaries(&ping), EXIT_STATUS_ERROR);
	ck_assert_int_eq(seen.exports, 1);
}
END_TEST

START_TEST(lack_of_memory_is_an_error)
{
	int errors = stderr_capture();

	count(&flows[0][0], 3, 1000, 0);
	for (unsigned call = 0; call < 2; call++) {
		calloc_fault = (struct fault){ .skip = call,
					       .times = 1,
					       .error = ENOMEM };
		ck_assert_int_eq(ping_report_summaries(&ping),
				 EXIT_STATUS_ERROR);
		ck_assert_ptr_nonnull(
			strstr(stderr_line(errors), ": out of memory"));
	}
	ck_assert_int_eq(seen.summaries, 0);
	mmap_fault = (struct fault){ .times = 1, .error = ENOMEM };
	ck_assert_int_eq(ping_report_summaries(&ping), EXIT_STATUS_ERROR);
	ck_assert_ptr_nonnull(strstr(stderr_line(errors), ": out of memory"));
	mmap_fault = (struct fault){ .times = 1, .error = ENOMEM };
	ping_report_status(&ping);
	ck_assert_int_eq(seen.states, 0);
}
END_TEST

static Suite *ping_summary_suite(void)
{
	Suite *suite = suite_create("ping_summary");
	TCase *summary = tcase_create("summary");

	tcase_set_timeout(summary, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(summary, set_up, tear_down);
	tcase_add_test(summary, adds_up_all_flows);
	tcase_add_test(summary, names_the_worst_flow_first);
	tcase_add_test(summary, the_best_may_be_the_first);
	tcase_add_test(summary, status_changes_nothing);
	tcase_add_test(summary, the_worst_target_decides);
	tcase_add_test(summary, what_could_not_be_exported_is_an_error);
	tcase_add_test(summary, lack_of_memory_is_an_error);
	suite_add_tcase(suite, summary);
	return suite;
}

int main(void)
{
	return harness_run(ping_summary_suite());
}
