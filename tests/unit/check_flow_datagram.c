/* SPDX-License-Identifier: MIT */
/*
 * Flows of UDP datagrams against sockets of the test: what is sent and counted,
 * by which clock, and what does not depend on failures of others.
 *
 * Link with -Wl,--wrap=epoll_ctl, recvmsg, sendto and socket.
 */
#include "config.h"

#include "unit/flow_rig.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/sockets.h"

#include <sys/epoll.h>
#include <unistd.h>

INJECTED(int, -1, epoll_ctl,
	 (int epoll_fd, int op, int fd, struct epoll_event *event),
	 (epoll_fd, op, fd, event))
INJECTED(ssize_t, -1, recvmsg, (int fd, struct msghdr *message, int flags),
	 (fd, message, flags))
INJECTED(int, -1, socket, (int domain, int type, int protocol),
	 (domain, type, protocol))

WRAPPED(ssize_t, sendto,
	(int fd, const void *data, size_t size, int flags,
	 const struct sockaddr *to, socklen_t length));
static struct fault sendto_fault;
static bool sendto_uses_id; /* it fails when it has numbered the datagram */

ssize_t __wrap_sendto(int fd, const void *data, size_t size, int flags,
		      const struct sockaddr *to, socklen_t length)
{
	int error;

	if (!fault_strikes(&sendto_fault))
		return __real_sendto(fd, data, size, flags, to, length);
	error = errno;
	if (sendto_uses_id)
		(void)__real_sendto(fd, data, size, flags, to, length);
	errno = error;
	return -1;
}

static struct flow_rig rig;
static int server;

static void set_up(void)
{
	struct address address = ipv4_address("127.0.0.1", 0);

	await_kernel_stamps();
	server = udp_socket(&address);
	flow_rig_init_to(&rig, "udp", server);
}

static void tear_down(void)
{
	flow_rig_deinit(&rig);
}

static void close_fd(int fd)
{
	ck_assert_int_eq(close(fd), 0);
}

/* Take one probe and send it back; returns its sender's port. */
static uint32_t serve_one(int fd)
{
	static unsigned char bytes[DATAGRAM_SIZE_MAX];
	size_t length;
	struct address from = receive_from(fd, bytes, sizeof(bytes), &length);

	ck_assert_int_eq(
		__real_sendto(fd, bytes, length, 0, &from.any, from.length),
		(ssize_t)length);
	return address_port(&from);
}

/* Probe and get the echo. */
static void ping(void)
{
	size_t before;

	flow_probe(&rig.flow);
	before = told_count;
	(void)serve_one(server);
	FLOW_RIG_AWAIT(&rig, told_count > before);
	expect_reply(rig.flow.count, 0);
}

START_TEST(is_timed_by_the_kernel)
{
	for (int i = 0; i < 3; i++) {
		uint32_t port;

		flow_probe(&rig.flow);
		port = serve_one(server);
		FLOW_RIG_AWAIT(&rig, told_count == (size_t)i + 1);
		expect_reply((uint64_t)i + 1, 0);
		ck_assert_int_eq(told_last()->clock, CLOCK_KERNEL);
		ck_assert_uint_eq(told_last()->port, port);
	}
	expect_tally(&rig.flow, 3, 0);
}
END_TEST

START_TEST(works_over_ipv6)
{
	struct address address = ipv6_address("::1", 0);

	if (!ipv6_is_available())
		return;
	flow_rig_deinit(&rig);
	server = udp_socket(&address);
	flow_rig_init_to(&rig, "udp", server);
	ping();
	ck_assert_int_eq(told_last()->clock, CLOCK_KERNEL);
	close_fd(server);
	flow_probe(&rig.flow);
	FLOW_RIG_AWAIT(&rig, told_count == 2);
	expect_lost(2, "Connection refused");
	ck_assert_uint_eq(told_last()->from.length, sizeof(address.in6));
}
END_TEST

static const uint32_t sizes[] = { 0, 1, 7, 8, 9, 15, 16, 17, 1472, 65507 };

START_TEST(carries_all_sizes)
{
	rig.settings.size = sizes[_i];
	ping();
	ping();
	ck_assert_uint_eq(told_last()->size, sizes[_i]);
	expect_tally(&rig.flow, 2, 0);
}
END_TEST

START_TEST(counts_right_after_a_failed_call)
{
	/* As older kernels: the id is gone although nothing was sent. */
	sendto_uses_id = true;
	ping();
	ck_assert_int_eq(told_last()->clock, CLOCK_KERNEL);
	sendto_fault = (struct fault){ .times = 1, .error = ECONNREFUSED };
	flow_probe(&rig.flow);
	(void)serve_one(server);
	(void)serve_one(server);
	FLOW_RIG_AWAIT(&rig, told_count == 3);
	expect_reply(2, FAULT_DUPLICATE);
	for (int i = 0; i < 3; i++) {
		ping();
		ck_assert_int_eq(told_last()->clock, CLOCK_KERNEL);
	}
}
END_TEST

START_TEST(counts_right_after_a_failure)
{
	sendto_uses_id = true;
	sendto_fault = (struct fault){ .times = 2, .error = EPERM };
	flow_probe(&rig.flow);
	expect_lost(1, "Operation not permitted");
	ck_assert_uint_eq(rig.flow.tally.errors, 1);
	(void)serve_one(server);
	(void)serve_one(server);
	FLOW_RIG_AWAIT(&rig, told_count == 3);
	for (int i = 0; i < 3; i++) {
		ping();
		ck_assert_int_eq(told_last()->clock, CLOCK_KERNEL);
	}
	expect_tally(&rig.flow, 3, 1);
}
END_TEST

/* Let the port be closed for as long as the probes take. */
static void probe_closed_port(int count)
{
	struct address address = fd_address(server);

	close_fd(server);
	while (count-- > 0)
		flow_probe(&rig.flow);
	server = udp_socket(&address);
}

START_TEST(loses_by_an_icmp_error_the_one_that_caused_it)
{
	probe_closed_port(1);
	/* The error is there, and would fail this call. */
	flow_probe(&rig.flow);
	ck_assert_uint_eq(told_count, 1);
	expect_lost(1, "Connection refused");
	ck_assert_uint_eq(told_last()->from.in.sin_addr.s_addr,
			  htonl(INADDR_LOOPBACK));
	(void)serve_one(server);
	FLOW_RIG_AWAIT(&rig, told_count == 2);
	expect_reply(2, 0);
	ck_assert_int_eq(told_last()->clock, CLOCK_KERNEL);
	expect_tally(&rig.flow, 1, 1);
}
END_TEST

START_TEST(loses_by_icmp_errors_all_that_caused_one)
{
	ping();
	probe_closed_port(3);
	FLOW_RIG_AWAIT(&rig, told_count == 4);
	for (size_t i = 1; i < 4; i++) {
		ck_assert(told[i].lost);
		ck_assert_uint_eq(told[i].reply.sequence, i + 1);
	}
	ping();
	expect_tally(&rig.flow, 2, 3);
}
END_TEST

START_TEST(loses_empty_ones_in_order)
{
	rig.settings.size = 0;
	probe_closed_port(1);
	flow_probe(&rig.flow);
	expect_lost(1, "Connection refused");
	ck_assert_uint_eq(rig.flow.waiting, 1);
	(void)serve_one(server);
	FLOW_RIG_AWAIT(&rig, told_count == 2);
	expect_reply(2, 0);
}
END_TEST

START_TEST(loses_a_probe_once)
{
	rig.settings.size = 0;
	probe_closed_port(1);
	flow_expire(&rig.context, NSEC_INFINITY - 1);
	/* The error is taken for this one, which has not left yet. */
	flow_probe(&rig.flow);
	ck_assert_uint_eq(told_count, 2);
	expect_lost(2, "Connection refused");
	expect_tally(&rig.flow, 0, 2);
	ck_assert_uint_eq(rig.flow.waiting, 0);
	ping();
}
END_TEST

/* The own port sends something that is not of this flow to a closed one. */
static void provoke_error(uint64_t nonce)
{
	unsigned char bytes[64];
	struct address closed = ipv4_address("127.0.0.1", 0);
	const struct address *to = &closed;
	uint64_t own = rig.flow.nonce;

	/* A port of TCP only. */
	closed = fd_address(fd_bound(SOCK_STREAM, to));
	rig.flow.nonce = nonce;
	flow_rig_message(&rig, 1, bytes);
	rig.flow.nonce = own;
	stay_on_one_cpu();
	ck_assert_int_eq(__real_sendto(rig.flow.fd, bytes, sizeof(bytes), 0,
				       &to->any, to->length),
			 sizeof(bytes));
	await_delivery();
}

START_TEST(takes_no_error_that_is_not_for_a_probe_under_way)
{
	flow_probe(&rig.flow);
	provoke_error(~rig.flow.nonce);
	flow_on_ready(&rig.flow, EPOLLERR);
	ck_assert_uint_eq(told_count, 0);
	(void)serve_one(server);
	FLOW_RIG_AWAIT(&rig, told_count == 1);
	/* It was answered in the meantime. */
	provoke_error(rig.flow.nonce);
	flow_on_ready(&rig.flow, EPOLLERR);
	ck_assert_uint_eq(told_count, 1);
	expect_tally(&rig.flow, 1, 0);
}
END_TEST

START_TEST(takes_turns)
{
	struct address own;
	unsigned char bytes[64];
	size_t length;

	flow_probe(&rig.flow);
	own = receive_from(server, bytes, sizeof(bytes), &length);
	stay_on_one_cpu();
	for (int i = 0; i < 70; i++)
		send_text_to(server, "no echo", &own);
	await_delivery();
	flow_on_ready(&rig.flow, EPOLLIN);
	ck_assert(rig.context.unread);
	ck_assert_uint_eq(told_count, 64);
	rig.context.unread = false;
	flow_on_ready(&rig.flow, EPOLLIN);
	ck_assert(!rig.context.unread);
	ck_assert_uint_eq(told_count, 70);
	ck_assert_uint_eq(rig.flow.tally.foreign, 70);
}
END_TEST

START_TEST(goes_on_after_an_interrupted_call)
{
	flow_probe(&rig.flow);
	(void)serve_one(server);
	await_readable(rig.flow.fd);
	recvmsg_fault = (struct fault){ .skip = 2, .times = 2, .error = EINTR };
	FLOW_RIG_AWAIT(&rig, told_count == 1);
	expect_reply(1, 0);
	ck_assert_uint_eq(recvmsg_fault.times, 0);
}
END_TEST

START_TEST(tells_why_no_socket_was_opened)
{
	int lowest = lowest_free_fd();

	socket_fault = (struct fault){ .times = 1, .error = EMFILE };
	flow_probe(&rig.flow);
	expect_lost(1, "Too many open files");
	epoll_ctl_fault = (struct fault){ .times = 1, .error = ENOSPC };
	flow_probe(&rig.flow);
	expect_lost(2, "No space left on device");
	ck_assert_int_eq(lowest_free_fd(), lowest);
	ck_assert_int_eq(rig.flow.state, FLOW_CLOSED);
	ping();
	expect_tally(&rig.flow, 1, 2);
}
END_TEST

static Suite *flow_datagram_suite(void)
{
	Suite *suite = suite_create("flow_datagram");
	TCase *udp = tcase_create("udp");

	tcase_set_timeout(udp, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(udp, set_up, tear_down);
	tcase_add_test(udp, is_timed_by_the_kernel);
	tcase_add_test(udp, works_over_ipv6);
	tcase_add_loop_test(udp, carries_all_sizes, 0, ARRAY_SIZE(sizes));
	tcase_add_test(udp, counts_right_after_a_failed_call);
	tcase_add_test(udp, counts_right_after_a_failure);
	tcase_add_test(udp, loses_by_an_icmp_error_the_one_that_caused_it);
	tcase_add_test(udp, loses_by_icmp_errors_all_that_caused_one);
	tcase_add_test(udp, loses_empty_ones_in_order);
	tcase_add_test(udp, loses_a_probe_once);
	tcase_add_test(udp, takes_no_error_that_is_not_for_a_probe_under_way);
	tcase_add_test(udp, takes_turns);
	tcase_add_test(udp, goes_on_after_an_interrupted_call);
	tcase_add_test(udp, tells_why_no_socket_was_opened);
	suite_add_tcase(suite, udp);
	return suite;
}

int main(void)
{
	return harness_run(flow_datagram_suite());
}
