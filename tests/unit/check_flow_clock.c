/* SPDX-License-Identifier: MIT */
/*
 * How long a reply took, and by which clock: both times of the kernel, and
 * ours, are made up here.
 */
#include "config.h"

#include "echoping/message.h"
#include "echoping/stamp.h"
#include "unit/flow_rig.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#define SIZE 64

static struct flow_rig rig;

static void set_up(void)
{
	struct address address = ipv4_address("127.0.0.1", 0);

	flow_rig_init_to(&rig, "udp", udp_socket(&address));
}

static void tear_down(void)
{
	flow_rig_deinit(&rig);
}

static void probe(int count)
{
	while (count-- > 0)
		flow_probe(&rig.flow);
}

static struct arrival arrival_of(const unsigned char *bytes, size_t size)
{
	return (struct arrival){
		.bytes = bytes,
		.size = size,
		.from = rig.target.endpoint.address,
		.when = clock_now(),
	};
}

/* The reply to a new probe, by the kernel's clock and ours. */
static const struct reply *measured(uint64_t kernel, uint64_t user)
{
	unsigned char bytes[SIZE];
	struct arrival arrival;
	struct probe *sent;

	flow_probe(&rig.flow);
	sent = flow_find(&rig.flow, flow_newest(&rig.flow));
	sent->stamp = 1000 * NSEC_PER_SEC;
	flow_rig_message(&rig, sent->sequence, bytes);
	arrival = arrival_of(bytes, SIZE);
	arrival.when = sent->sent + user;
	arrival.stamp = sent->stamp + kernel;
	flow_answer(&rig.flow, &arrival);
	return told_last();
}

START_TEST(measures_by_the_kernel_if_that_can_be)
{
	const struct reply *reply = measured(100, 150);

	ck_assert_int_eq(reply->clock, CLOCK_KERNEL);
	ck_assert_uint_eq(reply->rtt, 100);
	ck_assert_uint_eq(rig.flow.tally.kernel_clock, 1);
	/* The time of day was set: forth, back. */
	reply = measured(151, 150);
	ck_assert_int_eq(reply->clock, CLOCK_USER);
	ck_assert_uint_eq(reply->rtt, 150);
	reply = measured(0ULL - 100, 150);
	ck_assert_int_eq(reply->clock, CLOCK_USER);
	reply = measured(0, 150);
	ck_assert_int_eq(reply->clock, CLOCK_USER);
	reply = measured(150, 150);
	ck_assert_int_eq(reply->clock, CLOCK_KERNEL);
	ck_assert_uint_eq(rig.flow.tally.kernel_clock, 2);
	expect_tally(&rig.flow, 5, 0);
}
END_TEST

START_TEST(needs_both_times_of_the_kernel)
{
	unsigned char bytes[SIZE];
	struct arrival arrival;

	for (uint64_t i = 1; i <= 2; i++) {
		struct probe *sent;

		flow_probe(&rig.flow);
		sent = flow_find(&rig.flow, i);
		sent->stamp = i == 1 ? 0 : NSEC_PER_SEC;
		flow_rig_message(&rig, i, bytes);
		arrival = arrival_of(bytes, SIZE);
		arrival.stamp = i == 1 ? 1 : 0;
		flow_answer(&rig.flow, &arrival);
		expect_reply(i, 0);
		ck_assert_int_eq(told_last()->clock, CLOCK_USER);
	}
}
END_TEST

START_TEST(is_late_only_if_that_is_known)
{
	uint64_t timeout = rig.settings.timeout;
	unsigned char bytes[SIZE];
	struct arrival arrival;

	/* We were held up: it may have come in time. */
	ck_assert_uint_eq(measured(timeout, 10 * timeout)->faults, 0);
	ck_assert_uint_eq(measured(0, 10 * timeout)->faults, 0);
	ck_assert_uint_eq(measured(timeout + 1, 10 * timeout)->faults,
			  FAULT_LATE);
	expect_tally(&rig.flow, 2, 1);
	ck_assert_uint_eq(rig.flow.tally.late, 1);
	flow_rig_message(&rig, 3, bytes);
	arrival = arrival_of(bytes, SIZE);
	flow_answer(&rig.flow, &arrival);
	expect_reply(3, FAULT_DUPLICATE);
}
END_TEST

START_TEST(says_what_includes_connecting)
{
	unsigned char bytes[SIZE];
	struct arrival arrival;
	struct probe *sent;

	probe(1);
	sent = flow_find(&rig.flow, 1);
	sent->stamp = NSEC_PER_SEC;
	sent->connecting = true;
	flow_rig_message(&rig, 1, bytes);
	arrival = arrival_of(bytes, SIZE);
	arrival.when = sent->sent + 100;
	arrival.stamp = sent->stamp + 10;
	flow_answer(&rig.flow, &arrival);
	ck_assert(told_last()->connected);
	ck_assert_int_eq(told_last()->clock, CLOCK_USER);
	ck_assert_uint_eq(told_last()->rtt, 100);
}
END_TEST

START_TEST(tells_how_long_a_lost_one_was_waited_for)
{
	struct address router = ipv4_address("127.0.0.8", 0);
	uint64_t before;

	probe(1);
	before = clock_now() - flow_find(&rig.flow, 1)->sent;
	flow_lose(flow_find(&rig.flow, 1), "it was lost", &router);
	expect_lost(1, "it was lost");
	ck_assert_uint_ge(told_last()->rtt, before);
	ck_assert_mem_eq(&told_last()->from.in, &router.in, sizeof(router.in));
	ck_assert_uint_eq(rig.flow.tally.errors, 1);
	expect_tally(&rig.flow, 0, 1);
}
END_TEST

static Suite *flow_clock_suite(void)
{
	Suite *suite = suite_create("flow_clock");
	TCase *clock = tcase_create("clock");

	tcase_set_timeout(clock, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(clock, set_up, tear_down);
	tcase_add_test(clock, measures_by_the_kernel_if_that_can_be);
	tcase_add_test(clock, needs_both_times_of_the_kernel);
	tcase_add_test(clock, is_late_only_if_that_is_known);
	tcase_add_test(clock, says_what_includes_connecting);
	tcase_add_test(clock, tells_how_long_a_lost_one_was_waited_for);
	suite_add_tcase(suite, clock);
	return suite;
}

int main(void)
{
	return harness_run(flow_clock_suite());
}
