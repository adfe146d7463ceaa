/* SPDX-License-Identifier: MIT */
/*
 * What a peer did not take yet: kept whole, sent once and in order, and no
 * memory when it is gone.
 */
#include "config.h"

#include "echod/held.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LENGTH	100000
#define LONGEST 200000
#define MOST	10

static struct reactor reactor;
static struct held_pool held;

static void setup(void)
{
	ck_assert_int_eq(reactor_init(&reactor), 0);
	ck_assert_int_eq(
		held_pool_init(&held, &reactor, LONGEST, SIZE_MAX, MOST), 0);
}

static void teardown(void)
{
	ck_assert_uint_eq(held.bytes, 0);
	held_pool_deinit(&held);
	reactor_deinit(&reactor);
}

START_TEST(is_sent_in_order_as_the_peer_takes_it)
{
	static unsigned char data[LENGTH], back[LENGTH];
	size_t received = 0, sent;
	struct stream stream;
	int fds[2], error;
	uint32_t number;

	for (size_t i = 0; i < LENGTH; i++)
		data[i] = (unsigned char)(i * 7 + i / 256);
	unix_pair(SOCK_STREAM, fds);
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_SNDBUF, 4096);
	stream = (struct stream){ .fd = fds[SERVER] };
	number = held_copy(&held, data, LENGTH);
	ck_assert_uint_ne(number, 0);
	ck_assert_uint_eq(held.bytes, LENGTH);
	do {
		ssize_t count;

		error = held_send(&held, number, &stream, &sent);
		ck_assert(error == 0 || error == -EAGAIN);
		while ((count = recv(fds[CLIENT], back + received,
				     LENGTH - received, MSG_DONTWAIT)) > 0)
			received += (size_t)count;
	} while (error != 0);
	ck_assert_uint_eq(received, LENGTH);
	ck_assert_mem_eq(data, back, LENGTH);
	held_drop(&held, number);
	close(fds[CLIENT]);
	close(fds[SERVER]);
}
END_TEST

START_TEST(a_broken_connection_is_told)
{
	uint32_t number = held_copy(&held, "abc", 3);
	struct stream stream;
	size_t sent;
	int fds[2];

	unix_pair(SOCK_STREAM, fds);
	close(fds[CLIENT]);
	stream = (struct stream){ .fd = fds[SERVER] };
	ck_assert_int_eq(held_send(&held, number, &stream, &sent), -EPIPE);
	ck_assert_uint_eq(sent, 0);
	held_drop(&held, number);
	close(fds[SERVER]);
}
END_TEST

/* As many as fit into the limit, were they as long as can be. */
START_TEST(there_is_room_up_to_the_limit)
{
	uint32_t numbers[3];

	held_pool_deinit(&held);
	ck_assert_int_eq(
		held_pool_init(&held, &reactor, LONGEST, 4 * LONGEST - 1, MOST),
		0);
	for (int i = 0; i < 3; i++) {
		ck_assert(held_pool_has_room(&held));
		numbers[i] = held_copy(&held, "abc", 3);
	}
	ck_assert(!held_pool_has_room(&held));
	ck_assert_uint_eq(held_copy(&held, "abc", 3), 0);
	ck_assert_uint_eq(held.bytes, 9);
	for (int i = 0; i < 3; i++)
		held_drop(&held, numbers[i]);
	ck_assert(held_pool_has_room(&held));
}
END_TEST

static bool is_scheduled(void)
{
	return list_is_linked(&held.trim.link);
}

/* Hold so many at a time, and then nothing. */
static void hold(int count)
{
	uint32_t numbers[MOST];

	for (int i = 0; i < count; i++)
		numbers[i] = held_copy(&held, "abc", 3);
	ck_assert(!is_scheduled());
	for (int i = 0; i < count; i++)
		held_drop(&held, numbers[i]);
}

START_TEST(memory_goes_back_when_nothing_was_held_for_a_while)
{
	hold(5);
	ck_assert(is_scheduled());
	hold(1);
	ck_assert(is_scheduled());
	ck_assert_uint_eq(held.pool.fresh, 6);
	ck_assert_uint_ge(held.trim.deadline, reactor.now + USEC_PER_SEC);
	reactor.now = held.trim.deadline;
	reactor_dispatch(&reactor);
	ck_assert_uint_eq(held.pool.fresh, 1);
	ck_assert(!is_scheduled());
}
END_TEST

START_TEST(a_little_memory_stays)
{
	hold(4);
	ck_assert(!is_scheduled());
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("held");
	TCase *tcase = tcase_create("held");

	tcase_add_test(tcase, is_sent_in_order_as_the_peer_takes_it);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, there_is_room_up_to_the_limit);
	tcase_add_test(tcase,
		       memory_goes_back_when_nothing_was_held_for_a_while);
	tcase_add_test(tcase, a_little_memory_stays);
	tcase_add_test(tcase, a_broken_connection_is_told);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
