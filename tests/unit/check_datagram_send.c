/* SPDX-License-Identifier: MIT */
/*
 * Datagram sockets that cannot send: each reply goes out once, or is counted
 * as unsent, and a full send buffer is waited for.
 */
#include "config.h"

#include "echod/drain.h"
#include "unit/datagram_rig.h"
#include "unit/harness.h"
#include "unit/injection.h"

static struct fault sendmmsg_fault, epoll_ctl_fault;
static unsigned sendmmsg_most; /* messages a call, unless 0 */
static uint32_t armed;	       /* by the last epoll_ctl() */

INJECTED(int, -1, call_receive_many,
	 (int fd, struct mmsghdr *messages, unsigned count, int flags),
	 (fd, messages, count, flags))
WRAPPED(int, epoll_ctl,
	(int epoll_fd, int operation, int fd, struct epoll_event *event));
WRAPPED(int, call_send_many,
	(int fd, struct mmsghdr *messages, unsigned count, int flags));

int __wrap_epoll_ctl(int epoll_fd, int operation, int fd,
		     struct epoll_event *event)
{
	armed = event->events;
	if (fault_strikes(&epoll_ctl_fault))
		return -1;
	return __real_epoll_ctl(epoll_fd, operation, fd, event);
}

int __wrap_call_send_many(int fd, struct mmsghdr *messages, unsigned count,
			  int flags)
{
	if (fault_strikes(&sendmmsg_fault))
		return -1;
	if (sendmmsg_most > 0)
		count = MIN(count, sendmmsg_most);
	return __real_call_send_many(fd, messages, count, flags);
}

static int client;

static void setup(void)
{
	datagram_rig_setup();
	serve_address(ipv4_address("127.0.0.1", 0));
	client = ipv4_client();
}

/* Let this many datagrams arrive before the next turn. */
static void let_arrive(unsigned first, unsigned count)
{
	send_numbers(client, first, count);
	AWAIT(fd_inq(datagram.source.fd) > 0);
}

START_TEST(what_was_not_sent_at_once_is_sent_next)
{
	sendmmsg_most = 3;
	let_arrive(0, 10);
	rig_turn(&rig);
	expect_numbers(client, 0, 10);
	expect_silence(client);
	ck_assert_uint_eq(sendmmsg_fault.calls, 4);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_sent), 10);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_unsent), 0);
}
END_TEST

static const int own_errors[] = { EINVAL,   EPERM,	 ENOBUFS, ECONNREFUSED,
				  EMSGSIZE, ENETUNREACH, EACCES,  ENOMEM };

START_TEST(a_reply_that_fails_is_skipped_and_counted)
{
	sendmmsg_most = 2;
	sendmmsg_fault = (struct fault){ .skip = 1,
					 .times = 1,
					 .error = own_errors[_i] };
	let_arrive(0, 5);
	rig_turn(&rig);
	expect_numbers(client, 0, 2);
	expect_numbers(client, 3, 2);
	expect_silence(client);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_sent), 4);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_unsent), 1);
	sendmmsg_fault = (struct fault){ .times = 1, .error = own_errors[_i] };
	let_arrive(5, 2);
	rig_turn(&rig);
	expect_numbers(client, 6, 1);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_unsent), 2);
}
END_TEST

START_TEST(an_interrupted_send_is_repeated)
{
	sendmmsg_fault = (struct fault){ .times = 2, .error = EINTR };
	let_arrive(0, 3);
	rig_turn(&rig);
	expect_numbers(client, 0, 3);
	expect_silence(client);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_unsent), 0);
}
END_TEST

/* Of five datagrams two go out before the send buffer is full. */
static void get_stuck(void)
{
	sendmmsg_most = 2;
	sendmmsg_fault =
		(struct fault){ .skip = 1, .times = FOR_EVER, .error = EAGAIN };
	let_arrive(0, 5);
	rig_turn(&rig);
	expect_numbers(client, 0, 2);
	expect_silence(client);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_sent), 2);
}

/* There is room: the kernel would report it. */
static void make_room(void)
{
	sendmmsg_fault.times = 0;
	event_source_raise(&datagram.source, EPOLLOUT);
}

START_TEST(a_full_send_buffer_stops_receiving)
{
	get_stuck();
	ck_assert_uint_eq(armed, EPOLLIN | EPOLLOUT | (uint32_t)EPOLLET);
	let_arrive(5, 4);
	call_receive_many_fault.calls = 0;
	rig_turn_often(&rig);
	ck_assert_uint_eq(call_receive_many_fault.calls, 0);
	make_room();
	rig_turn(&rig);
	expect_numbers(client, 2, 3);
	ck_assert_uint_eq(armed, EPOLLIN | (uint32_t)EPOLLET);
	rig_turn(&rig);
	expect_numbers(client, 5, 4);
	rig_turn_often(&rig);
	expect_silence(client);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_received), 9);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_sent), 9);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_unsent), 0);
}
END_TEST

START_TEST(a_full_send_buffer_does_not_spin)
{
	get_stuck();
	/* The socket is writable in truth: that edge comes once. */
	rig_turn(&rig);
	sendmmsg_fault.calls = 0;
	rig_turn_often(&rig);
	ck_assert_uint_eq(sendmmsg_fault.calls, 0);
	/* As often as there is an edge, and no room after all. */
	event_source_raise(&datagram.source, EPOLLOUT);
	rig_turn_often(&rig);
	ck_assert_uint_eq(sendmmsg_fault.calls, 1);
	make_room();
	rig_turn(&rig);
	expect_numbers(client, 2, 3);
}
END_TEST

/* When it cannot be armed for OUT, the next datagram wakes it. */
START_TEST(what_cannot_be_armed_is_woken_by_input)
{
	epoll_ctl_fault = (struct fault){ .times = 1, .error = ENOMEM };
	get_stuck();
	rig_turn_often(&rig);
	sendmmsg_fault.times = 0;
	let_arrive(5, 1);
	rig_turn(&rig);
	expect_numbers(client, 2, 3);
	rig_turn(&rig);
	expect_numbers(client, 5, 1);
	expect_silence(client);
}
END_TEST

/* Every datagram sent wakes it once more then, which does no harm. */
START_TEST(what_cannot_be_disarmed_goes_on)
{
	get_stuck();
	epoll_ctl_fault = (struct fault){ .times = 1, .error = ENOMEM };
	make_room();
	rig_turn(&rig);
	expect_numbers(client, 2, 3);
	let_arrive(5, 3);
	rig_turn_often(&rig);
	expect_numbers(client, 5, 3);
	expect_silence(client);
	call_receive_many_fault.calls = 0;
	rig_turn_often(&rig);
	ck_assert_uint_eq(call_receive_many_fault.calls, 0);
}
END_TEST

START_TEST(closed_while_it_is_stuck_it_counts_the_rest)
{
	get_stuck();
	datagram_close(&datagram);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_unsent), 3);
	datagram_close(&datagram);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_unsent), 3);
}
END_TEST

START_TEST(paused_while_it_is_stuck_it_sends_the_rest_only)
{
	get_stuck();
	datagram_pause(&datagram);
	let_arrive(5, 2);
	make_room();
	rig_turn(&rig);
	expect_numbers(client, 2, 3);
	rig_turn_often(&rig);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_received), 5);
	datagram_resume(&datagram);
	rig_turn(&rig);
	expect_numbers(client, 5, 2);
}
END_TEST

START_TEST(resumed_while_it_is_stuck_it_receives_nothing_yet)
{
	get_stuck();
	datagram_pause(&datagram);
	datagram_resume(&datagram);
	let_arrive(5, 2);
	rig_turn(&rig);
	sendmmsg_fault.calls = 0;
	rig_turn_often(&rig);
	ck_assert_uint_eq(sendmmsg_fault.calls, 0);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_received), 5);
	make_room();
	rig_turn_often(&rig);
	expect_numbers(client, 2, 5);
}
END_TEST

START_TEST(a_stop_waits_for_what_is_stuck)
{
	get_stuck();
	drain_on_request(&rig.worker, WORKER_DRAIN);
	rig_turn_often(&rig);
	ck_assert(!rig.worker.reactor.stopping);
	make_room();
	RIG_AWAIT(&rig, rig.worker.reactor.stopping);
	expect_numbers(client, 2, 3);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_unsent), 0);
}
END_TEST

START_TEST(a_stop_does_not_wait_for_ever)
{
	rig.policy.drain_timeout = 20 * USEC_PER_MSEC;
	get_stuck();
	drain_on_request(&rig.worker, WORKER_DRAIN);
	RIG_AWAIT(&rig, rig.worker.reactor.stopping);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_unsent), 3);
}
END_TEST

START_TEST(a_sweep_ends_at_a_full_send_buffer)
{
	get_stuck();
	call_receive_many_fault.calls = 0;
	datagram_sweep(&datagram);
	ck_assert_uint_eq(call_receive_many_fault.calls, 0);
	make_room();
	rig_turn_often(&rig);
	expect_numbers(client, 2, 3);
	sendmmsg_fault = (struct fault){ .times = FOR_EVER, .error = EAGAIN };
	let_arrive(5, 2 * BATCH_MAX);
	call_receive_many_fault.calls = 0;
	datagram_sweep(&datagram);
	ck_assert_uint_eq(call_receive_many_fault.calls, 1);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("datagram_send");
	TCase *tcase = tcase_create("datagram_send");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, datagram_rig_teardown);
	tcase_add_test(tcase, what_was_not_sent_at_once_is_sent_next);
	tcase_add_loop_test(tcase, a_reply_that_fails_is_skipped_and_counted, 0,
			    ARRAY_SIZE(own_errors));
	tcase_add_test(tcase, an_interrupted_send_is_repeated);
	tcase_add_test(tcase, a_full_send_buffer_stops_receiving);
	tcase_add_test(tcase, a_full_send_buffer_does_not_spin);
	tcase_add_test(tcase, what_cannot_be_armed_is_woken_by_input);
	tcase_add_test(tcase, what_cannot_be_disarmed_goes_on);
	tcase_add_test(tcase, closed_while_it_is_stuck_it_counts_the_rest);
	tcase_add_test(tcase, paused_while_it_is_stuck_it_sends_the_rest_only);
	tcase_add_test(tcase,
		       resumed_while_it_is_stuck_it_receives_nothing_yet);
	tcase_add_test(tcase, a_stop_waits_for_what_is_stuck);
	tcase_add_test(tcase, a_stop_does_not_wait_for_ever);
	tcase_add_test(tcase, a_sweep_ends_at_a_full_send_buffer);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
