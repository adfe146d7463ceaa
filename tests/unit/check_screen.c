/* SPDX-License-Identifier: MIT */
/*
 * Why a datagram is not answered, and that it is when nothing speaks against
 * it.  Datagrams are made up here: check_datagram_wire has real ones.
 *
 * Link with -Wl,--wrap=calloc -Wl,--wrap=sendmsg.
 */
#include "config.h"

#include "echod/screen.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/namespace.h"
#include "unit/sockets.h"

#include <net/if.h>
#include <string.h>

INJECTED(void *, NULL, calloc, (size_t count, size_t size), (count, size))
INJECTED(ssize_t, -1, sendmsg,
	 (int fd, const struct msghdr *message, int flags),
	 (fd, message, flags))

#define NOW	     USEC_PER_SEC
#define OUTSIDE_IPV4 "10.9.8.2"
#define OUTSIDE_IPV6 "fd09::2"

static struct screen screen;
static struct guard guard;
static struct address peer;
static struct in_pktinfo info4;
static struct in6_pktinfo info6;
static struct packet_info info;
static struct msghdr header;

static void setup(void)
{
	guard_init(&guard, NULL);
	guard_refuse_port(&guard, 7007);
}

static void teardown(void)
{
	screen_close(&screen);
	screen_close(&screen);
}

static void open_screen(int fd, bool loop_ttl)
{
	struct socket_identity identity;
	const char *reason;

	ck_assert_int_eq(socket_identify(fd, &identity, &reason), 0);
	ck_assert_int_eq(screen_open(&screen, &guard, fd, &identity, loop_ttl),
			 0);
}

static void open_address(struct address address, bool loop_ttl)
{
	open_screen(udp_socket(&address), loop_ttl);
}

/* A datagram to `inside`, said to have come in there. */
static void come_from(struct address from)
{
	bool ipv4 = from.any.sa_family == AF_INET;
	unsigned interface = if_nametoindex("inside");

	peer = from;
	info4 = (struct in_pktinfo){
		.ipi_addr = ipv4_address(INSIDE_IPV4, 0).in.sin_addr,
		.ipi_ifindex = (int)interface,
	};
	info4.ipi_spec_dst = info4.ipi_addr;
	info6 = (struct in6_pktinfo){
		.ipi6_addr = ipv6_address(INSIDE_IPV6, 0).in6.sin6_addr,
		.ipi6_ifindex = interface,
	};
	info = (struct packet_info){ .info4 = ipv4 ? &info4 : NULL,
				     .info6 = ipv4 ? NULL : &info6,
				     .ttl = -1 };
	header = (struct msghdr){ .msg_name = &peer.any,
				  .msg_namelen = peer.length };
}

/* As who serves the socket asks, who has a limit in between. */
static enum counter judge(void)
{
	enum counter reason = screen_refuses(&screen, &header, &info);

	if (reason == SCREEN_PASSES &&
	    screen_is_forged(&screen, &header, &info, NOW))
		return COUNTER_datagrams_refused_own;
	return reason;
}

static void expect(enum counter reason)
{
	enum counter judged = judge();

	ck_assert_msg(judged == reason, "judged %d, not %d", (int)judged,
		      (int)reason);
}

START_TEST(an_honest_one_passes)
{
	if (!namespace_enter_with_wire())
		return;
	open_address(ipv4_address("0.0.0.0", 0), false);
	come_from(ipv4_address(OUTSIDE_IPV4, 4000));
	expect(SCREEN_PASSES);
	screen_close(&screen);
	open_address(ipv6_address("::", 0), false);
	come_from(ipv6_address(OUTSIDE_IPV6, 4000));
	expect(SCREEN_PASSES);
}
END_TEST

START_TEST(reasons_are_told_apart)
{
	if (!namespace_enter_with_wire())
		return;
	open_address(ipv6_address("::", 0), true);
	come_from(ipv6_address(OUTSIDE_IPV6, 4000));
	info.ttl = 1;
	expect(COUNTER_datagrams_refused_ttl);
	address_set_port(&peer, 53);
	expect(COUNTER_datagrams_refused_port);
	address_set_port(&peer, 7007);
	expect(COUNTER_datagrams_refused_port);
	peer.in6.sin6_addr = in6addr_any;
	expect(COUNTER_datagrams_refused_source);
	header.msg_namelen = 0;
	expect(COUNTER_datagrams_refused_unnamed);
	info6.ipi6_addr = ipv6_address("ff02::1", 0).in6.sin6_addr;
	expect(COUNTER_datagrams_refused_group);
	header.msg_flags = MSG_TRUNC;
	expect(COUNTER_datagrams_refused_long);
}
END_TEST

START_TEST(a_ttl_must_leave_one_for_the_reply)
{
	static const int16_t ttls[] = { -1, 0, 1, 2, 64, 255 };

	if (!namespace_enter_with_wire())
		return;
	for (int on = 1; on >= 0; on--) {
		open_address(ipv4_address("0.0.0.0", 0), on);
		come_from(ipv4_address(OUTSIDE_IPV4, 4000));
		for (size_t i = 0; i < ARRAY_SIZE(ttls); i++) {
			info.ttl = ttls[i];
			expect(on && ttls[i] < 2 ? COUNTER_datagrams_refused_ttl
						 : SCREEN_PASSES);
		}
		ck_assert_int_eq(fd_option(screen.fd, IPPROTO_IP, IP_RECVTTL),
				 on);
		screen_close(&screen);
	}
}
END_TEST

START_TEST(unix_peers_have_no_ttl)
{
	int fds[2];

	unix_pair(SOCK_DGRAM, fds);
	open_screen(fds[0], true);
	come_from((struct address){ .length = sizeof(peer.un),
				    .un.sun_family = AF_UNIX });
	info = (struct packet_info){ .ttl = -1 };
	expect(SCREEN_PASSES);
	/* They are connected: whoever has no name is the other one. */
	header.msg_namelen = 0;
	expect(SCREEN_PASSES);
	ck_assert_int_eq(screen.fence, FENCE_NONE);
}
END_TEST

/* Addresses of this host, where a client on it would be answered. */
START_TEST(ours_are_believed_behind_the_fence_only)
{
	if (!namespace_enter_with_wire())
		return;
	open_address(ipv6_address("::", 0), false);
	come_from(ipv6_address(INSIDE_IPV6, 4000));
	ck_assert_int_eq(screen.fence, FENCE_STANDS);
	expect(SCREEN_PASSES);
	screen.fence = FENCE_NONE;
	expect(COUNTER_datagrams_refused_own);
	screen_settle(&screen);
	expect(COUNTER_datagrams_refused_own);
	screen.fence = FENCE_NEW;
	expect(COUNTER_datagrams_refused_own);
	screen_settle(&screen);
	expect(SCREEN_PASSES);
	come_from(ipv6_address("::1", 4000));
	expect(SCREEN_PASSES);
}
END_TEST

/* Of the network, or of another interface: nobody can say. */
START_TEST(another_of_ours_is_refused_unless_by_lo)
{
	struct address global = ipv6_address(INSIDE_IPV6, 4000);

	if (!namespace_enter_with_wire())
		return;
	open_address(ipv6_address("::", 0), false);
	come_from(global);
	info6.ipi6_addr = ipv6_address("fd09::77", 0).in6.sin6_addr;
	expect(COUNTER_datagrams_refused_own);
	info.info6 = NULL;
	expect(COUNTER_datagrams_refused_own);
	info.info6 = &info6;
	info6.ipi6_ifindex = LOOPBACK_INTERFACE;
	expect(SCREEN_PASSES);
}
END_TEST

/* Mapped addresses of IPv4 packets are no foreigners' affair. */
START_TEST(ipv4_on_a_socket_for_both_passes)
{
	if (!namespace_enter_with_wire())
		return;
	open_address(ipv6_address("::", 0), false);
	come_from(ipv6_address("::ffff:" OUTSIDE_IPV4, 4000));
	expect(COUNTER_datagrams_refused_source);
	info.info4 = &info4;
	expect(SCREEN_PASSES);
	peer = ipv6_address("::ffff:0.0.0.1", 4000);
	expect(COUNTER_datagrams_refused_source);
	ck_assert_uint_eq(sendmsg_fault.calls, 0);
}
END_TEST

/* By `lo`, or from the address that was asked, behind the fence. */
START_TEST(the_kernel_is_not_asked_about_what_is_clear)
{
	if (!namespace_enter_with_wire())
		return;
	open_address(ipv6_address("::", 0), false);
	come_from(ipv6_address(INSIDE_IPV6, 4000));
	expect(SCREEN_PASSES);
	info6.ipi6_ifindex = LOOPBACK_INTERFACE;
	peer = ipv6_address("fd09::99", 4000);
	expect(SCREEN_PASSES);
	ck_assert_uint_eq(sendmsg_fault.calls, 0);
	info6.ipi6_ifindex = if_nametoindex("inside");
	for (int i = 0; i < 3; i++)
		expect(SCREEN_PASSES);
	ck_assert_uint_eq(sendmsg_fault.calls, 1);
}
END_TEST

START_TEST(without_memory_nothing_is_screened)
{
	struct socket_identity identity;
	struct address any = ipv6_address("::1", 0);
	const char *reason;
	int fd;

	if (!ipv6_is_available())
		return;
	fd = udp_socket(&any);
	ck_assert_int_eq(socket_identify(fd, &identity, &reason), 0);
	calloc_fault = (struct fault){ .times = 1 };
	ck_assert_int_eq(screen_open(&screen, &guard, fd, &identity, false),
			 -ENOMEM);
	ck_assert_ptr_null(screen.foreigners);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("screen");
	TCase *tcase = tcase_create("screen");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, an_honest_one_passes);
	tcase_add_test(tcase, reasons_are_told_apart);
	tcase_add_test(tcase, a_ttl_must_leave_one_for_the_reply);
	tcase_add_test(tcase, unix_peers_have_no_ttl);
	tcase_add_test(tcase, ours_are_believed_behind_the_fence_only);
	tcase_add_test(tcase, another_of_ours_is_refused_unless_by_lo);
	tcase_add_test(tcase, ipv4_on_a_socket_for_both_passes);
	tcase_add_test(tcase, the_kernel_is_not_asked_about_what_is_clear);
	tcase_add_test(tcase, without_memory_nothing_is_screened);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
