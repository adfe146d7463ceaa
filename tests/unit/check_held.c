/* SPDX-License-Identifier: MIT */
/*
 * What a peer did not take yet: kept whole, sent once and in order.
 */
#include "config.h"

#include "echod/held.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define LENGTH 100000

START_TEST(is_sent_in_order_as_the_peer_takes_it)
{
	static unsigned char data[LENGTH], back[LENGTH];
	size_t received = 0, sent;
	struct held_bytes *held;
	struct stream stream;
	int fds[2], error;

	for (size_t i = 0; i < LENGTH; i++)
		data[i] = (unsigned char)(i * 7 + i / 256);
	unix_pair(SOCK_STREAM, fds);
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_SNDBUF, 4096);
	stream = (struct stream){ .fd = fds[SERVER] };
	held = held_copy(data, LENGTH);
	ck_assert_ptr_nonnull(held);
	do {
		ssize_t count;

		error = held_send(held, &stream, &sent);
		ck_assert(error == 0 || error == -EAGAIN);
		ck_assert_int_eq(error == 0, held->sent == held->length);
		while ((count = recv(fds[CLIENT], back + received,
				     LENGTH - received, MSG_DONTWAIT)) > 0)
			received += (size_t)count;
	} while (error != 0);
	ck_assert_uint_eq(received, LENGTH);
	ck_assert_mem_eq(data, back, LENGTH);
	free(held);
	close(fds[CLIENT]);
	close(fds[SERVER]);
}
END_TEST

START_TEST(a_broken_connection_is_told)
{
	struct held_bytes *held = held_copy("abc", 3);
	struct stream stream;
	size_t sent;
	int fds[2];

	ck_assert_ptr_nonnull(held);
	unix_pair(SOCK_STREAM, fds);
	close(fds[CLIENT]);
	stream = (struct stream){ .fd = fds[SERVER] };
	ck_assert_int_eq(held_send(held, &stream, &sent), -EPIPE);
	ck_assert_uint_eq(sent, 0);
	ck_assert_uint_eq(held->sent, 0);
	free(held);
	close(fds[SERVER]);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("held");
	TCase *tcase = tcase_create("held");

	tcase_add_test(tcase, is_sent_in_order_as_the_peer_takes_it);
	tcase_add_test(tcase, a_broken_connection_is_told);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
