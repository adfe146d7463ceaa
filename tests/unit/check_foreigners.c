/* SPDX-License-Identifier: MIT */
/*
 * Which IPv6 addresses are not ours, and how often the kernel is asked.
 *
 * Link with -Wl,--wrap=sendmsg.
 */
#include "config.h"

#include "echod/foreigners.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/namespace.h"
#include "unit/sockets.h"

#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

INJECTED(ssize_t, -1, sendmsg,
	 (int fd, const struct msghdr *message, int flags),
	 (fd, message, flags))

#define START (100 * USEC_PER_SEC)

static struct foreigners foreigners;
static int fd;

/* False where there is no network to try it in. */
static bool enter(void)
{
	struct address any = ipv6_address("::", 0);

	if (!namespace_enter_with_wire())
		return false;
	fd = udp_socket(&any);
	return true;
}

static bool ask(const char *literal, const char *interface, uint64_t now)
{
	struct address peer = ipv6_address(literal, 4000);

	if (interface)
		peer.in6.sin6_scope_id = if_nametoindex(interface);
	return foreigners_have(&foreigners, fd, &peer.in6, now);
}

static const struct {
	const char *address, *interface;
	bool foreign;
} addresses[] = {
	{ INSIDE_IPV6, NULL, false },	   { "::1", NULL, false },
	{ "fd09::2", NULL, true },	   { "fd09::", NULL, true },
	{ "2001:db8::1", NULL, true },	   { "fe80::1234", "inside", true },
	{ "fe80::1234", "outside", true },
};

START_TEST(addresses_of_this_host_are_told_from_others)
{
	if (!enter())
		return;
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(ask(addresses[_i].address,
				     addresses[_i].interface, START),
				 addresses[_i].foreign);
}
END_TEST

/* "fe80...inside" of /proc/net/if_inet6, as an address. */
static bool find_link_local(char literal[64])
{
	FILE *file = fopen("/proc/self/net/if_inet6", "re");
	char digits[33], name[16];
	bool found = false;

	ck_assert_ptr_nonnull(file);
	while (!found &&
	       fscanf(file, "%32s %*s %*s %*s %*s %15s", digits, name) == 2)
		found = strncmp(digits, "fe80", 4) == 0 &&
			strcmp(name, "inside") == 0;
	fclose(file);
	for (int i = 0; found && i < 8; i++)
		sprintf(literal + 5 * i, "%.4s:", digits + 4 * i);
	literal[39] = '\0';
	return found;
}

/* It is ours when no other host has claimed it (RFC 4862). */
START_TEST(link_local_addresses_are_ours_on_their_interface)
{
	char literal[64];
	uint64_t now = START;

	if (!enter())
		return;
	AWAIT(find_link_local(literal));
	AWAIT(!ask(literal, "inside", now += USEC_PER_SEC));
	ck_assert(ask(literal, "outside", now));
	ck_assert(!ask(literal, "inside", now));
}
END_TEST

START_TEST(a_foreigner_is_asked_about_once_a_second)
{
	if (!enter())
		return;
	for (uint64_t now = START; now < START + USEC_PER_SEC; now += 1000)
		ck_assert(ask("fd09::2", NULL, now));
	ck_assert_uint_eq(sendmsg_fault.calls, 1);
	ck_assert(ask("fd09::2", NULL, START + USEC_PER_SEC));
	ck_assert_uint_eq(sendmsg_fault.calls, 2);
}
END_TEST

/* Nor is a neighbour on another link. */
START_TEST(what_is_known_of_one_is_not_known_of_another)
{
	if (!enter())
		return;
	ck_assert(ask("fe80::1234", "inside", START));
	ck_assert(ask("fe80::1234", "outside", START));
	ck_assert(ask("fe80::1235", "outside", START));
	ck_assert_uint_eq(sendmsg_fault.calls, 3);
}
END_TEST

START_TEST(we_are_never_remembered_as_foreigners)
{
	if (!enter())
		return;
	ck_assert(ask("fd09::2", NULL, START));
	for (int i = 0; i < 3; i++)
		ck_assert(!ask(INSIDE_IPV6, NULL, START));
	ck_assert(ask("fd09::2", NULL, START));
}
END_TEST

/* Both have the same place: who fills it on purpose only has us ask. */
START_TEST(who_is_forgotten_is_asked_about_again)
{
	if (!enter())
		return;
	for (int i = 0; i < 3; i++) {
		ck_assert(ask("2001:db8::1:0:2", NULL, START));
		ck_assert(ask("2001:db8::2:0:1", NULL, START));
	}
	ck_assert_uint_eq(sendmsg_fault.calls, 6);
}
END_TEST

/* In words of 16 bits of an address: of the host, and of the network. */
static const size_t counted[] = { 7, 3 };

/*
 * A flood of sources from one network does not share a few places, nor does one
 * from many networks.
 */
START_TEST(neighbours_are_spread)
{
	struct address peer = ipv6_address("2001:db8::1", 4000);

	if (!enter())
		return;
	for (int round = 0; round < 2; round++) {
		for (uint16_t i = 0; i < FOREIGNERS_MAX / 4; i++) {
			peer.in6.sin6_addr.s6_addr16[counted[_i]] = htons(i);
			ck_assert(foreigners_have(&foreigners, fd, &peer.in6,
						  START));
		}
	}
	ck_assert_uint_lt(sendmsg_fault.calls,
			  FOREIGNERS_MAX / 4 + FOREIGNERS_MAX / 8);
}
END_TEST

/* Otherwise nobody by the network would be answered. */
START_TEST(where_every_address_may_be_sent_from_none_is_known_as_ours)
{
	if (!enter())
		return;
	fd_set_option(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
	ck_assert(ask("fd09::2", NULL, START));
	ck_assert(ask(INSIDE_IPV6, NULL, START));
}
END_TEST

/* No error but one says that an address is not ours. */
START_TEST(in_doubt_it_is_ours)
{
	if (!enter())
		return;
	sendmsg_fault = (struct fault){ .times = 1, .error = ENODEV };
	ck_assert(!ask("fd09::2", NULL, START));
	ck_assert(ask("fd09::2", NULL, START));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("foreigners");
	TCase *tcase = tcase_create("foreigners");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_loop_test(tcase, addresses_of_this_host_are_told_from_others,
			    0, ARRAY_SIZE(addresses));
	tcase_add_test(tcase, link_local_addresses_are_ours_on_their_interface);
	tcase_add_test(tcase, a_foreigner_is_asked_about_once_a_second);
	tcase_add_test(tcase, what_is_known_of_one_is_not_known_of_another);
	tcase_add_test(tcase, we_are_never_remembered_as_foreigners);
	tcase_add_test(tcase, who_is_forgotten_is_asked_about_again);
	tcase_add_loop_test(tcase, neighbours_are_spread, 0,
			    ARRAY_SIZE(counted));
	tcase_add_test(
		tcase,
		where_every_address_may_be_sent_from_none_is_known_as_ours);
	tcase_add_test(tcase, in_doubt_it_is_ours);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
