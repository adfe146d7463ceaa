/* SPDX-License-Identifier: MIT */
/*
 * What replies are taken for, one by one.
 */
#include "config.h"

#include "echoping/load_window.h"
#include "echoping/message.h"
#include "echoping/pattern.h"
#include "echoping/report.h"
#include "unit/harness.h"

#include <stdlib.h>
#include <string.h>

#define PIPELINE 16
#define RING	 64
#define SIZE	 40
#define NONCE	 UINT64_C(0x1122334455667788)

static struct load_window *window;
static struct load_sent *sent;
static bool first;

static void setup(void)
{
	const struct fill fill = { .length = 0 };

	pattern_init(&fill);
	window = calloc(1, load_window_size(PIPELINE));
	ck_assert_ptr_nonnull(window);
	load_window_init(window, PIPELINE);
}

static void teardown(void)
{
	free(window);
}

static struct load_sent *add(void)
{
	return load_window_add(window, 1000, 900);
}

/* The echo of `size` bytes of what was sent with this number. */
static unsigned reply(uint64_t sequence, size_t size)
{
	unsigned char bytes[2 * SIZE];

	message_write(bytes, sizeof(bytes), sequence, NONCE);
	return load_window_judge(window, bytes, size, SIZE, NONCE, &sent,
				 &first);
}

START_TEST(ring_is_four_pipelines_long_and_a_power_of_two)
{
	static const struct {
		uint32_t pipeline, length;
	} rows[] = { { 1, 64 }, { 16, 64 }, { 17, 128 }, { 1024, 4096 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ck_assert_uint_eq(load_window_size(rows[i].pipeline),
				  sizeof(struct load_window) +
					  rows[i].length *
						  sizeof(struct load_sent));
}
END_TEST

START_TEST(answer_is_the_message_with_its_times)
{
	struct load_sent *one = add();

	ck_assert_uint_eq(one->sequence, 1);
	ck_assert_uint_eq(window->under_way, 1);
	ck_assert_uint_eq(reply(1, SIZE), 0);
	ck_assert_ptr_eq(sent, one);
	ck_assert(first);
	ck_assert_uint_eq(sent->sent, 1000);
	ck_assert_uint_eq(sent->due, 900);
	ck_assert_uint_eq(window->under_way, 0);
	ck_assert_ptr_null(load_window_oldest(window));
}
END_TEST

START_TEST(second_answer_is_a_duplicate)
{
	add();
	ck_assert_uint_eq(reply(1, SIZE), 0);
	ck_assert_uint_eq(reply(1, SIZE), FAULT_DUPLICATE);
	ck_assert(!first);
}
END_TEST

START_TEST(overtaken_answer_is_reordered)
{
	add();
	add();
	add();
	ck_assert_uint_eq(reply(2, SIZE), 0);
	ck_assert_uint_eq(reply(1, SIZE), FAULT_REORDERED);
	ck_assert(first);
	ck_assert_uint_eq(reply(3, SIZE), 0);
}
END_TEST

START_TEST(answer_to_a_lost_message_is_late_once)
{
	load_window_lose(window, add());
	ck_assert_uint_eq(window->under_way, 0);
	ck_assert_uint_eq(reply(1, SIZE), FAULT_LATE);
	ck_assert(!first);
	ck_assert_uint_eq(reply(1, SIZE), FAULT_DUPLICATE);
}
END_TEST

START_TEST(other_bytes_are_corrupt_and_settle_the_message)
{
	unsigned char bytes[SIZE];

	add();
	message_write(bytes, SIZE, 1, NONCE);
	bytes[SIZE - 1] ^= 0x80;
	ck_assert_uint_eq(load_window_judge(window, bytes, SIZE, SIZE, NONCE,
					    &sent, &first),
			  FAULT_CORRUPT);
	ck_assert(first);
	ck_assert_uint_eq(window->under_way, 0);
	ck_assert_uint_eq(reply(1, SIZE), FAULT_DUPLICATE);
}
END_TEST

START_TEST(length_is_part_of_the_message)
{
	add();
	add();
	ck_assert_uint_eq(reply(1, SIZE - 1), FAULT_TRUNCATED);
	ck_assert(first);
	ck_assert_uint_eq(reply(2, SIZE + 1), FAULT_CORRUPT);
	ck_assert(first);
}
END_TEST

START_TEST(what_was_never_sent_answers_nothing)
{
	unsigned char bytes[SIZE];

	add();
	message_write(bytes, SIZE, 1, NONCE + 1);
	ck_assert_uint_eq(load_window_judge(window, bytes, SIZE, SIZE, NONCE,
					    &sent, &first),
			  FAULT_FOREIGN);
	ck_assert_ptr_null(sent);
	ck_assert_uint_eq(reply(2, SIZE), FAULT_CORRUPT);
	ck_assert_uint_eq(reply(0, SIZE), FAULT_CORRUPT);
	ck_assert_uint_eq(reply(9, 9), FAULT_FOREIGN);
	ck_assert_uint_eq(window->under_way, 1);
}
END_TEST

START_TEST(empty_message_answers_the_oldest)
{
	const unsigned char nothing[1] = { 0 };

	add();
	add();
	ck_assert_uint_eq(
		load_window_judge(window, nothing, 0, 0, NONCE, &sent, &first),
		0);
	ck_assert_uint_eq(sent->sequence, 1);
	ck_assert(first);
}
END_TEST

START_TEST(undone_message_leaves_nothing)
{
	load_window_undo(window, add());
	ck_assert_uint_eq(reply(1, SIZE), FAULT_DUPLICATE);
	ck_assert(!first);
	ck_assert_uint_eq(window->under_way, 0);
	ck_assert_ptr_null(load_window_oldest(window));
	ck_assert_uint_eq(add()->sequence, 2);
}
END_TEST

/* A stuck message keeps its place however many follow. */
START_TEST(place_of_one_under_way_is_never_taken)
{
	struct load_sent *stuck = add();

	for (unsigned i = 0; i < 3 * RING; i++) {
		uint64_t sequence = add()->sequence;

		ck_assert_uint_ne(sequence % RING, 1);
		ck_assert_uint_eq(reply(sequence, SIZE), 0);
	}
	ck_assert_ptr_eq(load_window_oldest(window), stuck);
	ck_assert_uint_eq(reply(1, SIZE), FAULT_REORDERED);
	ck_assert_ptr_eq(sent, stuck);
}
END_TEST

START_TEST(forgotten_answer_is_late_if_one_is_missing)
{
	load_window_lose(window, add());
	for (unsigned i = 0; i < RING; i++)
		ck_assert_uint_eq(reply(add()->sequence, SIZE), 0);
	ck_assert_uint_eq(reply(1, SIZE), FAULT_LATE);
	ck_assert_ptr_null(sent);
	ck_assert_uint_eq(reply(1, SIZE), FAULT_DUPLICATE);
}
END_TEST

START_TEST(forget_counts_none_of_those_sent)
{
	add();
	load_window_forget(window);
	add();
	ck_assert_uint_eq(reply(1, SIZE), 0);
	ck_assert(!sent->counted);
	ck_assert_uint_eq(reply(2, SIZE), 0);
	ck_assert(sent->counted);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("load_window");
	TCase *replies = tcase_create("replies");

	tcase_add_checked_fixture(replies, setup, teardown);
	tcase_add_test(replies, ring_is_four_pipelines_long_and_a_power_of_two);
	tcase_add_test(replies, answer_is_the_message_with_its_times);
	tcase_add_test(replies, second_answer_is_a_duplicate);
	tcase_add_test(replies, overtaken_answer_is_reordered);
	tcase_add_test(replies, answer_to_a_lost_message_is_late_once);
	tcase_add_test(replies, other_bytes_are_corrupt_and_settle_the_message);
	tcase_add_test(replies, length_is_part_of_the_message);
	tcase_add_test(replies, what_was_never_sent_answers_nothing);
	tcase_add_test(replies, empty_message_answers_the_oldest);
	tcase_add_test(replies, undone_message_leaves_nothing);
	tcase_add_test(replies, place_of_one_under_way_is_never_taken);
	tcase_add_test(replies, forgotten_answer_is_late_if_one_is_missing);
	tcase_add_test(replies, forget_counts_none_of_those_sent);
	suite_add_tcase(suite, replies);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
