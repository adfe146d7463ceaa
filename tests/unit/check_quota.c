/* SPDX-License-Identifier: MIT */
/*
 * How many connections a source may have: which addresses are one source, that
 * nothing is lost count of, and that nobody can make the table slow.
 */
#include "config.h"

#include "echod/quota.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/sockets.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#define LIMIT	    3
#define CONNECTIONS 5000
#define STEPS	    200000

INJECTED(ssize_t, -1, getrandom, (void *buffer, size_t size, unsigned flags),
	 (buffer, size, flags))
INJECTED(void *, MAP_FAILED, mmap,
	 (void *address, size_t length, int protection, int flags, int fd,
	  off_t offset),
	 (address, length, protection, flags, fd, offset))

static struct quota quota;

/* By chance two of the sources here would be one now and then. */
static void fix_key(void)
{
	static const uint64_t key[] = { UINT64_C(0x9e3779b97f4a7c15),
					UINT64_C(0xbf58476d1ce4e5b9),
					UINT64_C(0x94d049bb133111eb) };

	memcpy(quota.key, key, sizeof(quota.key));
}

static void setup(void)
{
	ck_assert_int_eq(quota_init(&quota, LIMIT, CONNECTIONS), 0);
	fix_key();
}

START_TEST(the_key_is_another_each_time)
{
	struct quota other;

	ck_assert_int_eq(quota_init(&other, LIMIT, CONNECTIONS), 0);
	quota_deinit(&quota);
	ck_assert_int_eq(quota_init(&quota, LIMIT, CONNECTIONS), 0);
	ck_assert_mem_ne(quota.key, other.key, sizeof(quota.key));
	quota_deinit(&other);
}
END_TEST

static void teardown(void)
{
	ck_assert_uint_eq(quota.sources.used, 0);
	quota_deinit(&quota);
	quota_deinit(&quota);
}

static struct address address_of(const char *literal)
{
	return strchr(literal, ':') ? ipv6_address(literal, 7)
				    : ipv4_address(literal, 7);
}

/* What is to be given back; it has to be granted. */
static uint32_t take(const char *literal)
{
	struct address address = address_of(literal);
	uint32_t source;

	ck_assert_int_eq(quota_take(&quota, &address, false, &source), 0);
	return source;
}

static void expect_refusal(const char *literal)
{
	struct address address = address_of(literal);
	uint32_t source = 1;

	ck_assert_int_eq(quota_take(&quota, &address, false, &source), -EDQUOT);
	ck_assert_uint_eq(source, 0);
}

START_TEST(a_source_has_as_many_as_the_limit)
{
	uint32_t source = 0;

	for (int i = 0; i < LIMIT; i++)
		source = take("192.0.2.1");
	ck_assert_uint_ne(source, 0);
	expect_refusal("192.0.2.1");
	/* Another one has its own. */
	quota_give(&quota, take("192.0.2.2"));
	quota_give(&quota, source);
	ck_assert_uint_eq(take("192.0.2.1"), source);
	expect_refusal("192.0.2.1");
	for (int i = 0; i < LIMIT; i++)
		quota_give(&quota, source);
}
END_TEST

static const struct {
	const char *one, *other;
	bool same;
} sources[] = {
	{ "192.0.2.1", "::ffff:192.0.2.1", true },
	{ "192.0.2.1", "192.0.3.1", false },
	{ "192.0.2.1", "::c000:201", false },
	{ "2001:db8::1", "2001:db8::2", true },
	{ "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true },
	{ "2001:db8::1", "2001:db8:0:1::1", false },
	{ "2001:db8::1", "2001:db9::1", false },
	{ "fe80::1", "fe80::2", true },
	{ "128.0.0.1", "126.0.0.1", false },
	{ "::2", "::3", true },
};

START_TEST(an_ipv6_source_is_a_prefix)
{
	uint32_t one = take(sources[_i].one), other = take(sources[_i].other);

	ck_assert_uint_ne(one, 0);
	ck_assert_uint_ne(other, 0);
	ck_assert_int_eq(one == other, sources[_i].same);
	quota_give(&quota, one);
	quota_give(&quota, other);
}
END_TEST

static const char *const exempt[] = {
	"127.0.0.1",
	"127.255.255.254",
	"::1",
	"::ffff:127.0.0.1",
};

START_TEST(loopback_is_exempt)
{
	for (int i = 0; i < 2 * LIMIT; i++)
		ck_assert_uint_eq(take(exempt[_i]), 0);
	quota_give(&quota, 0);
}
END_TEST

START_TEST(who_has_no_such_address_is_exempt)
{
	struct address others[] = {
		{ .length = 0 },
		/* Not told: what was there before is not the peer's. */
		{ .length = 0,
		  .in = { .sin_family = AF_INET,
			  .sin_addr.s_addr = 0x010200c0 } },
		{ .length = sizeof(sa_family_t), .any.sa_family = AF_UNIX },
		{ .length = sizeof(struct sockaddr_vm),
		  .any.sa_family = AF_VSOCK },
	};
	uint32_t source = 1;

	ck_assert_int_eq(quota_take(&quota, &others[_i], false, &source), 0);
	ck_assert_uint_eq(source, 0);
}
END_TEST

START_TEST(without_a_limit_nobody_is_counted)
{
	quota_deinit(&quota);
	ck_assert_int_eq(quota_init(&quota, 0, CONNECTIONS), 0);
	for (int i = 0; i < 2 * LIMIT; i++)
		ck_assert_uint_eq(take("192.0.2.1"), 0);
	ck_assert_ptr_null(quota.sources.base);
}
END_TEST

/* As what an earlier instance has left. */
START_TEST(what_is_there_already_is_counted_whatever_the_limit)
{
	struct address address = address_of("192.0.2.1");
	uint32_t source;

	for (int i = 0; i < LIMIT + 1; i++)
		ck_assert_int_eq(quota_take(&quota, &address, true, &source),
				 0);
	quota_give(&quota, source);
	expect_refusal("192.0.2.1");
	quota_give(&quota, source);
	ck_assert_uint_eq(take("192.0.2.1"), source);
	for (int i = 0; i < LIMIT; i++)
		quota_give(&quota, source);
}
END_TEST

/* More than there should be: a newcomer is refused, others are uncounted. */
START_TEST(a_full_table_refuses_newcomers)
{
	struct address other = address_of("192.0.2.2");
	uint32_t source, another = 1;

	quota_deinit(&quota);
	ck_assert_int_eq(quota_init(&quota, LIMIT, 1), 0);
	source = take("192.0.2.1");
	expect_refusal("192.0.2.2");
	ck_assert_int_eq(quota_take(&quota, &other, true, &another), 0);
	ck_assert_uint_eq(another, 0);
	quota_give(&quota, source);
	quota_give(&quota, take("192.0.2.2"));
}
END_TEST

/* One of so many that chains are as long as they can be. */
static struct address some_source(uint32_t number)
{
	struct address address = address_of("10.0.0.0");

	address.in.sin_addr.s_addr = htonl(UINT32_C(0x0a000000) + number);
	return address;
}

/* What is taken and given at random, held against a plain account. */
START_TEST(nothing_is_lost_count_of)
{
	static uint32_t counts[2 * CONNECTIONS], ids[2 * CONNECTIONS];
	unsigned total = 0, refused = 0;
	unsigned state = 1;

	for (int i = 0; i < STEPS; i++) {
		uint32_t n = (uint32_t)rand_r(&state) % (2 * CONNECTIONS);
		struct address address = some_source(n);
		uint32_t source;

		if (rand_r(&state) % 2 == 0 && counts[n] > 0) {
			quota_give(&quota, ids[n]);
			counts[n]--;
			total--;
		} else if (total < CONNECTIONS &&
			   quota_take(&quota, &address, false, &source) == 0) {
			if (counts[n] > 0 ? source != ids[n] : source == 0)
				ck_abort_msg("source %u has another number", n);
			ids[n] = source;
			total++;
			if (++counts[n] > LIMIT)
				ck_abort_msg("source %u has too many", n);
		} else if (total < CONNECTIONS) {
			refused++;
			if (counts[n] != LIMIT)
				ck_abort_msg("source %u was refused", n);
		}
	}
	ck_assert_uint_gt(refused, 0);
	for (uint32_t n = 0; n < 2 * CONNECTIONS; n++) {
		while (counts[n]-- > 0)
			quota_give(&quota, ids[n]);
	}
}
END_TEST

static size_t longest_chain(void)
{
	size_t longest = 0;

	for (uint32_t i = 1; i <= quota.buckets.count; i++) {
		const uint32_t *next = pool_at(&quota.buckets, i);
		size_t length = 0;

		while (*next != 0) {
			/* Hash, count, next: see quota.c. */
			next = (const uint32_t *)pool_at(&quota.sources,
							 *next) +
			       2;
			length++;
		}
		longest = MAX(longest, length);
	}
	return longest;
}

/*
 * Sources in a row, or far apart by any stride, as somebody might choose them
 * who has read this: two in each chain, and hardly more in any.
 */
START_TEST(chains_are_short_whoever_chooses_the_addresses)
{
	static const unsigned strides[] = { 0, 1, 8, 16, 24, 31 };
	uint32_t ids[CONNECTIONS];

	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		struct address address = address_of("2001:db8::");
		uint32_t low =
			htonl(i << strides[_i] |
			      i >> (32 - strides[_i] - (strides[_i] == 0)));

		memcpy(&address.in6.sin6_addr.s6_addr[4], &low, sizeof(low));
		ck_assert_int_eq(quota_take(&quota, &address, true, &ids[i]),
				 0);
	}
	ck_assert_uint_lt(longest_chain(), 20);
	for (uint32_t i = 0; i < CONNECTIONS; i++)
		quota_give(&quota, ids[i]);
}
END_TEST

START_TEST(a_table_that_cannot_be_made)
{
	struct quota none;

	getrandom_fault = (struct fault){ .times = 1, .error = ENOSYS };
	ck_assert_int_eq(quota_init(&none, LIMIT, CONNECTIONS), -ENOSYS);
	quota_deinit(&none);
	for (unsigned i = 0; i < 2; i++) {
		mmap_fault = (struct fault){
			.skip = i,
			.times = 1,
			.error = ENOMEM,
		};
		ck_assert_int_eq(quota_init(&none, LIMIT, CONNECTIONS),
				 -ENOMEM);
		quota_deinit(&none);
	}
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("quota");
	TCase *tcase = tcase_create("quota");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_source_has_as_many_as_the_limit);
	tcase_add_loop_test(tcase, an_ipv6_source_is_a_prefix, 0,
			    ARRAY_SIZE(sources));
	tcase_add_loop_test(tcase, loopback_is_exempt, 0, ARRAY_SIZE(exempt));
	tcase_add_loop_test(tcase, who_has_no_such_address_is_exempt, 0, 4);
	tcase_add_test(tcase, without_a_limit_nobody_is_counted);
	tcase_add_test(tcase,
		       what_is_there_already_is_counted_whatever_the_limit);
	tcase_add_test(tcase, a_full_table_refuses_newcomers);
	tcase_add_test(tcase, nothing_is_lost_count_of);
	tcase_add_loop_test(
		tcase, chains_are_short_whoever_chooses_the_addresses, 0, 6);
	tcase_add_test(tcase, the_key_is_another_each_time);
	tcase_add_test(tcase, a_table_that_cannot_be_made);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
