/* SPDX-License-Identifier: MIT */
/*
 * Whom the limiter takes for one source, or for one network.
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/limiter_rig.h"

#include <sys/un.h>

#define START (5 * USEC_PER_SEC)

#define BURST 10

static void setup(void)
{
	limiter_begin(10, BURST);
}

/* The one that follows has what is left to the one before. */
static const struct {
	const char *before, *after;
	bool one;
} pairs[] = {
	{ "192.0.2.1", "192.0.2.1", true },
	{ "192.0.2.1", "192.0.2.2", false },
	{ "192.0.2.1", "192.0.3.1", false },
	{ "192.0.2.1", "::ffff:192.0.2.1", true },
	{ "::ffff:192.0.2.1", "192.0.2.1", true },
	{ "2001:db8::1", "2001:db8::1", true },
	{ "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true },
	{ "2001:db8::1", "2001:db8:0:1::1", false },
	{ "2001:db8::1", "2001:db8:1::1", false },
	{ "fe80::1", "fe80::2", true },
	/* The same bits in two families. */
	{ "32.1.13.184", "2001:db8::1", false },
	{ "2001:db8::1", "32.1.13.184", false },
	{ "0.0.0.0", "255.255.255.255", false },
	{ "0.0.0.0", "::", false },
};

START_TEST(one_source_is_a_host_or_a_network_of_64_bits)
{
	struct address before = source_of(pairs[_i].before);
	struct address after = source_of(pairs[_i].after);

	ck_assert_uint_eq(admitted(&before, START), BURST);
	ck_assert_uint_eq(admitted(&after, START), pairs[_i].one ? 0 : BURST);
	ck_assert_uint_eq(admitted(&before, START), 0);
}
END_TEST

START_TEST(ports_are_nothing)
{
	struct address client = source_of("192.0.2.1");

	ck_assert_uint_eq(admitted(&client, START), BURST);
	for (unsigned port = 1; port < 65536; port <<= 1) {
		address_set_port(&client, (uint16_t)port);
		ck_assert_uint_eq(admitted(&client, START), 0);
	}
}
END_TEST

START_TEST(loopback_has_no_limit)
{
	static const char *const names[] = {
		"127.0.0.1",	    "127.255.255.254",	"::1",
		"::ffff:127.0.0.1", "::ffff:127.9.9.9",
	};

	for (int i = 0; i < 2000; i++)
		ck_assert(admits(names[_i], START));
	/* Next to it there is one. */
	ck_assert_uint_eq(
		admitted((struct address[]){ source_of("126.255.255.255") },
			 START),
		BURST);
	ck_assert_uint_eq(
		admitted((struct address[]){ source_of("128.0.0.1") }, START),
		BURST);
	ck_assert_uint_eq(
		admitted((struct address[]){ source_of("::2") }, START), BURST);
}
END_TEST

START_TEST(unix_peers_have_no_limit)
{
	struct address peer = { .length = sizeof(peer.un) };

	peer.un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	for (int i = 0; i < 2000; i++)
		ck_assert(limiter_admits(&peer, 1, START));
}
END_TEST

/* All of a network, each as many as it may. */
static unsigned network_admitted(struct address source_at(unsigned i),
				 unsigned count)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < count; i++) {
		struct address source = source_at(i);

		for (int j = 0; j < BURST; j++)
			sum += limiter_admits(&source, 1, START);
	}
	return sum;
}

static struct address host_of_24(unsigned i)
{
	return source4(0xc0000200 + i);
}

static struct address host_of_16(unsigned i)
{
	return source4(0x0a000000 + i);
}

static struct address network_of_48(unsigned i)
{
	return source6("2001:db8:1::1", 64, i);
}

static struct address network_of_32(unsigned i)
{
	return source6("2001:db8::1", 48, i);
}

static const struct {
	struct address (*source_at)(unsigned i);
	unsigned count, limit;
	const char *beside; /* out of the network, in the next wider one */
} networks[] = {
	{ host_of_24, 256, 32, "192.0.3.1" },
	{ host_of_16, 65536, 1024, "10.1.0.1" },
	{ network_of_48, 65536, 32, "2001:db8:2::1" },
	{ network_of_32, 65536, 1024, "2001:db9::1" },
};

START_TEST(a_network_has_a_limit_of_its_own)
{
	ck_assert_uint_eq(
		network_admitted(networks[_i].source_at, networks[_i].count),
		networks[_i].limit * BURST);
	ck_assert(admits(networks[_i].beside, START));
	/* It is paid off as fast: 10 datagrams of a source a second. */
	limiter_judge_init(&judge, &limiter);
	ck_assert_uint_eq(admitted((struct address[]){ networks[_i].source_at(
					   networks[_i].count - 1) },
				   START + USEC_PER_SEC),
			  BURST);
}
END_TEST

/* Who is refused for the network has sent nothing himself. */
START_TEST(a_network_at_its_limit_costs_its_hosts_nothing)
{
	struct address last = host_of_24(255);

	(void)network_admitted(host_of_24, 255);
	ck_assert_uint_eq(admitted(&last, START), 0);
	ck_assert_uint_eq(admitted(&last, START + USEC_PER_SEC), BURST);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("limiter_source");
	TCase *source = tcase_create("source");

	tcase_add_checked_fixture(source, setup, NULL);
	tcase_add_loop_test(source,
			    one_source_is_a_host_or_a_network_of_64_bits, 0,
			    ARRAY_SIZE(pairs));
	tcase_add_test(source, ports_are_nothing);
	tcase_add_loop_test(source, loopback_has_no_limit, 0, 5);
	tcase_add_test(source, unix_peers_have_no_limit);
	tcase_add_loop_test(source, a_network_has_a_limit_of_its_own, 0,
			    ARRAY_SIZE(networks));
	tcase_add_test(source, a_network_at_its_limit_costs_its_hosts_nothing);
	suite_add_tcase(suite, source);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
