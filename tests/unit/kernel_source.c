/* SPDX-License-Identifier: MIT */
/*
 * Which addresses are ours, and what came by `lo`: what the kernel tells of it,
 * and what it does not.
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/kernel.h"
#include "unit/namespace.h"
#include "unit/sockets.h"

#include "common/macros.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define MSG_PROBE 0x10 /* <linux/socket.h> */

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static in_port_t port_of(int fd)
{
	return ntohs(fd_address(fd).in.sin_port); /* Also of sin6. */
}

static struct address address_of(const char *literal, in_port_t port)
{
	return strchr(literal, ':') ? ipv6_address(literal, port)
				    : ipv4_address(literal, port);
}

/* Receive a datagram with one control message, of this size. */
static void receive_control(int fd, void *data, size_t length)
{
	union control control;
	struct msghdr message = { .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	await_readable(fd);
	ck_assert_int_ge(recvmsg(fd, &message, 0), 0);
	ck_assert_uint_gt(message.msg_controllen, 0);
	ck_assert_uint_eq(control.header.cmsg_len, CMSG_LEN(length));
	memcpy(data, CMSG_DATA(&control.header), length);
}

START_TEST(lo_is_the_first_interface_of_every_namespace)
{
	ck_assert_uint_eq(if_nametoindex("lo"), 1);
	if (namespace_enter())
		ck_assert_uint_eq(if_nametoindex("lo"), 1);
}
END_TEST

/* From one address of this host to another. */
static const struct {
	const char *from, *to, *interface;
} ways[] = {
	{ "127.0.0.1", "127.0.0.1", "lo" },
	{ "127.0.0.1", INSIDE_IPV4, "inside" },
	{ INSIDE_IPV4, INSIDE_IPV4, "inside" },
	{ INSIDE_IPV4, "127.0.0.1", "lo" },
	{ "::1", "::1", "lo" },
	{ "::1", INSIDE_IPV6, "inside" },
	{ INSIDE_IPV6, INSIDE_IPV6, "inside" },
	{ INSIDE_IPV6, "::1", "lo" },
};

static unsigned interface_told(int fd, bool ipv4)
{
	struct in6_pktinfo info6;
	struct in_pktinfo info4;

	if (ipv4) {
		receive_control(fd, &info4, sizeof(info4));
		return (unsigned)info4.ipi_ifindex;
	}
	fd_set_option(fd, IPPROTO_IP, IP_PKTINFO, 0);
	fd_set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	receive_control(fd, &info6, sizeof(info6));
	return info6.ipi6_ifindex;
}

START_TEST(pktinfo_tells_where_the_destination_is_not_where_it_came_in)
{
	bool ipv4 = !strchr(ways[_i].from, ':');
	struct address from = address_of(ways[_i].from, 0);
	struct address any = address_of(ipv4 ? "0.0.0.0" : "::", 0), to;
	int server;

	if (!namespace_enter_with_wire())
		return;
	server = udp_socket(&any);
	/* Of IPv4 it is told only of what comes when it has been asked for. */
	fd_set_option(server, IPPROTO_IP, IP_PKTINFO, 1);
	to = address_of(ways[_i].to, port_of(server));
	send_text_to(udp_socket(&from), "it went through lo", &to);
	ck_assert_uint_eq(interface_told(server, ipv4),
			  if_nametoindex(ways[_i].interface));
}
END_TEST

/* Takes nothing that has come in by another interface. */
static void take_from_interface(int fd, uint32_t interface)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, interface, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog filter = { ARRAY_SIZE(program), program };

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
				    sizeof(filter)),
			 0);
}

START_TEST(a_filter_sees_that_it_came_in_by_lo)
{
	bool ipv4 = !strchr(ways[_i].from, ':');
	struct address from = address_of(ways[_i].from, 0);
	struct address any = address_of(ipv4 ? "0.0.0.0" : "::", 0), to;
	int server;

	if (!namespace_enter_with_wire())
		return;
	server = udp_socket(&any);
	take_from_interface(server, 1);
	to = address_of(ways[_i].to, port_of(server));
	send_text_to(udp_socket(&from), "lo", &to);
	expect_text(server, "lo");
}
END_TEST

/* To be sent from `source`, with so many bytes, but not sent. */
static int probe(int fd, const char *source, unsigned interface, size_t size,
		 const struct address *to)
{
	struct in6_pktinfo info = {
		.ipi6_addr = ipv6_address(source, 0).in6.sin6_addr,
		.ipi6_ifindex = interface,
	};
	char byte = 'x';
	struct iovec bytes = { &byte, size };
	union control control = { .header = { CMSG_LEN(sizeof(info)),
					      IPPROTO_IPV6, IPV6_PKTINFO } };
	struct address target = *to;
	struct msghdr message = {
		.msg_name = &target.any,
		.msg_namelen = target.length,
		.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), &info, sizeof(info));
	return sendmsg(fd, &message, MSG_PROBE | MSG_CONFIRM) < 0 ? errno : 0;
}

static const struct {
	const char *address;
	const char *interface;
	int error;
} probes[] = {
	{ "::1", NULL, 0 },
	{ INSIDE_IPV6, NULL, 0 },
	{ INSIDE_IPV6, "inside", ENETUNREACH }, /* as ::1 is from there */
	{ "fd09::2", NULL, EINVAL },
	{ "fd09::2", "inside", EINVAL },
	{ "2001:db8::1", NULL, EINVAL },
	{ "100::1", NULL, EINVAL },
	{ "fe80::1234", "inside", EINVAL },
	{ "fe80::1234", NULL, EINVAL },
};

/* Neither of an empty message nor of another is anything sent. */
START_TEST(a_probe_from_an_address_that_is_not_ours_is_refused)
{
	struct address any = ipv6_address("::", 0);
	struct address to = ipv6_address("::1", 0);
	unsigned interface;
	int fd, other;

	if (!namespace_enter_with_wire())
		return;
	stay_on_one_cpu();
	interface =
		probes[_i].interface ? if_nametoindex(probes[_i].interface) : 0;
	fd = udp_socket(&any);
	other = udp_socket(&to);
	to = fd_address(other);
	for (size_t size = 0; size < 2; size++) {
		ck_assert_int_eq(
			probe(fd, probes[_i].address, interface, size, &to),
			probes[_i].error);
	}
	await_delivery();
	ck_assert_int_eq(events_now(other, POLLIN), 0);
}
END_TEST

/* With this, any address is as good as ours. */
START_TEST(a_probe_of_a_socket_that_binds_freely_is_never_refused)
{
	struct address any = ipv6_address("::", 0);
	struct address to = ipv6_address("::1", 9);
	int fd;

	if (!namespace_enter_with_wire())
		return;
	fd = udp_socket(&any);
	fd_set_option(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
	ck_assert_int_eq(probe(fd, "2001:db8::1", 0, 0, &to), 0);
	fd_set_option(fd, IPPROTO_IPV6, IPV6_FREEBIND, 0);
	ck_assert_int_eq(probe(fd, "2001:db8::1", 0, 0, &to), EINVAL);
}
END_TEST

/* Unlike the packet info of IPv4. */
START_TEST(the_ttl_is_told_also_of_what_came_before_it_was_asked_for)
{
	struct address any4 = ipv4_address("127.0.0.1", 0);
	struct address any6 = ipv6_address("::1", 0);
	int fds[2], ttl;

	if (_i == 1 && !ipv6_is_available())
		return;
	fds[0] = udp_socket(_i == 0 ? &any4 : &any6);
	fds[1] = udp_socket(_i == 0 ? &any4 : &any6);
	fd_set_option(fds[0], IPPROTO_IP, IP_TTL, 33);
	if (_i == 1)
		fd_set_option(fds[0], IPPROTO_IPV6, IPV6_UNICAST_HOPS, 33);
	any4 = fd_address(fds[1]);
	send_text_to(fds[0], "early", &any4);
	await_readable(fds[1]);
	if (_i == 0)
		fd_set_option(fds[1], IPPROTO_IP, IP_RECVTTL, 1);
	else
		fd_set_option(fds[1], IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	receive_control(fds[1], &ttl, sizeof(ttl));
	ck_assert_int_eq(ttl, 33);
}
END_TEST

TCase *kernel_source_case(void)
{
	TCase *part = tcase_create("source");

	tcase_add_test(part, lo_is_the_first_interface_of_every_namespace);
	tcase_add_loop_test(
		part,
		pktinfo_tells_where_the_destination_is_not_where_it_came_in, 0,
		ARRAY_SIZE(ways));
	tcase_add_loop_test(part, a_filter_sees_that_it_came_in_by_lo, 0,
			    ARRAY_SIZE(ways));
	tcase_add_loop_test(part,
			    a_probe_from_an_address_that_is_not_ours_is_refused,
			    0, ARRAY_SIZE(probes));
	tcase_add_test(part,
		       a_probe_of_a_socket_that_binds_freely_is_never_refused);
	tcase_add_loop_test(
		part, the_ttl_is_told_also_of_what_came_before_it_was_asked_for,
		0, 2);
	return part;
}
