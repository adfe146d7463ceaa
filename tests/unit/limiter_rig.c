/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/limiter_rig.h"

#include <arpa/inet.h>
#include <check.h>
#include <endian.h>
#include <string.h>

struct limiter_table table;
struct limiter limiter;
struct limiter_judge judge;

void limiter_begin(uint32_t rate, uint32_t burst)
{
	const struct limiter_rate limit = { .rate = rate, .burst = burst };
	const struct siphash_key key = { { 11, 12 } };

	memset(&table, 0, sizeof(table));
	limiter_init(&limiter, &table, &limit, &key);
	limiter_judge_init(&judge, &limiter);
}

struct address source_of(const char *literal)
{
	struct address source = { .length = sizeof(source.in6) };

	if (strchr(literal, ':')) {
		source.in6.sin6_family = AF_INET6;
		ck_assert_int_eq(
			inet_pton(AF_INET6, literal, &source.in6.sin6_addr), 1);
	} else {
		source.in.sin_family = AF_INET;
		ck_assert_int_eq(
			inet_pton(AF_INET, literal, &source.in.sin_addr), 1);
	}
	return source;
}

struct address source4(uint32_t host)
{
	struct address source = { .in.sin_family = AF_INET };

	source.in.sin_addr.s_addr = htonl(host);
	return source;
}

struct address source6(const char *network, unsigned end, uint64_t number)
{
	struct address source = source_of(network);
	uint64_t bits = htobe64(number << (64 - end)), before;

	memcpy(&before, &source.in6.sin6_addr, sizeof(before));
	bits |= before;
	memcpy(&source.in6.sin6_addr, &bits, sizeof(bits));
	return source;
}

bool limiter_admits(const struct address *source, unsigned datagrams,
		    uint64_t usec)
{
	uint64_t before = judge.refusals;
	bool refused = limiter_refuses(&judge, &source->any, datagrams, usec);

	/* Not ck_assert(), which writes to a pipe each time. */
	if (refused && judge.refusals != before + 1)
		ck_abort_msg("refused without being over the limit");
	return judge.refusals == before;
}

bool admits(const char *literal, uint64_t usec)
{
	struct address source = source_of(literal);

	return limiter_admits(&source, 1, usec);
}

unsigned admitted(const struct address *source, uint64_t usec)
{
	unsigned count = 0;

	while (limiter_admits(source, 1, usec))
		count++;
	return count;
}

uint64_t next_number(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}
