/* SPDX-License-Identifier: MIT */
/*
 * Targets and sources from text: whom they stand for, and in which words they
 * are refused.
 *
 * The name service is replaced (-Wl,--wrap=getaddrinfo and freeaddrinfo).
 */
#include "config.h"

#include "echoping/target.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

int __real_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **found);
int __wrap_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **found);
void __real_freeaddrinfo(struct addrinfo *found);
void __wrap_freeaddrinfo(struct addrinfo *found);

/* All have 192.0.2.1 and 2001:db8::2, "four" and "six" one of them. */
static struct addrinfo answers[2];
static struct address answered[2];

static void answer(int i, struct address address)
{
	answered[i] = address;
	answers[i] = (struct addrinfo){
		.ai_family = address.any.sa_family,
		.ai_addr = &answered[i].any,
		.ai_addrlen = address.length,
	};
}

int __wrap_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **found)
{
	bool four = strcmp(host, "six") != 0, six = strcmp(host, "four") != 0;

	if (hints->ai_flags & AI_NUMERICHOST)
		return __real_getaddrinfo(host, service, hints, found);
	if (strcmp(host, "unknown.example") == 0 || host[0] < ' ')
		return EAI_NONAME;
	answer(1, ipv6_address("2001:db8::2", 0));
	answer(0, four ? ipv4_address("192.0.2.1", 0) : answered[1]);
	if (four && six)
		answers[0].ai_next = &answers[1];
	*found = &answers[0];
	return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *found)
{
	if (found != &answers[0])
		__real_freeaddrinfo(found);
}

static struct settings settings;

/* As letters of the command line: "u46". */
static void set(const char *flags)
{
	settings = (struct settings){
		.udp = strchr(flags, 'u'),
		.family = strchr(flags, '4')   ? AF_INET
			  : strchr(flags, '6') ? AF_INET6
					       : AF_UNSPEC,
		.flows = 1,
	};
}

static const struct {
	const char *flags, *text, *candidates;
} examples[] = {
	{ "", "127.0.0.1", "tcp:127.0.0.1:7" },
	{ "u", "127.0.0.1", "udp:127.0.0.1:7" },
	{ "", "127.0.0.1:1", "tcp:127.0.0.1:1" },
	{ "u", "127.0.0.1:65535", "udp:127.0.0.1:65535" },
	{ "u", "tcp:127.0.0.1", "tcp:127.0.0.1:7" },
	{ "", "udp:127.0.0.1:9", "udp:127.0.0.1:9" },
	{ "u", "mptcp:127.0.0.1", "mptcp:127.0.0.1:7" },
	{ "", "mptcp:[::1]:9", "mptcp:[::1]:9" },
	/* IPv6, with brackets and without. */
	{ "", "::1", "tcp:[::1]:7" },
	{ "u", "::", "udp:[::]:7" },
	{ "", "2001:db8::1:9", "tcp:[2001:db8::1:9]:7" },
	{ "", "[::1]", "tcp:[::1]:7" },
	{ "", "[::1]:9", "tcp:[::1]:9" },
	{ "", "udp:::1", "udp:[::1]:7" },
	{ "", "udp:[::1]:9", "udp:[::1]:9" },
	{ "", "2001:DB8::1", "tcp:[2001:db8::1]:7" },
	{ "", "1:2:3:4:5:6:7:8", "tcp:[1:2:3:4:5:6:7:8]:7" },
	{ "", "fe80::1%lo", "tcp:[fe80::1%lo]:7" },
	{ "u", "[fe80::1%lo]:9", "udp:[fe80::1%lo]:9" },
	{ "", "::ffff:192.0.2.1", "tcp:192.0.2.1:7" },
	{ "", "1111:2222:3333:4444:5555:6666:255.255.255.255",
	  "tcp:[1111:2222:3333:4444:5555:6666:ffff:ffff]:7" },
	/* Names, filtered by family. */
	{ "", "dual", "tcp:192.0.2.1:7 tcp:[2001:db8::2]:7" },
	{ "u", "dual:9", "udp:192.0.2.1:9 udp:[2001:db8::2]:9" },
	{ "4", "dual", "tcp:192.0.2.1:7" },
	{ "6", "dual", "tcp:[2001:db8::2]:7" },
	{ "u6", "udp:dual:9", "udp:[2001:db8::2]:9" },
	{ "4", "four", "tcp:192.0.2.1:7" },
	{ "6", "six", "tcp:[2001:db8::2]:7" },
	{ "4", "127.0.0.1", "tcp:127.0.0.1:7" },
	{ "6", "::1", "tcp:[::1]:7" },
	/* As long as an IPv6 address can be, and its NUL. */
	{ "4", "a-host-whose-name-has-46-characters-and-a-lab",
	  "tcp:192.0.2.1:7" },
	{ "4", "a-host-whose-name-has-46-characters-and-a-labe",
	  "tcp:192.0.2.1:7" },
	/* These are names, too. */
	{ "4u", "unix", "udp:192.0.2.1:7" },
	{ "4u", "unix.example:9", "udp:192.0.2.1:9" },
	{ "4", "unix-dgram.example:9", "tcp:192.0.2.1:9" },
	{ "4", "tcp", "tcp:192.0.2.1:7" },
	{ "4u", "vsock", "udp:192.0.2.1:7" },
	{ "4", "tcp:unix:9", "tcp:192.0.2.1:9" },
	/* Sockets of this machine, whatever the family of IP. */
	{ "u", "unix:/run/echo", "unix:/run/echo" },
	{ "4", "unix-dgram:/run/echo", "unix-dgram:/run/echo" },
	{ "6", "unix-seqpacket:@echo", "unix-seqpacket:@echo" },
	{ "", "unix:/a:b", "unix:/a:b" },
	{ "", "unix-dgram:@\\x00\\x1b", "unix-dgram:@\\x00\\x1b" },
	{ "", "vsock:2", "vsock:2:7" },
	{ "4u", "vsock:2:9", "vsock:2:9" },
	{ "", "vsock:4294967294:4294967294", "vsock:4294967294:4294967294" },
};

START_TEST(a_target_stands_for_its_addresses)
{
	char line[ENDPOINTS_MAX * ADDRESS_TEXT_MAX] = "", *end = line;
	const char *reason = "untouched";
	struct target target;

	set(examples[_i].flags);
	ck_assert_msg(target_resolve(&target, examples[_i].text, &settings,
				     &reason) == 0,
		      "'%s' %s", examples[_i].text, reason);
	ck_assert_ptr_eq(target.name, examples[_i].text);
	do {
		ck_assert_mem_eq(&target.endpoint,
				 &target.candidates[target.chosen],
				 sizeof(target.endpoint));
		end = stpcpy(end, target.chosen > 0 ? " " : "");
		end = stpcpy(end, target.text);
	} while (target_choose_next(&target));
	ck_assert_str_eq(line, examples[_i].candidates);
}
END_TEST

#define NO_HOST	  "has no host (such as localhost:7)"
#define NO_CID	  "has no context id (such as vsock:2:7; 2 is the host)"
#define PORT_ONLY "is a port without a host (write localhost:PORT)"
#define PORT_ZERO "has port 0, where nothing can be asked (7 if left out)"
#define BRACKETS  "has something other than IPv6 in its brackets"
#define BEHIND	  "has something other than :PORT behind its bracket"
#define NUMBER	  "has a port that is not a number"
#define SCHEME	  "has an unknown scheme"
#define BARE	  "needs brackets around the IPv6 address"
#define UNIX	  "needs unix: in front of the path"
#define NO_IPV4	  "has no IPv4 address (leave -4 out)"
#define NO_IPV6	  "has no IPv6 address (leave -6 out)"

static const struct {
	const char *flags, *text, *reason;
} refusals[] = {
	{ "", "", NO_HOST },
	{ "", "*", NO_HOST },
	{ "", "*:7", NO_HOST },
	{ "", ":7", NO_HOST },
	{ "", ":", NO_HOST },
	{ "", ":::", NO_HOST },
	{ "", ":host", NO_HOST },
	{ "", "tcp:", NO_HOST },
	{ "", "udp::7", NO_HOST },
	{ "", "mptcp:*", NO_HOST },
	{ "", "7", PORT_ONLY },
	{ "", "udp:7007", PORT_ONLY },
	{ "", "127.0.0.1:0", PORT_ZERO },
	{ "", "udp:[::1]:0", PORT_ZERO },
	{ "", "vsock:2:0", PORT_ZERO },
	{ "", "127.0.0.1:65536", "has a port above 65535" },
	{ "", "127.0.0.1:", "has no port" },
	{ "", "[::1]:", "has no port" },
	{ "", "127.0.0.1:echo", NUMBER },
	{ "", "127.0.0.1:-1", NUMBER },
	{ "", "127.0.0.1:7 ", NUMBER },
	{ "", "TCP:dual", NUMBER },
	{ "", "tcp:udp:dual", NUMBER },
	{ "", "udp:unix:7:7", "has a colon too many" },
	{ "", "[", "has no closing bracket" },
	{ "", "[::1", "has no closing bracket" },
	{ "", "[::1:7", "has no closing bracket" },
	{ "", "[::1]7", BEHIND },
	{ "", "[::1]x:7", BEHIND },
	{ "", "udp:[::1]/", BEHIND },
	{ "", "[]", BRACKETS },
	{ "", "[dual]", BRACKETS },
	{ "", "[127.0.0.1]:7", BRACKETS },
	{ "", "fe80::1%no-such-if", "has an unknown interface behind its %" },
	{ "", "1:2:3", BARE },
	{ "", "1:2:3:4:5:6:7:8:9", BARE },
	{ "", "127.0.0.1:7:7", BARE },
	{ "", "sctp:dual:7", SCHEME },
	{ "", "http://dual", SCHEME },
	{ "", "http://dual:80/", SCHEME },
	{ "", "unixx:/run/echo", SCHEME },
	{ "", "unix-stream:@echo", SCHEME },
	{ "", "/run/echo", UNIX },
	{ "", "@echo", UNIX },
	{ "", "unix:", "has no path" },
	{ "", "unix-dgram:", "has no path" },
	{ "", "unix:echo", "has a path that is not absolute" },
	{ "", "unix:@", "has no name behind its @" },
	{ "", "unix:/a\\b", "has a backslash that is not \\xHH" },
	{ "", "vsock:", NO_CID },
	{ "", "vsock::7", NO_CID },
	{ "", "vsock:*", NO_CID },
	{ "", "vsock:*:7", NO_CID },
	{ "", "vsock:4294967295", NO_CID },
	{ "", "vsock:2:", "has no port" },
	{ "", "vsock:host",
	  "has a context id that is not a number below 4294967296" },
	{ "", "vsock:2:4294967296",
	  "has a port that is not a number below 4294967296" },
	{ "", "unknown.example", "names an unknown host" },
	{ "", "\033[31m\n", "names an unknown host" },
	{ "4", "six", NO_IPV4 },
	{ "6", "four", NO_IPV6 },
	{ "4", "::1", NO_IPV4 },
	{ "6u", "127.0.0.1", NO_IPV6 },
	{ "6", "::ffff:127.0.0.1", NO_IPV6 },
};

START_TEST(a_bad_target_is_refused_with_a_reason)
{
	struct target target = { .candidate_count = 5, .reached = true };
	const char *reason = NULL;

	set(refusals[_i].flags);
	ck_assert_int_eq(
		target_resolve(&target, refusals[_i].text, &settings, &reason),
		-EINVAL);
	ck_assert_str_eq(reason, refusals[_i].reason);
	ck_assert_int_eq(target.candidate_count, 0);
	ck_assert(!target.reached);
}
END_TEST

/* Scheme, filling and port fill 1023 bytes, or one more. */
static const struct {
	const char *begin, *end;
	size_t port; /* that is added, and brackets */
} long_texts[] = {
	{ "", "", 6 },	     { "", ":7", 0 },	    { "udp:", "", 2 },
	{ "mptcp:", "", 2 }, { "vsock:", "", 2 },   { "vsock:", ":7", 0 },
	{ "unix:/", "", 0 }, { "fe80::1%", "", 4 },
};

START_TEST(a_long_target_is_refused)
{
	size_t begin = strlen(long_texts[_i].begin);
	char text[2000];
	const char *reason;
	struct target target;

	set("");
	for (size_t length = 1000; length < 1100; length++) {
		memset(text, 'x', sizeof(text));
		memcpy(text, long_texts[_i].begin, begin);
		strcpy(text + length - strlen(long_texts[_i].end),
		       long_texts[_i].end);
		ck_assert_int_eq(
			target_resolve(&target, text, &settings, &reason),
			-EINVAL);
		ck_assert_int_eq(strcmp(reason, "is too long") == 0,
				 length + long_texts[_i].port >= 1024);
	}
}
END_TEST

START_TEST(the_next_address_has_its_turn_until_one_is_reached)
{
	const char *reason;
	struct target target;

	memset(&target, 0xff, sizeof(target));
	set("");
	ck_assert_int_eq(target_resolve(&target, "dual", &settings, &reason),
			 0);
	ck_assert_str_eq(target.text, "tcp:192.0.2.1:7");
	ck_assert(target_choose_next(&target));
	ck_assert_str_eq(target.text, "tcp:[2001:db8::2]:7");
	ck_assert(!target_choose_next(&target));
	ck_assert_str_eq(target.text, "tcp:192.0.2.1:7");
	ck_assert(target_choose_next(&target));
	target.reached = true;
	ck_assert(!target_choose_next(&target));
	ck_assert_str_eq(target.text, "tcp:[2001:db8::2]:7");
}
END_TEST

START_TEST(the_only_address_has_every_turn)
{
	const char *reason;
	struct target target;

	set("");
	ck_assert_int_eq(target_resolve(&target, "four", &settings, &reason),
			 0);
	ck_assert(!target_choose_next(&target));
	ck_assert_str_eq(target.text, "tcp:192.0.2.1:7");
}
END_TEST

static const struct {
	const char *text;
	int type;
	bool udp;
	size_t size_max;
} kinds[] = {
	{ "tcp:127.0.0.1", SOCK_STREAM, false, 1048576 },
	{ "mptcp:127.0.0.1", SOCK_STREAM, false, 1048576 },
	{ "tcp:[::1]", SOCK_STREAM, false, 1048576 },
	{ "unix:/x", SOCK_STREAM, false, 1048576 },
	{ "vsock:2", SOCK_STREAM, false, 1048576 },
	/* 65535 less the headers of UDP and, where it counts, of IP. */
	{ "udp:127.0.0.1", SOCK_DGRAM, true, 65535 - 8 - 20 },
	{ "udp:[::1]", SOCK_DGRAM, true, 65535 - 8 },
	{ "unix-dgram:/x", SOCK_DGRAM, false, 65527 },
	{ "unix-seqpacket:/x", SOCK_SEQPACKET, false, 65527 },
};

START_TEST(a_target_is_of_a_kind)
{
	const char *reason;
	struct target target;

	set("");
	ck_assert_int_eq(
		target_resolve(&target, kinds[_i].text, &settings, &reason), 0);
	ck_assert_int_eq(target_type(&target), kinds[_i].type);
	ck_assert_int_eq(target_is_udp(&target), kinds[_i].udp);
	ck_assert_uint_eq(target_size_max(&target), kinds[_i].size_max);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("target");
	TCase *tcase = tcase_create("target");

	tcase_add_loop_test(tcase, a_target_stands_for_its_addresses, 0,
			    ARRAY_SIZE(examples));
	tcase_add_loop_test(tcase, a_bad_target_is_refused_with_a_reason, 0,
			    ARRAY_SIZE(refusals));
	tcase_add_loop_test(tcase, a_long_target_is_refused, 0,
			    ARRAY_SIZE(long_texts));
	tcase_add_test(tcase,
		       the_next_address_has_its_turn_until_one_is_reached);
	tcase_add_test(tcase, the_only_address_has_every_turn);
	tcase_add_loop_test(tcase, a_target_is_of_a_kind, 0, ARRAY_SIZE(kinds));
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
