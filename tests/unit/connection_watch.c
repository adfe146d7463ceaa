/* SPDX-License-Identifier: MIT */
/*
 * A peer for which something is held, and that takes next to nothing.
 */
#include "config.h"

#include "unit/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* More than any peer has. */
#define LOOKS_MAX 200

/* Until something is held, or left with the kernel, that the peer must take. */
static size_t stall(enum kind kind, int send_buffer)
{
	if (!open_pair(kind))
		return 0;
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_SNDBUF, send_buffer);
	fd_set_option(fds[CLIENT], SOL_SOCKET, SO_SNDBUF, 65536);
	fd_set_option(fds[CLIENT], SOL_SOCKET, SO_RCVBUF, 65536);
	serve_pair(kind, NULL);
	return stuff();
}

/* A minute passes, in which nothing is served. */
static void look(void)
{
	worker.reactor.now += worker.watched.timeout;
	reactor_dispatch(&worker.reactor);
}

/* How many looks it survives. */
static int looks_until_reset(void)
{
	int looks = 0;

	while (connections() > 0) {
		ck_assert_int_lt(looks, LOOKS_MAX);
		look();
		looks++;
	}
	return looks;
}

START_TEST(who_takes_nothing_is_reset)
{
	int error;

	worker.watched.timeout = USEC_PER_SEC; /* or it is idle before */
	if (stall((enum kind)_i, 4096) == 0)
		return;
	ck_assert_uint_eq(worker.watches.used, 1);
	/* Of TCP each byte is seen, of others a piece of 64 KiB. */
	ck_assert_int_eq(looks_until_reset(),
			 _i == KIND_TCP ? 2 : 2 + 65536 / MIN_PROGRESS);
	ck_assert_uint_eq(counted(COUNTER_connections_stalled), 1);
	ck_assert_uint_eq(counted(COUNTER_connections_reset), 1);
	(void)read_stream(fds[CLIENT], 0, &error);
	ck_assert_int_eq(error, ECONNRESET);
}
END_TEST

/* The peer reads until its kernel has acknowledged so much more. */
static size_t take(size_t wanted)
{
	uint64_t before = tcp_progress(fds[SERVER]).bytes_acked;
	char bytes[1000];
	size_t total = 0;
	ssize_t count;

	while (tcp_progress(fds[SERVER]).bytes_acked < before + wanted) {
		await_readable(fds[CLIENT]);
		count = recv(fds[CLIENT], bytes, sizeof(bytes), 0);
		ck_assert_int_gt(count, 0);
		total += (size_t)count;
		await_delivery();
	}
	return total;
}

START_TEST(who_takes_enough_stays)
{
	size_t total = stall(KIND_TCP, 1 << 20), taken = 0;

	look();
	for (int i = 0; i < 3; i++) {
		taken += take(MIN_PROGRESS);
		look();
	}
	ck_assert_uint_eq(connections(), 1);
	ck_assert_uint_eq(counted(COUNTER_connections_stalled), 0);
	ck_assert_uint_lt(taken, total);
	look();
	ck_assert_uint_eq(connections(), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_stalled), 1);
}
END_TEST

/* Also by a peer that opens its window a little, again and again. */
START_TEST(who_takes_too_little_is_reset)
{
	uint64_t before;

	(void)stall(KIND_TCP, 1 << 20);
	look();
	before = tcp_progress(fds[SERVER]).bytes_acked;
	(void)take(1);
	/* Of the kernel's making, it may be as much as that. */
	policy.min_progress =
		tcp_progress(fds[SERVER]).bytes_acked - before + 1;
	look();
	ck_assert_uint_eq(connections(), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_stalled), 1);
}
END_TEST

START_TEST(who_takes_all_is_watched_no_more)
{
	open_connection(KIND_TCP);
	deliver("hello");
	fault_shorten(FAULT_SEND, 2);
	serve();
	ck_assert_uint_eq(worker.watches.used, 1);
	look();
	fault_renew_edges();
	serve();
	ck_assert_uint_eq(worker.watches.used, 0);
	look();
	look();
	ck_assert_uint_eq(connections(), 1);
	await_inq(fds[CLIENT], 5);
	expect_text(fds[CLIENT], "hello");
	say_and_expect("again");
}
END_TEST

START_TEST(without_a_limit_nobody_is_watched)
{
	pool_deinit(&worker.watches);
	(void)stall(KIND_TCP, 4096);
	ck_assert(list_is_empty(&worker.watched.entries));
	look();
	look();
	ck_assert_uint_eq(connections(), 1);
}
END_TEST

/* What cannot be told of is not held against anybody. */
START_TEST(who_cannot_be_looked_at_stays)
{
	int kept, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)stall(KIND_TCP, 4096);
	kept = dup(fds[SERVER]);
	ck_assert_int_eq(dup2(null, fds[SERVER]), fds[SERVER]);
	look();
	look();
	ck_assert_uint_eq(connections(), 1);
	ck_assert_int_eq(dup2(kept, fds[SERVER]), fds[SERVER]);
	ck_assert_int_eq(close(kept), 0);
	ck_assert_int_eq(close(null), 0);
	ck_assert_int_eq(looks_until_reset(), 2);
}
END_TEST

TCase *connection_watch_case(void)
{
	TCase *tcase = tcase_create("watch");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, connection_setup, connection_teardown);
	tcase_add_loop_test(tcase, who_takes_nothing_is_reset, 0, KIND_COUNT);
	tcase_add_test(tcase, who_takes_enough_stays);
	tcase_add_test(tcase, who_takes_too_little_is_reset);
	tcase_add_test(tcase, who_takes_all_is_watched_no_more);
	tcase_add_test(tcase, without_a_limit_nobody_is_watched);
	tcase_add_test(tcase, who_cannot_be_looked_at_stays);
	return tcase;
}
