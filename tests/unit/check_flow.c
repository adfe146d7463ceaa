/* SPDX-License-Identifier: MIT */
/*
 * The ring of what became of probes, the order in which they are given up, and
 * which of a target's addresses a flow goes to.
 *
 * Link with -Wl,--wrap=calloc and mmap.
 */
#include "config.h"

#include "echoping/stamp.h"
#include "unit/flow_rig.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/sockets.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

INJECTED(void *, NULL, calloc, (size_t count, size_t size), (count, size))
INJECTED(void *, MAP_FAILED, mmap,
	 (void *address, size_t length, int protection, int flags, int fd,
	  off_t offset),
	 (address, length, protection, flags, fd, offset))

static struct flow_rig rig;
static int server;

static void set_up(void)
{
	struct address address = ipv4_address("127.0.0.1", 0);

	server = udp_socket(&address);
	flow_rig_init_to(&rig, "udp", server);
}

static void tear_down(void)
{
	flow_rig_deinit(&rig);
}

START_TEST(numbers_probes_of_several_flows_apart)
{
	struct flow *flow = &rig.flow;

	flow->number = 2;
	flow->step = 5;
	ck_assert_uint_eq(flow_newest(flow), 3);
	ck_assert(!flow_has_sent(flow, 3));
	for (int i = 0; i < 3; i++)
		flow_probe(flow);
	ck_assert_uint_eq(flow_newest(flow), 13);
	for (uint64_t sequence = 0; sequence < 30; sequence++) {
		bool own = sequence == 3 || sequence == 8 || sequence == 13;
		const struct probe *probe = flow_find(flow, sequence);

		ck_assert_int_eq(flow_has_sent(flow, sequence), own);
		ck_assert_int_eq(probe != NULL, own);
		if (probe)
			ck_assert_uint_eq(probe->sequence, sequence);
	}
	ck_assert_ptr_null(flow_find(flow, UINT64_MAX));
	ck_assert(!flow_has_sent(flow, UINT64_MAX));
}
END_TEST

START_TEST(forgets_the_oldest_first)
{
	struct flow *flow = &rig.flow;

	for (int i = 0; i < 64; i++)
		flow_probe(flow);
	ck_assert_ptr_nonnull(flow_find(flow, 1));
	flow_lose_all(flow, NULL);
	flow_probe(flow);
	ck_assert_ptr_null(flow_find(flow, 1));
	ck_assert(flow_has_sent(flow, 1));
	ck_assert_ptr_nonnull(flow_find(flow, 2));
	ck_assert_uint_eq(flow_find(flow, 65)->sequence, 65);
	ck_assert_ptr_null(flow_find(flow, 66));
	expect_tally(flow, 0, 64);
}
END_TEST

START_TEST(loses_what_would_be_forgotten_while_it_waits)
{
	struct flow *flow = &rig.flow;

	for (int i = 0; i < 64; i++)
		flow_probe(flow);
	ck_assert_uint_eq(told_count, 0);
	flow_probe(flow);
	ck_assert_uint_eq(told_count, 1);
	expect_lost(1, "too many are under way");
	expect_tally(flow, 0, 1);
	ck_assert_uint_eq(flow->waiting, 64);
	ck_assert_uint_eq(flow->tally.errors, 1);
}
END_TEST

START_TEST(gives_up_in_order_when_the_time_is_over)
{
	struct flow *flow = &rig.flow;
	uint64_t last;

	ck_assert_uint_eq(flow_next_expiry(&rig.context), NSEC_INFINITY);
	flow_expire(&rig.context, NSEC_INFINITY - 1);
	for (int i = 0; i < 4; i++)
		flow_probe(flow);
	last = flow_find(flow, 2)->sent + rig.settings.timeout;
	ck_assert_uint_eq(flow_next_expiry(&rig.context),
			  flow_find(flow, 1)->sent + rig.settings.timeout);
	flow_expire(&rig.context, flow_next_expiry(&rig.context) - 1);
	ck_assert_uint_eq(told_count, 0);
	flow_expire(&rig.context, last);
	ck_assert_uint_eq(told_count, 2);
	ck_assert_uint_eq(told[0].reply.sequence, 1);
	expect_lost(2, NULL);
	expect_tally(flow, 0, 2);
	ck_assert_uint_eq(flow->tally.errors, 0);
	ck_assert_uint_eq(flow_oldest(flow)->sequence, 3);
}
END_TEST

START_TEST(keeps_the_order_over_several_flows)
{
	struct flow other;
	uint64_t times[4], previous = 0;

	ck_assert_int_eq(flow_init(&other, &rig.context, &rig.target, 1, 2, 4),
			 0);
	rig.flow.step = 2;
	for (int i = 0; i < 2; i++) {
		flow_probe(&rig.flow);
		flow_probe(&other);
	}
	ck_assert_uint_eq(flow_oldest(&other)->sequence, 2);
	ck_assert_uint_eq(flow_oldest(&rig.flow)->sequence, 1);
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		times[i] = flow_next_expiry(&rig.context);
		ck_assert_uint_ge(times[i], previous);
		previous = times[i];
		flow_expire(&rig.context, previous);
		/* Two of one moment go together. */
		ck_assert_uint_gt(told_count, i);
		ck_assert_uint_eq(told[i].reply.sequence, i + 1);
	}
	ck_assert_uint_eq(told_count, 4);
	ck_assert_ptr_null(flow_oldest(&other));
	flow_deinit(&other);
}
END_TEST

START_TEST(loses_only_its_own)
{
	struct flow other;

	ck_assert_int_eq(flow_init(&other, &rig.context, &rig.target, 1, 2, 4),
			 0);
	for (int i = 0; i < 2; i++) {
		flow_probe(&rig.flow);
		flow_probe(&other);
	}
	flow_lose_all(&other, "it is over");
	ck_assert_uint_eq(told_count, 2);
	expect_tally(&rig.flow, 0, 0);
	expect_tally(&other, 0, 2);
	flow_deinit(&other);
}
END_TEST

START_TEST(has_room_for_a_power_of_two)
{
	for (uint32_t remembered = 1; remembered < 70; remembered++) {
		struct flow flow;

		ck_assert_int_eq(flow_init(&flow, &rig.context, &rig.target, 0,
					   1, remembered),
				 0);
		ck_assert_uint_ge(flow.ring_mask + 1, remembered);
		ck_assert_uint_lt(flow.ring_mask + 1, 2 * remembered);
		ck_assert_uint_eq(flow.ring_mask & (flow.ring_mask + 1), 0);
		flow_deinit(&flow);
	}
}
END_TEST

START_TEST(needs_memory)
{
	struct flow flow;

	calloc_fault = (struct fault){ .times = 1, .error = ENOMEM };
	ck_assert_int_eq(flow_init(&flow, &rig.context, &rig.target, 0, 1, 64),
			 -ENOMEM);
	flow_deinit(&flow);
	mmap_fault = (struct fault){ .times = 1, .error = ENOMEM };
	ck_assert_int_eq(flow_init(&flow, &rig.context, &rig.target, 0, 1, 64),
			 -ENOMEM);
	flow_deinit(&flow);
	flow_deinit(&flow);
}
END_TEST

START_TEST(looks_at_nothing_of_a_closed_flow)
{
	flow_on_ready(&rig.flow, EPOLLIN);
	ck_assert_uint_eq(told_count, 0);
	flow_probe(&rig.flow);
	flow_close(&rig.flow, "it is over");
	expect_lost(1, "it is over");
	flow_on_ready(&rig.flow, EPOLLIN | EPOLLHUP);
	expect_tally(&rig.flow, 0, 1);
}
END_TEST

/* Add 127.0.0.1:port to the target's addresses. */
static void add_candidate(struct target *target, const struct address *address)
{
	struct endpoint *added = &target->candidates[target->candidate_count++];

	*added = target->candidates[0];
	added->address = *address;
}

/* A port to which nobody listens: its socket is bound, no more. */
static struct address refusing_address(int type)
{
	struct address any = ipv4_address("127.0.0.1", 0);

	return fd_address(fd_bound(type, &any));
}

static void init_to_refusal_first(const char *scheme, int type, int second)
{
	struct address address = fd_address(second);

	flow_rig_deinit(&rig);
	flow_rig_init_to(&rig, scheme, second);
	rig.target.candidates[0].address = refusing_address(type);
	rig.target.endpoint = rig.target.candidates[0];
	add_candidate(&rig.target, &address);
}

START_TEST(asks_the_next_address_if_the_first_refuses)
{
	int listener = tcp_listener(0);

	init_to_refusal_first("tcp", SOCK_STREAM, listener);
	flow_probe(&rig.flow);
	FLOW_RIG_AWAIT(&rig, rig.flow.state == FLOW_OPEN);
	ck_assert_int_eq(rig.target.chosen, 1);
	ck_assert(rig.target.reached);
	ck_assert_uint_eq(told_count, 0);
	expect_tally(&rig.flow, 0, 0);
}
END_TEST

START_TEST(asks_each_address_once)
{
	struct address any = ipv4_address("127.0.0.1", 0);
	int fd = fd_bound(SOCK_STREAM, &any);

	init_to_refusal_first("tcp", SOCK_STREAM, fd);
	for (uint64_t probe = 1; probe <= 3; probe++) {
		flow_probe(&rig.flow);
		FLOW_RIG_AWAIT(&rig, rig.flow.state == FLOW_CLOSED);
		ck_assert_uint_eq(told_count, probe);
		expect_lost(probe, "Connection refused");
		ck_assert_int_eq(rig.target.chosen, 0);
	}
}
END_TEST

START_TEST(flows_agree_on_an_address)
{
	int listener = tcp_listener(0);
	struct flow flows[3];

	init_to_refusal_first("tcp", SOCK_STREAM, listener);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(flow_init(&flows[i], &rig.context, &rig.target,
					   i, 3, 4),
				 0);
		ck_assert_int_eq(flow_open(&flows[i]), 0);
		ck_assert_int_eq(flows[i].candidate, 0);
	}
	FLOW_RIG_AWAIT(&rig, flows[0].state == FLOW_OPEN &&
				     flows[1].state == FLOW_OPEN &&
				     flows[2].state == FLOW_OPEN);
	ck_assert_int_eq(rig.target.chosen, 1);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(flows[i].candidate, 1);
		flow_deinit(&flows[i]);
	}
	ck_assert_uint_eq(told_count, 0);
}
END_TEST

START_TEST(leaves_an_address_that_is_not_the_one)
{
	int listener = tcp_listener(0), wrong = tcp_listener(0);

	init_to_refusal_first("tcp", SOCK_STREAM, listener);
	rig.target.candidates[0].address = fd_address(wrong);
	rig.target.endpoint = rig.target.candidates[0];
	flow_probe(&rig.flow);
	ck_assert_int_eq(rig.flow.state, FLOW_CONNECTING);
	/* Another flow was the first to be connected. */
	target_reach(&rig.target, 1);
	FLOW_RIG_AWAIT(&rig, rig.flow.state == FLOW_OPEN);
	ck_assert_int_eq(rig.flow.candidate, 1);
	(void)tcp_accept(listener);
}
END_TEST

START_TEST(datagrams_go_on_to_the_next_address)
{
	struct address refusing = ipv6_address("::1", 0);
	struct flow other;
	unsigned char bytes[64];
	size_t length;

	if (!ipv6_is_available())
		return;
	init_to_refusal_first("udp", SOCK_DGRAM, server);
	/* A socket of TCP is bound there: to UDP nobody listens. */
	refusing = fd_address(fd_bound(SOCK_STREAM, &refusing));
	rig.target.candidates[0].address = refusing;
	rig.target.endpoint = rig.target.candidates[0];
	ck_assert_int_eq(flow_init(&other, &rig.context, &rig.target, 1, 2, 4),
			 0);
	ck_assert_int_eq(flow_open(&other), 0);
	flow_probe(&rig.flow);
	flow_probe(&rig.flow);
	FLOW_RIG_AWAIT(&rig, told_count == 2);
	expect_lost(2, "Connection refused");
	ck_assert_int_eq(rig.target.chosen, 1);
	flow_probe(&rig.flow);
	(void)receive_from(server, bytes, sizeof(bytes), &length);
	flow_probe(&other);
	(void)receive_from(server, bytes, sizeof(bytes), &length);
	expect_tally(&rig.flow, 0, 2);
	expect_tally(&other, 0, 0);
	flow_deinit(&other);
}
END_TEST

static Suite *flow_suite(void)
{
	Suite *suite = suite_create("flow");
	TCase *flow = tcase_create("flow");

	tcase_set_timeout(flow, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(flow, set_up, tear_down);
	tcase_add_test(flow, numbers_probes_of_several_flows_apart);
	tcase_add_test(flow, forgets_the_oldest_first);
	tcase_add_test(flow, loses_what_would_be_forgotten_while_it_waits);
	tcase_add_test(flow, gives_up_in_order_when_the_time_is_over);
	tcase_add_test(flow, keeps_the_order_over_several_flows);
	tcase_add_test(flow, loses_only_its_own);
	tcase_add_test(flow, has_room_for_a_power_of_two);
	tcase_add_test(flow, needs_memory);
	tcase_add_test(flow, looks_at_nothing_of_a_closed_flow);
	tcase_add_test(flow, asks_the_next_address_if_the_first_refuses);
	tcase_add_test(flow, asks_each_address_once);
	tcase_add_test(flow, flows_agree_on_an_address);
	tcase_add_test(flow, leaves_an_address_that_is_not_the_one);
	tcase_add_test(flow, datagrams_go_on_to_the_next_address);
	suite_add_tcase(suite, flow);
	return suite;
}

int main(void)
{
	return harness_run(flow_suite());
}
