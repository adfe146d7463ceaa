/* SPDX-License-Identifier: MIT */
/*
 * Sets of ports, and lists of them as text.
 */
#include "config.h"

#include "common/ports.h"
#include "unit/harness.h"

#include <errno.h>

static struct ports ports;

static unsigned count(void)
{
	unsigned sum = 0;

	for (unsigned port = 0; port <= UINT16_MAX; port++)
		sum += ports_have(&ports, (uint16_t)port);
	return sum;
}

static const struct {
	const char *text;
	unsigned count, first, last;
} lists[] = {
	{ "53", 1, 53, 53 },
	{ "0", 1, 0, 0 },
	{ "65535", 1, 65535, 65535 },
	{ "007", 1, 7, 7 },
	{ "1000-1023", 24, 1000, 1023 },
	{ "9-9", 1, 9, 9 },
	{ "53,123", 2, 53, 123 },
	{ "123,53,53", 2, 53, 123 },
	{ "53,123,1000-1023", 26, 53, 1023 },
	{ "0-65535", 65536, 0, 65535 },
	{ "63-64,127-128", 4, 63, 128 },
	{ "all", 65536, 0, 65535 },
};

START_TEST(lists_are_read)
{
	unsigned first = 0, last = UINT16_MAX;

	ports_add(&ports, 5000, 5001); /* is forgotten */
	ck_assert_int_eq(ports_parse(&ports, lists[_i].text), 0);
	ck_assert_uint_eq(count(), lists[_i].count);
	while (!ports_have(&ports, (uint16_t)first))
		first++;
	while (!ports_have(&ports, (uint16_t)last))
		last--;
	ck_assert_uint_eq(first, lists[_i].first);
	ck_assert_uint_eq(last, lists[_i].last);
}
END_TEST

static const char *const mistakes[] = {
	"",
	",",
	"53,",
	",53",
	"53,,54",
	"65536",
	"-1",
	"1-",
	"-",
	"3-2",
	"1-65536",
	"1--2",
	"1-2-3",
	" 1",
	"1 ",
	"1, 2",
	"+1",
	"0x35",
	"all,1",
	"1,all",
	"ALL",
	"domain",
	"53;123",
	"53:54",
	"99999999999",
	"18446744073709551617",
};

START_TEST(other_texts_are_none)
{
	ck_assert_msg(ports_parse(&ports, mistakes[_i]) == -EINVAL, "'%s'",
		      mistakes[_i]);
}
END_TEST

START_TEST(ports_are_added_and_taken_away)
{
	struct ports others = { 0 };

	ports_add(&ports, 60, 70);
	ck_assert_uint_eq(count(), 11);
	ports_add(&ports, 65535, 65535);
	ports_add(&ports, 65536, 70000);
	ports_add(&ports, 9, 8);
	ck_assert_uint_eq(count(), 12);
	ports_add(&others, 0, 63);
	ports_remove(&ports, &others);
	ck_assert_uint_eq(count(), 8);
	ck_assert(!ports_have(&ports, 63));
	ck_assert(ports_have(&ports, 64));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("ports");
	TCase *tcase = tcase_create("ports");

	tcase_add_loop_test(tcase, lists_are_read, 0, ARRAY_SIZE(lists));
	tcase_add_loop_test(tcase, other_texts_are_none, 0,
			    ARRAY_SIZE(mistakes));
	tcase_add_test(tcase, ports_are_added_and_taken_away);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
