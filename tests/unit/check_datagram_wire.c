/* SPDX-License-Identifier: MIT */
/*
 * UDP sockets in a network of the test's own: groups, link-local addresses,
 * peers that no honest host has, and a send buffer that is really full.
 */
#include "config.h"

#include "unit/datagram_rig.h"
#include "unit/harness.h"
#include "unit/namespace.h"
#include "unit/wire.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define OUTSIDE_IPV4 "10.9.8.2"
#define OUTSIDE_IPV6 "fd09::2"

static uint16_t server_port(void)
{
	return (uint16_t)address_port(&server);
}

/* The server heard it, and knows why it did not answer. */
static void expect_refusal(enum counter reason, uint64_t count)
{
	RIG_AWAIT(&rig, RIG_COUNT(&rig, datagrams_received) == count);
	ck_assert_uint_eq(rig_count(&rig, reason), count);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_sent), 0);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_unsent), 0);
}

static const char *const ipv4_groups[] = { "10.9.8.255", "255.255.255.255",
					   "224.0.0.77" };

static void join_ipv4(const char *literal)
{
	struct ip_mreqn group = {
		.imr_ifindex = (int)if_nametoindex("inside"),
	};

	ck_assert_int_eq(inet_pton(AF_INET, literal, &group.imr_multiaddr), 1);
	ck_assert_int_eq(setsockopt(datagram.source.fd, IPPROTO_IP,
				    IP_ADD_MEMBERSHIP, &group, sizeof(group)),
			 0);
}

START_TEST(ipv4_broadcast_and_multicast_are_refused)
{
	struct address from = ipv4_address(OUTSIDE_IPV4, 4000), to;

	if (!namespace_enter_with_wire())
		return;
	serve_address(ipv4_address("0.0.0.0", 0));
	join_ipv4("224.0.0.77");
	to = ipv4_address(ipv4_groups[_i], server_port());
	wire_deliver(&from, &to, "everyone");
	expect_refusal(COUNTER_datagrams_refused_group, 1);
}
END_TEST

START_TEST(ipv6_multicast_is_refused)
{
	struct address from = ipv6_address(OUTSIDE_IPV6, 4000);
	struct address to = ipv6_address("ff02::77", 0);
	struct ipv6_mreq group = { .ipv6mr_multiaddr = to.in6.sin6_addr };

	if (!namespace_enter_with_wire())
		return;
	serve_address(ipv6_address("::", 0));
	group.ipv6mr_interface = if_nametoindex("inside");
	ck_assert_int_eq(setsockopt(datagram.source.fd, IPPROTO_IPV6,
				    IPV6_ADD_MEMBERSHIP, &group, sizeof(group)),
			 0);
	address_set_port(&to, server_port());
	wire_deliver(&from, &to, "everyone");
	expect_refusal(COUNTER_datagrams_refused_group, 1);
}
END_TEST

/* As everyone is a member of these, only socket_prepare() keeps them off. */
START_TEST(groups_that_nobody_joined_are_not_heard)
{
	struct address from = ipv4_address(OUTSIDE_IPV4, 4000), to;

	if (!namespace_enter_with_wire())
		return;
	stay_on_one_cpu();
	serve_address(ipv4_address("0.0.0.0", 0));
	to = ipv4_address("224.0.0.1", server_port());
	wire_deliver(&from, &to, "everyone");
	await_delivery();
	rig_turn_often(&rig);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_received), 0);
}
END_TEST

/* The first cannot be answered, on the others live services. */
static const uint16_t service_ports[] = { 0, 7, 1023 };

START_TEST(ipv4_ports_of_services_are_refused)
{
	struct address from = ipv4_address(OUTSIDE_IPV4, service_ports[_i]), to;

	if (!namespace_enter_with_wire())
		return;
	serve_address(ipv4_address("0.0.0.0", 0));
	to = ipv4_address(INSIDE_IPV4, server_port());
	wire_deliver(&from, &to, "hello");
	wire_deliver(&from, &to, "hello");
	expect_refusal(COUNTER_datagrams_refused_port, 2);
}
END_TEST

START_TEST(ipv6_ports_of_services_are_refused)
{
	struct address from = ipv6_address(OUTSIDE_IPV6, service_ports[_i]), to;

	if (!namespace_enter_with_wire())
		return;
	serve_address(ipv6_address("::", 0));
	to = ipv6_address(INSIDE_IPV6, server_port());
	wire_deliver(&from, &to, "hello");
	expect_refusal(COUNTER_datagrams_refused_port, 1);
}
END_TEST

/* On a socket for IPv6 and IPv4: there the mapped ones could be answered. */
static void serve_both_families(void)
{
	struct address any = { .length = sizeof(any.in6),
			       .in6.sin6_family = AF_INET6 };
	int fd = fd_open(AF_INET6, SOCK_DGRAM);

	fd_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	ck_assert_int_eq(bind(fd, &any.any, any.length), 0);
	serve(fd);
}

static const char *const impossible_sources[] = {
	"::",	      "::ffff:127.0.0.1", "::ffff:10.9.8.2",
	"::10.9.8.2", "0.0.0.5",	  "240.0.0.1",
};

START_TEST(sources_that_no_host_has_are_refused)
{
	const char *source = impossible_sources[_i];
	bool ipv6 = strchr(source, ':');
	struct address from =
		ipv6 ? ipv6_address(source, 4000) : ipv4_address(source, 4000);
	struct address to;

	if (!namespace_enter_with_wire())
		return;
	serve_both_families();
	to = ipv6 ? ipv6_address(INSIDE_IPV6, server_port())
		  : ipv4_address(INSIDE_IPV4, server_port());
	wire_deliver(&from, &to, "hello");
	expect_refusal(COUNTER_datagrams_refused_source, 1);
}
END_TEST

START_TEST(ipv4_packets_on_a_socket_for_both_are_answered)
{
	struct address to;

	if (!namespace_enter_with_wire())
		return;
	serve_both_families();
	to = ipv4_address("127.0.0.1", server_port());
	ask(ipv4_client(), &to, 5);
}
END_TEST

/* Not the address that routing would choose for a reply to ::1. */
START_TEST(the_ipv6_address_that_was_asked_answers)
{
	struct address to;

	if (!namespace_enter_with_wire())
		return;
	serve_address(ipv6_address("::", 0));
	to = ipv6_address(INSIDE_IPV6, server_port());
	ask(ipv6_client(), &to, 5);
}
END_TEST

/* fe80:: and what the kernel makes of the hardware's address (RFC 4291). */
static struct address link_local_address(void)
{
	struct address address = ipv6_address("fe80::", server_port());
	uint8_t *bytes = address.in6.sin6_addr.s6_addr;
	struct ifreq request = { .ifr_name = "inside" };
	const char *hardware = request.ifr_hwaddr.sa_data;
	int fd = fd_open(AF_INET, SOCK_DGRAM);

	ck_assert_int_eq(ioctl(fd, SIOCGIFHWADDR, &request), 0);
	memcpy(bytes + 8, hardware, 3);
	memcpy(bytes + 13, hardware + 3, 3);
	bytes[8] ^= 2;
	bytes[11] = 0xff;
	bytes[12] = 0xfe;
	address.in6.sin6_scope_id = if_nametoindex("inside");
	return address;
}

/* Once duplicate address detection is over. */
static bool is_usable(const struct address *address)
{
	struct address any_port = *address;
	int fd = fd_open(AF_INET6, SOCK_DGRAM);
	bool usable;

	address_set_port(&any_port, 0);
	usable = bind(fd, &any_port.any, any_port.length) == 0;
	close(fd);
	return usable;
}

/* That address means nothing without its interface. */
START_TEST(a_link_local_address_that_was_asked_answers)
{
	struct address to, any_port;

	if (!namespace_enter_with_wire())
		return;
	serve_address(ipv6_address("::", 0));
	to = any_port = link_local_address();
	address_set_port(&any_port, 0);
	AWAIT(is_usable(&to));
	ask(udp_socket(&any_port), &to, 5);
}
END_TEST

/* A reply would go to a service of ours. */
START_TEST(another_address_of_ours_is_refused)
{
	struct address from = ipv6_address(INSIDE_IPV6, 4000), to;

	if (!namespace_enter_with_wire())
		return;
	serve_address(ipv6_address("::", 0));
	to = link_local_address();
	AWAIT(is_usable(&to));
	to.in6.sin6_scope_id = 0;
	wire_deliver(&from, &to, "hello");
	expect_refusal(COUNTER_datagrams_refused_own, 1);
}
END_TEST

/* As the kernel drops it for IPv4. */
START_TEST(the_address_that_was_asked_is_not_heard_from_outside)
{
	struct address from = ipv6_address(INSIDE_IPV6, 4000), to, honest;

	if (!namespace_enter_with_wire())
		return;
	stay_on_one_cpu();
	serve_address(ipv6_address("::", 0));
	honest = ipv6_address(OUTSIDE_IPV6, 4000);
	to = ipv6_address(INSIDE_IPV6, server_port());
	wire_deliver(&from, &to, "hello");
	wire_deliver(&honest, &to, "hello");
	RIG_AWAIT(&rig, RIG_COUNT(&rig, datagrams_sent) == 1);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_received), 1);
}
END_TEST

/* The fence stands for those that come later, and for what waits it does not.
 */
START_TEST(what_came_before_the_fence_is_not_believed)
{
	struct address from = ipv6_address(INSIDE_IPV6, 0);
	struct address any = ipv6_address("::", 0), to;
	int fd, client;

	if (!namespace_enter_with_wire())
		return;
	client = udp_socket(&from);
	fd = udp_socket(&any);
	to = fd_address(fd);
	to = ipv6_address(INSIDE_IPV6, (uint16_t)address_port(&to));
	send_text_to(client, "early", &to);
	await_readable(fd);
	serve(fd);
	expect_refusal(COUNTER_datagrams_refused_own, 1);
	ask(client, &to, 5);
}
END_TEST

/*
 * Replies to a host that is not there wait, in the send buffer, for its
 * hardware address, until the kernel gives up after some seconds.
 */
START_TEST(a_full_send_buffer_is_waited_for)
{
	enum {
		COUNT = 20
	};
	struct address from = ipv4_address("10.9.8.99", 4000), to;

	if (!namespace_enter_with_wire())
		return;
	serve_address(ipv4_address(INSIDE_IPV4, 0));
	fd_set_option(datagram.source.fd, SOL_SOCKET, SO_SNDBUF, 0);
	to = server;
	for (int i = 0; i < COUNT; i++)
		wire_deliver(&from, &to, "hello");
	RIG_AWAIT(&rig, datagram.source.wanted == EPOLLOUT);
	ck_assert_uint_lt(RIG_COUNT(&rig, datagrams_sent), COUNT);
	RIG_AWAIT(&rig, RIG_COUNT(&rig, datagrams_sent) == COUNT);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_unsent), 0);
	ask(udp_socket(&(struct address){ .length = sizeof(to.in),
					  .in.sin_family = AF_INET }),
	    &to, 5);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("datagram_wire");
	TCase *tcase = tcase_create("datagram_wire");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, datagram_rig_setup,
				  datagram_rig_teardown);
	tcase_add_loop_test(tcase, ipv4_broadcast_and_multicast_are_refused, 0,
			    ARRAY_SIZE(ipv4_groups));
	tcase_add_test(tcase, ipv6_multicast_is_refused);
	tcase_add_test(tcase, groups_that_nobody_joined_are_not_heard);
	tcase_add_loop_test(tcase, ipv4_ports_of_services_are_refused, 0,
			    ARRAY_SIZE(service_ports));
	tcase_add_loop_test(tcase, ipv6_ports_of_services_are_refused, 0,
			    ARRAY_SIZE(service_ports));
	tcase_add_loop_test(tcase, sources_that_no_host_has_are_refused, 0,
			    ARRAY_SIZE(impossible_sources));
	tcase_add_test(tcase, another_address_of_ours_is_refused);
	tcase_add_test(tcase,
		       the_address_that_was_asked_is_not_heard_from_outside);
	tcase_add_test(tcase, what_came_before_the_fence_is_not_believed);
	tcase_add_test(tcase, ipv4_packets_on_a_socket_for_both_are_answered);
	tcase_add_test(tcase, the_ipv6_address_that_was_asked_answers);
	tcase_add_test(tcase, a_link_local_address_that_was_asked_answers);
	tcase_add_test(tcase, a_full_send_buffer_is_waited_for);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
