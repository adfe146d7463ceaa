/* SPDX-License-Identifier: MIT */
/*
 * Instances that crash, connections that cannot be had, and records of others.
 */
#include "config.h"

#include "unit/succession.h"

#include "unit/rig.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As if a signal handler had said so. */
static void crash(void)
{
	atomic_store(&record.head->faulted_at, reactor_clock());
	end_instance(WORKER_HAND_OVER);
}

START_TEST(connections_that_kill_are_reset_once)
{
	int client, other;

	begin_instance(1);
	client = connect_client();
	for (int i = 0; i < 3; i++) {
		ck_assert(!log_has("crashed within 10 s"));
		expect_echo(client, "again");
		crash();
		begin_instance(1);
	}
	ck_assert_uint_eq(crew_connections(&crew), 0);
	AWAIT(events_now(client, 0) & POLLERR);
	log_await("adopted 0 connections in ");
	log_await("reset 1, lost 0\n");
	log_await("the last three instances crashed within 10 s: all "
		  "connections that they left were reset (please report what "
		  "the journal tells of their ends)\n");
	/* Others have a chance. */
	other = connect_client();
	crash();
	begin_instance(1);
	ck_assert_uint_eq(crew_connections(&crew), 1);
	expect_echo(other, "again");
}
END_TEST

START_TEST(crash_now_and_then_resets_nothing)
{
	int client;

	begin_instance(1);
	client = connect_client();
	for (int i = 0; i < 6; i++) {
		if (i % 3 == 2)
			end_instance(WORKER_HAND_OVER);
		else
			crash();
		begin_instance(1);
		expect_echo(client, "again");
	}
}
END_TEST

/* The first pair asks whether there is a store. */
START_TEST(without_descriptors_what_was_left_is_served)
{
	int client;

	begin_instance(1);
	client = connect_client();
	end_instance(WORKER_HAND_OVER);
	socketpair_fault = (struct fault){ .times = 1, .error = EMFILE };
	begin_instance(2);
	ck_assert(!succession.preserve);
	log_await("cannot make a place for connections to outlive this "
		  "process: Too many open files (raise the limit on "
		  "descriptors)\n");
	ck_assert_uint_eq(store_total(), 0);
	expect_echo(client, "again");
}
END_TEST

/* What came back proves that there is a store: nothing is given up. */
START_TEST(a_store_that_cannot_be_asked_is_there_if_it_gave)
{
	int client;

	socketpair_fault = (struct fault){ .times = 1, .error = EMFILE };
	begin_instance(1);
	ck_assert(!succession.preserve);
	end_instance(WORKER_DRAIN);
	begin_instance(1);
	client = connect_client();
	end_instance(WORKER_HAND_OVER);
	socketpair_fault = (struct fault){ .times = 1, .error = EMFILE };
	begin_instance(1);
	ck_assert_uint_eq(socketpair_fault.calls, 1);
	ck_assert(succession.preserve);
	expect_echo(client, "again");
}
END_TEST

START_TEST(one_thing_that_came_back_is_proof_enough)
{
	int ends[2];

	unix_pair(SOCK_STREAM, ends);
	store_put(SERVICE_LOT "0", ends[0]);
	/* The first is for a lot that is whole. */
	socketpair_fault =
		(struct fault){ .skip = 1, .times = 1, .error = EMFILE };
	begin_instance(1);
	ck_assert_uint_eq(socketpair_fault.calls, 2);
	ck_assert(succession.preserve);
}
END_TEST

/* Its counters begin anew with the next, connections go on. */
START_TEST(a_record_that_cannot_be_stored_is_done_without)
{
	int client;

	memfd_create_fault = (struct fault){ .times = 1, .error = EMFILE };
	begin_instance(1);
	ck_assert(succession.preserve);
	ck_assert_uint_eq(store_count(SERVICE_RECORD "1"), 0);
	client = connect_client();
	end_instance(WORKER_HAND_OVER);
	begin_instance(1);
	ck_assert_uint_eq(counted(COUNTER_connections_accepted), 0);
	expect_echo(client, "again");
}
END_TEST

/* The older one stays, and so does what it counted. */
START_TEST(a_record_that_nobody_could_be_told_of_replaces_none)
{
	int client;

	begin_instance(1);
	client = connect_client();
	end_instance(WORKER_HAND_OVER);
	store_record_fault = (struct fault){ .times = 1, .error = EAGAIN };
	begin_instance(1);
	ck_assert(succession.preserve);
	ck_assert_uint_eq(store_count(SERVICE_RECORD "1"), 1);
	ck_assert_uint_eq(store_count(SERVICE_RECORD "2"), 0);
	end_instance(WORKER_HAND_OVER);
	begin_instance(1);
	ck_assert_uint_eq(counted(COUNTER_connections_accepted), 1);
	expect_stored(1, SERVICE_RECORD "2");
	expect_echo(client, "again");
}
END_TEST

/* A duplicate of the only one that is parked, as a successor gets it. */
static int duplicate_parked(void)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int flags = MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC, fd;

	/* One end is where it went in, the other where it comes out. */
	if (recvmsg(store_fd(SERVICE_LOT "0", 0), &message, flags) < 0)
		ck_assert_int_gt(
			recvmsg(store_fd(SERVICE_LOT "0", 1), &message, flags),
			0);
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return fd;
}

/* The instance is killed after it has sent, and before it consumes. */
static void echo_and_die(int client, const char *text)
{
	int server_end;

	end_instance(WORKER_HAND_OVER);
	server_end = duplicate_parked();
	send_text(client, text);
	await_inq(server_end, strlen(text));
	send_text(server_end, text);
	ck_assert_int_eq(close(server_end), 0);
	begin_instance(1);
	expect_text(client, text);
	expect_echo(client, "again");
}

START_TEST(what_was_echoed_is_skipped_and_told)
{
	int client;

	begin_instance(1);
	client = connect_client();
	echo_and_die(client, "!");
	log_await("skipped 1 byte echoed already; reset 0, lost 0\n");
	echo_and_die(client, "!!");
	log_await("skipped 2 bytes echoed already; reset 0, lost 0\n");
}
END_TEST

START_TEST(what_is_lost_is_told)
{
	begin_instance(1);
	for (int i = 0; i < 3; i++)
		(void)connect_client();
	end_instance(WORKER_HAND_OVER);
	options.max_connections = 1;
	begin_instance(1);
	log_await("adopted 1 connection in ");
	log_await("reset 0, lost 2\n");
}
END_TEST

/* Of another version, or of another service: no reason to lose connections. */
START_TEST(strange_record_is_given_up)
{
	int client;

	begin_instance(1);
	client = connect_client();
	end_instance(WORKER_HAND_OVER);
	store_put(SERVICE_RECORD "900", STDERR_FILENO);
	store_put(SERVICE_RECORD "0", store_fd(SERVICE_OWN "0", 0));
	begin_instance(1);
	expect_stored(1, SERVICE_RECORD "2");
	ck_assert_uint_eq(counted(COUNTER_connections_accepted), 1);
	expect_echo(client, "again");
}
END_TEST

/* Then ours goes with it only when a newer one has its counters. */
START_TEST(strange_record_may_have_the_number_of_ours)
{
	store_put(SERVICE_RECORD "1", STDERR_FILENO);
	begin_instance(1);
	ck_assert(succession.preserve);
	ck_assert_uint_eq(store_count(SERVICE_RECORD "1"), 2);
	(void)connect_client();
	end_instance(WORKER_HAND_OVER);
	begin_instance(1);
	ck_assert_uint_eq(counted(COUNTER_connections_accepted), 1);
	expect_stored(1, SERVICE_RECORD "2");
}
END_TEST

TCase *succession_failure_case(void)
{
	TCase *tcase = tcase_create("failure");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, succession_setup, succession_teardown);
	tcase_add_test(tcase, connections_that_kill_are_reset_once);
	tcase_add_test(tcase, crash_now_and_then_resets_nothing);
	tcase_add_test(tcase, without_descriptors_what_was_left_is_served);
	tcase_add_test(tcase, a_store_that_cannot_be_asked_is_there_if_it_gave);
	tcase_add_test(tcase, one_thing_that_came_back_is_proof_enough);
	tcase_add_test(tcase, a_record_that_cannot_be_stored_is_done_without);
	tcase_add_test(tcase,
		       a_record_that_nobody_could_be_told_of_replaces_none);
	tcase_add_test(tcase, what_was_echoed_is_skipped_and_told);
	tcase_add_test(tcase, what_is_lost_is_told);
	tcase_add_test(tcase, strange_record_is_given_up);
	tcase_add_test(tcase, strange_record_may_have_the_number_of_ours);
	return tcase;
}
