/* SPDX-License-Identifier: MIT */
/*
 * Which address was asked, by whom, and who lies: IP_PKTINFO, broadcast and
 * multicast, spoofed sources.
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/kernel.h"
#include "unit/namespace.h"
#include "unit/sockets.h"
#include "unit/wire.h"

#include "common/macros.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/in6.h> /* IPV6_MULTICAST_ALL */
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* Room for one packet info of either family. */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* A wildcard socket of this family, as echod opens them. */
static int open_wildcard(int family)
{
	struct address any = family == AF_INET ? ipv4_address("0.0.0.0", 0)
					       : ipv6_address("::", 0);
	int fd = udp_socket(&any);

	if (family == AF_INET)
		fd_set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
	else
		fd_set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	return fd;
}

static in_port_t port_of(int fd)
{
	return ntohs(fd_address(fd).in.sin_port); /* Also of sin6. */
}

/* Await a datagram; the address that was asked, and the one to reply from. */
static struct in_pktinfo receive_pktinfo(int fd)
{
	union control control;
	struct msghdr message = { .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	struct in_pktinfo info;

	await_readable(fd);
	ck_assert_int_ge(recvmsg(fd, &message, 0), 0);
	ck_assert_uint_gt(message.msg_controllen, 0);
	ck_assert_int_eq(control.header.cmsg_type, IP_PKTINFO);
	memcpy(&info, CMSG_DATA(&control.header), sizeof(info));
	return info;
}

/* Where the server is asked, and whether that is an address of one host. */
static const struct destination {
	const char *address;
	bool unicast;
	bool through_wire;
} destinations[] = {
	{ "127.0.0.1", true, false },	     { "127.99.88.77", true, false },
	{ "127.255.255.255", false, false }, { INSIDE_IPV4, true, true },
	{ "10.9.8.255", false, true },	     { "255.255.255.255", false, true },
	{ "224.0.0.1", false, true },
};

static void ask(const struct destination *destination, in_port_t port)
{
	struct address from = ipv4_address("10.9.8.2", 4000);
	struct address to = ipv4_address(destination->address, port);
	struct address any_port = ipv4_address("127.0.0.1", 0);
	int client;

	if (destination->through_wire) {
		wire_deliver(&from, &to, "hello");
		return;
	}
	client = udp_socket(&any_port);
	fd_set_option(client, SOL_SOCKET, SO_BROADCAST, 1);
	send_text_to(client, "hello", &to);
}

/* Also that broadcast is delivered to who did not ask for it. */
START_TEST(addr_and_spec_dst_differ_exactly_for_broadcast_and_multicast)
{
	const struct destination *destination = &destinations[_i];
	struct in_pktinfo info;
	int server;

	if (!namespace_enter_with_wire())
		return;
	server = open_wildcard(AF_INET);
	ask(destination, port_of(server));
	info = receive_pktinfo(server);
	ck_assert_msg(info.ipi_addr.s_addr == inet_addr(destination->address),
		      "%s: is not ipi_addr", destination->address);
	ck_assert_msg((info.ipi_addr.s_addr == info.ipi_spec_dst.s_addr) ==
			      destination->unicast,
		      "%s: ipi_spec_dst is %s", destination->address,
		      destination->unicast ? "another" : "the same");
}
END_TEST

/* Leave the interface to routing: the way back may be another one. */
static void forget_interface(union control *control)
{
	struct in_pktinfo *info4 = (void *)CMSG_DATA(&control->header);
	struct in6_pktinfo *info6 = (void *)CMSG_DATA(&control->header);

	if (control->header.cmsg_level == IPPROTO_IP)
		info4->ipi_ifindex = 0;
	else
		info6->ipi6_ifindex = 0;
}

/*
 * Ask at `asked`, an address of this host that routing would not choose for
 * the reply; echo the packet info.  It must come from there.
 */
static void check_reply_source(const struct address *client_address,
			       struct address *asked, int server)
{
	int client = udp_socket(client_address);
	struct address peer, from;
	union control control;
	struct msghdr message = { .msg_name = &peer.any,
				  .msg_namelen = sizeof(peer.in6),
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	size_t length;

	asked->in.sin_port = htons(port_of(server)); /* Also of sin6. */
	send_text_to(client, "which of you?", asked);
	await_readable(server);
	ck_assert_int_ge(recvmsg(server, &message, 0), 0);
	ck_assert_uint_gt(message.msg_controllen, 0);
	forget_interface(&control);
	ck_assert_int_eq(sendmsg(server, &message, 0), 0);
	from = receive_from(client, NULL, 0, &length);
	ck_assert_uint_eq(from.length, asked->length);
	ck_assert_mem_eq(&from.any, &asked->any, asked->length);
}

START_TEST(a_reply_leaves_from_the_address_in_pktinfo)
{
	struct address client = ipv4_address("127.0.0.1", 0);
	struct address asked = ipv4_address("127.99.88.77", 0);

	check_reply_source(&client, &asked, open_wildcard(AF_INET));
}
END_TEST

START_TEST(a_reply_leaves_from_the_address_in_pktinfo_on_ipv6)
{
	struct address client = ipv6_address("::1", 0);
	struct address asked = ipv6_address(INSIDE_IPV6, 0);

	if (namespace_enter_with_wire())
		check_reply_source(&client, &asked, open_wildcard(AF_INET6));
}
END_TEST

/* Of which the source of a datagram may be one. */
START_TEST(a_reply_to_a_broadcast_address_fails_without_so_broadcast)
{
	struct address group = ipv4_address("127.255.255.255", 4000);
	int server = open_wildcard(AF_INET);

	ck_assert_int_eq(sendto(server, "x", 1, 0, &group.any, group.length),
			 -1);
	ck_assert_int_eq(errno, EACCES);
}
END_TEST

/* `all` is the value of IP_MULTICAST_ALL or IPV6_MULTICAST_ALL. */
static void check_all_hosts(int all, bool delivered)
{
	struct address from4 = ipv4_address("10.9.8.2", 4000);
	struct address from6 = ipv6_address("fd09::2", 4000);
	int v4 = open_wildcard(AF_INET), v6 = open_wildcard(AF_INET6);
	struct address to4 = ipv4_address("224.0.0.1", port_of(v4));
	struct address to6 = ipv6_address("ff02::1", port_of(v6));

	fd_set_option(v4, IPPROTO_IP, IP_MULTICAST_ALL, all);
	fd_set_option(v6, IPPROTO_IPV6, IPV6_MULTICAST_ALL, all);
	stay_on_one_cpu();
	wire_deliver(&from4, &to4, "all");
	wire_deliver(&from6, &to6, "all");
	await_delivery();
	ck_assert_int_eq(events_now(v4, POLLIN), delivered ? POLLIN : 0);
	ck_assert_int_eq(events_now(v6, POLLIN), delivered ? POLLIN : 0);
}

START_TEST(all_hosts_multicast_is_delivered_unless_multicast_all_is_0)
{
	if (!namespace_enter_with_wire())
		return;
	check_all_hosts(1, true);
	check_all_hosts(0, false);
}
END_TEST

/* Sources that a packet from the wire cannot rightly have. */
static const struct forgery {
	const char *source;
	int family;
	bool delivered;
} forgeries[] = {
	{ "10.9.8.2", AF_INET, true }, /* This one can. */
	{ INSIDE_IPV4, AF_INET, false },
	{ "127.0.0.1", AF_INET, false },
	{ "0.0.0.0", AF_INET, false },
	{ "255.255.255.255", AF_INET, false },
	{ "224.0.0.1", AF_INET, false },
	{ "fd09::2", AF_INET6, true }, /* And this one. */
	{ INSIDE_IPV6, AF_INET6, true },
	{ "::", AF_INET6, true },
	{ "::ffff:127.0.0.1", AF_INET6, true },
	{ "::ffff:10.9.8.2", AF_INET6, true },
	{ "::127.0.0.1", AF_INET6, true },
	{ "::1", AF_INET6, false },
	{ "ff02::1", AF_INET6, false },
};

START_TEST(forged_sources_are_dropped_on_ipv4_and_delivered_on_ipv6)
{
	const struct forgery *forgery = &forgeries[_i];
	bool ipv4 = forgery->family == AF_INET;
	struct address from, to;
	int server;

	if (!namespace_enter_with_wire())
		return;
	server = open_wildcard(forgery->family);
	from = ipv4 ? ipv4_address(forgery->source, 4000)
		    : ipv6_address(forgery->source, 4000);
	to = ipv4 ? ipv4_address(INSIDE_IPV4, port_of(server))
		  : ipv6_address(INSIDE_IPV6, port_of(server));
	stay_on_one_cpu();
	wire_deliver(&from, &to, "trust me");
	await_delivery();
	ck_assert_msg(!!events_now(server, POLLIN) == forgery->delivered,
		      "from %s: %s", forgery->source,
		      forgery->delivered ? "dropped" : "delivered");
}
END_TEST

/* Echo one datagram from `source`, arrived by wire, to where it leads. */
static void check_reflection(const char *source, const struct address *victim)
{
	int target = udp_socket(victim), server = open_wildcard(AF_INET6);
	struct address to = ipv6_address(INSIDE_IPV6, port_of(server));
	struct address from = ipv6_address(source, port_of(target)), peer;
	char text[16] = "";
	size_t length;

	wire_deliver(&from, &to, "remote");
	peer = receive_from(server, text, sizeof(text) - 1, &length);
	send_text_to(server, text, &peer);
	expect_text(target, "remote");
}

START_TEST(a_reply_to_the_ipv6_source_any_reaches_loopback)
{
	struct address victim = ipv6_address("::1", 0);

	if (namespace_enter_with_wire())
		check_reflection("::", &victim);
}
END_TEST

START_TEST(a_dual_stack_reply_to_a_mapped_source_reaches_ipv4_loopback)
{
	struct address victim = ipv4_address("127.0.0.1", 0);

	if (namespace_enter_with_wire())
		check_reflection("::ffff:127.0.0.1", &victim);
}
END_TEST

START_TEST(an_ipv6only_socket_cannot_reply_to_a_mapped_source)
{
	struct address mapped = ipv6_address("::ffff:127.0.0.1", 4000);
	int server = fd_open(AF_INET6, SOCK_DGRAM);

	fd_set_option(server, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	ck_assert_int_eq(sendto(server, "x", 1, 0, &mapped.any, mapped.length),
			 -1);
	ck_assert_int_eq(errno, ENETUNREACH);
}
END_TEST

TCase *kernel_address_case(void)
{
	TCase *part = tcase_create("address");

	tcase_add_loop_test(
		part,
		addr_and_spec_dst_differ_exactly_for_broadcast_and_multicast, 0,
		(int)ARRAY_SIZE(destinations));
	tcase_add_test(part, a_reply_leaves_from_the_address_in_pktinfo);
	tcase_add_test(part,
		       a_reply_leaves_from_the_address_in_pktinfo_on_ipv6);
	tcase_add_test(
		part,
		a_reply_to_a_broadcast_address_fails_without_so_broadcast);
	tcase_add_test(
		part,
		all_hosts_multicast_is_delivered_unless_multicast_all_is_0);
	tcase_add_loop_test(
		part, forged_sources_are_dropped_on_ipv4_and_delivered_on_ipv6,
		0, (int)ARRAY_SIZE(forgeries));
	tcase_add_test(part, a_reply_to_the_ipv6_source_any_reaches_loopback);
	tcase_add_test(
		part,
		a_dual_stack_reply_to_a_mapped_source_reaches_ipv4_loopback);
	tcase_add_test(part,
		       an_ipv6only_socket_cannot_reply_to_a_mapped_source);
	return part;
}
