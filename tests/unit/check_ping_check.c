/* SPDX-License-Identifier: MIT */
/*
 * What cannot work is said once, before the first probe.
 *
 * Link with -Wl,--wrap=socket.
 */
#include "config.h"

#include "echoping/ping_check.h"
#include "unit/capture.h"
#include "unit/flow_rig.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/sockets.h"

#include <string.h>

INJECTED(int, -1, socket, (int domain, int type, int protocol),
	 (domain, type, protocol))

static struct flow_rig rig;
static int errors;

static void set_up(void)
{
	flow_rig_init(&rig, "udp:127.0.0.1:7");
	errors = stderr_capture();
}

static void tear_down(void)
{
	flow_rig_deinit(&rig);
}

/* One line, which has these words. */
static void expect_refusal(const char *words)
{
	int lowest = lowest_free_fd();
	const char *line;

	ck_assert(!ping_is_possible(&rig.settings, &rig.target, &rig.source));
	line = stderr_line(errors);
	ck_assert_msg(strstr(line, words) != NULL, "%s", line);
	stderr_expect_nothing(errors);
	ck_assert_int_eq(lowest_free_fd(), lowest);
}

static void expect_success(void)
{
	int lowest = lowest_free_fd();

	ck_assert(ping_is_possible(&rig.settings, &rig.target, &rig.source));
	stderr_expect_nothing(errors);
	ck_assert_int_eq(lowest_free_fd(), lowest);
}

static void set_target(const char *text)
{
	const char *reason;

	ck_assert_int_eq(
		target_resolve(&rig.target, text, &rig.settings, &reason), 0);
}

static void set_source(const char *text)
{
	const char *reason;

	rig.settings.source = text;
	ck_assert_int_eq(source_resolve(&rig.source, &rig.settings, &reason),
			 0);
}

START_TEST(sizes_have_to_fit)
{
	rig.settings.size = DATAGRAM_SIZE_MAX_IPV4;
	expect_success();
	rig.settings.size++;
	expect_refusal("--size is too large");
	set_target("tcp:127.0.0.1:7");
	rig.settings.size = MESSAGE_SIZE_MAX;
	expect_success();
	if (!ipv6_is_available())
		return;
	set_target("udp:[::1]:7");
	rig.settings.size = DATAGRAM_SIZE_MAX;
	expect_success();
	rig.settings.size++;
	expect_refusal("--size is too large");
}
END_TEST

START_TEST(only_datagrams_are_empty)
{
	rig.settings.size = 0;
	expect_success();
	set_target("unix-dgram:@nobody");
	expect_success();
	set_target("tcp:127.0.0.1:7");
	expect_refusal("--size=0 is for datagrams");
	set_target("unix-seqpacket:@nobody");
	expect_refusal("--size=0 is for datagrams");
}
END_TEST

START_TEST(not_too_many_are_under_way)
{
	rig.settings.interval = 1000 * NSEC_PER_USEC;
	rig.settings.timeout = 32 * NSEC_PER_SEC;
	expect_success();
	rig.settings.timeout = 33 * NSEC_PER_SEC;
	expect_refusal("too many probes would be under way");
	rig.settings.flows = 2;
	expect_success();
}
END_TEST

START_TEST(room_is_for_twice_as_many_as_are_under_way)
{
	rig.settings.interval = NSEC_PER_SEC;
	rig.settings.timeout = 100 * NSEC_PER_SEC;
	rig.settings.flows = 1;
	ck_assert_uint_eq(ping_probes_to_remember(&rig.settings), 264);
	rig.settings.flows = 10;
	ck_assert_uint_eq(ping_probes_to_remember(&rig.settings), 84);
	rig.settings.interval = UINT64_C(1) << 63;
	rig.settings.flows = 2;
	ck_assert_uint_eq(ping_probes_to_remember(&rig.settings), 64);
	rig.settings.interval = NSEC_INFINITY;
	rig.settings.flows = FLOWS_MAX;
	ck_assert_uint_eq(ping_probes_to_remember(&rig.settings), 64);
}
END_TEST

START_TEST(sources_have_to_be_here)
{
	struct address taken = ipv4_address("127.0.0.1", 0);
	char text[ADDRESS_TEXT_MAX];

	set_source("127.0.0.2");
	expect_success();
	set_source("192.0.2.1");
	expect_refusal("--source: Cannot assign requested address "
		       "(choose an address of this machine)");
	taken = fd_address(udp_socket(&taken));
	address_format(&taken, text);
	set_source(text);
	expect_refusal("--source: Address already in use "
		       "(choose another port, or none)");
	set_source("lo");
	expect_success();
}
END_TEST

START_TEST(one_address_of_the_sources_family_is_enough)
{
	struct endpoint *second = &rig.target.candidates[1];

	*second = rig.target.candidates[0];
	rig.target.candidate_count = 2;
	rig.target.candidates[0].address = ipv6_address("::1", 7);
	rig.target.endpoint = rig.target.candidates[0];
	if (!ipv6_is_available())
		return;
	set_source("127.0.0.2");
	expect_success();
	ck_assert_int_eq(rig.target.chosen, 1);
	second->address = rig.target.candidates[0].address;
	rig.target.endpoint = *second;
	expect_refusal("--source: Address family not supported by protocol "
		       "(it has to be of the target's family)");
}
END_TEST

START_TEST(names_any_other_reason)
{
	socket_fault = (struct fault){ .times = 1, .error = EMFILE };
	expect_refusal("socket: Too many open files");
	socket_fault = (struct fault){ .times = 1, .error = EACCES };
	expect_refusal("socket: Permission denied (needs root)");
}
END_TEST

static Suite *ping_check_suite(void)
{
	Suite *suite = suite_create("ping_check");
	TCase *check = tcase_create("check");

	tcase_set_timeout(check, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(check, set_up, tear_down);
	tcase_add_test(check, sizes_have_to_fit);
	tcase_add_test(check, only_datagrams_are_empty);
	tcase_add_test(check, not_too_many_are_under_way);
	tcase_add_test(check, room_is_for_twice_as_many_as_are_under_way);
	tcase_add_test(check, sources_have_to_be_here);
	tcase_add_test(check, one_address_of_the_sources_family_is_enough);
	tcase_add_test(check, names_any_other_reason);
	suite_add_tcase(suite, check);
	return suite;
}

int main(void)
{
	return harness_run(ping_check_suite());
}
