/* SPDX-License-Identifier: MIT */
/*
 * What fails changes nothing, and whoever dies in between leaves duplicates,
 * never a gap.
 */
#include "config.h"

#include "unit/lot.h"
#include "unit/sockets.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Debian's nobody; any number that is not root's. */
#define ORDINARY 65534

static const struct {
	int refused, error;
} refusals[] = {
	{ EAGAIN, -ENOBUFS },
	{ ENOBUFS, -ENOBUFS },
	{ ETOOMANYREFS, -ETOOMANYREFS },
	{ ENOMEM, -ENOMEM },
	{ EPIPE, -EPIPE },
};

START_TEST(refused_message_changes_nothing)
{
	park_members(2);
	add_members(3);
	sendmsg_fault =
		(struct fault){ .times = 1, .error = refusals[_i].refused };
	ck_assert_int_eq(lot_park(&lot, &waiting), refusals[_i].error);
	ck_assert_uint_eq(lot.live, 2);
	ck_assert_uint_eq(lot.parked, 2);
	ck_assert_uint_eq(lot.message_count, 1);
	ck_assert_ptr_eq(waiting.next, &members[2].place);
	ck_assert_ptr_eq(waiting.previous, &members[4].place);
	park_waiting();
	expect_exact();
}
END_TEST

START_TEST(without_memory_nothing_changes)
{
	add_members(3);
	malloc_fault = (struct fault){ .times = 1, .error = ENOMEM };
	ck_assert_int_eq(lot_park(&lot, &waiting), -ENOMEM);
	ck_assert_ptr_eq(waiting.next, &members[0].place);
	ck_assert_uint_eq(lot.live, 0);
	park_waiting();
	expect_exact();
}
END_TEST

START_TEST(lot_that_cannot_be_made_is_none)
{
	struct lot other;
	int free_fd = lowest_free_fd();

	lot_init(&other, lot.descriptor_of, SIZE_MAX);
	socketpair_fault = (struct fault){ .times = 1, .error = EMFILE };
	ck_assert_int_eq(lot_open(&other), -EMFILE);
	ck_assert_int_eq(other.entrance, -1);
	ck_assert_int_eq(other.exit, -1);
	lot_deinit(&other);
	ck_assert_int_eq(lowest_free_fd(), free_fd);
}
END_TEST

/* 500 in 5 messages, the dead as many as may be: one more, and it rotates. */
static size_t park_on_the_verge(void)
{
	for (int i = 0; i < 5; i++)
		park_members(100);
	for (size_t i = 0; lot.parked - lot.live < lot.live + 256; i++)
		leave(&members[i / 4 * 5 + i % 4]);
	ck_assert_uint_eq(lot.message_count, 5);
	expect_exact();
	return 499;
}

START_TEST(refused_rotation_is_tried_again)
{
	size_t last = park_on_the_verge();
	struct fault *fault = _i == 0 ? &sendmsg_fault : &malloc_fault;

	members[last].alive = false;
	*fault = (struct fault){ .times = 1, .error = ENOMEM };
	lot_leave(&lot, &members[last].place);
	ck_assert_uint_eq(fault->times, 0);
	ck_assert_uint_eq(lot.message_count, 5);
	expect_exact();
	leave(&members[last - 5]);
	ck_assert_uint_lt(lot.message_count, 5);
	expect_exact();
}
END_TEST

/* In a process of its own, which ends in the middle of it. */
static void rotate_and_crash(size_t last, unsigned at)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		crash_at_recv = receptions + at;
		lot_leave(&lot, &members[last].place);
		_exit(EXIT_FAILURE);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(WEXITSTATUS(status), EXIT_SUCCESS);
}

START_TEST(crash_leaves_duplicates_and_no_gap)
{
	size_t last = park_on_the_verge(), alive = lot.live - 1;
	static struct census left;

	/* Sent again, and so many of the first messages dropped. */
	rotate_and_crash(last, (unsigned)_i + 1);
	members[last].alive = false;
	expect_no_gap();
	census_take(&left, exit_end);
	ck_assert_uint_eq(left.messages, 6 - (size_t)_i);
	ck_assert_uint_eq(left.count, 500 - 100 * (size_t)_i + alive);
	members[last].alive = true;
}
END_TEST

/* No privilege lifts the limit on what is in flight. */
static void become_ordinary(rlim_t descriptors)
{
	struct rlimit limit = { descriptors, descriptors };

	if (geteuid() == 0) {
		ck_assert_int_eq(setgroups(0, NULL), 0);
		ck_assert_int_eq(setresgid(ORDINARY, ORDINARY, ORDINARY), 0);
		ck_assert_int_eq(setresuid(ORDINARY, ORDINARY, ORDINARY), 0);
	}
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(so_many_are_in_flight_at_most)
{
	int error;

	/* Others of this user may have some in flight as well. */
	become_ordinary(500);
	do {
		add_twins(20);
		error = lot_park(&lot, &waiting);
	} while (error == 0);
	ck_assert_int_eq(error, -ETOOMANYREFS);
	ck_assert_uint_le(lot.live, 520);
	ck_assert(!list_is_empty(&waiting));
}
END_TEST

START_TEST(refused_renewal_leaves_no_gap)
{
	park_members(300);
	park_members(300);
	thin_out(0, 600, 2);
	sendmsg_fault =
		(struct fault){ .skip = 1, .times = 1, .error = ENOBUFS };
	ck_assert_int_eq(lot_renew(&lot), -ENOBUFS);
	expect_exact();
	ck_assert_int_eq(lot_renew(&lot), 0);
	ck_assert_uint_eq(lot.parked, lot.live);
	expect_exact();
}
END_TEST

START_TEST(held_lot_is_not_renewed)
{
	park_members(300);
	thin_out(0, 300, 2);
	lot.held = true;
	ck_assert_int_eq(lot_renew(&lot), -EBUSY);
	ck_assert_uint_eq(lot.parked, 300);
	lot.held = false;
	ck_assert_int_eq(lot_renew(&lot), 0);
	ck_assert_uint_eq(lot.parked, lot.live);
	expect_exact();
}
END_TEST

START_TEST(message_that_cannot_be_added_changes_nothing)
{
	add_members(2);
	malloc_fault = (struct fault){ .times = 1, .error = ENOMEM };
	ck_assert_int_eq(lot_add(&lot, 1, 2, &waiting), -ENOMEM);
	ck_assert_uint_eq(lot.message_count, 0);
	ck_assert_uint_eq(lot.live, 0);
	ck_assert_ptr_eq(waiting.next, &members[0].place);
}
END_TEST

TCase *lot_failure_case(void)
{
	TCase *tcase = tcase_create("failure");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, lot_setup, lot_teardown);
	tcase_add_loop_test(tcase, refused_message_changes_nothing, 0,
			    ARRAY_SIZE(refusals));
	tcase_add_test(tcase, without_memory_nothing_changes);
	tcase_add_test(tcase, lot_that_cannot_be_made_is_none);
	tcase_add_loop_test(tcase, refused_rotation_is_tried_again, 0, 2);
	tcase_add_loop_test(tcase, crash_leaves_duplicates_and_no_gap, 0, 5);
	tcase_add_test(tcase, refused_renewal_leaves_no_gap);
	tcase_add_test(tcase, held_lot_is_not_renewed);
	tcase_add_test(tcase, message_that_cannot_be_added_changes_nothing);
	return tcase;
}

TCase *lot_failure_limit_case(void)
{
	TCase *tcase = tcase_create("failure_limit");

	tcase_set_tags(tcase, NOT_UNDER_VALGRIND);
	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, lot_setup, lot_teardown);
	tcase_add_test(tcase, so_many_are_in_flight_at_most);
	return tcase;
}
