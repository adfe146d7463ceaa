/* SPDX-License-Identifier: MIT */
/*
 * Which ports and addresses are not answered.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/guard.h"
#include "unit/harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

static struct guard guard;

static void setup(void)
{
	guard_init(&guard);
}

static bool refuses4(unsigned port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
	};
	const void *peer = &in;

	return guard_refuses_port(&guard, peer);
}

static bool refuses6(unsigned port)
{
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)port),
	};
	const void *peer = &in6;

	return guard_refuses_port(&guard, peer);
}

START_TEST(exactly_the_reserved_ports_are_refused)
{
	for (unsigned port = 0; port <= UINT16_MAX; port++) {
		ck_assert_msg(refuses4(port) == (port < 1024), "port %u", port);
		ck_assert_msg(refuses6(port) == (port < 1024), "port %u", port);
	}
}
END_TEST

START_TEST(our_own_ports_are_refused)
{
	static const unsigned ours[] = { 1024, 7007, 32767, 65535 };

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		guard_refuse_port(&guard, (uint16_t)ours[i]);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
		ck_assert(refuses4(ours[i]));
		ck_assert(refuses6(ours[i]));
	}
	ck_assert(!refuses4(7006));
	ck_assert(!refuses6(7008));
	ck_assert(!refuses4(65534));
}
END_TEST

START_TEST(peers_without_ports_are_answered)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	const void *peer = &un;

	ck_assert(!guard_refuses_port(&guard, peer));
}
END_TEST

static bool refuses_source(const char *literal, bool ipv4)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	const void *peer = &in6;

	ck_assert_int_eq(inet_pton(AF_INET6, literal, &in6.sin6_addr), 1);
	return guard_refuses_source(peer, ipv4);
}

START_TEST(ipv6_sources_that_no_host_has_are_refused)
{
	ck_assert(refuses_source("::", false));
	ck_assert(refuses_source("::127.0.0.1", false));
	ck_assert(refuses_source("::192.0.2.1", false));
	ck_assert(refuses_source("::ffff:127.0.0.1", false));
	ck_assert(refuses_source("::ffff:192.0.2.1", false));
	ck_assert(!refuses_source("::1", false));
	ck_assert(!refuses_source("fe80::1", false));
	ck_assert(!refuses_source("2001:db8::192.0.2.1", false));
	ck_assert(!refuses_source("::ffff:0:192.0.2.1", false));
}
END_TEST

/* On a socket for both. */
START_TEST(mapped_sources_of_ipv4_packets_are_answered)
{
	ck_assert(!refuses_source("::ffff:127.0.0.1", true));
	ck_assert(!refuses_source("::ffff:192.0.2.1", true));
	ck_assert(refuses_source("::", true));
}
END_TEST

START_TEST(sources_of_other_families_are_answered)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	const void *in_peer = &in, *un_peer = &un;

	ck_assert(!guard_refuses_source(in_peer, true));
	ck_assert(!guard_refuses_source(un_peer, false));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("guard");
	TCase *tcase = tcase_create("guard");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, exactly_the_reserved_ports_are_refused);
	tcase_add_test(tcase, our_own_ports_are_refused);
	tcase_add_test(tcase, peers_without_ports_are_answered);
	tcase_add_test(tcase, ipv6_sources_that_no_host_has_are_refused);
	tcase_add_test(tcase, mapped_sources_of_ipv4_packets_are_answered);
	tcase_add_test(tcase, sources_of_other_families_are_answered);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
