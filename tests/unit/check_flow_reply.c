/* SPDX-License-Identifier: MIT */
/*
 * Replies of all kinds to probes over UDP, made up here: which probe is meant,
 * what is wrong with it and what is counted.
 */
#include "config.h"

#include "echoping/message.h"
#include "echoping/stamp.h"
#include "unit/flow_rig.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#include <string.h>

#define SIZE 64

static struct flow_rig rig;
static struct address elsewhere;

static void set_up(void)
{
	struct address address = ipv4_address("127.0.0.1", 0);

	flow_rig_init_to(&rig, "udp", udp_socket(&address));
	elsewhere = ipv4_address("127.0.0.9", 9);
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

static void come_from(const struct address *from, const unsigned char *bytes,
		      size_t size)
{
	struct arrival arrival = {
		.bytes = bytes,
		.size = size,
		.from = *from,
		.when = clock_now(),
	};

	flow_answer(&rig.flow, &arrival);
}

static void come(const unsigned char *bytes, size_t size)
{
	come_from(&rig.target.endpoint.address, bytes, size);
}

/* The echo of this probe comes. */
static void echo(uint64_t sequence)
{
	unsigned char bytes[SIZE];

	flow_rig_message(&rig, sequence, bytes);
	come(bytes, rig.settings.size);
}

/* The same with one byte wrong. */
static void echo_wrong(uint64_t sequence, size_t at)
{
	unsigned char bytes[SIZE];

	flow_rig_message(&rig, sequence, bytes);
	bytes[at] ^= 0x10;
	come(bytes, rig.settings.size);
}

static void lose_all(void)
{
	flow_expire(&rig.context, NSEC_INFINITY - 1);
}

START_TEST(tells_of_a_reply)
{
	probe(1);
	echo(1);
	expect_reply(1, 0);
	ck_assert(told_last()->rtt_known);
	ck_assert_int_eq(told_last()->clock, CLOCK_USER);
	ck_assert_uint_eq(told_last()->size, SIZE);
	ck_assert_uint_eq(told_last()->expected, SIZE);
	ck_assert_uint_eq(told_last()->port, rig.flow.port);
	ck_assert_uint_gt(told_last()->port, 0);
	expect_tally(&rig.flow, 1, 0);
	ck_assert(rig.target.reached);
}
END_TEST

START_TEST(counts_duplicates)
{
	probe(1);
	echo(1);
	for (int i = 0; i < 2; i++) {
		echo(1);
		expect_reply(1, FAULT_DUPLICATE);
		ck_assert(!told_last()->rtt_known);
	}
	expect_tally(&rig.flow, 1, 0);
	ck_assert_uint_eq(rig.flow.tally.duplicate, 2);
}
END_TEST

START_TEST(counts_what_was_overtaken)
{
	static const uint64_t order[] = { 1, 4, 2, 3, 5 };

	probe(5);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		bool overtaken = order[i] == 2 || order[i] == 3;

		echo(order[i]);
		expect_reply(order[i], overtaken ? FAULT_REORDERED : 0U);
	}
	/* A duplicate is late by itself, and broken ones overtake nothing. */
	echo(2);
	expect_reply(2, FAULT_DUPLICATE);
	probe(2);
	echo_wrong(7, 40);
	echo(6);
	expect_reply(6, 0);
	ck_assert_uint_eq(rig.flow.tally.reordered, 2);
	expect_tally(&rig.flow, 6, 1);
}
END_TEST

START_TEST(counts_what_came_late)
{
	probe(2);
	lose_all();
	expect_lost(2, NULL);
	echo(1);
	expect_reply(1, FAULT_LATE);
	ck_assert(told_last()->rtt_known);
	echo(1);
	expect_reply(1, FAULT_DUPLICATE);
	echo_wrong(2, SIZE - 1);
	expect_reply(2, FAULT_LATE | FAULT_CORRUPT);
	expect_tally(&rig.flow, 0, 2);
	ck_assert_uint_eq(rig.flow.tally.late, 2);
	ck_assert_uint_eq(rig.flow.tally.duplicate, 1);
	ck_assert(!rig.target.reached);
}
END_TEST

START_TEST(knows_its_own_when_it_has_forgotten_them)
{
	unsigned char bytes[SIZE];

	probe(1);
	lose_all();
	probe(64);
	lose_all();
	ck_assert_ptr_null(flow_find(&rig.flow, 1));
	echo(1);
	expect_reply(1, FAULT_LATE);
	ck_assert(!told_last()->rtt_known);
	echo_wrong(1, 20);
	expect_reply(1, FAULT_LATE | FAULT_CORRUPT);
	ck_assert_uint_eq(told_last()->mismatch, 20);
	flow_rig_message(&rig, 1, bytes);
	come(bytes, 30);
	expect_reply(1, FAULT_LATE | FAULT_TRUNCATED);
	expect_tally(&rig.flow, 0, 65);
	ck_assert_uint_eq(rig.flow.tally.late, 3);
	/* What was not sent yet is no echo. */
	echo(66);
	ck_assert_uint_eq(told_last()->faults, FAULT_CORRUPT);
}
END_TEST

START_TEST(finds_each_byte_that_is_wrong)
{
	for (size_t at = 0; at < SIZE; at++) {
		probe(3);
		echo_wrong(at * 3 + 2, at);
		expect_reply(at * 3 + 2, FAULT_CORRUPT);
		ck_assert_uint_eq(told_last()->mismatch, at);
		/* The same once more as it should be. */
		echo(at * 3 + 2);
		expect_reply(at * 3 + 2, FAULT_DUPLICATE);
		echo(at * 3 + 1);
		expect_reply(at * 3 + 1, 0);
		echo(at * 3 + 3);
		expect_reply(at * 3 + 3, 0);
	}
	expect_tally(&rig.flow, SIZE * 2, SIZE);
	ck_assert_uint_eq(rig.flow.tally.corrupt, SIZE);
	ck_assert_uint_eq(rig.flow.tally.duplicate, SIZE);
}
END_TEST

START_TEST(tells_each_length_that_is_short)
{
	unsigned char bytes[SIZE];

	/* Beyond 256, so that one byte does not say it all. */
	for (int i = 0; i < 300; i++) {
		probe(1);
		echo((uint64_t)i + 1);
	}
	for (size_t size = 0; size < SIZE; size++) {
		uint64_t sequence = 301 + size;

		probe(1);
		flow_rig_message(&rig, sequence, bytes);
		come(bytes, size);
		expect_reply(sequence, FAULT_TRUNCATED);
		ck_assert_uint_eq(told_last()->size, size);
		ck_assert_uint_eq(told_last()->expected, SIZE);
	}
	expect_tally(&rig.flow, 300, SIZE);
	ck_assert_uint_eq(rig.flow.tally.truncated, SIZE);
}
END_TEST

START_TEST(tells_what_is_longer_than_was_sent)
{
	static const uint32_t sizes[] = { 0, 1, 7, 8, 9, 15, 16, 17, 63 };
	unsigned char bytes[SIZE + 100];

	memset(bytes, 0x55, sizeof(bytes));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		rig.settings.size = sizes[i];
		probe(1);
		flow_rig_message(&rig, i + 1, bytes);
		come(bytes, sizes[i] + 1 + i * 9);
		expect_reply(i + 1, FAULT_CORRUPT);
		ck_assert_uint_eq(told_last()->mismatch, sizes[i]);
	}
	expect_tally(&rig.flow, 0, ARRAY_SIZE(sizes));
}
END_TEST

START_TEST(tells_small_messages_apart)
{
	for (uint32_t size = 1; size <= 20; size++) {
		rig.settings.size = size;
		probe(60);
		for (uint64_t i = 0; i < 60; i++) {
			echo((size - 1) * 60 + 1 + i);
			expect_reply((size - 1) * 60 + 1 + i, 0);
		}
		echo(size * 60);
		expect_reply(size * 60, FAULT_DUPLICATE);
	}
	expect_tally(&rig.flow, 20 * 60, 0);
}
END_TEST

START_TEST(takes_empty_ones_for_the_oldest)
{
	rig.settings.size = 0;
	probe(2);
	echo(0);
	expect_reply(1, 0);
	echo(0);
	expect_reply(2, 0);
	/* Nothing waits any more, and nothing says whose it is. */
	echo(0);
	expect_reply(0, FAULT_FOREIGN);
	expect_tally(&rig.flow, 2, 0);
}
END_TEST

START_TEST(tells_replies_from_elsewhere)
{
	struct address other_port = rig.target.endpoint.address;
	unsigned char bytes[SIZE];

	address_set_port(&other_port, 9);
	probe(4);
	flow_rig_message(&rig, 1, bytes);
	come_from(&elsewhere, bytes, SIZE);
	expect_reply(1, FAULT_MISADDRESSED);
	flow_rig_message(&rig, 2, bytes);
	come_from(&other_port, bytes, SIZE);
	expect_reply(2, FAULT_MISADDRESSED);
	come_from(&other_port, bytes, SIZE);
	expect_reply(2, FAULT_MISADDRESSED | FAULT_DUPLICATE);
	flow_rig_message(&rig, 3, bytes);
	come_from(&other_port, bytes, SIZE - 1);
	expect_reply(3, FAULT_MISADDRESSED | FAULT_TRUNCATED);
	lose_all();
	flow_rig_message(&rig, 4, bytes);
	bytes[SIZE - 1] ^= 1;
	come_from(&elsewhere, bytes, SIZE);
	expect_reply(4, FAULT_MISADDRESSED | FAULT_LATE | FAULT_CORRUPT);
	ck_assert_mem_eq(&told_last()->from.in, &elsewhere.in,
			 sizeof(elsewhere.in));
	expect_tally(&rig.flow, 2, 2);
	ck_assert_uint_eq(rig.flow.tally.misaddressed, 5);
}
END_TEST

START_TEST(small_replies_may_come_from_elsewhere)
{
	unsigned char bytes[SIZE];

	rig.settings.size = 4;
	probe(1);
	flow_rig_message(&rig, 1, bytes);
	come_from(&elsewhere, bytes, 4);
	expect_reply(1, FAULT_MISADDRESSED);
	/* A body like ours with the nonce of another run. */
	rig.settings.size = SIZE;
	probe(1);
	message_write(bytes, SIZE, 2, ~rig.flow.nonce);
	bytes[0] ^= 0x80;
	come(bytes, SIZE);
	expect_reply(0, FAULT_FOREIGN);
	expect_tally(&rig.flow, 1, 0);
}
END_TEST

START_TEST(is_not_taken_in_by_strangers)
{
	unsigned char bytes[SIZE];

	probe(3);
	memset(bytes, 0xa7, sizeof(bytes));
	for (size_t size = 9; size <= SIZE; size++) {
		come(bytes, size);
		expect_reply(0, FAULT_FOREIGN);
	}
	/* Anyone could have sent so little, unless the one who was asked. */
	flow_rig_message(&rig, 1, bytes);
	for (size_t size = 0; size < MESSAGE_HEADER_SIZE; size++) {
		come_from(&elsewhere, bytes, size);
		expect_reply(0, FAULT_FOREIGN);
	}
	/* Another run's. */
	message_write(bytes, SIZE, 2, ~rig.flow.nonce);
	come(bytes, SIZE);
	expect_reply(0, FAULT_FOREIGN);
	bytes[SIZE - 1] ^= 1;
	come(bytes, SIZE);
	expect_reply(0, FAULT_FOREIGN);
	message_write(bytes, SIZE, 70, ~rig.flow.nonce);
	come(bytes, SIZE);
	expect_reply(0, FAULT_FOREIGN);
	expect_tally(&rig.flow, 0, 0);
	ck_assert_uint_eq(rig.flow.tally.foreign, told_count);
	ck_assert_uint_eq(rig.flow.waiting, 3);
}
END_TEST

START_TEST(tells_damage_for_which_there_is_no_probe)
{
	unsigned char bytes[SIZE];

	probe(1);
	/* It is ours, but of which? */
	message_write(bytes, SIZE, UINT64_C(1) << 50, rig.flow.nonce);
	come(bytes, SIZE);
	ck_assert_uint_eq(told_last()->faults, FAULT_CORRUPT);
	ck_assert_uint_eq(told_last()->mismatch, 0);
	ck_assert_uint_eq(rig.flow.tally.corrupt, 1);
	ck_assert_uint_eq(rig.flow.waiting, 1);
}
END_TEST

static Suite *flow_reply_suite(void)
{
	Suite *suite = suite_create("flow_reply");
	TCase *reply = tcase_create("reply");

	tcase_set_timeout(reply, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(reply, set_up, tear_down);
	tcase_add_test(reply, tells_of_a_reply);
	tcase_add_test(reply, counts_duplicates);
	tcase_add_test(reply, counts_what_was_overtaken);
	tcase_add_test(reply, counts_what_came_late);
	tcase_add_test(reply, knows_its_own_when_it_has_forgotten_them);
	tcase_add_test(reply, finds_each_byte_that_is_wrong);
	tcase_add_test(reply, tells_each_length_that_is_short);
	tcase_add_test(reply, tells_what_is_longer_than_was_sent);
	tcase_add_test(reply, tells_small_messages_apart);
	tcase_add_test(reply, takes_empty_ones_for_the_oldest);
	tcase_add_test(reply, tells_replies_from_elsewhere);
	tcase_add_test(reply, small_replies_may_come_from_elsewhere);
	tcase_add_test(reply, is_not_taken_in_by_strangers);
	tcase_add_test(reply, tells_damage_for_which_there_is_no_probe);
	suite_add_tcase(suite, reply);
	return suite;
}

int main(void)
{
	return harness_run(flow_reply_suite());
}
