/* SPDX-License-Identifier: MIT */
/*
 * How much of a stream has been echoed: the arithmetic alone; the rest, in
 * files of its own, asks the kernel.
 */
#include "config.h"

#include "unit/position.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define GIB (UINT64_C(1) << 30)
/* Of what a queue can tell: SIOCINQ, SIOCOUTQ. */
#define QUEUE_MAX INT32_MAX

static const struct row {
	struct position position; /* as declared: see position.h */
	int error;
	uint64_t echoed;
} rows[] = {
	/* state, received, acknowledged, unread, unacknowledged */
	{ { TCP_ESTABLISHED, 0, 0, 0, 0 }, 0, 0 },
	{ { TCP_ESTABLISHED, 10, 0, 10, 0 }, 0, 0 },
	{ { TCP_ESTABLISHED, 10, 10, 0, 0 }, 0, 0 },
	{ { TCP_ESTABLISHED, 10, 10, 10, 0 }, 0, 10 },
	{ { TCP_ESTABLISHED, 10, 0, 10, 10 }, 0, 10 },
	{ { TCP_ESTABLISHED, 10, 3, 6, 5 }, 0, 4 },
	/* Less written than consumed; more written than received. */
	{ { TCP_ESTABLISHED, 10, 3, 6, 0 }, -EBADMSG, 0 },
	{ { TCP_ESTABLISHED, 10, 0, 0, 9 }, -EBADMSG, 0 },
	{ { TCP_ESTABLISHED, 10, 6, 6, 5 }, -EBADMSG, 0 },
	{ { TCP_ESTABLISHED, 0, 1, 0, 0 }, -EBADMSG, 0 },
	/* More unread than was received. */
	{ { TCP_ESTABLISHED, 10, 0, 11, 0 }, -EBADMSG, 0 },
	{ { TCP_ESTABLISHED, 10, 10, 11, 1 }, -EBADMSG, 0 },
	/* The peer's FIN. */
	{ { TCP_CLOSE_WAIT, 1, 0, 0, 0 }, 0, 0 },
	{ { TCP_CLOSE_WAIT, 11, 0, 10, 0 }, 0, 0 },
	{ { TCP_CLOSE_WAIT, 11, 10, 0, 0 }, 0, 0 },
	{ { TCP_CLOSE_WAIT, 11, 2, 4, 5 }, 0, 1 },
	{ { TCP_CLOSE_WAIT, 11, 2, 4, 9 }, -EBADMSG, 0 },
	{ { TCP_CLOSE_WAIT, 11, 0, 11, 0 }, -EBADMSG, 0 },
	{ { TCP_CLOSE_WAIT, 0, 0, 0, 0 }, -EBADMSG, 0 },
	/* Our own, not acknowledged, and so. */
	{ { TCP_FIN_WAIT1, 0, 0, 0, 1 }, 0, 0 },
	{ { TCP_FIN_WAIT1, 10, 5, 8, 3 }, 0, 5 },
	{ { TCP_FIN_WAIT1, 0, 0, 0, 0 }, -EBADMSG, 0 },
	{ { TCP_FIN_WAIT2, 0, 1, 0, 0 }, 0, 0 },
	{ { TCP_FIN_WAIT2, 10, 8, 8, 0 }, 0, 5 },
	{ { TCP_FIN_WAIT2, 10, 0, 10, 0 }, -EBADMSG, 0 },
	/* Both. */
	{ { TCP_LAST_ACK, 11, 0, 10, 11 }, 0, 10 },
	{ { TCP_LAST_ACK, 1, 0, 0, 1 }, 0, 0 },
	{ { TCP_LAST_ACK, 11, 0, 10, 12 }, -EBADMSG, 0 },
	{ { TCP_CLOSING, 11, 2, 4, 6 }, 0, 1 },
	{ { TCP_LAST_ACK, 10, 0, 10, 10 }, -EBADMSG, 0 },
	{ { TCP_CLOSING, 0, 0, 0, 1 }, -EBADMSG, 0 },
	/* Long ago the sequence numbers began anew: the counters do not. */
	{ { TCP_ESTABLISHED, 4 * GIB, 4 * GIB, 5, 0 }, 0, 5 },
	{ { TCP_ESTABLISHED, 4 * GIB + 9, 4 * GIB + 5, 6, 0 }, 0, 2 },
	{ { TCP_ESTABLISHED, 4 * GIB + 5, 5, 0, 0 }, -EBADMSG, 0 },
	{ { TCP_ESTABLISHED, 5, 4 * GIB + 5, 0, 0 }, -EBADMSG, 0 },
	{ { TCP_CLOSING, UINT64_MAX - 1, UINT64_MAX - 1 - QUEUE_MAX, QUEUE_MAX,
	    QUEUE_MAX },
	  0,
	  QUEUE_MAX },
	{ { TCP_ESTABLISHED, QUEUE_MAX, 0, QUEUE_MAX, QUEUE_MAX },
	  0,
	  QUEUE_MAX },
	/* No connection, or none any more, whatever is counted. */
	{ { 0, 10, 5, 8, 3 }, -ENOTCONN, 0 },
	{ { TCP_SYN_SENT, 10, 5, 8, 3 }, -ENOTCONN, 0 },
	{ { TCP_SYN_RECV, 10, 5, 8, 3 }, -ENOTCONN, 0 },
	{ { TCP_TIME_WAIT, 10, 5, 8, 3 }, -ENOTCONN, 0 },
	{ { TCP_CLOSE, 10, 5, 8, 3 }, -ENOTCONN, 0 },
	{ { TCP_LISTEN, 10, 5, 8, 3 }, -ENOTCONN, 0 },
	{ { TCP_CLOSING + 1, 10, 5, 8, 3 }, -ENOTCONN, 0 },
	{ { UINT32_MAX, 10, 5, 8, 3 }, -ENOTCONN, 0 },
};

START_TEST(arithmetic)
{
	const struct row *row = &rows[_i];
	size_t echoed = 123;

	ck_assert_int_eq(position_echoed(&row->position, &echoed), row->error);
	ck_assert_uint_eq(echoed, row->error ? 123 : row->echoed);
}
END_TEST

START_TEST(what_has_no_queue_is_told)
{
	uint64_t taken;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(position_taken(ends[0], false, &taken), -ENOTTY);
	ck_assert_int_eq(position_taken(ends[0], true, &taken), -ENOTSOCK);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

/* A message of a Unix socket leaves the sender's queue when it is read. */
START_TEST(what_leaves_a_queue_was_taken)
{
	uint64_t before, unread, after;
	char bytes[100] = { 0 };
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	ck_assert_int_eq(send(ends[0], bytes, sizeof(bytes), 0), sizeof(bytes));
	ck_assert_int_eq(position_taken(ends[0], false, &before), 0);
	ck_assert_int_eq(position_taken(ends[0], false, &unread), 0);
	ck_assert_uint_eq(unread, before);
	ck_assert_int_eq(recv(ends[1], bytes, sizeof(bytes), 0), sizeof(bytes));
	ck_assert_int_eq(position_taken(ends[0], false, &after), 0);
	ck_assert_uint_ge(after - before, sizeof(bytes));
	close(ends[0]);
	close(ends[1]);
}
END_TEST

static void add_part(Suite *suite, TCase *part)
{
	tcase_set_timeout(part, TEST_TIMEOUT_SEC);
	suite_add_tcase(suite, part);
}

int main(void)
{
	Suite *suite = suite_create("position");
	TCase *part = tcase_create("arithmetic");

	tcase_add_loop_test(part, arithmetic, 0, ARRAY_SIZE(rows));
	tcase_add_test(part, what_has_no_queue_is_told);
	tcase_add_test(part, what_leaves_a_queue_was_taken);
	suite_add_tcase(suite, part);
	add_part(suite, position_state_case());
	add_part(suite, position_queue_case());
	add_part(suite, position_race_case());
	add_part(suite, position_random_case());
	return harness_run(suite);
}
