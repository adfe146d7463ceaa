/* SPDX-License-Identifier: MIT */
/*
 * Whatever was done before, in whatever order, and wherever in its work a
 * server ended: the next one, which knows nothing, goes on at the right byte.
 *
 * Each seed is a history of its own of one connection, with many servers.
 */
#include "config.h"

#include "unit/position.h"

#include <errno.h>

#define SEEDS 60
#define BYTES 150000
#define PIECE 4000

/* How far each has got in the stream. */
static struct {
	size_t sent;	 /* by the client */
	size_t echoed;	 /* by all servers */
	size_t consumed; /* by them */
	size_t returned; /* to the client */
	size_t servers;
} history;

static uint32_t state;

/* xorshift32 (Marsaglia). */
static uint32_t any_below(uint32_t bound)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % bound;
}

static void expect_pattern(const uint8_t *bytes, size_t length, size_t position)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] != pattern_byte(position + i))
			ck_abort_msg("byte %zu is wrong", position + i);
}

/* The last byte of a piece may be urgent.  At last the end. */
static void client_sends(void)
{
	uint8_t piece[PIECE];
	size_t any = 1 + any_below(PIECE);
	size_t length = MIN(any, BYTES - history.sent);
	int urgent = any_below(8) == 0 ? MSG_OOB : 0;
	ssize_t result;

	if (length == 0)
		return;
	for (size_t i = 0; i < length; i++)
		piece[i] = pattern_byte(history.sent + i);
	result = send(fds[CLIENT], piece, length, urgent | MSG_NOSIGNAL);
	if (result < 0)
		ck_assert_int_eq(errno, EAGAIN);
	else
		history.sent += (size_t)result;
	if (history.sent == BYTES)
		ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
}

static void client_receives(void)
{
	uint8_t piece[PIECE];
	ssize_t result = recv(fds[CLIENT], piece, 1 + any_below(PIECE), 0);

	if (result < 0) {
		ck_assert_int_eq(errno, EAGAIN);
		return;
	}
	ck_assert_int_gt(result, 0);
	expect_pattern(piece, (size_t)result, history.returned);
	history.returned += (size_t)result;
}

/* Peek at something, send a part of that. */
static void server_echoes(void)
{
	uint8_t piece[PIECE];
	ssize_t result =
		recv(fds[SERVER], piece, 1 + any_below(PIECE), MSG_PEEK);

	if (result < 0)
		ck_assert_int_eq(errno, EAGAIN);
	if (result <= 0)
		return;
	expect_pattern(piece, (size_t)result, history.consumed);
	result = send(fds[SERVER], piece, 1 + any_below((uint32_t)result),
		      MSG_NOSIGNAL);
	if (result < 0)
		ck_assert_int_eq(errno, EAGAIN);
	else
		history.echoed += (size_t)result;
}

static void server_consumes(size_t length)
{
	consume(length);
	history.consumed += length;
}

static void next_server(void)
{
	size_t echoed = history.echoed - history.consumed;

	expect_echoed(echoed);
	ck_assert_int_eq(position_skip(fds[SERVER], echoed), 0);
	history.consumed = history.echoed;
	expect_echoed(0);
	history.servers++;
}

static void server_works(void)
{
	size_t rest;

	server_echoes();
	rest = history.echoed - history.consumed;
	switch (any_below(8)) {
	case 0: /* It ends before it has consumed ... */
		next_server();
		break;
	case 1: /* ... or, as a recv() may stop short, in between ... */
		server_consumes(any_below((uint32_t)rest + 1));
		next_server();
		break;
	case 2: /* ... or then. */
		server_consumes(rest);
		next_server();
		break;
	default:
		server_consumes(rest);
		break;
	}
}

START_TEST(every_server_goes_on_where_the_last_one_ended)
{
	int64_t deadline = await_begin();
	int family = _i % FAMILIES;

	state = 2463534242U + (uint32_t)_i * 2654435761U;
	if (!(_i / FAMILIES % 2 ? open_narrow_pair(family) : open_pair(family)))
		return;
	if (_i / FAMILIES % 3 == 0)
		fd_set_option(fds[SERVER], SOL_SOCKET, SO_SNDBUF, 8192);
	while (history.returned < BYTES) {
		void (*const turns[])(void) = { client_sends, client_receives,
						server_works };

		turns[any_below(ARRAY_SIZE(turns))]();
		if (history.sent == BYTES && any_below(1000) == 0)
			await_again(deadline, "the last byte");
	}
	expect_echoed(0);
	ck_assert_uint_eq(history.consumed, BYTES);
	ck_assert_uint_gt(history.servers, 10);
}
END_TEST

TCase *position_random_case(void)
{
	TCase *part = tcase_create("random");

	tcase_add_loop_test(part, every_server_goes_on_where_the_last_one_ended,
			    0, SEEDS * FAMILIES);
	return part;
}
