/* SPDX-License-Identifier: MIT */
/*
 * --source from text: an address, an address and the first port, an interface.
 *
 * Link with -Wl,--wrap=getaddrinfo: no name but "localhost" is looked up.
 */
#include "config.h"

#include "echoping/target.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

int __real_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **found);
int __wrap_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **found);

int __wrap_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **found)
{
	if (hints->ai_flags & AI_NUMERICHOST)
		return __real_getaddrinfo(host, service, hints, found);
	return EAI_NONAME;
}

static struct settings settings;
static struct source source;

static int resolve(const char *text, int family, unsigned flows,
		   const char **reason)
{
	settings = (struct settings){
		.source = text,
		.family = family,
		.flows = flows,
	};
	memset(&source, 0xff, sizeof(source));
	return source_resolve(&source, &settings, reason);
}

START_TEST(without_source_it_is_wherever)
{
	const char *reason = "untouched";

	ck_assert_int_eq(resolve(NULL, AF_INET6, 1, &reason), 0);
	ck_assert_ptr_null(source.text);
	ck_assert_ptr_null(source.interface);
	ck_assert_uint_eq(source.address.length, 0);
	ck_assert_str_eq(reason, "untouched");
}
END_TEST

START_TEST(an_interface_is_taken_by_its_name)
{
	static const char name[] = "lo";
	const char *reason = "untouched";

	ck_assert_int_eq(resolve(name, AF_INET, 4096, &reason), 0);
	ck_assert_ptr_eq(source.text, name);
	ck_assert_ptr_eq(source.interface, name);
	ck_assert_uint_eq(source.address.length, 0);
}
END_TEST

static const struct {
	const char *text;
	int family;
	unsigned flows;
	const char *address;
} examples[] = {
	{ "127.0.0.1", AF_UNSPEC, 1, "127.0.0.1:0" },
	{ "127.0.0.1", AF_INET, 4096, "127.0.0.1:0" },
	{ "127.0.0.1:0", AF_UNSPEC, 4096, "127.0.0.1:0" },
	{ "127.0.0.1:5000", AF_UNSPEC, 1, "127.0.0.1:5000" },
	{ "127.0.0.1:65535", AF_UNSPEC, 1, "127.0.0.1:65535" },
	{ "127.0.0.1:65533", AF_UNSPEC, 3, "127.0.0.1:65533" },
	{ "127.0.0.1:61440", AF_UNSPEC, 4096, "127.0.0.1:61440" },
	{ "0.0.0.0", AF_UNSPEC, 1, "0.0.0.0:0" },
	{ "::1", AF_UNSPEC, 1, "[::1]:0" },
	{ "::1", AF_INET6, 1, "[::1]:0" },
	{ "[::1]", AF_UNSPEC, 1, "[::1]:0" },
	{ "[::1]:5000", AF_UNSPEC, 1, "[::1]:5000" },
	{ "fe80::1%lo", AF_UNSPEC, 1, "[fe80::1%lo]:0" },
	{ "[fe80::1%lo]:5000", AF_UNSPEC, 1, "[fe80::1%lo]:5000" },
};

START_TEST(an_address_may_have_the_first_port)
{
	char text[ADDRESS_TEXT_MAX];
	const char *reason = "untouched";

	ck_assert_msg(resolve(examples[_i].text, examples[_i].family,
			      examples[_i].flows, &reason) == 0,
		      "'%s' %s", examples[_i].text, reason);
	ck_assert_ptr_null(source.interface);
	ck_assert_ptr_eq(source.text, examples[_i].text);
	address_format(&source.address, text);
	ck_assert_str_eq(text, examples[_i].address);
}
END_TEST

#define NO_HOST "has no host (such as localhost:7)"
#define NEITHER "is neither an address nor an interface of this machine"
#define FAMILY	"is of the other IP family (see -4 and -6)"
#define FLOWS                                                                  \
	"has a port too high for so many --flows (the last one's is above "    \
	"65535)"

static const struct {
	const char *text;
	int family;
	unsigned flows;
	const char *reason;
} refusals[] = {
	{ "no-such-if", AF_UNSPEC, 1, NEITHER },
	{ "127.0.0.256", AF_UNSPEC, 1, NEITHER },
	{ "/run/echo", AF_UNSPEC, 1, NEITHER },
	{ "\033[31m", AF_UNSPEC, 1, NEITHER },
	{ "lo:5000", AF_UNSPEC, 1, "names an unknown host" },
	{ "lo:x", AF_UNSPEC, 1, "has a port that is not a number" },
	{ "5000", AF_UNSPEC, 1,
	  "is a port without a host (write localhost:PORT)" },
	{ "*", AF_UNSPEC, 1, NO_HOST },
	{ ":5000", AF_UNSPEC, 1, NO_HOST },
	{ "127.0.0.1:65536", AF_UNSPEC, 1, "has a port above 65535" },
	{ "udp:127.0.0.1:5000", AF_UNSPEC, 1, "has a colon too many" },
	{ "[::1]5000", AF_UNSPEC, 1,
	  "has something other than :PORT behind its bracket" },
	{ "::1", AF_INET, 1, FAMILY },
	{ "127.0.0.1", AF_INET6, 1, FAMILY },
	{ "127.0.0.1:65535", AF_UNSPEC, 2, FLOWS },
	{ "127.0.0.1:61441", AF_UNSPEC, 4096, FLOWS },
	{ "[::1]:65534", AF_UNSPEC, 3, FLOWS },
};

START_TEST(a_bad_source_is_refused_with_a_reason)
{
	const char *reason = NULL;

	ck_assert_int_eq(resolve(refusals[_i].text, refusals[_i].family,
				 refusals[_i].flows, &reason),
			 -EINVAL);
	ck_assert_str_eq(reason, refusals[_i].reason);
	ck_assert_uint_eq(source.address.length, 0);
	ck_assert_ptr_null(source.interface);
}
END_TEST

START_TEST(a_long_source_is_refused)
{
	const char *reason = NULL;
	char text[2000];

	for (size_t length = 1000; length < 1100; length++) {
		memset(text, 'x', sizeof(text));
		text[length] = '\0';
		ck_assert_int_eq(resolve(text, AF_UNSPEC, 1, &reason), -EINVAL);
		ck_assert_str_eq(reason, length + strlen("udp::0") < 1024
						 ? NEITHER
						 : "is too long");
	}
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("target_source");
	TCase *tcase = tcase_create("target_source");

	tcase_add_test(tcase, without_source_it_is_wherever);
	tcase_add_test(tcase, an_interface_is_taken_by_its_name);
	tcase_add_loop_test(tcase, an_address_may_have_the_first_port, 0,
			    ARRAY_SIZE(examples));
	tcase_add_loop_test(tcase, a_bad_source_is_refused_with_a_reason, 0,
			    ARRAY_SIZE(refusals));
	tcase_add_test(tcase, a_long_source_is_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
