/* SPDX-License-Identifier: MIT */
/*
 * Compaction: when it begins, how much it does at a time, and that whoever
 * lives is in the queue afterwards, exactly once.
 */
#include "config.h"

#include "unit/lot.h"
#include "unit/sockets.h"

#include <errno.h>
#include <sys/socket.h>

/* As in lot.c. */
#define DEAD_MAX     256
#define ROTATIONS    8
#define MESSAGE_COST 1024

#define SEEDS 12
#define STEPS 3000
#define CROWD 600 /* who are alive at a time, at most */

/* With `alive` left, one more dead than is put up with. */
START_TEST(dead_beside_the_living_are_counted)
{
	static const size_t alive[] = { 1, 100, 253, 400 };
	size_t first = alive[_i], dead = first + DEAD_MAX;

	park_members(first + dead + 1);
	leave_range(first, dead);
	/* There is still one too many alive. */
	ck_assert_uint_eq(lot.parked, first + dead + 1);
	expect_exact();
	leave(&members[first + dead]);
	ck_assert_uint_le(lot.parked - lot.live, DEAD_MAX);
	ck_assert_uint_lt(lot.parked, dead);
	expect_exact();
}
END_TEST

/* At the limit on what is in flight nothing can be sent to make room. */
START_TEST(no_dead_are_put_up_with_near_the_limit)
{
	lot.parked_max = 600;
	park_members(600 - LOT_BATCH);
	leave(&members[5]);
	ck_assert_uint_eq(lot.parked, 600 - LOT_BATCH);
	park_members(1);
	lot_compact(&lot);
	ck_assert_uint_eq(lot.parked, lot.live);
	expect_exact();
	leave(&members[6]);
	leave(&members[300]);
	ck_assert_uint_le(lot.parked, 600 - LOT_BATCH);
	expect_exact();
}
END_TEST

/* There is nothing to gain by rotation. */
START_TEST(living_are_left_alone_near_the_limit)
{
	lot.parked_max = 300;
	park_members(300);
	lot_compact(&lot);
	ck_assert_uint_eq(sends, 2);
	expect_exact();
}
END_TEST

START_TEST(empty_lot_has_an_empty_queue)
{
	park_members(1000);
	leave_range(0, 1000);
	ck_assert_uint_le(lot.parked, DEAD_MAX);
	park_members(1);
	ck_assert_uint_eq(lot.live, 1);
	expect_exact();
}
END_TEST

START_TEST(short_messages_are_joined_when_they_are_many)
{
	lot.message_limit = 16;
	park_singly(12);
	lot_compact(&lot);
	ck_assert_uint_eq(lot.message_count, 12);
	park_singly(1);
	ck_assert_uint_eq(lot.message_count, 13);
	lot_compact(&lot);
	ck_assert_uint_eq(lot.message_count, 1);
	ck_assert_uint_eq(lot.parked, 13);
	expect_exact();
}
END_TEST

/* Many messages, but no fewer would do. */
START_TEST(full_messages_are_left_alone)
{
	unsigned sent;

	lot.message_limit = 8;
	park_members(7 * LOT_BATCH);
	sent = sends;
	lot_compact(&lot);
	leave(&members[3]);
	ck_assert_uint_eq(sends, sent);
	ck_assert_uint_eq(lot.message_count, 7);
	expect_exact();
}
END_TEST

/* net.core.wmem_max may be anything. */
static void limit_queue(size_t messages)
{
	int size = (int)(messages * MESSAGE_COST / 2);

	if (lot.message_limit <= messages)
		return;
	fd_set_option(lot.entrance, SOL_SOCKET, SO_SNDBUF, size);
	lot.message_limit = messages;
}

/* The kernel takes as many as we think, and one for rotation. */
START_TEST(full_lot_takes_nobody_and_can_be_compacted)
{
	size_t before;

	limit_queue(400);
	add_members(1);
	while (lot_park(&lot, &waiting) == 0)
		add_members(1);
	ck_assert_uint_eq(lot.message_count, lot.message_limit - 1);
	ck_assert_int_eq(lot_park(&lot, &waiting), -ENOBUFS);
	ck_assert(list_is_linked(&members[member_count - 1].place));
	before = lot.live;
	lot_compact(&lot);
	ck_assert_uint_le(lot.message_count, lot.message_limit / 4 * 3);
	ck_assert_uint_eq(lot.live, before);
	park_waiting();
	expect_exact();
}
END_TEST

/* Whoever dies last does not pay for all before. */
START_TEST(so_much_is_done_at_a_time)
{
	static struct census census;
	unsigned before = sends;

	for (int i = 0; i < 100; i++) {
		add_twins(50);
		park_waiting();
	}
	ck_assert_uint_eq(sends - before, 100);
	lot.message_limit = 20;
	lot_compact(&lot);
	ck_assert_uint_eq(sends - before, 100 + ROTATIONS);
	lot_compact(&lot);
	ck_assert_uint_eq(lot.message_count, 100 - 2 * ROTATIONS * 4 + 4);
	census_take(&census, exit_end);
	ck_assert_uint_eq(census.count, 5000);
	ck_assert_uint_eq(census.messages, lot.message_count);
}
END_TEST

/* Those who are rotated are not sent alone: messages stay long. */
START_TEST(several_messages_become_one)
{
	for (int i = 0; i < 6; i++)
		park_members(100);
	thin_out(0, 600, 10);
	ck_assert_uint_lt(lot.message_count, 6);
	expect_exact();
}
END_TEST

static uint32_t state;

/* xorshift32 (Marsaglia). */
static uint32_t any_below(uint32_t bound)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % bound;
}

static struct member *anyone_alive(void)
{
	size_t skipped = any_below((uint32_t)living_count());

	for (size_t i = 0; i < member_count; i++) {
		if (members[i].alive && skipped-- == 0)
			return &members[i];
	}
	return NULL;
}

/* Refused now and then, too. */
static void step(void)
{
	if (any_below(10) == 0)
		sendmsg_fault = (struct fault){ .times = 1, .error = ENOMEM };
	switch (any_below(5)) {
	case 0:
		if (living_count() < CROWD && member_count + 40 < MEMBERS_MAX)
			add_members(1 + any_below(40));
		(void)!lot_park(&lot, &waiting);
		break;
	case 1:
		lot_compact(&lot);
		break;
	default:
		if (lot.live > 0 && list_is_empty(&waiting))
			leave(anyone_alive());
	}
	sendmsg_fault.times = 0;
}

START_TEST(whatever_happens_all_who_live_are_there)
{
	state = (uint32_t)_i + 1;
	lot.message_limit = 12 + any_below(60);
	for (int i = 0; i < STEPS; i++) {
		step();
		while (!list_is_empty(&waiting) &&
		       lot_park(&lot, &waiting) == 0)
			;
		if (!list_is_empty(&waiting))
			continue;
		if (any_below(40) == 0)
			expect_exact();
	}
	lot_compact(&lot);
	park_waiting();
	expect_exact();
	ck_assert_uint_gt(receptions, 20);
}
END_TEST

TCase *lot_rotation_case(void)
{
	TCase *tcase = tcase_create("rotation");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, lot_setup, lot_teardown);
	tcase_add_loop_test(tcase, dead_beside_the_living_are_counted, 0, 4);
	tcase_add_test(tcase, no_dead_are_put_up_with_near_the_limit);
	tcase_add_test(tcase, living_are_left_alone_near_the_limit);
	tcase_add_test(tcase, empty_lot_has_an_empty_queue);
	tcase_add_test(tcase, short_messages_are_joined_when_they_are_many);
	tcase_add_test(tcase, full_messages_are_left_alone);
	tcase_add_test(tcase, full_lot_takes_nobody_and_can_be_compacted);
	tcase_add_test(tcase, so_much_is_done_at_a_time);
	tcase_add_test(tcase, several_messages_become_one);
	tcase_add_loop_test(tcase, whatever_happens_all_who_live_are_there, 0,
			    SEEDS);
	return tcase;
}
