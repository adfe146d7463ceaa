/* SPDX-License-Identifier: MIT */
/*
 * Which datagrams are answered where sources have a limit: who is over it is
 * refused before the kernel is asked about him, every datagram is counted once,
 * and what repeats another one of its batch is not judged again, but counts.
 *
 * Link with -Wl,--wrap=sendmsg, by which the kernel is asked: no train is
 * refused here.
 */
#include "config.h"

#include "unit/datagram_rig.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/limiter_rig.h"
#include "unit/namespace.h"
#include "unit/wire.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

INJECTED(ssize_t, -1, sendmsg,
	 (int fd, const struct msghdr *message, int flags),
	 (fd, message, flags))

#define BURST 10
#define FLOOD 200

static struct address target;

/* Serve IPv6; false where there is no network to try it in. */
static bool begin(void)
{
	if (!namespace_enter_with_wire())
		return false;
	limiter_begin(1, BURST);
	rig.policy.limiter = &limiter;
	serve_address(ipv6_address("::", 0));
	target = ipv6_address(INSIDE_IPV6, (uint16_t)address_port(&server));
	return true;
}

/* Each from another one of so many hosts of a network. */
static void flood(const char *network, unsigned hosts)
{
	struct address from = ipv6_address(network, 4000);

	for (unsigned i = 0; i < FLOOD; i++) {
		from.in6.sin6_addr.s6_addr16[7] =
			htons((uint16_t)(i % hosts + 1));
		wire_deliver(&from, &target, "hello");
		RIG_AWAIT(&rig, RIG_COUNT(&rig, datagrams_received) == i + 1);
	}
}

START_TEST(the_kernel_is_not_asked_about_who_is_over_the_limit)
{
	uint64_t refused;

	if (!begin())
		return;
	flood("2001:db8:1::", FLOOD);
	refused = RIG_COUNT(&rig, datagrams_refused_rate);
	/* Of 190 three in four, but for those that time has paid for. */
	ck_assert_uint_ge(refused, FLOOD / 2);
	ck_assert_uint_eq(sendmsg_fault.calls, FLOOD - refused);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_refused_own), 0);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_sent) +
				  RIG_COUNT(&rig, datagrams_unsent),
			  FLOOD - refused);
}
END_TEST

/* Once duplicate address detection is over. */
static bool find_link_local(struct address *found)
{
	int fd = fd_open(AF_INET6, SOCK_DGRAM);
	struct ifaddrs *all;
	bool usable = false;

	ck_assert_int_eq(getifaddrs(&all), 0);
	for (struct ifaddrs *each = all; each && !usable;
	     each = each->ifa_next) {
		const void *any = each->ifa_addr;
		const struct sockaddr_in6 *in6 = any;

		if (strcmp(each->ifa_name, "inside") != 0 || !in6 ||
		    in6->sin6_family != AF_INET6 ||
		    !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
			continue;
		found->in6.sin6_addr = in6->sin6_addr;
		usable = bind(fd, each->ifa_addr, sizeof(*in6)) == 0;
	}
	freeifaddrs(all);
	close(fd);
	return usable;
}

/* Within its limit that is the reason, and of what leaks through. */
START_TEST(an_address_of_ours_is_not_answered_whatever_its_rate)
{
	uint64_t own, refused;

	if (!begin())
		return;
	AWAIT(find_link_local(&target));
	flood("fd09::", 1);
	own = RIG_COUNT(&rig, datagrams_refused_own);
	refused = RIG_COUNT(&rig, datagrams_refused_rate);
	ck_assert_uint_eq(own + refused, FLOOD);
	ck_assert_uint_ge(own, BURST);
	ck_assert_uint_ge(refused, FLOOD / 2);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_sent), 0);
}
END_TEST

/* So many, alike, which it finds all at once, and may join their answers. */
static void burst(const char *from, unsigned count)
{
	struct address peer = ipv6_address(from, 4000);
	uint64_t before = RIG_COUNT(&rig, datagrams_received);

	for (unsigned i = 0; i < count; i++)
		wire_deliver(&peer, &target, "hello");
	await_delivery();
	RIG_AWAIT(&rig, RIG_COUNT(&rig, datagrams_received) == before + count);
}

START_TEST(each_of_a_burst_counts)
{
	uint64_t refused;

	rig.policy.udp_offload = true;
	if (!begin())
		return;
	burst("2001:db8:1::1", BATCH_MAX);
	refused = RIG_COUNT(&rig, datagrams_refused_rate);
	/* Of 22 three in four. */
	ck_assert_uint_ge(refused, 5);
	ck_assert_uint_le(refused, BATCH_MAX - BURST);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_sent) +
				  RIG_COUNT(&rig, datagrams_unsent),
			  BATCH_MAX - refused);
}
END_TEST

/* A verdict is remembered of what may be answered, and of nothing else. */
START_TEST(each_of_a_burst_that_is_forged_is_refused)
{
	rig.policy.udp_offload = true;
	if (!begin())
		return;
	AWAIT(find_link_local(&target));
	burst("fd09::1", BURST);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_refused_own), BURST);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("datagram_judge");
	TCase *tcase = tcase_create("datagram_judge");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, datagram_rig_setup,
				  datagram_rig_teardown);
	tcase_add_test(tcase,
		       the_kernel_is_not_asked_about_who_is_over_the_limit);
	tcase_add_test(tcase,
		       an_address_of_ours_is_not_answered_whatever_its_rate);
	tcase_add_test(tcase, each_of_a_burst_counts);
	tcase_add_test(tcase, each_of_a_burst_that_is_forged_is_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
