/* SPDX-License-Identifier: MIT */
/*
 * Sockets to ask a target by: their options, connecting them, and what becomes
 * of calls that fail.  All in a network of the test's own.
 *
 * Link with -Wl,--wrap=bind, getsockopt, setsockopt and socket.
 */
#include "config.h"

#include "unit/injection.h"
#include "unit/namespace.h"
#include "unit/target_open.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

INJECTED(int, -1, bind,
	 (int fd, const struct sockaddr *address, socklen_t length),
	 (fd, address, length))
INJECTED(int, -1, getsockopt,
	 (int fd, int level, int name, void *value, socklen_t *length),
	 (fd, level, name, value, length))
INJECTED(int, -1, setsockopt,
	 (int fd, int level, int name, const void *value, socklen_t length),
	 (fd, level, name, value, length))
INJECTED(int, -1, socket, (int domain, int type, int protocol),
	 (domain, type, protocol))

struct settings settings;
struct source source;
struct target target;
const char *what;

bool target_begin(const char *text)
{
	const char *reason = "";

	settings = (struct settings){ .priority = -1, .tos = -1, .flows = 1 };
	source = (struct source){ 0 };
	ck_assert_msg(target_resolve(&target, text, &settings, &reason) == 0,
		      "'%s' %s", text, reason);
	return namespace_enter();
}

void target_set_source(const char *text)
{
	const char *reason = "";

	settings.source = text;
	ck_assert_msg(source_resolve(&source, &settings, &reason) == 0,
		      "'%s' %s", text, reason);
}

int target_open_flow(unsigned flow)
{
	int fd = target_open(&target, &settings, &source, flow, &what);

	ck_assert_msg(fd >= 0, "%s: %s", what, strerror(-fd));
	return fd;
}

void target_expect_failure(int error, const char *culprit)
{
	int before = lowest_free_fd();

	what = NULL;
	ck_assert_int_eq(target_open(&target, &settings, &source, 0, &what),
			 -error);
	ck_assert_str_eq(what, culprit);
	ck_assert_int_eq(lowest_free_fd(), before);
}

void target_begin_to_connect(int fd)
{
	int error = target_connect(&target, fd);

	ck_assert(error == 0 || error == -EINPROGRESS);
}

static const struct {
	const char *text;
	int domain, type, protocol;
} kinds[] = {
	{ "tcp:127.0.0.1", AF_INET, SOCK_STREAM, IPPROTO_TCP },
	{ "tcp:[::1]", AF_INET6, SOCK_STREAM, IPPROTO_TCP },
	{ "mptcp:127.0.0.1", AF_INET, SOCK_STREAM, 262 },
	{ "udp:127.0.0.1", AF_INET, SOCK_DGRAM, IPPROTO_UDP },
	{ "udp:[::1]", AF_INET6, SOCK_DGRAM, IPPROTO_UDP },
	{ "unix:/x", AF_UNIX, SOCK_STREAM, 0 },
	{ "unix-dgram:/x", AF_UNIX, SOCK_DGRAM, 0 },
	{ "unix-seqpacket:/x", AF_UNIX, SOCK_SEQPACKET, 0 },
};

START_TEST(a_socket_is_of_the_kind_of_its_target)
{
	int fd;

	if (!target_begin(kinds[_i].text) || !ipv6_is_available() ||
	    (kinds[_i].protocol == 262 && !mptcp_is_available()))
		return;
	fd = target_open_flow(0);
	ck_assert_int_eq(fd_option(fd, SOL_SOCKET, SO_DOMAIN),
			 kinds[_i].domain);
	ck_assert_int_eq(fd_option(fd, SOL_SOCKET, SO_TYPE), kinds[_i].type);
	ck_assert_int_eq(fd_option(fd, SOL_SOCKET, SO_PROTOCOL),
			 kinds[_i].protocol);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	if (kinds[_i].type == SOCK_STREAM && kinds[_i].domain != AF_UNIX)
		ck_assert_int_eq(fd_option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
}
END_TEST

/* As it is if echoping is started without standard input. */
START_TEST(the_descriptor_may_be_the_first)
{
	if (!target_begin("udp:127.0.0.1"))
		return;
	ck_assert_int_eq(close(STDIN_FILENO), 0);
	ck_assert_int_eq(target_open_flow(0), STDIN_FILENO);
	ck_assert_int_ne(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK, 0);
}
END_TEST

/* The level and name of what --tos sets; 0: nothing. */
static const struct {
	const char *text;
	int level, name;
} services[] = {
	{ "tcp:127.0.0.1", IPPROTO_IP, IP_TOS },
	{ "udp:127.0.0.1", IPPROTO_IP, IP_TOS },
	{ "tcp:[::1]", IPPROTO_IPV6, IPV6_TCLASS },
	{ "udp:[::1]", IPPROTO_IPV6, IPV6_TCLASS },
	{ "unix-dgram:/x", 0, 0 },
};

START_TEST(type_of_service_and_priority_are_set)
{
	int fd;

	if (!target_begin(services[_i].text) || !ipv6_is_available())
		return;
	settings.tos = 0xb8;
	settings.priority = 3;
	fd = target_open_flow(0);
	/* Whatever priority the type of service stands for. */
	ck_assert_int_eq(fd_option(fd, SOL_SOCKET, SO_PRIORITY), 3);
	if (services[_i].name != 0)
		ck_assert_int_eq(
			fd_option(fd, services[_i].level, services[_i].name),
			0xb8);
	settings.tos = settings.priority = 0;
	fd = target_open_flow(0);
	ck_assert_int_eq(fd_option(fd, SOL_SOCKET, SO_PRIORITY), 0);
}
END_TEST

START_TEST(what_is_not_asked_for_is_not_set)
{
	if (!target_begin("udp:127.0.0.1"))
		return;
	setsockopt_fault = (struct fault){ .times = 0 };
	(void)target_open_flow(0);
	ck_assert_uint_eq(setsockopt_fault.calls, 0);
	ck_assert_uint_eq(bind_fault.calls, 0);
}
END_TEST

/* Which call fails, counted from the first, and what is then said. */
START_TEST(a_call_that_fails_is_named)
{
	if (!target_begin("udp:127.0.0.1"))
		return;
	settings.tos = settings.priority = 0;
	target_set_source("lo");
	socket_fault = (struct fault){ .times = 1, .error = EMFILE };
	target_expect_failure(EMFILE, "socket");
	setsockopt_fault = (struct fault){ 0, 1, EPERM, 0 };
	target_expect_failure(EPERM, "--tos");
	setsockopt_fault = (struct fault){ 1, 1, EPERM, 0 };
	target_expect_failure(EPERM, "--priority");
	setsockopt_fault = (struct fault){ 2, 1, EPERM, 0 };
	target_expect_failure(EPERM, "--source");
	target_set_source("127.0.0.1");
	bind_fault = (struct fault){ .times = 1, .error = EACCES };
	target_expect_failure(EACCES, "--source");
	ck_assert_uint_eq(bind_fault.calls, 1);
}
END_TEST

START_TEST(a_traffic_class_that_fails_is_named)
{
	if (!target_begin("udp:[::1]") || !ipv6_is_available())
		return;
	settings.tos = settings.priority = 0;
	setsockopt_fault = (struct fault){ 0, 1, EPERM, 0 };
	target_expect_failure(EPERM, "--tos");
}
END_TEST

START_TEST(a_name_that_cannot_be_had_is_named)
{
	if (!target_begin("unix-dgram:/x"))
		return;
	bind_fault = (struct fault){ .times = 1, .error = ENOMEM };
	target_expect_failure(ENOMEM, "bind");
}
END_TEST

/* It only makes things slower, and a kernel without it has no Nagle. */
START_TEST(without_nodelay_there_is_a_socket_all_the_same)
{
	if (!target_begin("tcp:127.0.0.1"))
		return;
	setsockopt_fault = (struct fault){ 0, 1, ENOPROTOOPT, 0 };
	ck_assert_int_eq(
		fd_option(target_open_flow(0), IPPROTO_TCP, TCP_NODELAY), 0);
}
END_TEST

/* At once or later. */
static int connect_all_the_way(int fd)
{
	int error = target_connect(&target, fd);

	if (error != -EINPROGRESS)
		return error;
	ck_assert_int_ne(await_events(fd, POLLOUT), 0);
	return target_connected(fd);
}

START_TEST(a_connection_is_made)
{
	int listener, fd;

	if (!target_begin("tcp:127.0.0.1"))
		return;
	listener = tcp_listener(7);
	fd = target_open_flow(0);
	ck_assert_int_eq(connect_all_the_way(fd), 0);
	send_text(fd, "x");
	expect_text(tcp_accept(listener), "x");
}
END_TEST

static const struct {
	const char *target;
	int error;
} failures[] = {
	{ "tcp:127.0.0.1", ECONNREFUSED },
	{ "tcp:192.0.2.1", ENETUNREACH },
	{ "udp:192.0.2.1", ENETUNREACH },
	{ "unix:/no/such/path", ENOENT },
	{ "unix-seqpacket:@no-such-name", ECONNREFUSED },
	{ "udp:127.0.0.1", 0 },
};

START_TEST(a_connection_that_fails_tells_why)
{
	if (target_begin(failures[_i].target))
		ck_assert_int_eq(connect_all_the_way(target_open_flow(0)),
				 -failures[_i].error);
}
END_TEST

/* Which only a datagram that was answered by ICMP leaves behind for sure. */
START_TEST(an_error_that_waits_is_told_once)
{
	int fd;

	if (!target_begin("udp:127.0.0.1"))
		return;
	fd = target_open_flow(0);
	ck_assert_int_eq(target_connect(&target, fd), 0);
	send_text(fd, "x");
	ck_assert_int_ne(await_events(fd, POLLERR) & POLLERR, 0);
	ck_assert_int_eq(target_connected(fd), -ECONNREFUSED);
	ck_assert_int_eq(target_connected(fd), 0);
	getsockopt_fault = (struct fault){ .times = 1, .error = ENOBUFS };
	ck_assert_int_eq(target_connected(fd), -ENOBUFS);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("target_open");
	TCase *open = tcase_create("open"), *call = tcase_create("call");

	tcase_set_timeout(open, TEST_TIMEOUT_SEC);
	tcase_add_loop_test(open, a_socket_is_of_the_kind_of_its_target, 0,
			    ARRAY_SIZE(kinds));
	tcase_add_test(open, the_descriptor_may_be_the_first);
	tcase_add_loop_test(open, type_of_service_and_priority_are_set, 0,
			    ARRAY_SIZE(services));
	tcase_add_test(open, what_is_not_asked_for_is_not_set);
	suite_add_tcase(suite, open);
	suite_add_tcase(suite, target_bind_case());
	tcase_set_timeout(call, TEST_TIMEOUT_SEC);
	tcase_add_test(call, a_call_that_fails_is_named);
	tcase_add_test(call, a_traffic_class_that_fails_is_named);
	tcase_add_test(call, a_name_that_cannot_be_had_is_named);
	tcase_add_test(call, without_nodelay_there_is_a_socket_all_the_same);
	tcase_add_test(call, a_connection_is_made);
	tcase_add_loop_test(call, a_connection_that_fails_tells_why, 0,
			    ARRAY_SIZE(failures));
	tcase_add_test(call, an_error_that_waits_is_told_once);
	suite_add_tcase(suite, call);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
