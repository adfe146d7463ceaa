/* SPDX-License-Identifier: MIT */
/*
 * Whatever the kernel takes or refuses, and in whatever order things happen,
 * every byte comes back once and in order, and the end after the last.
 *
 * Each seed is a schedule of its own: short counts, EAGAIN and EINTR from recv
 * and send, pieces of any size from the client, which reads now and then.
 */
#include "config.h"

#include "unit/connection.h"

#include <errno.h>
#include <unistd.h>

#define SEEDS  40
#define BYTES  100000
#define PIECE  6000
#define LIMITS 3

static uint32_t state;

/* Is fault injection on?  The client's own calls go by the same way. */
static bool faulty;

/* In this turn: what was peeked at can surely be received. */
static bool peeked;
static enum kind kind;

/* xorshift32 (Marsaglia). */
static uint32_t any_below(uint32_t bound)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % bound;
}

static struct fault_plan plan_anything(enum fault_call call, int flags)
{
	struct fault_plan plan = { 0 };
	bool sure = peeked && call == FAULT_RECV && !(flags & MSG_PEEK);

	if (!faulty || (call != FAULT_RECV && call != FAULT_SEND))
		return plan;
	switch (any_below(6)) {
	case 0:
		if (!sure)
			plan.error = EAGAIN;
		break;
	case 1:
		plan.error = EINTR;
		break;
	case 2:
	case 3:
		/* A record is taken as a whole. */
		if (kind != KIND_RECORDS)
			plan.most = 1 + any_below(PIECE);
		break;
	default:
		break;
	}
	if (call == FAULT_RECV && plan.error == 0 && (flags & MSG_PEEK))
		peeked = true;
	return plan;
}

static void turn(void)
{
	/* What was refused without the kernel's knowing: it may go now. */
	if (any_below(2))
		fault_renew_edges();
	peeked = false;
	faulty = true;
	if (reactor_poll(&worker.reactor) == 0)
		reactor_dispatch(&worker.reactor);
	faulty = false;
}

/* A piece of the pattern, or a record, of any length; at the end a FIN. */
static size_t client_send(size_t sent)
{
	uint8_t piece[PIECE];
	size_t any = any_below(PIECE), length = MIN(any, BYTES - sent);
	ssize_t result;

	for (size_t i = 0; i < length; i++)
		piece[i] = pattern_byte(sent + i);
	if (sent == BYTES)
		return sent;
	result = send(fds[CLIENT], piece, length, MSG_NOSIGNAL);
	if (result < 0)
		ck_assert_int_eq(errno, EAGAIN);
	else
		sent += (size_t)result;
	if (sent == BYTES)
		ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	return sent;
}

/* Returns whether that was the end. */
static bool client_receive(size_t *received)
{
	uint8_t piece[PIECE];
	ssize_t result = recv(fds[CLIENT], piece, sizeof(piece), 0);

	if (result < 0) {
		ck_assert_int_eq(errno, EAGAIN);
		return false;
	}
	for (ssize_t i = 0; i < result; i++)
		if (piece[i] != pattern_byte((*received)++))
			ck_abort_msg("byte %zu is wrong", *received - 1);
	/* Empty records are sent, but the last has bytes. */
	return result == 0 && (kind != KIND_RECORDS || *received == BYTES);
}

static void echo_at_random(void)
{
	int64_t deadline = await_begin();
	size_t sent = 0, received = 0;
	bool ended = false;

	while (!ended) {
		switch (any_below(4)) {
		case 0:
			sent = client_send(sent);
			break;
		case 1:
			ended = client_receive(&received);
			break;
		default:
			turn();
			break;
		}
		if (sent == BYTES && any_below(100) == 0)
			await_again(deadline, "the end of the stream");
	}
	ck_assert_uint_eq(received, BYTES);
}

/* One connection of each kind, with memory to hold, with some, with none. */
START_TEST(every_byte_comes_back_once)
{
	static const size_t limits[LIMITS] = { SIZE_MAX, 0,
					       WORKER_SCRATCH_SIZE + 2000 };

	kind = (enum kind)(_i / SEEDS);
	state = 2463534242U + (uint32_t)_i * 2654435761U;
	hold_at_most(limits[_i % LIMITS]);
	if (!open_pair(kind))
		return;
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_SNDBUF, 8192);
	serve_pair(kind, NULL);
	fault_set_hook(plan_anything);
	echo_at_random();
	SERVE_UNTIL(connections() == 0);
	expect_counted(BYTES, BYTES, 0);
}
END_TEST

TCase *connection_random_case(void)
{
	TCase *tcase = tcase_create("random");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, connection_setup, connection_teardown);
	tcase_add_loop_test(tcase, every_byte_comes_back_once, 0,
			    KIND_COUNT * SEEDS);
	return tcase;
}
