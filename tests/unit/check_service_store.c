/* SPDX-License-Identifier: MIT */
/*
 * What the service manager is given to keep, and whether it does.
 *
 * Link with -Wl,--wrap=sd_notify_barrier, sd_pid_notify_with_fds and
 * socketpair.
 */
#include "config.h"

#include "echod/service.h"
#include "echod/socket.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/sockets.h"
#include "unit/store_rig.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t patience, cut = UINT64_MAX;

INJECTED(int, -1, socketpair, (int domain, int type, int protocol, int fds[2]),
	 (domain, type, protocol, fds))
WRAPPED(int, sd_notify_barrier, (int unset, uint64_t usec));
WRAPPED(int, sd_pid_notify_with_fds,
	(pid_t pid, int unset, const char *state, const int *fds,
	 unsigned count));
static struct fault store_fault;

int __wrap_sd_notify_barrier(int unset, uint64_t usec)
{
	patience = usec;
	return __real_sd_notify_barrier(unset, MIN(usec, cut));
}

int __wrap_sd_pid_notify_with_fds(pid_t pid, int unset, const char *state,
				  const int *fds, unsigned count)
{
	ck_assert_int_eq(pid, 0); /* this one */
	if (fault_strikes(&store_fault))
		return -errno;
	return __real_sd_pid_notify_with_fds(pid, unset, state, fds, count);
}

static int free_fd;

static void setup(void)
{
	store_start(10);
	free_fd = lowest_free_fd();
}

START_TEST(descriptors_are_stored_under_one_name)
{
	int fds[2];

	unix_pair(SOCK_STREAM, fds);
	service_store(SERVICE_LOT "3", fds, 2);
	ck_assert_uint_eq(store_count(SERVICE_LOT "3"), 2);
	ck_assert_uint_eq(
		store_told("FDSTORE=1\nFDNAME=echod-kept-lot-3\nFDPOLL=0"), 1);
	for (size_t i = 0; i < 2; i++)
		ck_assert(socket_cookie(store_fd(SERVICE_LOT "3", i)) ==
			  socket_cookie(fds[i]));
}
END_TEST

START_TEST(name_is_given_up_with_all_that_is_under_it)
{
	int fds[2];

	unix_pair(SOCK_STREAM, fds);
	service_store(SERVICE_LOT "3", fds, 2);
	service_store(SERVICE_OWN "0", fds, 1);
	service_unstore(SERVICE_LOT "3");
	ck_assert_uint_eq(store_total(), 1);
	ck_assert_uint_eq(store_count(SERVICE_OWN "0"), 1);
	ck_assert_uint_eq(
		store_told("FDSTOREREMOVE=1\nFDNAME=echod-kept-lot-3"), 1);
}
END_TEST

START_TEST(manager_that_keeps_is_found_out)
{
	ck_assert(service_has_store());
	ck_assert_uint_eq(store_total(), 0);
	ck_assert_uint_eq(
		store_told("FDSTORE=1\nFDNAME=echod-kept-probe\nFDPOLL=0"), 1);
	ck_assert_int_eq(lowest_free_fd(), free_fd);
}
END_TEST

/* So much was there room for before. */
START_TEST(manager_that_refuses_is_found_out)
{
	for (int i = 0; i < _i; i++)
		service_store(SERVICE_OWN "0", &(int){ STDERR_FILENO }, 1);
	store_set_limit((size_t)_i);
	free_fd = lowest_free_fd();
	ck_assert(!service_has_store());
	ck_assert_uint_eq(store_total(), (size_t)_i);
	ck_assert_int_eq(lowest_free_fd(), free_fd);
	store_set_limit((size_t)_i + 1);
	ck_assert(service_has_store());
}
END_TEST

START_TEST(manager_that_does_not_answer_is_none)
{
	store_be_silent();
	cut = 10000;
	ck_assert(!service_has_store());
	/* A busy one is given time, as long as echod(8) says. */
	ck_assert_uint_eq(patience, 5 * USEC_PER_SEC);
	AWAIT(store_told("FDSTOREREMOVE=1\nFDNAME=echod-kept-probe") == 1);
}
END_TEST

static const char *const nobody[] = { NULL, "", "@nobody-listens" };

START_TEST(without_a_manager_there_is_no_store)
{
	int number = nobody[_i] ? setenv("NOTIFY_SOCKET", nobody[_i], 1)
				: unsetenv("NOTIFY_SOCKET");

	ck_assert_int_eq(number, 0);
	cut = 10000;
	ck_assert(!service_has_store());
	ck_assert_int_eq(lowest_free_fd(), free_fd);
}
END_TEST

START_TEST(without_descriptors_there_is_no_store)
{
	socketpair_fault = (struct fault){ .times = 1, .error = EMFILE };
	ck_assert_int_eq(service_has_store(), -EMFILE);
	ck_assert_uint_eq(
		store_told("FDSTOREREMOVE=1\nFDNAME=echod-kept-probe"), 0);
	ck_assert_int_eq(lowest_free_fd(), free_fd);
}
END_TEST

/* unix(7): too many are in flight, which says nothing of the manager. */
START_TEST(a_manager_that_cannot_be_asked_is_not_known)
{
	int answer;

	store_fault = (struct fault){ .times = 1, .error = ETOOMANYREFS };
	answer = service_has_store();
	ck_assert_int_eq(answer, -ETOOMANYREFS);
	ck_assert_uint_eq(store_fault.calls, 1);
	store_fault = (struct fault){ .times = 1, .error = EPERM };
	answer = service_has_store();
	ck_assert_int_eq(answer, 0);
	ck_assert_int_eq(lowest_free_fd(), free_fd);
}
END_TEST

static const struct {
	const char *name, *prefix;
	int number;
} names[] = {
	{ SERVICE_LOT "0", SERVICE_LOT, 0 },
	{ SERVICE_LOT "17", SERVICE_LOT, 17 },
	{ "echod-kept-own-1", SERVICE_OWN, 1 },
	{ "echod-kept-record-999", SERVICE_RECORD, 999 },
	{ SERVICE_LOT "2147483647", SERVICE_LOT, INT_MAX },
	{ SERVICE_LOT "2147483648", SERVICE_LOT, -EINVAL },
	{ SERVICE_LOT "99999999999999999999", SERVICE_LOT, -EINVAL },
	{ "echod-kept-lot-", SERVICE_LOT, -EINVAL },
	{ "echod-kept-lot", SERVICE_LOT, -EINVAL },
	{ "echod-kept-lot--1", SERVICE_LOT, -EINVAL },
	{ "echod-kept-lot-+1", SERVICE_LOT, -EINVAL },
	{ "echod-kept-lot- 1", SERVICE_LOT, -EINVAL },
	{ "echod-kept-lot-1x", SERVICE_LOT, -EINVAL },
	{ SERVICE_LOT "1", SERVICE_OWN, -EINVAL },
	{ "echod.socket", SERVICE_LOT, -EINVAL },
	{ "", SERVICE_LOT, -EINVAL },
};

START_TEST(names_are_told_apart)
{
	errno = ERANGE; /* of somebody else's call */
	ck_assert_int_eq(service_name_number(names[_i].name, names[_i].prefix),
			 names[_i].number);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("service_store");
	TCase *tcase = tcase_create("store");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, descriptors_are_stored_under_one_name);
	tcase_add_test(tcase, name_is_given_up_with_all_that_is_under_it);
	tcase_add_test(tcase, manager_that_keeps_is_found_out);
	tcase_add_loop_test(tcase, manager_that_refuses_is_found_out, 0, 3);
	tcase_add_test(tcase, manager_that_does_not_answer_is_none);
	tcase_add_loop_test(tcase, without_a_manager_there_is_no_store, 0,
			    ARRAY_SIZE(nobody));
	tcase_add_test(tcase, without_descriptors_there_is_no_store);
	tcase_add_test(tcase, a_manager_that_cannot_be_asked_is_not_known);
	tcase_add_loop_test(tcase, names_are_told_apart, 0, ARRAY_SIZE(names));
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
