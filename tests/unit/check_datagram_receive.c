/* SPDX-License-Identifier: MIT */
/*
 * Datagram sockets that receive what is odd, or cannot receive, or cannot be
 * served at all.
 */
#include "config.h"

#include "unit/datagram_rig.h"
#include "unit/harness.h"
#include "unit/injection.h"

#include <netinet/in.h>
#include <string.h>

/* As in datagram.c. */
#define SWEEP_BUDGET 512

static struct fault recvmmsg_fault;
static void (*on_received)(struct mmsghdr *messages, int count);
static bool flooded;

INJECTED(void *, NULL, malloc, (size_t size), (size))
INJECTED(int, -1, epoll_ctl,
	 (int epoll_fd, int operation, int fd, struct epoll_event *event),
	 (epoll_fd, operation, fd, event))
WRAPPED(int, call_receive_many,
	(int fd, struct mmsghdr *messages, unsigned count, int flags));

int __wrap_call_receive_many(int fd, struct mmsghdr *messages, unsigned count,
			     int flags)
{
	int received;

	if (fault_strikes(&recvmmsg_fault))
		return -1;
	received =
		flooded ? (int)count
			: __real_call_receive_many(fd, messages, count, flags);
	if (received > 0 && on_received)
		on_received(messages, received);
	return received;
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

START_TEST(fewer_than_a_batch_empty_the_queue)
{
	let_arrive(0, BATCH_MAX - 1);
	rig_turn_often(&rig);
	ck_assert_uint_eq(recvmmsg_fault.calls, 1);
	expect_numbers(client, 0, BATCH_MAX - 1);
}
END_TEST

START_TEST(after_a_whole_batch_there_may_be_more)
{
	let_arrive(0, BATCH_MAX);
	rig_turn_often(&rig);
	ck_assert_uint_eq(recvmmsg_fault.calls, 2);
	expect_numbers(client, 0, BATCH_MAX);
}
END_TEST

static const int receive_errors[] = { EINTR, ECONNREFUSED, ENOMEM };

START_TEST(an_error_of_receiving_leaves_the_rest_for_the_next_turn)
{
	recvmmsg_fault =
		(struct fault){ .times = 1, .error = receive_errors[_i] };
	let_arrive(0, 3);
	rig_turn(&rig);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_received), 0);
	rig_turn(&rig);
	expect_numbers(client, 0, 3);
}
END_TEST

/* ... but is not tried for ever: there is a pause, and somebody hears of it. */
START_TEST(an_error_that_stays_is_not_spun_on)
{
	recvmmsg_fault = (struct fault){ .times = FOR_EVER, .error = ENOMEM };
	let_arrive(0, 3);
	for (int i = 0; i < 10; i++)
		rig_turn(&rig);
	ck_assert_uint_eq(recvmmsg_fault.calls, 2);
	ck_assert_uint_eq(RIG_COUNT(&rig, receive_starved), 1);
	/* It tries again, and that is the same pause. */
	RIG_AWAIT(&rig, recvmmsg_fault.calls == 4);
	ck_assert_uint_eq(RIG_COUNT(&rig, receive_starved), 1);
	recvmmsg_fault.times = 0;
	expect_numbers(client, 0, 3);
	recvmmsg_fault.times = FOR_EVER;
	let_arrive(3, 1);
	RIG_AWAIT(&rig, RIG_COUNT(&rig, receive_starved) == 2);
	recvmmsg_fault.times = 0;
	expect_numbers(client, 3, 1);
}
END_TEST

START_TEST(errors_apart_are_no_reason_to_pause)
{
	for (unsigned i = 0; i < 4; i++) {
		recvmmsg_fault =
			(struct fault){ .times = 1, .error = ECONNREFUSED };
		let_arrive(i, 1);
		expect_numbers(client, i, 1);
	}
	ck_assert_uint_eq(RIG_COUNT(&rig, receive_starved), 0);
}
END_TEST

START_TEST(a_sweep_ends_at_an_error_that_stays)
{
	recvmmsg_fault = (struct fault){ .times = FOR_EVER, .error = ENOMEM };
	datagram_sweep(&datagram);
	ck_assert_uint_eq(recvmmsg_fault.calls, 2);
	datagram_close(&datagram);
	ck_assert(list_is_empty(&rig.worker.waiting));
}
END_TEST

static void come_from_port_zero(struct mmsghdr *messages, int count)
{
	struct sockaddr_in *peer = messages[0].msg_hdr.msg_name;
	struct sockaddr_in6 *peer6 = messages[1].msg_hdr.msg_name;

	ck_assert_int_eq(count, 3);
	peer->sin_port = 0;
	*peer6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
					.sin6_addr = in6addr_loopback };
	messages[1].msg_hdr.msg_namelen = sizeof(*peer6);
}

START_TEST(port_zero_is_not_answered)
{
	on_received = come_from_port_zero;
	let_arrive(0, 3);
	rig_turn(&rig);
	expect_numbers(client, 2, 1);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_refused_port), 2);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_unsent), 0);
}
END_TEST

static void cut_the_second(struct mmsghdr *messages, int count)
{
	ck_assert_int_eq(count, 3);
	messages[1].msg_hdr.msg_flags |= MSG_TRUNC;
}

START_TEST(what_did_not_fit_is_not_answered)
{
	on_received = cut_the_second;
	let_arrive(0, 3);
	rig_turn(&rig);
	expect_numbers(client, 0, 1);
	expect_numbers(client, 2, 1);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_refused_long), 1);
	on_received = NULL;
	let_arrive(3, 3);
	rig_turn(&rig);
	expect_numbers(client, 3, 3);
}
END_TEST

static void flood(struct mmsghdr *messages, int count)
{
	for (int i = 0; i < count; i++) {
		messages[i].msg_hdr.msg_namelen = 0;
		messages[i].msg_hdr.msg_controllen = 0;
		messages[i].msg_hdr.msg_flags = 0;
		messages[i].msg_len = 0;
	}
}

START_TEST(a_sweep_ends_though_the_flood_does_not)
{
	flooded = true;
	on_received = flood;
	datagram_sweep(&datagram);
	ck_assert_uint_eq(recvmmsg_fault.calls, SWEEP_BUDGET);
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_refused_unnamed),
			  SWEEP_BUDGET * BATCH_MAX);
}
END_TEST

/* What cannot be served is not there, and nothing of it stays behind. */
static int open_another(struct fault *fault, int error)
{
	static struct datagram another;
	struct socket_identity identity = { .family = AF_INET };
	int fd = ipv4_client(), result;

	*fault = (struct fault){ .times = 1, .error = error };
	result = datagram_open(&another, &rig.worker, fd, &identity);
	ck_assert_ptr_null(another.batch);
	ck_assert_ptr_eq(rig.worker.datagrams.next, &datagram.siblings);
	ck_assert_ptr_eq(rig.worker.datagrams.previous, &datagram.siblings);
	datagram_close(&another);
	return result;
}

START_TEST(a_socket_without_memory_is_not_served)
{
	ck_assert_int_eq(open_another(&malloc_fault, ENOMEM), -ENOMEM);
}
END_TEST

START_TEST(a_socket_that_epoll_does_not_take_is_not_served)
{
	ck_assert_int_eq(open_another(&epoll_ctl_fault, ENOSPC), -ENOSPC);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("datagram_receive");
	TCase *tcase = tcase_create("datagram_receive");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, datagram_rig_teardown);
	tcase_add_test(tcase, fewer_than_a_batch_empty_the_queue);
	tcase_add_test(tcase, after_a_whole_batch_there_may_be_more);
	tcase_add_loop_test(
		tcase, an_error_of_receiving_leaves_the_rest_for_the_next_turn,
		0, ARRAY_SIZE(receive_errors));
	tcase_add_test(tcase, an_error_that_stays_is_not_spun_on);
	tcase_add_test(tcase, errors_apart_are_no_reason_to_pause);
	tcase_add_test(tcase, a_sweep_ends_at_an_error_that_stays);
	tcase_add_test(tcase, port_zero_is_not_answered);
	tcase_add_test(tcase, what_did_not_fit_is_not_answered);
	tcase_add_test(tcase, a_sweep_ends_though_the_flood_does_not);
	tcase_add_test(tcase, a_socket_without_memory_is_not_served);
	tcase_add_test(tcase, a_socket_that_epoll_does_not_take_is_not_served);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
