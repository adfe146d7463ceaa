/* SPDX-License-Identifier: MIT */
/*
 * Which messages of a batch go back as one: those of one peer, to one address
 * of ours, in the order in which they came.
 */
#include "config.h"

#include "unit/datagram_batch.h"
#include "unit/harness.h"

#include "common/macros.h"

#include <netinet/in.h>
#include <string.h>

START_TEST(equal_lengths_make_a_train)
{
	for (int i = 0; i < 4; i++)
		single(&a, 100);
	expect_replies(1);
	expect_reply(0, &a, "0123");
	ck_assert_uint_eq(batch->plans[0].datagrams, 4);
	ck_assert_uint_eq(batch->plans[0].segment, 100);
}
END_TEST

START_TEST(a_shorter_one_ends_a_train)
{
	single(&a, 100);
	single(&a, 99);
	single(&a, 99);
	single(&a, 99);
	expect_replies(2);
	expect_reply(0, &a, "01");
	expect_reply(1, &a, "23");
}
END_TEST

START_TEST(nothing_joins_a_train_that_has_ended)
{
	single(&a, 100);
	single(&a, 99);
	single(&a, 1);
	expect_replies(2);
	expect_reply(0, &a, "01");
	expect_reply(1, &a, "2");
}
END_TEST

START_TEST(a_longer_one_begins_a_train)
{
	single(&a, 100);
	single(&a, 101);
	single(&a, 101);
	expect_replies(2);
	expect_reply(0, &a, "0");
	expect_reply(1, &a, "12");
}
END_TEST

/* The kernel would send none for it. */
START_TEST(an_empty_one_stands_alone)
{
	single(&a, 1);
	single(&a, 0);
	single(&a, 0);
	single(&a, 1);
	expect_replies(4);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(batch->plans[i].datagrams, 1);
}
END_TEST

START_TEST(mixed_peers_get_a_train_each)
{
	for (int i = 0; i < 3; i++) {
		single(&a, 100);
		single(&b, 100);
	}
	expect_replies(2);
	expect_reply(0, &a, "024");
	expect_reply(1, &b, "135");
}
END_TEST

/* Message 3 could go with 0, but then it would come before 2. */
START_TEST(each_peer_gets_its_own_in_order)
{
	single(&a, 100);
	single(&b, 100);
	single(&a, 200);
	single(&a, 100);
	single(&b, 100);
	single(&a, 100);
	expect_replies(4);
	expect_reply(0, &a, "0");
	expect_reply(1, &b, "14");
	expect_reply(2, &a, "23");
	expect_reply(3, &a, "5");
}
END_TEST

static const struct {
	const char *literal;
	uint16_t port;
	unsigned scope;
} strangers[] = {
	{ "192.0.2.1", 4002, 0 }, { "192.0.2.2", 4001, 0 }, { "::1", 4001, 0 },
	{ "fe80::1", 4001, 3 },	  { "fe80::1", 4001, 4 },
};

static struct address stranger(size_t i)
{
	struct address address =
		strchr(strangers[i].literal, ':')
			? ipv6_address(strangers[i].literal, strangers[i].port)
			: ipv4_address(strangers[i].literal, strangers[i].port);

	if (strangers[i].scope > 0)
		address.in6.sin6_scope_id = strangers[i].scope;
	return address;
}

START_TEST(nobody_gets_what_is_another_ones)
{
	struct address peers[ARRAY_SIZE(strangers) + 1] = { a };

	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++)
		peers[i + 1] = stranger(i);
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
		single(&peers[i], 100);
	expect_replies(ARRAY_SIZE(peers));
}
END_TEST

/* Two peers may be looked up at one place: nothing is joined then. */
START_TEST(peers_that_share_a_bucket_only_miss_a_train)
{
	unsigned joined = 0, missed = 0;

	for (uint16_t port = 5000; port < 6000; port++) {
		b.in.sin_port = htons(port);
		begin(false, true);
		single(&a, 100);
		single(&b, 100);
		single(&a, 100);
		if (batch->count == 2) {
			joined++;
			expect_reply(0, &a, "02");
			expect_reply(1, &b, "1");
			continue;
		}
		missed++;
		expect_replies(3);
		expect_reply(0, &a, "0");
		expect_reply(1, &b, "1");
		expect_reply(2, &a, "2");
	}
	ck_assert_uint_gt(joined, 10 * missed);
	ck_assert_uint_gt(missed, 0);
}
END_TEST

START_TEST(hosts_are_told_apart_whatever_the_bucket)
{
	for (unsigned host = 1; host <= 1000; host++) {
		begin(false, true);
		b = a;
		b.in.sin_addr.s_addr = htonl(0xc0000201 + host);
		single(&a, 100);
		single(&b, 100);
		expect_replies(2);
		expect_reply(0, &a, "0");
		expect_reply(1, &b, "1");
	}
}
END_TEST

START_TEST(a_reply_leaves_from_one_address)
{
	single(&a, 100);
	asked = asked_at4("192.0.2.10");
	single(&a, 100);
	asked = (struct asked){ .known4 = false };
	single(&a, 100);
	single(&a, 100);
	asked = asked_at4("0.0.0.0");
	single(&a, 100);
	expect_replies(4);
	expect_reply(2, &a, "23");
}
END_TEST

START_TEST(a_reply_leaves_from_one_ipv6_address)
{
	struct address peer = ipv6_address("2001:db8::1", 4001);

	asked = asked_at6("2001:db8::8", 1);
	single(&peer, 100);
	asked = asked_at6("2001:db8::9", 1);
	single(&peer, 100);
	asked = asked_at6("fe80::9", 1);
	single(&peer, 100);
	single(&peer, 100);
	asked = asked_at6("fe80::9", 2);
	single(&peer, 100);
	asked = (struct asked){ .known6 = false };
	single(&peer, 100);
	asked = asked_at6("::", 0);
	single(&peer, 100);
	expect_replies(6);
	expect_reply(2, &peer, "23");
}
END_TEST

START_TEST(a_reply_leaves_from_one_mapped_address)
{
	struct address peer = ipv6_address("::ffff:192.0.2.1", 4001);

	asked = asked_at_mapped("192.0.2.9", "::ffff:192.0.2.9");
	single(&peer, 100);
	single(&peer, 100);
	asked = asked_at_mapped("192.0.2.10", "::ffff:192.0.2.10");
	single(&peer, 100);
	asked.known4 = false;
	single(&peer, 100);
	expect_replies(3);
	expect_reply(0, &peer, "01");
}
END_TEST

START_TEST(a_reply_has_one_ttl)
{
	static const int ttls[] = { 64, 63, 63, 64 };

	for (size_t i = 0; i < ARRAY_SIZE(ttls); i++) {
		asked.ttl = ttls[i];
		single(&a, 100);
	}
	expect_replies(3);
	expect_reply(0, &a, "0");
	expect_reply(1, &a, "12");
	expect_reply(2, &a, "3");
}
END_TEST

/* A reply takes the place of a message that has joined another. */
START_TEST(messages_are_used_again_in_the_next_batch)
{
	for (int round = 0; round < 3; round++) {
		single(&a, 100);
		single(&a, 100);
		single(&b, 200);
		single(&a, 60);
		single(&b, 200);
		expect_replies(2);
		expect_reply(0, &a, "013");
		expect_reply(1, &b, "24");
		begin_next();
	}
	for (unsigned i = 0; i < batch->size; i++)
		for (unsigned n = 0; n < i; n++)
			ck_assert_ptr_ne(
				batch->messages[i].msg_hdr.msg_iov->iov_base,
				batch->messages[n].msg_hdr.msg_iov->iov_base);
}
END_TEST

START_TEST(unix_peers_never_get_trains)
{
	begin(true, true);
	asked = (struct asked){ .known4 = false };
	single(&a, 100);
	single(&a, 100);
	expect_replies(2);
	ck_assert_uint_eq(reply(0)->msg_controllen, 0);
}
END_TEST

START_TEST(trains_that_are_not_wanted_are_not_made)
{
	begin(false, false);
	single(&a, 100);
	single(&a, 100);
	train(&a, 200, 100);
	expect_replies(3);
	ck_assert_uint_eq(batch->plans[2].datagrams, 2);
	ck_assert(batch->plans[2].one_by_one);
}
END_TEST

START_TEST(unnamed_peers_never_get_trains)
{
	struct address nobody = { .length = 0 };

	single(&nobody, 100);
	single(&nobody, 100);
	expect_replies(2);
}
END_TEST

static TCase *joining_case(void)
{
	TCase *part = tcase_create("joining");

	tcase_add_checked_fixture(part, batch_setup, batch_teardown);
	tcase_add_test(part, equal_lengths_make_a_train);
	tcase_add_test(part, a_shorter_one_ends_a_train);
	tcase_add_test(part, nothing_joins_a_train_that_has_ended);
	tcase_add_test(part, a_longer_one_begins_a_train);
	tcase_add_test(part, an_empty_one_stands_alone);
	tcase_add_test(part, mixed_peers_get_a_train_each);
	tcase_add_test(part, each_peer_gets_its_own_in_order);
	tcase_add_test(part, nobody_gets_what_is_another_ones);
	tcase_add_test(part, peers_that_share_a_bucket_only_miss_a_train);
	tcase_add_test(part, hosts_are_told_apart_whatever_the_bucket);
	tcase_add_test(part, a_reply_leaves_from_one_address);
	tcase_add_test(part, a_reply_leaves_from_one_ipv6_address);
	tcase_add_test(part, a_reply_leaves_from_one_mapped_address);
	tcase_add_test(part, a_reply_has_one_ttl);
	tcase_add_test(part, messages_are_used_again_in_the_next_batch);
	tcase_add_test(part, unix_peers_never_get_trains);
	tcase_add_test(part, trains_that_are_not_wanted_are_not_made);
	tcase_add_test(part, unnamed_peers_never_get_trains);
	return part;
}

int main(void)
{
	Suite *suite = suite_create("datagram_batch");

	suite_add_tcase(suite, joining_case());
	suite_add_tcase(suite, datagram_batch_repeat_case());
	suite_add_tcase(suite, datagram_batch_train_case());
	return harness_run(suite);
}
