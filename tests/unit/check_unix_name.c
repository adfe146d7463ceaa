/* SPDX-License-Identifier: MIT */
/*
 * Unix socket addresses from text and to text, through the address module.
 */
#include "config.h"

#include "common/address.h"
#include "unit/harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_OFFSET ((socklen_t)offsetof(struct sockaddr_un, sun_path))

/* A path of exactly 107, or 108, bytes. */
#define TEN	 "/234567890"
#define HUNDRED	 TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define PATH_107 HUNDRED "/234567"
#define PATH_108 HUNDRED "/2345678"

static const struct {
	const char *text;
	const char *endpoint;
} examples[] = {
	{ "unix:/run/echo", "unix:/run/echo" },
	{ "unix:/", "unix:/" },
	{ "unix:/a:b [c]@", "unix:/a:b [c]@" },
	{ "unix-dgram:/run/echo", "unix-dgram:/run/echo" },
	{ "unix-seqpacket:@echo", "unix-seqpacket:@echo" },
	{ "unix:@/x", "unix:@/x" },
	{ "unix:@@", "unix:@@" },
	{ "unix:@\\x00a\\x00", "unix:@\\x00a\\x00" },
	{ "unix:/a\\x5Cb\\x41\\x7f", "unix:/a\\x5cbA\\x7f" },
	{ "unix:/caf\xc3\xa9\n", "unix:/caf\\xc3\\xa9\\x0a" },
	{ "unix:" PATH_107, "unix:" PATH_107 },
	{ "unix:@" PATH_107, "unix:@" PATH_107 },
};

static const struct {
	const char *text;
	const char *reason;
} refusals[] = {
	{ "unix:", "has no path" },
	{ "unix:run/echo", "has a path that is not absolute" },
	{ "unix-dgram:./echo", "has a path that is not absolute" },
	{ "unix:\\x2frun", "has a path that is not absolute" },
	{ "unix:@", "has no name behind its @" },
	{ "unix:" PATH_108, "has a path that is longer than 107 bytes" },
	{ "unix:@" PATH_108, "has a path that is longer than 107 bytes" },
	{ "unix:/a\\x00b", "has a path with a NUL in it" },
	{ "unix:/a\\", "has a backslash that is not \\xHH" },
	{ "unix:/a\\n", "has a backslash that is not \\xHH" },
	{ "unix:/a\\x", "has a backslash that is not \\xHH" },
	{ "unix:/a\\x4", "has a backslash that is not \\xHH" },
	{ "unix:@a\\xfg", "has a backslash that is not \\xHH" },
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

START_TEST(name_is_read)
{
	char text[ADDRESS_TEXT_MAX];

	ck_assert_int_eq(parse(examples[_i].text), 1);
	ck_assert_int_eq(list[0].address.un.sun_family, AF_UNIX);
	ck_assert(!list[0].wildcard);
	endpoint_format(&list[0], text);
	ck_assert_str_eq(text, examples[_i].endpoint);
}
END_TEST

START_TEST(bad_name_is_refused_with_a_reason)
{
	const char *text = refusals[_i].text, *reason = NULL;
	int count = endpoint_parse(text, list, &reason);

	ck_assert_msg(count == -EINVAL, "'%s' gave %d", text, count);
	ck_assert_str_eq(reason, refusals[_i].reason);
}
END_TEST

START_TEST(path_ends_with_nul)
{
	const struct address *address = &list[0].address;

	ck_assert_int_eq(parse("unix:/run/echo"), 1);
	ck_assert_uint_eq(address->length, PATH_OFFSET + sizeof("/run/echo"));
	ck_assert_str_eq(address->un.sun_path, "/run/echo");
	ck_assert_int_eq(parse("unix:" PATH_107), 1);
	ck_assert_uint_eq(address->length, sizeof(struct sockaddr_un));
	ck_assert_str_eq(address->un.sun_path, PATH_107);
}
END_TEST

START_TEST(abstract_name_has_its_exact_length)
{
	const struct address *address = &list[0].address;

	ck_assert_int_eq(parse("unix:@echo"), 1);
	ck_assert_uint_eq(address->length, PATH_OFFSET + 5);
	ck_assert_mem_eq(address->un.sun_path, "\0echo", 5);
	ck_assert_int_eq(parse("unix:@\\x00\\x00"), 1);
	ck_assert_uint_eq(address->length, PATH_OFFSET + 3);
	ck_assert_int_eq(parse("unix:@" PATH_107), 1);
	ck_assert_uint_eq(address->length, sizeof(struct sockaddr_un));
}
END_TEST

START_TEST(name_is_bounded_without_nul)
{
	struct address address = { .length = sizeof(address.un) };
	char expected[ADDRESS_TEXT_MAX], *end = expected;
	size_t i;

	address.un.sun_family = AF_UNIX;
	memset(address.un.sun_path, 'x', sizeof(address.un.sun_path));
	memset(expected, 'x', sizeof(address.un.sun_path));
	expected[sizeof(address.un.sun_path)] = '\0';
	assert_text(&address, expected);
	/* The kernel says one more than the structure has for such a path. */
	address.length++;
	assert_text(&address, expected);

	memset(address.un.sun_path, 0xff, sizeof(address.un.sun_path));
	for (i = 0; i < sizeof(address.un.sun_path); i++)
		end = stpcpy(end, "\\xff");
	assert_text(&address, expected);
	address.un.sun_path[0] = '\0';
	address.length = 4096;
	expected[3] = '@';
	assert_text(&address, expected + 3);
}
END_TEST

START_TEST(path_ends_at_nul_and_abstract_name_does_not)
{
	struct address address = { .length = PATH_OFFSET + 4 };

	address.un.sun_family = AF_UNIX;
	memcpy(address.un.sun_path, "/a\0b", 4);
	assert_text(&address, "/a");
	memcpy(address.un.sun_path, "\0a\0b", 4);
	assert_text(&address, "@a\\x00b");
	address.length = PATH_OFFSET + 1;
	assert_text(&address, "@");
}
END_TEST

START_TEST(missing_name_is_unnamed)
{
	struct address address = { .length = sizeof(sa_family_t) };

	address.un.sun_family = AF_UNIX;
	assert_text(&address, "unnamed");
	address.length = PATH_OFFSET;
	assert_text(&address, "unnamed");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("unix_name");
	TCase *tcase = tcase_create("unix_name");

	tcase_add_loop_test(tcase, name_is_read, 0, ARRAY_SIZE(examples));
	tcase_add_loop_test(tcase, bad_name_is_refused_with_a_reason, 0,
			    ARRAY_SIZE(refusals));
	tcase_add_test(tcase, path_ends_with_nul);
	tcase_add_test(tcase, abstract_name_has_its_exact_length);
	tcase_add_test(tcase, name_is_bounded_without_nul);
	tcase_add_test(tcase, path_ends_at_nul_and_abstract_name_does_not);
	tcase_add_test(tcase, missing_name_is_unnamed);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
