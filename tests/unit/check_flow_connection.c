/* SPDX-License-Identifier: MIT */
/*
 * Flows over connections that end, are refused, and are made again.
 *
 * Link with -Wl,--wrap=connect, epoll_ctl and socket.
 */
#include "config.h"

#include "unit/capture.h"
#include "unit/flow_rig.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/sockets.h"

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define SIZE 64

INJECTED(int, -1, connect,
	 (int fd, const struct sockaddr *address, socklen_t length),
	 (fd, address, length))
INJECTED(int, -1, epoll_ctl,
	 (int epoll_fd, int op, int fd, struct epoll_event *event),
	 (epoll_fd, op, fd, event))
INJECTED(int, -1, socket, (int domain, int type, int protocol),
	 (domain, type, protocol))

static struct flow_rig rig;
static int listener, peer;
static unsigned char bytes[8 * SIZE];

static void close_fd(int fd)
{
	ck_assert_int_eq(close(fd), 0);
}

/* A connection that stands before the first probe. */
static void set_up(void)
{
	listener = tcp_listener(0);
	flow_rig_init_to(&rig, "tcp", listener);
	ck_assert_int_eq(flow_open(&rig.flow), 0);
	peer = tcp_accept(listener);
	FLOW_RIG_AWAIT(&rig, rig.flow.state == FLOW_OPEN);
}

static void tear_down(void)
{
	flow_rig_deinit(&rig);
}

static void probe(int count)
{
	while (count-- > 0)
		flow_probe(&rig.flow);
}

/* Take so many bytes from the flow, which sends meanwhile. */
static void take(size_t size)
{
	size_t taken = 0;

	while (taken < size) {
		ssize_t part =
			recv(peer, bytes + taken, size - taken, MSG_DONTWAIT);

		if (part > 0)
			taken += (size_t)part;
		else if (rig.flow.wants_out)
			flow_rig_step(&rig);
		else
			await_readable(peer);
	}
}

static void give(const void *data, size_t size)
{
	ck_assert_int_eq(send(peer, data, size, MSG_NOSIGNAL), (ssize_t)size);
}

static void await_told(size_t count)
{
	FLOW_RIG_AWAIT(&rig, told_count >= count);
	ck_assert_uint_eq(told_count, count);
}

/* The peer ends the connection, while two probes are under way. */
static void end(size_t answered, bool reset)
{
	probe(2);
	take(2 * SIZE);
	if (answered > 0)
		give(bytes, answered);
	if (reset) {
		struct linger at_once = { 1, 0 };

		ck_assert_int_eq(setsockopt(peer, SOL_SOCKET, SO_LINGER,
					    &at_once, sizeof(at_once)),
				 0);
	}
	close_fd(peer);
	FLOW_RIG_AWAIT(&rig, rig.flow.state == FLOW_CLOSED);
}

START_TEST(loses_what_a_closed_connection_owes)
{
	end((size_t)_i, false);
	ck_assert_uint_eq(told_count, 2);
	expect_lost(2, "closed by the peer");
	expect_tally(&rig.flow, (size_t)_i / SIZE, 2 - (size_t)_i / SIZE);
	ck_assert_int_eq(rig.flow.fd, -1);
}
END_TEST

START_TEST(loses_what_a_reset_connection_owes)
{
	end(0, true);
	ck_assert_uint_eq(told_count, 2);
	expect_lost(2, "Connection reset by peer");
	expect_tally(&rig.flow, 0, 2);
}
END_TEST

START_TEST(connects_again_and_says_so)
{
	await_kernel_stamps();
	end(10, false);
	probe(1);
	peer = tcp_accept(listener);
	FLOW_RIG_AWAIT(&rig, rig.flow.state == FLOW_OPEN);
	probe(1);
	take(2 * SIZE);
	give(bytes, 2 * SIZE);
	await_told(4);
	expect_reply(4, 0);
	ck_assert(!told[3].reply.connected);
	ck_assert(told[2].reply.connected);
	ck_assert_int_eq(told[2].reply.clock, CLOCK_USER);
	ck_assert_int_eq(told[3].reply.clock, CLOCK_KERNEL);
	expect_tally(&rig.flow, 2, 2);
}
END_TEST

START_TEST(tells_of_an_idle_connection_that_ended)
{
	int errors = stderr_capture();

	close_fd(peer);
	FLOW_RIG_AWAIT(&rig, rig.flow.state == FLOW_CLOSED);
	ck_assert_ptr_nonnull(
		strstr(stderr_line(errors), ": closed by the peer"));
	ck_assert_uint_eq(told_count, 0);
}
END_TEST

START_TEST(makes_a_connection_for_each_probe)
{
	int lowest;

	flow_close(&rig.flow, NULL);
	close_fd(peer);
	lowest = lowest_free_fd();
	rig.settings.connect = true;
	for (uint64_t i = 1; i <= 5; i++) {
		probe(1);
		peer = tcp_accept(listener);
		FLOW_RIG_AWAIT(&rig, rig.flow.state == FLOW_OPEN);
		take(SIZE);
		give(bytes, 10);
		flow_rig_step(&rig);
		give(bytes + 10, SIZE - 10);
		await_told(i);
		expect_reply(i, 0);
		ck_assert(told_last()->connected);
		ck_assert_int_eq(rig.flow.state, FLOW_CLOSED);
		close_fd(peer);
		ck_assert_int_eq(lowest_free_fd(), lowest);
	}
	expect_tally(&rig.flow, 5, 0);
}
END_TEST

START_TEST(leaves_a_connection_that_does_not_answer)
{
	rig.settings.connect = true;
	probe(1);
	peer = tcp_accept(listener);
	FLOW_RIG_AWAIT(&rig, rig.flow.state == FLOW_OPEN);
	flow_expire(&rig.context, NSEC_INFINITY - 1);
	expect_lost(1, NULL);
	probe(1);
	peer = tcp_accept(listener);
	FLOW_RIG_AWAIT(&rig, rig.flow.state == FLOW_OPEN);
	take(SIZE);
	give(bytes, SIZE);
	await_told(2);
	expect_reply(2, 0);
}
END_TEST

START_TEST(tells_why_it_cannot_connect)
{
	int lowest;

	flow_close(&rig.flow, NULL);
	lowest = lowest_free_fd();
	socket_fault = (struct fault){ .times = 1, .error = EMFILE };
	probe(1);
	expect_lost(1, "Too many open files");
	connect_fault = (struct fault){ .times = 1, .error = EADDRNOTAVAIL };
	probe(1);
	expect_lost(2, "Cannot assign requested address");
	epoll_ctl_fault = (struct fault){ .times = 1, .error = ENOSPC };
	probe(1);
	expect_lost(3, "No space left on device");
	ck_assert_int_eq(lowest_free_fd(), lowest);
	close_fd(listener);
	probe(1);
	await_told(4);
	expect_lost(4, "Connection refused");
	expect_tally(&rig.flow, 0, 4);
	ck_assert_uint_eq(rig.flow.tally.errors, 4);
}
END_TEST

START_TEST(says_nothing_of_a_refusal_before_the_first_probe)
{
	int errors = stderr_capture();

	flow_close(&rig.flow, NULL);
	close_fd(listener);
	ck_assert_int_eq(flow_open(&rig.flow), 0);
	FLOW_RIG_AWAIT(&rig, rig.flow.state == FLOW_CLOSED);
	stderr_expect_nothing(errors);
	ck_assert_uint_eq(told_count, 0);
}
END_TEST

START_TEST(sends_nothing_that_was_given_up_while_connecting)
{
	flow_close(&rig.flow, NULL);
	probe(3);
	ck_assert_int_eq(rig.flow.state, FLOW_CONNECTING);
	flow_expire(&rig.context, NSEC_INFINITY - 1);
	expect_lost(3, NULL);
	probe(2);
	peer = tcp_accept(listener);
	FLOW_RIG_AWAIT(&rig, rig.flow.state == FLOW_OPEN);
	take(2 * SIZE);
	give(bytes, 2 * SIZE);
	await_told(5);
	ck_assert_uint_eq(told[3].reply.sequence, 4);
	expect_reply(5, 0);
	expect_tally(&rig.flow, 2, 3);
}
END_TEST

static Suite *flow_connection_suite(void)
{
	Suite *suite = suite_create("flow_connection");
	TCase *connection = tcase_create("connection");

	tcase_set_timeout(connection, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(connection, set_up, tear_down);
	tcase_add_loop_test(connection, loses_what_a_closed_connection_owes, 0,
			    SIZE + 2);
	tcase_add_test(connection, loses_what_a_reset_connection_owes);
	tcase_add_test(connection, connects_again_and_says_so);
	tcase_add_test(connection, tells_of_an_idle_connection_that_ended);
	tcase_add_test(connection, makes_a_connection_for_each_probe);
	tcase_add_test(connection, leaves_a_connection_that_does_not_answer);
	tcase_add_test(connection, tells_why_it_cannot_connect);
	tcase_add_test(connection,
		       says_nothing_of_a_refusal_before_the_first_probe);
	tcase_add_test(connection,
		       sends_nothing_that_was_given_up_while_connecting);
	suite_add_tcase(suite, connection);
	return suite;
}

int main(void)
{
	return harness_run(flow_connection_suite());
}
