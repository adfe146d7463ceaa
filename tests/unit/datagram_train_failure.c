/* SPDX-License-Identifier: MIT */
/*
 * Trains that the kernel does not take: each datagram is sent once, or counted
 * as unsent, and a full send buffer is waited for.
 */
#include "config.h"

#include "echod/drain.h"
#include "unit/datagram_train.h"
#include "unit/harness.h"

static const int train_errors[] = { EIO,	  EINVAL, EMSGSIZE,
				    EPERM,	  EACCES, ENOBUFS,
				    ECONNREFUSED, ENOMEM, ENETUNREACH };

START_TEST(a_train_that_is_refused_is_sent_one_by_one)
{
	train_error = train_errors[_i];
	expect_echoed_together(0, 5);
	expect_silence(client);
	ck_assert_uint_eq(trains_tried, 1);
	expect_counts(5, 5, 0);
}
END_TEST

/* Of a device that takes none; each retry would cost a call. */
START_TEST(trains_that_a_device_refuses_are_not_tried_each_time)
{
	train_error = EIO;
	for (unsigned i = 0; i < 4; i++) {
		expect_echoed_together(10 * i, 5);
	}
	let_train_arrive(client, &server, 100, 10);
	rig_turn(&rig);
	expect_numbers(client, 100, 10);
	expect_silence(client);
	ck_assert_uint_eq(trains_tried, 1);
	expect_counts(30, 30, 0);
}
END_TEST

START_TEST(refused_trains_are_tried_again_later)
{
	uint64_t before = rig.worker.reactor.now;

	train_error = EIO;
	expect_echoed_together(0, 5);
	ck_assert_uint_ge(datagram.trains_after, before + USEC_PER_SEC);
	train_error = 0;
	messages_sent = 0;
	datagram.trains_after = rig.worker.reactor.now;
	expect_echoed_together(5, 5);
	ck_assert_uint_eq(messages_sent, 1);
}
END_TEST

/* Only this one may have been wrong, or only its way. */
START_TEST(other_errors_say_nothing_of_the_next_train)
{
	train_error = EINVAL;
	for (unsigned i = 0; i < 2; i++) {
		expect_echoed_together(10 * i, 5);
	}
	ck_assert_uint_eq(trains_tried, 2);
}
END_TEST

START_TEST(those_before_and_behind_a_refused_train_go_together)
{
	int others[] = { ipv4_client(), ipv4_client() };

	train_error = EIO;
	let_arrive(others[0], 10, 1);
	let_arrive(client, 0, 5);
	let_arrive(others[1], 20, 1);
	rig_turn(&rig);
	expect_numbers(client, 0, 5);
	expect_numbers(others[0], 10, 1);
	expect_numbers(others[1], 20, 1);
	ck_assert_uint_eq(messages_sent, 2);
	ck_assert_uint_eq(sendmsg_fault.calls, 5);
	expect_counts(7, 7, 0);
}
END_TEST

/* Pieces of several received messages, one of them a train itself. */
START_TEST(one_by_one_means_those_that_came)
{
	train_error = EINVAL;
	let_arrive(client, 0, 2);
	let_train_arrive(client, &server, 2, 3);
	let_arrive(client, 5, 1);
	ck_assert_int_eq(sendto(client, "x", 1, 0, &server.any, server.length),
			 1);
	await_delivery();
	rig_turn(&rig);
	expect_numbers(client, 0, 6);
	expect_reply_from(client, &server, "x", 1);
	expect_silence(client);
	ck_assert_uint_eq(trains_tried, 1);
	expect_counts(7, 7, 0);
}
END_TEST

START_TEST(one_that_fails_is_skipped_and_counted)
{
	train_error = train_errors[_i];
	sendmsg_fault = (struct fault){ .skip = 2,
					.times = 1,
					.error = train_errors[_i] };
	let_arrive(client, 0, 5);
	rig_turn(&rig);
	expect_numbers(client, 0, 2);
	expect_numbers(client, 3, 2);
	expect_silence(client);
	expect_counts(5, 4, 1);
}
END_TEST

START_TEST(a_train_of_which_none_can_be_sent_is_counted_whole)
{
	int other = ipv4_client();

	train_error = EPERM;
	sendmsg_fault = (struct fault){ .times = FOR_EVER, .error = EPERM };
	let_arrive(client, 0, 5);
	let_arrive(other, 5, 1);
	rig_turn(&rig);
	expect_silence(client);
	expect_numbers(other, 5, 1);
	expect_counts(6, 1, 5);
}
END_TEST

START_TEST(an_interrupted_train_is_repeated)
{
	sendmmsg_fault = (struct fault){ .times = 2, .error = EINTR };
	expect_echoed_together(0, 5);
	expect_silence(client);
	ck_assert_uint_eq(messages_sent, 1);
	expect_counts(5, 5, 0);
}
END_TEST

START_TEST(an_interrupted_one_of_a_train_is_repeated)
{
	train_error = EIO;
	sendmsg_fault = (struct fault){ .skip = 2, .times = 2, .error = EINTR };
	expect_echoed_together(0, 5);
	expect_silence(client);
	expect_counts(5, 5, 0);
}
END_TEST

START_TEST(what_was_not_sent_at_once_is_sent_next)
{
	int others[] = { ipv4_client(), ipv4_client() };

	sendmmsg_most = 1;
	let_arrive(client, 0, 5);
	let_arrive(others[0], 10, 3);
	let_arrive(others[1], 20, 4);
	rig_turn(&rig);
	expect_numbers(client, 0, 5);
	expect_numbers(others[0], 10, 3);
	expect_numbers(others[1], 20, 4);
	expect_silence(client);
	ck_assert_uint_eq(sendmmsg_fault.calls, 3);
	expect_counts(12, 12, 0);
}
END_TEST

/* Another client's train of 3 goes out; there is no room for one of 5. */
static void get_stuck_at_a_train(void)
{
	int other = ipv4_client();

	sendmmsg_most = 1;
	sendmmsg_fault =
		(struct fault){ .skip = 1, .times = FOR_EVER, .error = EAGAIN };
	let_arrive(other, 10, 3);
	let_arrive(client, 0, 5);
	rig_turn(&rig);
	expect_numbers(other, 10, 3);
	expect_silence(client);
	expect_counts(8, 3, 0);
}

/* Of a refused train of 5, two go out before there is no room. */
static void get_stuck_in_a_train(void)
{
	train_error = EIO;
	sendmsg_fault =
		(struct fault){ .skip = 2, .times = FOR_EVER, .error = EAGAIN };
	let_arrive(client, 0, 5);
	rig_turn(&rig);
	expect_numbers(client, 0, 2);
	expect_silence(client);
	expect_counts(5, 2, 0);
}

START_TEST(a_train_waits_for_room)
{
	get_stuck_at_a_train();
	let_arrive(client, 5, 3);
	rig_turn_often(&rig);
	expect_counts(8, 3, 0);
	make_room();
	rig_turn(&rig);
	expect_counts(8, 8, 0);
	expect_numbers(client, 0, 5);
	rig_turn_often(&rig);
	expect_numbers(client, 5, 3);
	expect_silence(client);
	expect_counts(11, 11, 0);
	ck_assert_uint_eq(sendmsg_fault.calls, 0);
}
END_TEST

START_TEST(the_rest_of_a_train_waits_for_room)
{
	get_stuck_in_a_train();
	let_arrive(client, 5, 1);
	rig_turn_often(&rig);
	expect_counts(5, 2, 0);
	make_room();
	rig_turn(&rig);
	expect_numbers(client, 2, 3);
	rig_turn_often(&rig);
	expect_numbers(client, 5, 1);
	expect_silence(client);
	ck_assert_uint_eq(trains_tried, 1);
	expect_counts(6, 6, 0);
}
END_TEST

/* Room for one at a time. */
START_TEST(a_train_may_wait_again_and_again)
{
	get_stuck_in_a_train();
	for (unsigned i = 2; i < 5; i++) {
		make_room();
		sendmsg_fault = (struct fault){ .skip = 1,
						.times = FOR_EVER,
						.error = EAGAIN };
		rig_turn(&rig);
		expect_numbers(client, i, 1);
		expect_silence(client);
	}
	expect_counts(5, 5, 0);
}
END_TEST

START_TEST(closed_at_a_train_it_counts_the_rest)
{
	get_stuck_at_a_train();
	datagram_close(&datagram);
	expect_counts(8, 3, 5);
	datagram_close(&datagram);
	expect_counts(8, 3, 5);
}
END_TEST

START_TEST(closed_in_a_train_it_counts_the_rest)
{
	get_stuck_in_a_train();
	datagram_close(&datagram);
	expect_counts(5, 2, 3);
}
END_TEST

START_TEST(a_stop_waits_for_the_rest_of_a_train)
{
	get_stuck_in_a_train();
	drain_on_request(&rig.worker, WORKER_DRAIN);
	rig_turn_often(&rig);
	ck_assert(!rig.worker.reactor.stopping);
	make_room();
	RIG_AWAIT(&rig, rig.worker.reactor.stopping);
	expect_numbers(client, 2, 3);
	expect_counts(5, 5, 0);
}
END_TEST

START_TEST(a_stop_does_not_wait_for_a_train_for_ever)
{
	rig.policy.drain_timeout = 20 * USEC_PER_MSEC;
	get_stuck_at_a_train();
	drain_on_request(&rig.worker, WORKER_DRAIN);
	RIG_AWAIT(&rig, rig.worker.reactor.stopping);
	expect_counts(8, 3, 5);
}
END_TEST

TCase *datagram_train_failure_case(void)
{
	TCase *part = tcase_create("failure");

	tcase_set_timeout(part, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(part, train_setup, train_teardown);
	tcase_add_loop_test(part, a_train_that_is_refused_is_sent_one_by_one, 0,
			    ARRAY_SIZE(train_errors));
	tcase_add_test(part,
		       trains_that_a_device_refuses_are_not_tried_each_time);
	tcase_add_test(part, refused_trains_are_tried_again_later);
	tcase_add_test(part, other_errors_say_nothing_of_the_next_train);
	tcase_add_test(part,
		       those_before_and_behind_a_refused_train_go_together);
	tcase_add_test(part, one_by_one_means_those_that_came);
	tcase_add_loop_test(part, one_that_fails_is_skipped_and_counted, 0,
			    ARRAY_SIZE(train_errors));
	tcase_add_test(part,
		       a_train_of_which_none_can_be_sent_is_counted_whole);
	tcase_add_test(part, an_interrupted_train_is_repeated);
	tcase_add_test(part, an_interrupted_one_of_a_train_is_repeated);
	tcase_add_test(part, what_was_not_sent_at_once_is_sent_next);
	return part;
}

TCase *datagram_train_stuck_case(void)
{
	TCase *part = tcase_create("stuck");

	tcase_set_timeout(part, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(part, train_setup, train_teardown);
	tcase_add_test(part, a_train_waits_for_room);
	tcase_add_test(part, the_rest_of_a_train_waits_for_room);
	tcase_add_test(part, a_train_may_wait_again_and_again);
	tcase_add_test(part, closed_at_a_train_it_counts_the_rest);
	tcase_add_test(part, closed_in_a_train_it_counts_the_rest);
	tcase_add_test(part, a_stop_waits_for_the_rest_of_a_train);
	tcase_add_test(part, a_stop_does_not_wait_for_a_train_for_ever);
	return part;
}
