/* SPDX-License-Identifier: MIT */
/*
 * Where a socket sends from: an address, the next port for the next flow, an
 * interface, or a name that the kernel makes up.
 */
#include "config.h"

#include "unit/target_open.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

START_TEST(each_flow_has_the_next_port)
{
	struct address address;

	if (!target_begin("udp:127.0.0.1"))
		return;
	target_set_source("127.0.0.5:65533");
	for (unsigned flow = 0; flow < 3; flow++) {
		address = fd_address(target_open_flow(flow));
		ck_assert_uint_eq(address_port(&address), 65533 + flow);
		ck_assert_uint_eq(address.in.sin_addr.s_addr,
				  htonl(0x7f000005));
	}
	/* Ports end there, flows do not wrap around to any port. */
	ck_assert_int_eq(target_open(&target, &settings, &source, 3, &what),
			 -EADDRNOTAVAIL);
	ck_assert_str_eq(what, "--source");
	ck_assert_int_eq(
		target_open(&target, &settings, &source, UINT32_MAX, &what),
		-EADDRNOTAVAIL);
}
END_TEST

START_TEST(all_ports_can_be_had)
{
	struct address address;
	int fd;

	if (!target_begin("tcp:127.0.0.1"))
		return;
	target_set_source("127.0.0.1:1");
	fd = target_open_flow(0);
	address = fd_address(fd);
	ck_assert_uint_eq(address_port(&address), 1);
	ck_assert_int_eq(fd_option(fd, SOL_SOCKET, SO_REUSEADDR), 1);
	address = fd_address(target_open_flow(65534));
	ck_assert_uint_eq(address_port(&address), 65535);
	ck_assert_int_eq(target_open(&target, &settings, &source, 65535, &what),
			 -EADDRNOTAVAIL);
}
END_TEST

START_TEST(each_flow_has_the_next_port_on_ipv6)
{
	struct address address;

	if (!target_begin("tcp:[::1]") || !ipv6_is_available())
		return;
	target_set_source("[::1]:5000");
	address = fd_address(target_open_flow(2));
	ck_assert_uint_eq(address_port(&address), 5002);
	ck_assert(IN6_IS_ADDR_LOOPBACK(&address.in6.sin6_addr));
}
END_TEST

/* The kernel chooses it when it knows the peer: 4 tuples of more than 64K. */
START_TEST(a_source_without_port_leaves_that_to_the_kernel)
{
	struct address address;
	int fd, listener;

	if (!target_begin("tcp:127.0.0.1"))
		return;
	listener = tcp_listener(7);
	target_set_source("127.0.0.5");
	fd = target_open_flow(70000);
	ck_assert_int_eq(fd_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), 1);
	address = fd_address(fd);
	ck_assert_uint_eq(address_port(&address), 0);
	ck_assert_int_eq(fd_option(fd, SOL_SOCKET, SO_REUSEADDR), 0);
	target_begin_to_connect(fd);
	await_readable(listener);
	address = fd_address(fd);
	ck_assert_uint_eq(address.in.sin_addr.s_addr, htonl(0x7f000005));
	ck_assert_uint_gt(address_port(&address), 0);
}
END_TEST

START_TEST(a_source_on_ipv6_leaves_the_port_to_the_kernel)
{
	struct address address;

	if (!target_begin("udp:[::1]") || !ipv6_is_available())
		return;
	target_set_source("::1");
	address = fd_address(target_open_flow(0));
	ck_assert_uint_eq(address_port(&address), 0);
	ck_assert(IN6_IS_ADDR_LOOPBACK(&address.in6.sin6_addr));
}
END_TEST

/* --connect with a port: each connection but the first follows one. */
START_TEST(the_port_of_an_ended_connection_can_be_had_again)
{
	int listener, fd, accepted;

	if (!target_begin("tcp:127.0.0.1"))
		return;
	listener = tcp_listener(7);
	target_set_source("127.0.0.1:5000");
	fd = target_open_flow(0);
	target_begin_to_connect(fd);
	accepted = tcp_accept(listener);
	ck_assert_int_eq(close(fd), 0);
	await_readable(accepted);
	ck_assert_int_eq(close(accepted), 0);
	(void)target_open_flow(0);
}
END_TEST

START_TEST(datagrams_of_two_do_not_share_a_port)
{
	if (!target_begin("udp:127.0.0.1"))
		return;
	target_set_source("127.0.0.1:5000");
	(void)target_open_flow(0);
	target_expect_failure(EADDRINUSE, "--source");
}
END_TEST

static const struct {
	const char *target, *source;
	int error;
} sources[] = {
	{ "udp:127.0.0.1", "::1", EAFNOSUPPORT },
	{ "tcp:[::1]", "127.0.0.1", EAFNOSUPPORT },
	{ "unix:/x", "127.0.0.1", EAFNOSUPPORT },
	{ "unix-dgram:/x", "127.0.0.1", EAFNOSUPPORT },
	{ "udp:127.0.0.1", "192.0.2.1", EADDRNOTAVAIL },
	{ "tcp:127.0.0.1", "192.0.2.1:5000", EADDRNOTAVAIL },
	{ "tcp:[::1]", "2001:db8::1", EADDRNOTAVAIL },
};

START_TEST(a_source_that_cannot_be_is_the_culprit)
{
	if (!target_begin(sources[_i].target) || !ipv6_is_available())
		return;
	target_set_source(sources[_i].source);
	target_expect_failure(sources[_i].error, "--source");
}
END_TEST

START_TEST(a_source_may_be_an_interface)
{
	char name[16] = "";
	socklen_t length = sizeof(name);
	int fd;

	if (!target_begin("udp:127.0.0.1"))
		return;
	target_set_source("lo");
	fd = target_open_flow(1);
	ck_assert_int_eq(
		getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &length), 0);
	ck_assert_str_eq(name, "lo");
	source.interface = "gone";
	target_expect_failure(ENODEV, "--source");
}
END_TEST

START_TEST(who_sends_unix_datagrams_has_a_name)
{
	struct address address, from;
	size_t length;
	char byte;
	int fd, echo;

	if (!target_begin("unix-dgram:@echo"))
		return;
	echo = fd_bound(SOCK_DGRAM, &target.endpoint.address);
	fd = target_open_flow(0);
	address = fd_address(fd);
	ck_assert_uint_gt(address.length, sizeof(sa_family_t));
	ck_assert_int_eq(address.un.sun_path[0], '\0');
	ck_assert_int_eq(target_connect(&target, fd), 0);
	send_text(fd, "x");
	from = receive_from(echo, &byte, 1, &length);
	send_text_to(echo, "y", &from);
	expect_text(fd, "y");
	/* Another flow has another name, a stream needs none. */
	from = fd_address(target_open_flow(1));
	ck_assert_mem_ne(from.un.sun_path, address.un.sun_path, 6);
	target.endpoint.transport = TRANSPORT_UNIX;
	from = fd_address(target_open_flow(0));
	ck_assert_uint_eq(from.length, sizeof(sa_family_t));
}
END_TEST

TCase *target_bind_case(void)
{
	TCase *tcase = tcase_create("bind");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_test(tcase, each_flow_has_the_next_port);
	tcase_add_test(tcase, all_ports_can_be_had);
	tcase_add_test(tcase, each_flow_has_the_next_port_on_ipv6);
	tcase_add_test(tcase, a_source_without_port_leaves_that_to_the_kernel);
	tcase_add_test(tcase, a_source_on_ipv6_leaves_the_port_to_the_kernel);
	tcase_add_test(tcase, the_port_of_an_ended_connection_can_be_had_again);
	tcase_add_test(tcase, datagrams_of_two_do_not_share_a_port);
	tcase_add_loop_test(tcase, a_source_that_cannot_be_is_the_culprit, 0,
			    ARRAY_SIZE(sources));
	tcase_add_test(tcase, a_source_may_be_an_interface);
	tcase_add_test(tcase, who_sends_unix_datagrams_has_a_name);
	return tcase;
}
