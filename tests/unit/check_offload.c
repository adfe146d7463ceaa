/* SPDX-License-Identifier: MIT */
/*
 * Trains are asked for, and no more only when none waits.
 *
 * Link with -Wl,--wrap=setsockopt.
 */
#include "config.h"

#include "echod/offload.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/sockets.h"

#include <netinet/in.h>
#include <netinet/udp.h>

WRAPPED(int, setsockopt,
	(int fd, int level, int name, const void *value, socklen_t length));

/* What happens before the next option is set. */
static void (*before_setting)(void);
static unsigned settings;

int __wrap_setsockopt(int fd, int level, int name, const void *value,
		      socklen_t length)
{
	void (*happens)(void) = before_setting;

	settings++;
	before_setting = NULL;
	if (happens)
		happens();
	return __real_setsockopt(fd, level, name, value, length);
}

static int fds[2];

static void setup(void)
{
	udp_pair(fds);
}

static int offload(void)
{
	return fd_option(fds[SERVER], IPPROTO_UDP, UDP_GRO);
}

START_TEST(it_is_on_until_it_is_ended)
{
	ck_assert_int_eq(offload(), 0);
	offload_begin(fds[SERVER]);
	ck_assert_int_eq(offload(), 1);
	ck_assert(offload_end(fds[SERVER]));
	ck_assert_int_eq(offload(), 0);
}
END_TEST

/* Each time, so that a socket may be passed on. */
START_TEST(beginning_and_ending_may_be_repeated)
{
	for (int i = 0; i < 2; i++) {
		offload_begin(fds[SERVER]);
		offload_begin(fds[SERVER]);
		ck_assert_int_eq(offload(), 1);
		ck_assert(offload_end(fds[SERVER]));
		ck_assert(offload_end(fds[SERVER]));
		ck_assert_int_eq(offload(), 0);
	}
}
END_TEST

START_TEST(what_is_off_is_not_set)
{
	unsigned before = settings;

	send_text(fds[CLIENT], "something waits");
	await_inq(fds[SERVER], sizeof("something waits") - 1);
	ck_assert(offload_end(fds[SERVER]));
	ck_assert_uint_eq(settings, before);
}
END_TEST

START_TEST(it_stays_while_something_waits)
{
	offload_begin(fds[SERVER]);
	send_text(fds[CLIENT], "perhaps a train");
	await_inq(fds[SERVER], sizeof("perhaps a train") - 1);
	for (int i = 0; i < 2; i++) {
		ck_assert(!offload_end(fds[SERVER]));
		ck_assert_int_eq(offload(), 1);
	}
	expect_text(fds[SERVER], "perhaps a train");
	ck_assert(offload_end(fds[SERVER]));
	ck_assert_int_eq(offload(), 0);
}
END_TEST

static void let_one_arrive(void)
{
	send_text(fds[CLIENT], "late");
	await_inq(fds[SERVER], sizeof("late") - 1);
}

/* It may be a train, as it comes just before the option is off. */
START_TEST(none_slips_in_between)
{
	offload_begin(fds[SERVER]);
	before_setting = let_one_arrive;
	ck_assert(!offload_end(fds[SERVER]));
	ck_assert_int_eq(offload(), 1);
	expect_text(fds[SERVER], "late");
	ck_assert(offload_end(fds[SERVER]));
}
END_TEST

/* A Unix socket, as a kernel before 5.0. */
START_TEST(where_there_are_no_trains_nothing_changes)
{
	int unix_fds[2];

	unix_pair(SOCK_DGRAM, unix_fds);
	offload_begin(unix_fds[SERVER]);
	send_text(unix_fds[CLIENT], "hello");
	ck_assert(offload_end(unix_fds[SERVER]));
	expect_text(unix_fds[SERVER], "hello");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("offload");
	TCase *tcase = tcase_create("offload");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, it_is_on_until_it_is_ended);
	tcase_add_test(tcase, beginning_and_ending_may_be_repeated);
	tcase_add_test(tcase, what_is_off_is_not_set);
	tcase_add_test(tcase, it_stays_while_something_waits);
	tcase_add_test(tcase, none_slips_in_between);
	tcase_add_test(tcase, where_there_are_no_trains_nothing_changes);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
