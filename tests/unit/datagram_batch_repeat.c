/* SPDX-License-Identifier: MIT */
/*
 * Which messages of a batch repeat one that may be answered, so that they need
 * not be judged again.
 */
#include "config.h"

#include "unit/datagram_batch.h"
#include "unit/harness.h"

#include <netinet/in.h>

/* Each of these says something else, of which another verdict may follow. */
START_TEST(only_what_is_the_same_in_every_byte_repeats)
{
	struct address other = ipv4_address("192.0.2.2", 4001);
	struct asked same = asked;

	single(&a, 100);
	ck_assert(batch_repeats_judged(batch, arrive(&a, 50, 0)));
	ck_assert(!batch_repeats_judged(batch, arrive(&b, 100, 0)));
	ck_assert(!batch_repeats_judged(batch, arrive(&other, 100, 0)));
	ck_assert(!batch_repeats_judged(batch, arrive(&a, 100, 50)));
	asked.ttl = 64;
	ck_assert(!batch_repeats_judged(batch, arrive(&a, 100, 0)));
	asked = same;
	asked.info4.ipi_addr.s_addr = htonl(INADDR_BROADCAST);
	ck_assert(!batch_repeats_judged(batch, arrive(&a, 100, 0)));
	asked = same;
	asked.info4.ipi_ifindex = 7;
	ck_assert(!batch_repeats_judged(batch, arrive(&a, 100, 0)));
	asked = same;
	ck_assert(batch_repeats_judged(batch, arrive(&a, 100, 0)));
}
END_TEST

START_TEST(what_was_cut_off_repeats_nothing)
{
	unsigned i;

	single(&a, 100);
	i = arrive(&a, 100, 0);
	batch->messages[i].msg_hdr.msg_flags = MSG_TRUNC;
	ck_assert(!batch_repeats_judged(batch, i));
}
END_TEST

START_TEST(ipv6_repeats_with_its_scope)
{
	struct address peer = ipv6_address("fe80::1", 4001);

	asked = asked_at6("fe80::2", 3);
	peer.in6.sin6_scope_id = 3;
	single(&peer, 100);
	ck_assert(batch_repeats_judged(batch, arrive(&peer, 100, 0)));
	peer.in6.sin6_scope_id = 4;
	ck_assert(!batch_repeats_judged(batch, arrive(&peer, 100, 0)));
}
END_TEST

/* Though another peer's came in between. */
START_TEST(what_repeats_goes_where_the_last_like_it_went)
{
	single(&a, 100);
	single(&b, 100);
	single(&a, 100);
	single(&a, 100);
	single(&b, 100);
	single(&b, 60);
	expect_replies(2);
	expect_reply(0, &a, "023");
	expect_reply(1, &b, "145");
}
END_TEST

START_TEST(a_verdict_is_for_one_batch)
{
	single(&a, 100);
	begin_next();
	ck_assert(!batch_repeats_judged(batch, arrive(&a, 100, 0)));
}
END_TEST

/* Nor do they repeat nobody, before anything was judged. */
START_TEST(unnamed_and_unix_peers_repeat_nothing)
{
	struct address nobody = { .length = 0 };

	ck_assert(!batch_repeats_judged(batch, arrive(&nobody, 100, 0)));
	single(&nobody, 100);
	ck_assert(!batch_repeats_judged(batch, arrive(&nobody, 100, 0)));
	begin(true, true);
	asked = (struct asked){ .known4 = false };
	single(&nobody, 100);
	ck_assert(!batch_repeats_judged(batch, arrive(&nobody, 100, 0)));
	single(&a, 100);
	ck_assert(!batch_repeats_judged(batch, arrive(&a, 100, 0)));
}
END_TEST

/* More than is kept of them, as of a passed socket with many options. */
START_TEST(long_control_data_are_read_each_time)
{
	asked = asked_at_mapped("192.0.2.9", "::ffff:192.0.2.9");
	asked.ttl = 64;
	train(&a, 200, 100);
	ck_assert(!batch_repeats_judged(batch, arrive(&a, 200, 100)));
}
END_TEST

TCase *datagram_batch_repeat_case(void)
{
	TCase *tcase = tcase_create("repeating");

	tcase_add_checked_fixture(tcase, batch_setup, batch_teardown);
	tcase_add_test(tcase, only_what_is_the_same_in_every_byte_repeats);
	tcase_add_test(tcase, what_was_cut_off_repeats_nothing);
	tcase_add_test(tcase, ipv6_repeats_with_its_scope);
	tcase_add_test(tcase, what_repeats_goes_where_the_last_like_it_went);
	tcase_add_test(tcase, a_verdict_is_for_one_batch);
	tcase_add_test(tcase, unnamed_and_unix_peers_repeat_nothing);
	tcase_add_test(tcase, long_control_data_are_read_each_time);
	return tcase;
}
