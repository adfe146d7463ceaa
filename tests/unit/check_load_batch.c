/* SPDX-License-Identifier: MIT */
/*
 * Batches and trains between two sockets on loopback.
 */
#include "config.h"

#include "echoping/load_batch.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct load_batch batch;
static int fds[2];

static void begin(size_t size, bool trains)
{
	ck_assert_int_eq(load_batch_init(&batch, size, trains), 0);
	udp_pair(fds);
	ck_assert_int_eq(load_batch_prepare(&batch, fds[CLIENT]), 0);
	ck_assert_int_eq(load_batch_prepare(&batch, fds[SERVER]), 0);
	for (unsigned i = 0; i < batch.most; i++)
		memset(load_batch_message(&batch, i), (int)(i + 1), size);
}

/* How many messages come, each checked; *calls is how many datagrams. */
static unsigned receive_all(unsigned expected, size_t size, unsigned *calls)
{
	const unsigned char *bytes;
	unsigned count = 0;
	size_t length;
	int received;

	*calls = 0;
	while (count < expected) {
		await_readable(fds[SERVER]);
		received = load_batch_receive(&batch, fds[SERVER]);
		ck_assert_int_gt(received, 0);
		*calls += (unsigned)received;
		while (load_batch_take(&batch, &bytes, &length)) {
			ck_assert_uint_eq(length, size);
			count++;
			if (size > 0) {
				ck_assert_uint_eq(bytes[0], count);
				ck_assert_uint_eq(bytes[size - 1], count);
			}
		}
	}
	return count;
}

START_TEST(batch_is_sent_and_received_message_by_message)
{
	static const size_t sizes[] = { 0, 1, 64, 1400 };
	unsigned calls;

	begin(sizes[_i], false);
	ck_assert_int_eq(load_batch_send(&batch, fds[CLIENT], 40), 40);
	ck_assert_uint_eq(receive_all(40, sizes[_i], &calls), 40);
	ck_assert_uint_eq(calls, 40);
	load_batch_deinit(&batch);
}
END_TEST

START_TEST(train_is_sent_at_once_and_cut_again)
{
	unsigned calls;

	begin(100, true);
	ck_assert_uint_eq(batch.most, BATCH_MAX);
	ck_assert_int_eq(load_batch_send(&batch, fds[CLIENT], 64), 64);
	ck_assert_uint_eq(receive_all(64, 100, &calls), 64);
	ck_assert_uint_lt(calls, 64);
	load_batch_deinit(&batch);
}
END_TEST

START_TEST(train_fits_a_datagram)
{
	static const struct {
		size_t size;
		unsigned most;
	} rows[] = { { 0, 64 },	   { 1, 64 },	 { 1023, 64 }, { 1024, 63 },
		     { 1092, 59 }, { 1472, 44 }, { 40000, 1 }, { 65507, 1 } };

	ck_assert_int_eq(load_batch_init(&batch, rows[_i].size, true), 0);
	ck_assert_uint_eq(batch.most, rows[_i].most);
	load_batch_deinit(&batch);
}
END_TEST

/* One byte more than expected is enough to see it. */
START_TEST(longer_message_is_seen_to_be_longer)
{
	const unsigned char *bytes;
	size_t length;

	begin(3, false);
	send_text(fds[CLIENT], "four");
	await_readable(fds[SERVER]);
	ck_assert_int_eq(load_batch_receive(&batch, fds[SERVER]), 1);
	ck_assert(load_batch_take(&batch, &bytes, &length));
	ck_assert_uint_eq(length, 4);
	ck_assert(!load_batch_take(&batch, &bytes, &length));
	load_batch_deinit(&batch);
}
END_TEST

START_TEST(errors_are_returned)
{
	const unsigned char *bytes;
	size_t length;

	begin(8, true);
	ck_assert_int_eq(load_batch_receive(&batch, fds[SERVER]), -EAGAIN);
	ck_assert(!load_batch_take(&batch, &bytes, &length));
	close(fds[CLIENT]);
	ck_assert_int_eq(load_batch_send(&batch, fds[CLIENT], 1), -EBADF);
	ck_assert_int_eq(load_batch_send(&batch, fds[CLIENT], 2), -EBADF);
	ck_assert_int_eq(load_batch_prepare(&batch, fds[CLIENT]), -EBADF);
	load_batch_deinit(&batch);
	load_batch_deinit(&batch);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("load_batch");
	TCase *all = tcase_create("all");

	tcase_set_timeout(all, TEST_TIMEOUT_SEC);
	tcase_add_loop_test(all, batch_is_sent_and_received_message_by_message,
			    0, 4);
	tcase_add_test(all, train_is_sent_at_once_and_cut_again);
	tcase_add_loop_test(all, train_fits_a_datagram, 0, 8);
	tcase_add_test(all, longer_message_is_seen_to_be_longer);
	tcase_add_test(all, errors_are_returned);
	suite_add_tcase(suite, all);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
