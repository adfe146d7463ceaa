/* SPDX-License-Identifier: MIT */
/*
 * Addresses as data: every field as the kernel needs it, ports, and the text
 * of addresses that no one would type.
 *
 * if_indextoname(3) is replaced (-Wl,--wrap), as hostile interface names are
 * hard to come by.
 */
#include "config.h"

#include "common/address.h"
#include "unit/harness.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *interface_name;

char *__real_if_indextoname(unsigned int index, char *name);
char *__wrap_if_indextoname(unsigned int index, char *name);

char *__wrap_if_indextoname(unsigned int index, char *name)
{
	if (!interface_name)
		return __real_if_indextoname(index, name);
	snprintf(name, IF_NAMESIZE, "%s", interface_name);
	return name;
}

static void setup(void)
{
	interface_name = NULL;
}

/* The kernel takes each of these as an interface's name. */
static const char *const garbling_names[] = {
	"a]b", "a\\x", "\033[2J", "\x7f", "\xc3\xa9",
};

static const struct {
	const char *text, *changed;
	uint32_t port, new_port;
} port_cases[] = {
	{ "tcp:127.0.0.1:7", "tcp:127.0.0.1:40000", 7, 40000 },
	{ "udp:[::1]:0", "udp:[::1]:40000", 0, 40000 },
	{ "vsock:2:70000", "vsock:2:40000", 70000, 40000 },
	{ "vsock:2:0", "vsock:2:40000", 0, 40000 },
	{ "unix:/run/echo", "unix:/run/echo", 0, 0 },
};

static const struct {
	const char *name;
	enum transport transport;
	int type;
} transports[] = {
	{ "tcp", TRANSPORT_TCP, SOCK_STREAM },
	{ "udp", TRANSPORT_UDP, SOCK_DGRAM },
	{ "mptcp", TRANSPORT_MPTCP, SOCK_STREAM },
	{ "unix", TRANSPORT_UNIX, SOCK_STREAM },
	{ "unix-dgram", TRANSPORT_UNIX_DGRAM, SOCK_DGRAM },
	{ "unix-seqpacket", TRANSPORT_UNIX_SEQPACKET, SOCK_SEQPACKET },
	{ "vsock", TRANSPORT_VSOCK, SOCK_STREAM },
};

static struct endpoint list[ENDPOINTS_MAX];

/* Parse what must parse. */
static int parse(const char *text)
{
	const char *reason = "";
	int count = endpoint_parse(text, list, &reason);

	ck_assert_msg(count >= 0, "'%s' %s", text, reason);
	return count;
}

static void assert_text(const struct address *address, const char *expected)
{
	char text[ADDRESS_TEXT_MAX];

	address_format(address, text);
	ck_assert_str_eq(text, expected);
}

START_TEST(inet_addresses_are_complete)
{
	ck_assert_int_eq(parse("tcp:*:7"), 2);
	ck_assert_int_eq(list[0].transport, TRANSPORT_TCP);
	ck_assert_uint_eq(list[0].address.length, sizeof(struct sockaddr_in));
	ck_assert_int_eq(list[0].address.in.sin_family, AF_INET);
	ck_assert_uint_eq(list[0].address.in.sin_port, htons(7));
	ck_assert_uint_eq(list[0].address.in.sin_addr.s_addr, INADDR_ANY);
	ck_assert_uint_eq(list[1].address.length, sizeof(struct sockaddr_in6));
	ck_assert_int_eq(list[1].address.in6.sin6_family, AF_INET6);
	ck_assert_uint_eq(list[1].address.in6.sin6_port, htons(7));
	ck_assert(IN6_IS_ADDR_UNSPECIFIED(&list[1].address.in6.sin6_addr));

	ck_assert_int_eq(parse("udp:[fe80::1%lo]:8"), 1);
	ck_assert_int_eq(list[0].transport, TRANSPORT_UDP);
	ck_assert_uint_eq(list[0].address.in6.sin6_scope_id,
			  if_nametoindex("lo"));
	ck_assert_uint_eq(list[0].address.in6.sin6_port, htons(8));

	ck_assert_int_eq(parse("udp:[::ffff:192.0.2.1]:8"), 1);
	ck_assert_int_eq(list[0].address.in.sin_family, AF_INET);
	ck_assert_uint_eq(list[0].address.length, sizeof(struct sockaddr_in));
}
END_TEST

START_TEST(vsock_addresses_are_complete)
{
	const struct sockaddr_vm *vm = &list[0].address.vm;

	ck_assert_int_eq(parse("vsock:3:70000"), 1);
	ck_assert_int_eq(list[0].transport, TRANSPORT_VSOCK);
	ck_assert(!list[0].wildcard);
	ck_assert_uint_eq(list[0].address.length, sizeof(*vm));
	ck_assert_int_eq(vm->svm_family, AF_VSOCK);
	ck_assert_uint_eq(vm->svm_cid, 3);
	ck_assert_uint_eq(vm->svm_port, 70000);
	ck_assert_int_eq(parse("vsock:*:0"), 1);
	ck_assert_uint_eq(vm->svm_cid, UINT32_MAX);
	ck_assert_uint_eq(vm->svm_port, UINT32_MAX);
}
END_TEST

START_TEST(other_families_are_unnamed)
{
	struct address address = { .length = 0 };

	address.any.sa_family = AF_INET;
	assert_text(&address, "unnamed");
	address.length = 1;
	assert_text(&address, "unnamed");
	address.any.sa_family = AF_NETLINK;
	address.length = 12;
	assert_text(&address, "unnamed");
	ck_assert_uint_eq(address_port(&address), 0);
}
END_TEST

START_TEST(garbling_interface_names_become_numbers)
{
	ck_assert_int_eq(parse("tcp:[fe80::1%1]:7"), 1);
	interface_name = garbling_names[_i];
	assert_text(&list[0].address, "[fe80::1%1]:7");
	interface_name = "eth0.7";
	assert_text(&list[0].address, "[fe80::1%eth0.7]:7");
}
END_TEST

/* Of others an interface has a number: getaddrinfo(3) takes no name there. */
START_TEST(link_local_groups_have_interfaces_by_name)
{
	ck_assert_int_eq(parse("udp:[ff02::1%lo]:7"), 1);
	assert_text(&list[0].address, "[ff02::1%lo]:7");
	list[0].address.in6.sin6_addr.s6_addr[1] = 0x05;
	assert_text(&list[0].address, "[ff05::1%1]:7");
}
END_TEST

START_TEST(mapped_address_becomes_ipv4)
{
	struct address address = { .length = sizeof(address.in6) };

	address.in6.sin6_family = AF_INET6;
	address.in6.sin6_port = htons(7);
	ck_assert_int_eq(
		inet_pton(AF_INET6, "::ffff:192.0.2.1", &address.in6.sin6_addr),
		1);
	assert_text(&address, "192.0.2.1:7");
	ck_assert_int_eq(address.any.sa_family, AF_INET6);
	address_unmap(&address);
	ck_assert_int_eq(address.any.sa_family, AF_INET);
	ck_assert_uint_eq(address.length, sizeof(address.in));
	assert_text(&address, "192.0.2.1:7");
	address_unmap(&address);
	assert_text(&address, "192.0.2.1:7");
}
END_TEST

START_TEST(ipv4_compatible_address_stays_ipv6)
{
	ck_assert_int_eq(parse("tcp:[::192.0.2.1]:7"), 1);
	address_unmap(&list[0].address);
	ck_assert_int_eq(list[0].address.any.sa_family, AF_INET6);
	assert_text(&list[0].address, "[::192.0.2.1]:7");
}
END_TEST

START_TEST(port_can_be_read_and_set)
{
	struct address *address = &list[0].address;
	char text[ADDRESS_TEXT_MAX];

	ck_assert_int_eq(parse(port_cases[_i].text), 1);
	ck_assert_uint_eq(address_port(address), port_cases[_i].port);
	address_set_port(address, 40000);
	ck_assert_uint_eq(address_port(address), port_cases[_i].new_port);
	endpoint_format(&list[0], text);
	ck_assert_str_eq(text, port_cases[_i].changed);
	address_set_port(address, 0);
	ck_assert_uint_eq(address_port(address), 0);
}
END_TEST

START_TEST(vsock_port_zero_means_any)
{
	ck_assert_int_eq(parse("vsock:2:7"), 1);
	address_set_port(&list[0].address, 0);
	ck_assert_uint_eq(list[0].address.vm.svm_port, UINT32_MAX);
}
END_TEST

START_TEST(transports_have_names_and_types)
{
	ck_assert_str_eq(transport_name(transports[_i].transport),
			 transports[_i].name);
	ck_assert_int_eq(transport_type(transports[_i].transport),
			 transports[_i].type);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("address");
	TCase *tcase = tcase_create("address");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, inet_addresses_are_complete);
	tcase_add_test(tcase, vsock_addresses_are_complete);
	tcase_add_test(tcase, other_families_are_unnamed);
	tcase_add_loop_test(tcase, garbling_interface_names_become_numbers, 0,
			    ARRAY_SIZE(garbling_names));
	tcase_add_test(tcase, link_local_groups_have_interfaces_by_name);
	tcase_add_test(tcase, mapped_address_becomes_ipv4);
	tcase_add_test(tcase, ipv4_compatible_address_stays_ipv6);
	tcase_add_loop_test(tcase, port_can_be_read_and_set, 0,
			    ARRAY_SIZE(port_cases));
	tcase_add_test(tcase, vsock_port_zero_means_any);
	tcase_add_loop_test(tcase, transports_have_names_and_types, 0,
			    ARRAY_SIZE(transports));
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
