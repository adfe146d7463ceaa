/* SPDX-License-Identifier: MIT */
/*
 * What options of datagrams set.
 */
#include "config.h"

#include "echod/options.h"
#include "unit/harness.h"

#include <stdio.h>
#include <string.h>

static struct options options;

/* Arguments are separated by '|'. */
static void parse(const char *text)
{
	static char line[128];
	char *arguments[4] = { 0 }, *rest = line, error[OPTION_ERROR_MAX];
	int count = 0;

	(void)snprintf(line, sizeof(line), "echod%s", text);
	while (rest && count < 3)
		arguments[count++] = strsep(&rest, "|");
	ck_assert_int_eq(options_parse(&options, count, arguments, error),
			 OPTION_RUN);
}

static unsigned allowed(void)
{
	unsigned count = 0;

	for (unsigned port = 0; port <= UINT16_MAX; port++)
		count += ports_have(&options.allowed_ports, (uint16_t)port);
	return count;
}

START_TEST(without_them_no_port_is_allowed)
{
	memset(&options, 0xff, sizeof(options));
	parse("");
	ck_assert_uint_eq(allowed(), 0);
	ck_assert(!options.loop_ttl);
}
END_TEST

START_TEST(allowed_source_ports_are_read)
{
	parse("|--allow-source-ports=53,1000-1023");
	ck_assert_uint_eq(allowed(), 25);
	ck_assert(ports_have(&options.allowed_ports, 53));
	ck_assert(ports_have(&options.allowed_ports, 1023));
	parse("|--allow-source-ports=all");
	ck_assert_uint_eq(allowed(), 65536);
}
END_TEST

/* As of each option, the last one counts. */
START_TEST(a_later_list_replaces_an_earlier_one)
{
	parse("|--allow-source-ports=all|--allow-source-ports=123");
	ck_assert_uint_eq(allowed(), 1);
	ck_assert(ports_have(&options.allowed_ports, 123));
}
END_TEST

START_TEST(loop_ttl_is_read)
{
	parse("|--loop-ttl");
	ck_assert(options.loop_ttl);
}
END_TEST

START_TEST(offload_is_read)
{
	parse("|--udp-offload=no");
	ck_assert(!options.udp_offload);
	parse("|--udp-offload=no|--udp-offload=yes");
	ck_assert(options.udp_offload);
	parse("|--udp-offload=yes|--udp-offload=no");
	ck_assert(!options.udp_offload);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("options_datagram");
	TCase *tcase = tcase_create("options_datagram");

	tcase_add_test(tcase, without_them_no_port_is_allowed);
	tcase_add_test(tcase, allowed_source_ports_are_read);
	tcase_add_test(tcase, a_later_list_replaces_an_earlier_one);
	tcase_add_test(tcase, loop_ttl_is_read);
	tcase_add_test(tcase, offload_is_read);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
