/* SPDX-License-Identifier: MIT */
/*
 * Which ports and addresses are not answered: every special-purpose prefix of
 * IANA's registries (RFC 6890 and what has been added since), and why.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/guard.h"
#include "unit/harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

static struct guard guard;

static void setup(void)
{
	guard_init(&guard, NULL);
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

/* SSDP, NFS, WS-Discovery, mDNS, LLMNR, memcached. */
static bool is_service(unsigned port)
{
	return port < 1024 || port == 1900 || port == 2049 || port == 3702 ||
	       port == 5353 || port == 5355 || port == 11211;
}

START_TEST(exactly_the_ports_of_services_are_refused)
{
	for (unsigned port = 0; port <= UINT16_MAX; port++) {
		ck_assert_msg(refuses4(port) == is_service(port), "port %u",
			      port);
		ck_assert_msg(refuses6(port) == is_service(port), "port %u",
			      port);
	}
}
END_TEST

START_TEST(what_is_allowed_is_answered)
{
	struct ports allowed;

	ck_assert_int_eq(ports_parse(&allowed, "53,123,1000-1023,5353"), 0);
	guard_init(&guard, &allowed);
	for (unsigned port = 0; port <= UINT16_MAX; port++)
		ck_assert_msg(refuses4(port) ==
				      (is_service(port) &&
				       !ports_have(&allowed, (uint16_t)port)),
			      "port %u", port);
}
END_TEST

/* Nothing can be sent to 0; we would answer ourselves without end. */
START_TEST(port_zero_and_ours_cannot_be_allowed)
{
	struct ports allowed;

	ck_assert_int_eq(ports_parse(&allowed, "all"), 0);
	guard_init(&guard, &allowed);
	guard_refuse_port(&guard, 7);
	guard_refuse_port(&guard, 7007);
	for (unsigned port = 0; port <= UINT16_MAX; port++)
		ck_assert_msg(refuses4(port) ==
				      (port == 0 || port == 7 || port == 7007),
			      "port %u", port);
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
	struct packet_info info = { .ttl = -1 };
	const void *peer = &un;

	ck_assert(!guard_refuses_port(&guard, peer));
	ck_assert_int_eq(guard_refuses_source(peer, &info, false),
			 GUARD_PASSES);
}
END_TEST

enum verdict {
	ANSWER,
	NEVER,	    /* no host has it */
	ONLY_BY_LO, /* this host alone has it */
};

/* From the wire, to this address of ours. */
#define OURS4 "192.0.2.77"
#define OURS6 "2001:db8::77"
#define WIRE  2
#define LO    LOOPBACK_INTERFACE

/* Both ends of each prefix, and what is next to those that are refused. */
static const struct source {
	const char *first, *last;
	enum verdict verdict;
	const char *why;
} sources[] = {
	/* IPv4 */
	{ "0.0.0.0", "0.255.255.255", NEVER, "this network" },
	{ "1.0.0.0", "126.255.255.255", ANSWER, "next to these" },
	{ "10.0.0.0", "10.255.255.255", ANSWER, "private use" },
	{ "100.64.0.0", "100.127.255.255", ANSWER, "behind a provider's NAT" },
	{ "127.0.0.0", "127.255.255.255", ONLY_BY_LO, "loopback" },
	{ "128.0.0.0", "223.255.255.255", ANSWER, "next to these" },
	{ "169.254.0.0", "169.254.255.255", ANSWER, "hosts of the link" },
	{ "172.16.0.0", "172.31.255.255", ANSWER, "private use" },
	{ "192.0.0.0", "192.0.0.255", ANSWER, "DS-Lite, PCP: hosts" },
	{ "192.0.2.0", "192.0.2.76", ANSWER, "documents, used in labs" },
	{ "192.31.196.0", "192.31.196.255", ANSWER, "AS112: hosts" },
	{ "192.52.193.0", "192.52.193.255", ANSWER, "AMT: hosts" },
	{ "192.88.99.0", "192.88.99.255", ANSWER, "6to4 relays: routed" },
	{ "192.168.0.0", "192.168.255.255", ANSWER, "private use" },
	{ "192.175.48.0", "192.175.48.255", ANSWER, "AS112: hosts" },
	{ "198.18.0.0", "198.19.255.255", ANSWER, "measurements, as ours" },
	{ "198.51.100.0", "198.51.100.255", ANSWER, "as 192.0.2" },
	{ "203.0.113.0", "203.0.113.255", ANSWER, "as 192.0.2" },
	{ "224.0.0.0", "239.255.255.255", NEVER, "multicast" },
	{ "240.0.0.0", "255.255.255.254", NEVER, "reserved" },
	{ "255.255.255.255", "255.255.255.255", NEVER, "broadcast" },
	{ OURS4, OURS4, ONLY_BY_LO, "the address that was asked" },
	/* IPv6 */
	{ "::", "::", NEVER, "unspecified; a reply goes to ::1" },
	{ "::1", "::1", ONLY_BY_LO, "loopback" },
	{ "::2", "::ffff:ffff", NEVER, "v4-compatible" },
	{ "::127.0.0.1", "::192.0.2.1", NEVER, "v4-compatible" },
	{ "::1:0:0", "::fffe:ffff:ffff", ANSWER, "next to these" },
	{ "::ffff:0.0.0.0", "::ffff:255.255.255.255", NEVER,
	  "v4-mapped; a reply goes by IPv4" },
	{ "::ffff:127.0.0.1", "::ffff:192.0.2.1", NEVER, "v4-mapped" },
	{ "::ffff:0:0:0", "::ffff:0:ffff:ffff", ANSWER,
	  "v4-translated: routed" },
	{ "0:0:0:1::", "63:ffff::", ANSWER, "next to these" },
	{ "64:ff9b::", "64:ff9b::ffff:ffff", ANSWER, "NAT64: routed" },
	{ "64:ff9b:1::", "64:ff9b:1:ffff::", ANSWER, "NAT64: routed" },
	{ "100::", "100::ffff:ffff:ffff:ffff", ANSWER, "routed, discarded" },
	{ "100:0:0:1::", "100:0:0:1:ffff::", ANSWER, "the same" },
	{ "2001::", "2001::ffff:ffff", ANSWER, "Teredo: routed" },
	{ "2001:1::1", "2001:1::3", ANSWER, "anycast: routed" },
	{ "2001:2::", "2001:2:0:ffff::", ANSWER, "measurements, as ours" },
	{ "2001:3::", "2001:3:ffff::", ANSWER, "AMT: hosts" },
	{ "2001:4:112::", "2001:4:112:ffff::", ANSWER, "AS112: hosts" },
	{ "2001:20::", "2001:2f:ffff::", ANSWER, "ORCHIDv2: not routed" },
	{ "2001:30::", "2001:3f:ffff::", ANSWER, "drones: hosts" },
	{ "2001:db8::", "2001:db8::76", ANSWER, "documents, used in labs" },
	{ "2002::", "2002:ffff:ffff::", ANSWER, "6to4: routed" },
	{ "2620:4f:8000::", "2620:4f:8000:ffff::", ANSWER, "AS112: hosts" },
	{ "3fff::", "3fff:fff:ffff::", ANSWER, "as 2001:db8" },
	{ "5f00::", "5f00:ffff::", ANSWER, "SRv6: routed" },
	{ "fc00::", "fdff:ffff::", ANSWER, "private use" },
	{ "fe80::", "febf:ffff::", ANSWER, "hosts of the link" },
	{ "fec0::", "feff:ffff::", ANSWER, "private use, formerly" },
	{ "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NEVER,
	  "multicast" },
	{ OURS6, OURS6, ONLY_BY_LO, "the address that was asked" },
};

/* What the kernel says of a datagram to our address. */
static struct in_pktinfo info4;
static struct in6_pktinfo info6;

static struct packet_info info_of(bool ipv4, unsigned interface)
{
	info4.ipi_ifindex = (int)interface;
	info6.ipi6_ifindex = interface;
	ck_assert_int_eq(inet_pton(AF_INET, OURS4, &info4.ipi_addr), 1);
	info4.ipi_spec_dst = info4.ipi_addr;
	ck_assert_int_eq(inet_pton(AF_INET6, OURS6, &info6.ipi6_addr), 1);
	if (ipv4)
		return (struct packet_info){ .info4 = &info4, .ttl = -1 };
	return (struct packet_info){ .info6 = &info6, .ttl = -1 };
}

static enum counter judge(const char *literal, unsigned interface, bool fenced)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	bool ipv4 = !strchr(literal, ':');
	struct packet_info info = info_of(ipv4, interface);
	const void *peer = ipv4 ? (void *)&in : (void *)&in6;

	ck_assert_int_eq(
		inet_pton(ipv4 ? AF_INET : AF_INET6, literal,
			  ipv4 ? (void *)&in.sin_addr : (void *)&in6.sin6_addr),
		1);
	return guard_refuses_source(peer, &info, fenced);
}

/* Of an IPv4 packet on a socket for both. */
static enum counter judge_mapped(const char *literal, unsigned interface,
				 bool fenced)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct packet_info info = info_of(true, interface);
	char text[INET6_ADDRSTRLEN] = "::ffff:";
	const void *peer = &in6;

	info.info6 = &info6;
	strcat(text, literal);
	ck_assert_int_eq(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	return guard_refuses_source(peer, &info, fenced);
}

typedef enum counter judge_function(const char *, unsigned, bool);

static void expect(judge_function *judged, const struct source *source,
		   const char *literal)
{
	enum counter wire = GUARD_PASSES, lo = GUARD_PASSES;

	if (source->verdict == NEVER)
		wire = lo = COUNTER_datagrams_refused_source;
	else if (source->verdict == ONLY_BY_LO)
		wire = COUNTER_datagrams_refused_own;
	ck_assert_msg(judged(literal, WIRE, false) == wire, "%s from the wire",
		      literal);
	ck_assert_msg(judged(literal, LO, false) == lo, "%s by lo", literal);
	/* What has passed the fence says the truth. */
	ck_assert_msg(judged(literal, WIRE, true) == lo, "%s, fenced", literal);
	/* Where the kernel does not say, it has looked itself. */
	ck_assert_msg(judged(literal, 0, false) == lo, "%s, early", literal);
}

START_TEST(prefixes_are_judged)
{
	const struct source *source = &sources[_i];

	expect(judge, source, source->first);
	expect(judge, source, source->last);
	if (strchr(source->first, ':'))
		return;
	expect(judge_mapped, source, source->first);
	expect(judge_mapped, source, source->last);
}
END_TEST

/* Not one of the other family. */
START_TEST(the_destination_is_looked_for_in_its_family)
{
	struct in6_addr mapped, other;
	struct packet_info info = info_of(false, WIRE);

	ck_assert(guard_says_ours(&info6.ipi6_addr, &info));
	ck_assert(guard_says_ours(&in6addr_loopback, &info));
	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:" OURS4, &mapped), 1);
	ck_assert(!guard_says_ours(&mapped, &info));
	other = info6.ipi6_addr;
	other.s6_addr[7] ^= 1;
	ck_assert(!guard_says_ours(&other, &info));
}
END_TEST

START_TEST(without_packet_info_impossible_sources_are_refused_all_the_same)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct packet_info info = { .ttl = -1 };
	const void *peer = &in6;

	ck_assert_int_eq(guard_refuses_source(peer, &info, true),
			 COUNTER_datagrams_refused_source);
	in6.sin6_addr = in6addr_loopback;
	ck_assert_int_eq(guard_refuses_source(peer, &info, false),
			 GUARD_PASSES);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("guard");
	TCase *tcase = tcase_create("guard");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, exactly_the_ports_of_services_are_refused);
	tcase_add_test(tcase, what_is_allowed_is_answered);
	tcase_add_test(tcase, port_zero_and_ours_cannot_be_allowed);
	tcase_add_test(tcase, our_own_ports_are_refused);
	tcase_add_test(tcase, peers_without_ports_are_answered);
	tcase_add_loop_test(tcase, prefixes_are_judged, 0, ARRAY_SIZE(sources));
	tcase_add_test(tcase, the_destination_is_looked_for_in_its_family);
	tcase_add_test(
		tcase,
		without_packet_info_impossible_sources_are_refused_all_the_same);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
