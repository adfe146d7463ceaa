/* SPDX-License-Identifier: MIT */
/*
 * One instance after the other: what the manager keeps of each, and what the
 * next one has of it.
 */
#include "config.h"

#include "unit/succession.h"

#include "echod/log.h"
#include "unit/rig.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	enum preserve preserve;
	size_t limit;
	bool preserved, warned;
} choices[] = {
	{ PRESERVE_AUTO, STORE_MAX, true, false },
	{ PRESERVE_AUTO, NEEDED, true, false },
	{ PRESERVE_AUTO, NEEDED - 1, false, false },
	{ PRESERVE_AUTO, 1, false, false },
	{ PRESERVE_AUTO, 0, false, false },
	{ PRESERVE_YES, STORE_MAX, true, false },
	{ PRESERVE_YES, NEEDED - 1, false, true },
	{ PRESERVE_YES, 0, false, true },
	{ PRESERVE_NO, STORE_MAX, false, false },
	{ PRESERVE_NO, 0, false, false },
};

START_TEST(preserved_if_wanted_and_kept)
{
	options.preserve = choices[_i].preserve;
	store_set_limit(choices[_i].limit);
	begin_instance(1);
	ck_assert_int_eq(succession.preserve, choices[_i].preserved);
	if (choices[_i].preserved)
		expect_stored(1, SERVICE_RECORD "1");
	else
		ck_assert_uint_eq(store_total(), 0);
	log_message(LOG_INFO, NULL, "begun");
	log_await("begun");
	ck_assert_int_eq(log_has("connections cannot outlive this process"),
			 choices[_i].warned);
	(void)connect_client();
}
END_TEST

START_TEST(without_a_manager_nothing_is_preserved)
{
	char *manager = strdup(getenv("NOTIFY_SOCKET"));

	ck_assert_uint_eq(store_total(), 0);
	ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
	options.preserve = PRESERVE_YES;
	begin_instance(1);
	ck_assert(!succession.preserve);
	log_await("connections cannot outlive this process: there is no "
		  "service manager that keeps descriptors (set "
		  "FileDescriptorStoreMax=)\n");
	end_instance(WORKER_DRAIN);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", manager, 1), 0);
	free(manager);
}
END_TEST

/* Asked first: one that keeps nothing is not given everything. */
START_TEST(manager_is_asked_first)
{
	store_set_limit(0);
	begin_instance(1);
	ck_assert_uint_eq(
		store_told("FDSTORE=1\nFDNAME=" SERVICE_LOT "0\nFDPOLL=0"), 0);
}
END_TEST

START_TEST(connections_and_counters_go_on)
{
	static const char *const records[] = { SERVICE_RECORD "1",
					       SERVICE_RECORD "2",
					       SERVICE_RECORD "3",
					       SERVICE_RECORD "4" };
	static const size_t workers[] = { 2, 2, 1, 3 };
	struct address address;
	int client;

	begin_instance(2);
	address = server;
	client = connect_client();
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		if (i > 0)
			begin_instance(workers[i]);
		ck_assert(address_port(&server) == address_port(&address));
		ck_assert_uint_eq(crew_connections(&crew), 1);
		expect_stored(workers[i], records[i]);
		expect_echo(client, "again");
		ck_assert_uint_eq(counted(COUNTER_bytes_sent), 5 + 5 * (i + 1));
		ck_assert_uint_eq(counted(COUNTER_connections_accepted), 1);
		ck_assert_uint_eq(counted(COUNTER_connections_adopted), i);
		end_instance(WORKER_HAND_OVER);
	}
	ck_assert_uint_eq(log_count("adopted 1 connection in "), 3);
	ck_assert_uint_eq(log_count("skipped 0 bytes echoed already; reset 0, "
				    "lost 0\n"),
			  3);
	begin_instance(1);
}
END_TEST

START_TEST(nothing_is_kept_of_a_stop)
{
	int client;

	begin_instance(2);
	client = connect_client();
	end_instance(WORKER_DRAIN);
	ck_assert(stream_ends_clean(client));
	ck_assert_uint_eq(store_total(), 0);
	begin_instance(2);
	ck_assert_uint_eq(crew_connections(&crew), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_accepted), 0);
	expect_stored(2, SERVICE_RECORD "1");
}
END_TEST

/* Switched off meanwhile: what was left is served, and left no more. */
START_TEST(what_was_kept_is_given_up_if_so_asked)
{
	int client;

	begin_instance(2);
	client = connect_client();
	end_instance(WORKER_HAND_OVER);
	options.preserve = PRESERVE_NO;
	begin_instance(2);
	ck_assert(!succession.preserve);
	ck_assert_uint_eq(store_total(), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_accepted), 1);
	expect_echo(client, "again");
	ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
	AWAIT((turn_workers(), crew_connections(&crew) == 0));
	ck_assert(stream_ends_clean(client));
}
END_TEST

START_TEST(one_that_never_began_can_be_ended)
{
	struct succession none = { 0 };

	succession_end(&none, false);
	succession_end(&none, true);
}
END_TEST

static TCase *succession_case(void)
{
	TCase *tcase = tcase_create("succession");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, succession_setup, succession_teardown);
	tcase_add_loop_test(tcase, preserved_if_wanted_and_kept, 0,
			    ARRAY_SIZE(choices));
	tcase_add_test(tcase, without_a_manager_nothing_is_preserved);
	tcase_add_test(tcase, manager_is_asked_first);
	tcase_add_test(tcase, connections_and_counters_go_on);
	tcase_add_test(tcase, nothing_is_kept_of_a_stop);
	tcase_add_test(tcase, what_was_kept_is_given_up_if_so_asked);
	tcase_add_test(tcase, one_that_never_began_can_be_ended);
	return tcase;
}

static Suite *make_suite(void)
{
	Suite *suite = suite_create("succession");

	suite_add_tcase(suite, succession_case());
	suite_add_tcase(suite, succession_failure_case());
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
