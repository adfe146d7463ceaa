/* SPDX-License-Identifier: MIT */
/*
 * What a train may be, what joins it, and which control data go with it.
 */
#include "config.h"

#include "unit/datagram_batch.h"
#include "unit/harness.h"

#include "common/macros.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

/* UDP_MAX_SEGMENTS of Linux before 6.9. */
START_TEST(a_train_has_at_most_64_datagrams)
{
	train(&a, 40 * 10, 10);
	train(&a, 24 * 10, 10);
	single(&a, 10);
	train(&b, 40 * 10, 10);
	train(&b, 25 * 10, 10);
	expect_replies(4);
	ck_assert_uint_eq(batch->plans[0].datagrams, 64);
	ck_assert_uint_eq(batch->plans[1].datagrams, 1);
	expect_reply(2, &b, "3");
	expect_reply(3, &b, "4");
}
END_TEST

/* 65,535 less the headers of IPv6 and UDP. */
START_TEST(a_train_has_at_most_65487_bytes)
{
	train(&a, 44 * 1472, 1472);
	single(&a, 719);
	train(&b, 44 * 1472, 1472);
	single(&b, 720);
	expect_replies(3);
	ck_assert_uint_eq(reply(0)->msg_iov->iov_len, 65487);
	expect_reply(1, &b, "2");
}
END_TEST

START_TEST(what_would_be_fragmented_is_not_joined)
{
	single(&a, 1472);
	single(&a, 1472);
	single(&b, 1473);
	single(&b, 1473);
	single(&b, 100);
	expect_replies(4);
	expect_reply(0, &a, "01");
	expect_reply(3, &b, "4");
}
END_TEST

START_TEST(what_came_as_a_train_goes_back_as_one)
{
	train(&a, 3 * 8000, 8000);
	single(&a, 8000);
	expect_replies(2);
	ck_assert_uint_eq(batch->plans[0].datagrams, 3);
	ck_assert_uint_eq(batch->plans[0].segment, 8000);
}
END_TEST

START_TEST(trains_are_joined_with_trains_and_singles)
{
	single(&a, 100);
	train(&a, 300, 100);
	train(&a, 250, 100);
	single(&a, 100);
	expect_replies(2);
	expect_reply(0, &a, "012");
	ck_assert_uint_eq(batch->plans[0].datagrams, 7);
	ck_assert_uint_eq(reply(0)->msg_iov->iov_len, 650);
}
END_TEST

/* Only the last datagram of a train can be shorter. */
START_TEST(a_train_of_shorter_ones_is_not_joined)
{
	single(&a, 100);
	train(&a, 90, 45);
	single(&a, 45);
	expect_replies(2);
	expect_reply(0, &a, "0");
	expect_reply(1, &a, "12");
}
END_TEST

/* The n-th control message of a reply, of this type and size. */
static const void *control(unsigned i, unsigned n, int level, int type,
			   size_t length)
{
	struct msghdr header = *reply(i);
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);

	while (n-- > 0)
		cmsg = CMSG_NXTHDR(&header, cmsg);
	ck_assert_ptr_nonnull(cmsg);
	ck_assert_int_eq(cmsg->cmsg_level, level);
	ck_assert_int_eq(cmsg->cmsg_type, type);
	ck_assert_uint_eq(cmsg->cmsg_len, CMSG_LEN(length));
	return CMSG_DATA(cmsg);
}

static void expect_local(unsigned i, const char *literal)
{
	const struct in_pktinfo *info =
		control(i, 0, IPPROTO_IP, IP_PKTINFO, sizeof(*info));

	ck_assert_uint_eq(info->ipi_spec_dst.s_addr,
			  ipv4_address(literal, 0).in.sin_addr.s_addr);
}

START_TEST(control_data_tell_address_and_segment)
{
	uint16_t segment;

	single(&a, 100);
	single(&a, 100);
	asked = asked_at4("192.0.2.10");
	single(&b, 100);
	expect_replies(2);
	expect_local(0, "192.0.2.9");
	memcpy(&segment,
	       control(0, 1, IPPROTO_UDP, UDP_SEGMENT, sizeof(segment)),
	       sizeof(segment));
	ck_assert_uint_eq(segment, 100);
	ck_assert_uint_eq(reply(0)->msg_controllen,
			  CMSG_SPACE(sizeof(struct in_pktinfo)) +
				  CMSG_LEN(sizeof(segment)));
	expect_local(1, "192.0.2.10");
	ck_assert_uint_eq(reply(1)->msg_controllen,
			  CMSG_LEN(sizeof(struct in_pktinfo)));
	for (unsigned i = 0; i < 2; i++)
		ck_assert_uint_eq(batch->plans[i].plain_controls,
				  CMSG_LEN(sizeof(struct in_pktinfo)));
}
END_TEST

START_TEST(the_next_batch_joins_nothing_of_this_one)
{
	single(&a, 100);
	expect_replies(1);
	begin_next();
	ck_assert_uint_eq(batch->messages[0].msg_hdr.msg_controllen,
			  PACKET_INFO_ROOM);
	ck_assert_uint_eq(batch->messages[0].msg_hdr.msg_iov->iov_len,
			  batch->room);
	ck_assert_uint_ge(batch->messages[0].msg_hdr.msg_namelen,
			  sizeof(struct sockaddr_in6));
	single(&a, 200);
	single(&b, 200);
	single(&b, 200);
	expect_replies(2);
	expect_reply(0, &a, "0");
	expect_reply(1, &b, "12");
}
END_TEST

START_TEST(datagrams_are_counted_not_trains)
{
	static const struct {
		unsigned length;
		uint16_t segment;
		unsigned datagrams;
	} messages[] = { { 0, 0, 1 },	 { 100, 0, 1 }, { 0, 10, 1 },
			 { 9, 10, 1 },	 { 10, 10, 1 }, { 11, 10, 2 },
			 { 20, 10, 2 },	 { 64, 1, 64 }, { 65507, 1472, 45 },
			 { 128, 1, 128 } };
	unsigned sum = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(messages); i++) {
		train(&a, messages[i].length, messages[i].segment);
		sum += messages[i].datagrams;
		ck_assert_uint_eq(batch_unsent(batch), sum);
	}
	ck_assert_uint_eq(batch_unsent(batch), sum);
	batch->sent = batch->count;
	ck_assert_uint_eq(batch_unsent(batch), 0);
}
END_TEST

TCase *datagram_batch_train_case(void)
{
	TCase *part = tcase_create("train");

	tcase_add_checked_fixture(part, batch_setup, batch_teardown);
	tcase_add_test(part, a_train_has_at_most_64_datagrams);
	tcase_add_test(part, a_train_has_at_most_65487_bytes);
	tcase_add_test(part, what_would_be_fragmented_is_not_joined);
	tcase_add_test(part, what_came_as_a_train_goes_back_as_one);
	tcase_add_test(part, trains_are_joined_with_trains_and_singles);
	tcase_add_test(part, a_train_of_shorter_ones_is_not_joined);
	tcase_add_test(part, control_data_tell_address_and_segment);
	tcase_add_test(part, the_next_batch_joins_nothing_of_this_one);
	tcase_add_test(part, datagrams_are_counted_not_trains);
	return part;
}
