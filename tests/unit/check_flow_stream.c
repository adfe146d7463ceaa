/* SPDX-License-Identifier: MIT */
/*
 * Flows over connections, whose other end the test holds: replies in pieces,
 * wrong, too long, late, or none.
 *
 * Link with -Wl,--wrap=epoll_ctl, recvmsg and send.
 */
#include "config.h"

#include "unit/capture.h"
#include "unit/flow_rig.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/sockets.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define SIZE 64

INJECTED(int, -1, epoll_ctl,
	 (int epoll_fd, int op, int fd, struct epoll_event *event),
	 (epoll_fd, op, fd, event))
INJECTED(ssize_t, -1, recvmsg, (int fd, struct msghdr *message, int flags),
	 (fd, message, flags))
INJECTED(ssize_t, -1, send, (int fd, const void *data, size_t size, int flags),
	 (fd, data, size, flags))

static struct flow_rig rig;
static int listener, peer;
static unsigned char bytes[2 * MESSAGE_SIZE_MAX];

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
	ck_assert_int_eq(__real_send(peer, data, size, MSG_NOSIGNAL),
			 (ssize_t)size);
}

/* Send it, and let the flow look. */
static void give_and_step(const void *data, size_t size)
{
	give(data, size);
	await_readable(rig.flow.fd);
	flow_on_ready(&rig.flow, EPOLLIN);
}

static void await_told(size_t count)
{
	FLOW_RIG_AWAIT(&rig, told_count >= count);
	ck_assert_uint_eq(told_count, count);
}

START_TEST(is_timed_by_the_kernel)
{
	await_kernel_stamps();
	for (uint64_t i = 1; i <= 3; i++) {
		probe(1);
		take(SIZE);
		give(bytes, SIZE);
		await_told(i);
		expect_reply(i, 0);
		ck_assert_int_eq(told_last()->clock, CLOCK_KERNEL);
		ck_assert(!told_last()->connected);
	}
	ck_assert_uint_gt(told_last()->port, 0);
	expect_tally(&rig.flow, 3, 0);
}
END_TEST

START_TEST(takes_replies_byte_by_byte)
{
	probe(2);
	take(2 * SIZE);
	for (size_t at = 0; at < 2 * SIZE; at++) {
		ck_assert_uint_eq(told_count, at / SIZE);
		give_and_step(bytes + at, 1);
	}
	expect_reply(2, 0);
	expect_tally(&rig.flow, 2, 0);
}
END_TEST

START_TEST(takes_several_replies_at_once)
{
	probe(5);
	take(5 * SIZE);
	give_and_step(bytes, 2 * SIZE + 10);
	ck_assert_uint_eq(told_count, 2);
	give_and_step(bytes + 2 * SIZE + 10, 3 * SIZE - 10);
	ck_assert_uint_eq(told_count, 5);
	for (uint64_t i = 0; i < 5; i++) {
		ck_assert_uint_eq(told[i].reply.sequence, i + 1);
		ck_assert_uint_eq(told[i].reply.faults, 0);
		ck_assert_uint_eq(told[i].reply.size, SIZE);
	}
}
END_TEST

START_TEST(takes_replies_to_what_is_still_being_sent)
{
	rig.settings.size = MESSAGE_SIZE_MAX;
	fd_set_option(rig.flow.fd, SOL_SOCKET, SO_SNDBUF, 8192);
	probe(1);
	ck_assert(rig.flow.wants_out);
	take(4096);
	give_and_step(bytes, 4096);
	ck_assert_uint_eq(rig.flow.received_part, 4096);
	ck_assert_int_eq(rig.flow.state, FLOW_OPEN);
	/* But not more than was sent. */
	give_and_step(bytes, 4096);
	ck_assert_int_eq(rig.flow.state, FLOW_CLOSED);
	ck_assert_uint_eq(told[0].reply.faults, FAULT_CORRUPT);
	ck_assert_uint_eq(told[0].reply.mismatch, 4096);
}
END_TEST

START_TEST(carries_the_longest)
{
	size_t given = 0;

	rig.settings.size = MESSAGE_SIZE_MAX;
	rig.flow.stamps = false;
	probe(1);
	take(MESSAGE_SIZE_MAX);
	while (given < MESSAGE_SIZE_MAX) {
		ssize_t part =
			__real_send(peer, bytes + given,
				    MESSAGE_SIZE_MAX - given, MSG_DONTWAIT);

		if (part > 0)
			given += (size_t)part;
		else
			flow_rig_step(&rig);
	}
	await_told(1);
	expect_reply(1, 0);
	ck_assert_uint_eq(told_last()->size, MESSAGE_SIZE_MAX);
}
END_TEST

START_TEST(says_when_more_is_to_be_read)
{
	rig.context.buffer_size = SIZE;
	probe(2);
	take(2 * SIZE);
	give_and_step(bytes, 2 * SIZE);
	ck_assert_uint_eq(told_count, 1);
	ck_assert(rig.context.unread);
	rig.context.unread = false;
	rig.context.buffer_size = 2 * SIZE;
	flow_on_ready(&rig.flow, EPOLLIN);
	ck_assert_uint_eq(told_count, 2);
	ck_assert(!rig.context.unread);
}
END_TEST

START_TEST(finds_each_byte_that_is_wrong)
{
	size_t wrong = (size_t)_i;

	probe(3);
	take(3 * SIZE);
	bytes[SIZE + wrong] ^= 1;
	give(bytes, 3 * SIZE);
	await_told(3);
	ck_assert_uint_eq(told[0].reply.faults, 0);
	ck_assert_uint_eq(told[1].reply.faults, FAULT_CORRUPT);
	ck_assert_uint_eq(told[1].reply.mismatch, wrong);
	ck_assert_uint_eq(told[1].reply.size, SIZE);
	expect_lost(3, "the stream is corrupt");
	expect_tally(&rig.flow, 1, 2);
	ck_assert_int_eq(rig.flow.state, FLOW_CLOSED);
}
END_TEST

START_TEST(tells_of_more_than_was_sent)
{
	int errors = stderr_capture();

	probe(1);
	take(SIZE);
	give(bytes, SIZE + 1);
	FLOW_RIG_AWAIT(&rig, rig.flow.state == FLOW_CLOSED);
	expect_reply(1, 0);
	ck_assert_ptr_nonnull(
		strstr(stderr_line(errors), ": more came back than was sent"));
	expect_tally(&rig.flow, 1, 0);
}
END_TEST

START_TEST(knows_replies_that_it_has_forgotten_by_their_place)
{
	probe(70);
	ck_assert_uint_eq(told_count, 6);
	take(70 * SIZE);
	give(bytes, 70 * SIZE);
	await_told(76);
	for (uint64_t i = 0; i < 70; i++) {
		const struct reply *reply = &told[6 + i].reply;

		ck_assert_uint_eq(reply->sequence, i + 1);
		ck_assert_uint_eq(reply->faults, i < 6 ? FAULT_LATE : 0U);
	}
	expect_tally(&rig.flow, 64, 6);
	ck_assert_int_eq(rig.flow.state, FLOW_OPEN);
}
END_TEST

START_TEST(sends_what_it_has_forgotten_in_its_place)
{
	send_fault = (struct fault){ .times = FOR_EVER, .error = EAGAIN };
	probe(70);
	send_fault.times = 0;
	take(70 * SIZE);
	give(bytes, 70 * SIZE);
	await_told(76);
	ck_assert_uint_eq(told[6].reply.faults, FAULT_LATE);
	expect_reply(70, 0);
	expect_tally(&rig.flow, 64, 6);
}
END_TEST

START_TEST(counts_the_time_in_line)
{
	uint64_t first;

	send_fault = (struct fault){ .times = FOR_EVER, .error = EAGAIN };
	probe(1);
	first = flow_next_expiry(&rig.context);
	probe(1);
	ck_assert_uint_eq(flow_next_expiry(&rig.context), first);
	flow_expire(&rig.context, first);
	expect_lost(1, NULL);
	ck_assert_uint_gt(flow_next_expiry(&rig.context), first);
	send_fault.times = 0;
	take(2 * SIZE);
	give(bytes, 2 * SIZE);
	await_told(3);
	ck_assert_uint_eq(told[1].reply.faults, FAULT_LATE);
	expect_reply(2, 0);
}
END_TEST

START_TEST(loses_what_cannot_be_sent_or_received)
{
	send_fault = (struct fault){ .times = 1, .error = EPIPE };
	probe(1);
	expect_lost(1, "Broken pipe");
	probe(1);
	peer = tcp_accept(listener);
	/* The second is the accepted one: the first was closed. */
	FLOW_RIG_AWAIT(&rig, rig.flow.state == FLOW_OPEN);
	epoll_ctl_fault = (struct fault){ .times = 1, .error = ENOMEM };
	send_fault = (struct fault){ .times = 1, .error = EAGAIN };
	probe(1);
	expect_lost(3, "Cannot allocate memory");
	probe(1);
	peer = tcp_accept(listener);
	take(SIZE);
	give(bytes, SIZE);
	await_readable(rig.flow.fd);
	recvmsg_fault = (struct fault){ .times = FOR_EVER, .error = ETIMEDOUT };
	flow_on_ready(&rig.flow, EPOLLIN);
	expect_lost(4, "Connection timed out");
	expect_tally(&rig.flow, 0, 4);
}
END_TEST

START_TEST(unix_streams_come_back)
{
	struct address any = { .length = sizeof(sa_family_t),
			       .any.sa_family = AF_UNIX };

	flow_rig_deinit(&rig);
	listener = fd_bound(SOCK_STREAM, &any);
	ck_assert_int_eq(listen(listener, 5), 0);
	flow_rig_init_to(&rig, "unix", listener);
	ck_assert_int_eq(flow_open(&rig.flow), 0);
	peer = tcp_accept(listener);
	for (uint64_t i = 1; i <= 3; i++) {
		probe(1);
		take(SIZE);
		give(bytes, SIZE);
		await_told(i);
		expect_reply(i, 0);
		ck_assert_int_eq(told_last()->clock, CLOCK_USER);
		ck_assert_uint_eq(told_last()->port, 0);
	}
}
END_TEST

static Suite *flow_stream_suite(void)
{
	Suite *suite = suite_create("flow_stream");
	TCase *stream = tcase_create("stream");

	tcase_set_timeout(stream, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(stream, set_up, tear_down);
	tcase_add_test(stream, is_timed_by_the_kernel);
	tcase_add_test(stream, takes_replies_byte_by_byte);
	tcase_add_test(stream, takes_several_replies_at_once);
	tcase_add_test(stream, takes_replies_to_what_is_still_being_sent);
	tcase_add_test(stream, carries_the_longest);
	tcase_add_test(stream, says_when_more_is_to_be_read);
	tcase_add_loop_test(stream, finds_each_byte_that_is_wrong, 0, SIZE);
	tcase_add_test(stream, tells_of_more_than_was_sent);
	tcase_add_test(stream,
		       knows_replies_that_it_has_forgotten_by_their_place);
	tcase_add_test(stream, sends_what_it_has_forgotten_in_its_place);
	tcase_add_test(stream, counts_the_time_in_line);
	tcase_add_test(stream, loses_what_cannot_be_sent_or_received);
	tcase_add_test(stream, unix_streams_come_back);
	suite_add_tcase(suite, stream);
	return suite;
}

int main(void)
{
	return harness_run(flow_stream_suite());
}
