/* SPDX-License-Identifier: MIT */
/*
 * Addresses from text: what is read, what is refused, and in which words.
 *
 * The name service is replaced (-Wl,--wrap=getaddrinfo and freeaddrinfo), so
 * that no test depends on the machine's, and numeric hosts are seen not to use
 * it.
 */
#include "config.h"

#include "common/address.h"
#include "unit/harness.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the replaced name service says, and what it was asked. */
static struct {
	int error;
	unsigned int count; /* of addresses, 192.0.2.1 and following */
	bool doubled;	    /* says each of them twice */
	unsigned int questions, answers_freed;
	char host[512];
} resolver;

int __real_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **found);
int __wrap_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **found);
void __real_freeaddrinfo(struct addrinfo *found);
void __wrap_freeaddrinfo(struct addrinfo *found);

static void resolver_answer(struct addrinfo **found)
{
	static struct sockaddr_in addresses[40];
	static struct addrinfo nodes[40];
	unsigned int i, n = resolver.count << resolver.doubled;

	for (i = 0; i < n; i++) {
		addresses[i].sin_family = AF_INET;
		addresses[i].sin_addr.s_addr =
			htonl(0xc0000201 + (i >> resolver.doubled));
		nodes[i].ai_family = AF_INET;
		nodes[i].ai_addr = (struct sockaddr *)(void *)&addresses[i];
		nodes[i].ai_addrlen = sizeof(addresses[i]);
		nodes[i].ai_next = i + 1 < n ? &nodes[i + 1] : NULL;
	}
	*found = nodes;
}

int __wrap_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **found)
{
	if (hints->ai_flags & AI_NUMERICHOST)
		return __real_getaddrinfo(host, service, hints, found);
	resolver.questions++;
	snprintf(resolver.host, sizeof(resolver.host), "%s", host);
	if (resolver.error == 0)
		resolver_answer(found);
	return resolver.error;
}

void __wrap_freeaddrinfo(struct addrinfo *found)
{
	if (resolver.questions == 0)
		__real_freeaddrinfo(found);
	else
		resolver.answers_freed++;
}

static void setup(void)
{
	memset(&resolver, 0, sizeof(resolver));
	resolver.error = EAI_NONAME;
}

struct example {
	const char *text;
	const char *endpoints; /* written out, wildcards with a `~` in front */
};

static const struct example examples[] = {
	/* Without scheme, and any address. */
	{ "7", "~tcp:0.0.0.0:7 ~tcp:[::]:7 ~udp:0.0.0.0:7 ~udp:[::]:7" },
	{ ":7", "~tcp:0.0.0.0:7 ~tcp:[::]:7 ~udp:0.0.0.0:7 ~udp:[::]:7" },
	{ "*:7", "~tcp:0.0.0.0:7 ~tcp:[::]:7 ~udp:0.0.0.0:7 ~udp:[::]:7" },
	{ "0", "~tcp:0.0.0.0:0 ~tcp:[::]:0 ~udp:0.0.0.0:0 ~udp:[::]:0" },
	{ "127.0.0.1:7", "tcp:127.0.0.1:7 udp:127.0.0.1:7" },
	{ "[::1]:65535", "tcp:[::1]:65535 udp:[::1]:65535" },
	/* One of any two families is not a wildcard: it was asked for. */
	{ "tcp:0.0.0.0:7", "tcp:0.0.0.0:7" },
	{ "tcp:[::]:7", "tcp:[::]:7" },
	{ "tcp:*:7", "~tcp:0.0.0.0:7 ~tcp:[::]:7" },
	{ "tcp::7", "~tcp:0.0.0.0:7 ~tcp:[::]:7" },
	{ "tcp:7", "~tcp:0.0.0.0:7 ~tcp:[::]:7" },
	{ "udp:*:0", "~udp:0.0.0.0:0 ~udp:[::]:0" },
	{ "mptcp:*:7", "~mptcp:0.0.0.0:7 ~mptcp:[::]:7" },
	{ "mptcp:127.0.0.1:7", "mptcp:127.0.0.1:7" },
	{ "udp:127.0.0.1:007", "udp:127.0.0.1:7" },
	{ "tcp:127.1:7", "tcp:127.0.0.1:7" },
	{ "tcp:[2001:DB8:0::1]:7", "tcp:[2001:db8::1]:7" },
	{ "tcp:[::ffff:192.0.2.1]:7", "tcp:192.0.2.1:7" },
	{ "tcp:[fe80::1%lo]:7", "tcp:[fe80::1%lo]:7" },
	{ "tcp:[fe80::1%1]:7", "tcp:[fe80::1%lo]:7" },
	{ "tcp:[ff02::1%lo]:7", "tcp:[ff02::1%lo]:7" },
	{ "tcp:[fe80::1%4294967295]:7", "tcp:[fe80::1%4294967295]:7" },
	{ "tcp:[2001:db8::1%1]:7", "tcp:[2001:db8::1%1]:7" },
	/* Virtual machines. */
	{ "vsock:2:7", "vsock:2:7" },
	{ "vsock:*:7", "vsock:*:7" },
	{ "vsock::7", "vsock:*:7" },
	{ "vsock:7", "vsock:*:7" },
	{ "vsock:4294967295:7", "vsock:*:7" },
	{ "vsock:0:4294967294", "vsock:0:4294967294" },
	{ "vsock:1:0", "vsock:1:0" },
};

static const struct {
	const char *text;
	const char *reason;
} refusals[] = {
	{ "", "is empty" },
	{ "localhost", "has no port" },
	{ "*", "has no port" },
	{ ":", "has no port" },
	{ "*:", "has no port" },
	{ "7 ", "has no port" },
	{ "-7", "has no port" },
	{ "tcp", "has no port" },
	{ "tcp:", "has no port" },
	{ "tcp:localhost", "has no port" },
	{ "tcp:127.0.0.1:", "has no port" },
	{ "tcp:[::1]", "has no port" },
	{ "tcp:[::1]:", "has no port" },
	{ "[::1]7", "has no port" },
	{ "65536", "has a port above 65535" },
	{ ":99999999999999999999999", "has a port above 65535" },
	{ "tcp:127.0.0.1:65536", "has a port above 65535" },
	{ "127.0.0.1:echo", "has a port that is not a number" },
	{ "tcp::-1", "has a port that is not a number" },
	{ "tcp::7 ", "has a port that is not a number" },
	{ "tcp:[::1]:7:7", "has a port that is not a number" },
	{ "tcp:host.example:7", "names an unknown host" },
	{ "127.0.0.256:7", "names an unknown host" },
	{ "::1:7", "needs brackets around the IPv6 address" },
	{ "::1", "needs brackets around the IPv6 address" },
	{ "::", "needs brackets around the IPv6 address" },
	{ "fe80::1%lo:7", "needs brackets around the IPv6 address" },
	{ "tcp:2001:db8::1:7", "needs brackets around the IPv6 address" },
	{ "tcp:::7", "needs brackets around the IPv6 address" },
	{ "udp:host:7:8", "has a colon too many" },
	{ ":x:7", "has a colon too many" },
	{ "[::1:7", "has no closing bracket" },
	{ "[]:7", "has something other than IPv6 in its brackets" },
	{ "[*]:7", "has something other than IPv6 in its brackets" },
	{ "[localhost]:7", "has something other than IPv6 in its brackets" },
	{ "[127.0.0.1]:7", "has something other than IPv6 in its brackets" },
	{ "[fe80::1%no-such-if]:7", "has an unknown interface behind its %" },
	{ "foo:1:2", "has an unknown scheme" },
	{ "TCP:127.0.0.1:7", "has an unknown scheme" },
	{ "foo:[::1]:7", "has an unknown scheme" },
	{ "http://echo:7", "has an unknown scheme" },
	{ "unixx:/run/echo", "has an unknown scheme" },
	{ "sctp:@echo", "has an unknown scheme" },
	{ "/run/echo", "needs unix: in front of the path" },
	{ "@echo", "needs unix: in front of the path" },
	{ "vsock:2:", "has no port" },
	{ "vsock:2:x", "has a port that is not a number below 4294967296" },
	{ "vsock:2:4294967296",
	  "has a port that is not a number below 4294967296" },
	{ "vsock:host:7",
	  "has a context id that is not a number below 4294967296" },
	{ "vsock:4294967296:7",
	  "has a context id that is not a number below 4294967296" },
	{ "vsock:[]:7",
	  "has a context id that is not a number below 4294967296" },
};

/* What getaddrinfo(3) says, and what the user is told. */
static const struct {
	int error;
	const char *reason;
} failures[] = {
	{ EAI_NONAME, "names an unknown host" },
	{ EAI_NODATA, "names a host that has no address" },
	{ EAI_AGAIN, "names a host that cannot be looked up at present" },
	{ EAI_FAIL, "names a host that cannot be looked up" },
	{ EAI_MEMORY, "names a host that cannot be looked up" },
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

static void assert_refused(const char *text, const char *expected)
{
	const char *reason = NULL;
	int count = endpoint_parse(text, list, &reason);

	ck_assert_msg(count == -EINVAL, "'%s' gave %d", text, count);
	ck_assert_str_eq(reason, expected);
}

static void assert_endpoint(const struct endpoint *endpoint,
			    const char *expected)
{
	char text[ADDRESS_TEXT_MAX];

	endpoint_format(endpoint, text);
	ck_assert_str_eq(text, expected);
}

START_TEST(text_is_read)
{
	const struct example *example = &examples[_i];
	char line[ENDPOINTS_MAX * ADDRESS_TEXT_MAX] = "", *end = line;
	int i, count = parse(example->text);

	for (i = 0; i < count; i++) {
		end = stpcpy(end, i > 0 ? " " : "");
		end = stpcpy(end, list[i].wildcard ? "~" : "");
		endpoint_format(&list[i], end);
		end += strlen(end);
	}
	ck_assert_str_eq(line, example->endpoints);
	ck_assert_uint_eq(resolver.questions, 0);
}
END_TEST

START_TEST(bad_text_is_refused_with_a_reason)
{
	assert_refused(refusals[_i].text, refusals[_i].reason);
}
END_TEST

START_TEST(name_gives_all_its_addresses)
{
	resolver.error = 0;
	resolver.count = 2;
	ck_assert_int_eq(parse("echo.example:7"), 4);
	ck_assert_uint_eq(resolver.questions, 1);
	ck_assert_uint_eq(resolver.answers_freed, 1);
	ck_assert_str_eq(resolver.host, "echo.example");
	assert_endpoint(&list[0], "tcp:192.0.2.1:7");
	assert_endpoint(&list[1], "tcp:192.0.2.2:7");
	assert_endpoint(&list[2], "udp:192.0.2.1:7");
	assert_endpoint(&list[3], "udp:192.0.2.2:7");
	ck_assert(!list[0].wildcard);
}
END_TEST

START_TEST(address_said_twice_counts_once)
{
	resolver.error = 0;
	resolver.count = 2;
	resolver.doubled = true;
	ck_assert_int_eq(parse("tcp:echo.example:7"), 2);
	assert_endpoint(&list[1], "tcp:192.0.2.2:7");
}
END_TEST

START_TEST(sixteen_addresses_fit_and_seventeen_do_not)
{
	resolver.error = 0;
	resolver.count = 16;
	ck_assert_int_eq(parse("echo.example:7"), ENDPOINTS_MAX);
	assert_endpoint(&list[31], "udp:192.0.2.16:7");
	resolver.count = 17;
	assert_refused("echo.example:7",
		       "names a host with more than 16 addresses");
	/* Those behind are not looked at. */
	resolver.count = 18;
	assert_refused("echo.example:7",
		       "names a host with more than 16 addresses");
	ck_assert_uint_eq(resolver.answers_freed, 3);
}
END_TEST

START_TEST(lookup_failures_have_reasons)
{
	resolver.error = failures[_i].error;
	assert_refused("echo.example:7", failures[_i].reason);
	ck_assert_uint_eq(resolver.questions, 1);
}
END_TEST

START_TEST(host_has_at_most_255_characters)
{
	char text[300];

	memset(text, 'x', sizeof(text));
	snprintf(text + 255, sizeof(text) - 255, ":7");
	assert_refused(text, "names an unknown host");
	ck_assert_uint_eq(strlen(resolver.host), 255);
	memset(text, 'x', sizeof(text));
	snprintf(text + 256, sizeof(text) - 256, ":7");
	assert_refused(text, "has a host longer than 255 characters");
	ck_assert_uint_eq(resolver.questions, 1);
}
END_TEST

START_TEST(port_is_checked_before_the_name)
{
	assert_refused("tcp:echo.example:65536", "has a port above 65535");
	ck_assert_uint_eq(resolver.questions, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("address_parse");
	TCase *text = tcase_create("text"), *name = tcase_create("name");

	tcase_add_checked_fixture(text, setup, NULL);
	tcase_add_loop_test(text, text_is_read, 0, ARRAY_SIZE(examples));
	tcase_add_loop_test(text, bad_text_is_refused_with_a_reason, 0,
			    ARRAY_SIZE(refusals));
	suite_add_tcase(suite, text);
	tcase_add_checked_fixture(name, setup, NULL);
	tcase_add_test(name, name_gives_all_its_addresses);
	tcase_add_test(name, address_said_twice_counts_once);
	tcase_add_test(name, sixteen_addresses_fit_and_seventeen_do_not);
	tcase_add_loop_test(name, lookup_failures_have_reasons, 0,
			    ARRAY_SIZE(failures));
	tcase_add_test(name, host_has_at_most_255_characters);
	tcase_add_test(name, port_is_checked_before_the_name);
	suite_add_tcase(suite, name);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
