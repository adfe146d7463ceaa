/* SPDX-License-Identifier: MIT */
/*
 * Sockets opened, told apart, and asked; what is refused, and why.
 */
#include "config.h"

#include "echod/socket.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

INJECTED(int, -1, bind,
	 (int fd, const struct sockaddr *address, socklen_t length),
	 (fd, address, length))
INJECTED(int, -1, listen, (int fd, int backlog), (fd, backlog))
INJECTED(int, -1, socket, (int family, int type, int protocol),
	 (family, type, protocol))

static struct endpoint endpoint;
static struct socket_identity identity;
static const char *reason;
static char directory[] = "/tmp/check_socket.XXXXXX";
static char path[64], text[128];

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/echo", directory);
}

static void teardown(void)
{
	(void)unlink(path);
	ck_assert_int_eq(rmdir(directory), 0);
}

static void parse(const char *address)
{
	struct endpoint list[ENDPOINTS_MAX];

	ck_assert_int_eq(endpoint_parse(address, list, &reason), 1);
	endpoint = list[0];
}

/* The scheme, and the path of the test's own. */
static void parse_path(const char *scheme)
{
	(void)snprintf(text, sizeof(text), "%s:%s", scheme, path);
	parse(text);
}

static int open_shared(bool shared)
{
	int fd = socket_open(&endpoint, shared);

	ck_assert_msg(fd >= 0, "socket_open: %s", strerror(-fd));
	return fd;
}

static void identify(int fd)
{
	ck_assert_int_eq(socket_identify(fd, &identity, &reason), 0);
}

static const struct kind {
	const char *text, *scheme;
	enum socket_kind kind;
	int family, type, protocol;
	bool tcp;
} kinds[] = {
	{ "tcp:127.0.0.1:0", "tcp", SOCKET_LISTENER, AF_INET, SOCK_STREAM,
	  IPPROTO_TCP, true },
	{ "udp:127.0.0.1:0", "udp", SOCKET_DATAGRAM, AF_INET, SOCK_DGRAM,
	  IPPROTO_UDP, false },
	{ "tcp:[::1]:0", "tcp", SOCKET_LISTENER, AF_INET6, SOCK_STREAM,
	  IPPROTO_TCP, true },
	{ "udp:[::1]:0", "udp", SOCKET_DATAGRAM, AF_INET6, SOCK_DGRAM,
	  IPPROTO_UDP, false },
	{ "mptcp:127.0.0.1:0", "mptcp", SOCKET_LISTENER, AF_INET, SOCK_STREAM,
	  IPPROTO_MPTCP, false },
	{ "unix:@check_socket", "unix", SOCKET_LISTENER, AF_UNIX, SOCK_STREAM,
	  0, false },
	{ "unix-dgram:@check_socket", "unix-dgram", SOCKET_DATAGRAM, AF_UNIX,
	  SOCK_DGRAM, 0, false },
	{ "unix-seqpacket:@check_socket", "unix-seqpacket", SOCKET_LISTENER,
	  AF_UNIX, SOCK_SEQPACKET, 0, false },
	{ "vsock:*:0", "vsock", SOCKET_LISTENER, AF_VSOCK, SOCK_STREAM, 0,
	  false },
};

static bool kind_is_available(const struct kind *kind)
{
	int fd =
		socket(kind->family, kind->type | SOCK_CLOEXEC, kind->protocol);

	if (fd < 0)
		(void)fprintf(stderr, "# not tested: no %s (%s)\n",
			      kind->scheme, strerror(errno));
	else
		close(fd);
	return fd >= 0;
}

START_TEST(what_is_opened_is_told_apart)
{
	const struct kind *kind = &kinds[_i];
	int fd;

	if (!kind_is_available(kind) ||
	    (kind->family == AF_INET6 && !ipv6_is_available()))
		return;
	parse(strchr(kind->text, '@') ? own_name(kind->text) : kind->text);
	fd = open_shared(false);
	identify(fd);
	ck_assert_int_eq(identity.kind, kind->kind);
	ck_assert_int_eq(identity.family, kind->family);
	ck_assert_int_eq(identity.type, kind->type);
	ck_assert_int_eq(identity.protocol, kind->protocol);
	ck_assert_str_eq(socket_scheme(&identity), kind->scheme);
	ck_assert(socket_is_tcp(&identity) == kind->tcp);
	ck_assert_int_eq(identity.local.any.sa_family, kind->family);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
}
END_TEST

START_TEST(only_streams_take_an_address_that_lingers)
{
	parse("tcp:127.0.0.1:0");
	ck_assert_int_eq(
		fd_option(open_shared(false), SOL_SOCKET, SO_REUSEADDR), 1);
	parse("udp:127.0.0.1:0");
	ck_assert_int_eq(
		fd_option(open_shared(false), SOL_SOCKET, SO_REUSEADDR), 0);
	parse_path("unix");
	ck_assert_int_eq(
		fd_option(open_shared(false), SOL_SOCKET, SO_REUSEADDR), 0);
}
END_TEST

static const char *const shareable[] = { "tcp:127.0.0.1:0", "udp:127.0.0.1:0" };

START_TEST(an_address_is_shared_only_if_both_want_it)
{
	int fd;

	parse(shareable[_i]);
	fd = open_shared(true);
	endpoint.address = fd_address(fd);
	(void)open_shared(true);
	ck_assert_int_eq(socket_open(&endpoint, false), -EADDRINUSE);
	parse(shareable[_i]);
	endpoint.address = fd_address(open_shared(false));
	ck_assert_int_eq(socket_open(&endpoint, true), -EADDRINUSE);
}
END_TEST

START_TEST(ipv6_leaves_ipv4_to_others)
{
	if (!ipv6_is_available())
		return;
	parse("tcp:[::]:0");
	ck_assert_int_eq(
		fd_option(open_shared(false), IPPROTO_IPV6, IPV6_V6ONLY), 1);
	parse("udp:[::]:0");
	ck_assert_int_eq(
		fd_option(open_shared(false), IPPROTO_IPV6, IPV6_V6ONLY), 1);
}
END_TEST

static void expect_failure(struct fault *fault, int error)
{
	int free_fd = lowest_free_fd(), result;

	*fault = (struct fault){ .times = 1, .error = error };
	result = socket_open(&endpoint, false);
	ck_assert_int_eq(result, -error);
	ck_assert_int_eq(lowest_free_fd(), free_fd);
}

START_TEST(what_cannot_be_opened_says_why)
{
	parse("tcp:127.0.0.1:0");
	expect_failure(&socket_fault, EMFILE);
	expect_failure(&bind_fault, EACCES);
	expect_failure(&bind_fault, EADDRINUSE);
	expect_failure(&listen_fault, EADDRINUSE);
	(void)open_shared(false);
}
END_TEST

static const char *const unix_schemes[] = { "unix", "unix-dgram",
					    "unix-seqpacket" };

START_TEST(a_file_that_is_left_over_is_replaced)
{
	parse_path(unix_schemes[_i]);
	close(open_shared(false));
	ck_assert_int_eq(access(path, F_OK), 0);
	identify(open_shared(false));
	ck_assert_str_eq(identity.local.un.sun_path, path);
}
END_TEST

START_TEST(a_file_that_is_in_use_is_not_replaced)
{
	int fd;

	parse_path(unix_schemes[_i]);
	(void)open_shared(false);
	ck_assert_int_eq(socket_open(&endpoint, false), -EADDRINUSE);
	fd = fd_open(AF_UNIX, transport_type(endpoint.transport));
	ck_assert_int_eq(
		connect(fd, &endpoint.address.any, endpoint.address.length), 0);
}
END_TEST

START_TEST(a_socket_of_another_type_is_in_use)
{
	parse_path("unix-dgram");
	(void)open_shared(false);
	parse_path("unix");
	ck_assert_int_eq(socket_open(&endpoint, false), -EADDRINUSE);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_file_that_is_no_socket_is_not_replaced)
{
	struct address address = { .length = sizeof(address.un),
				   .un.sun_family = AF_UNIX };
	char left_over[64];
	struct stat status;

	ck_assert_int_ge(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600), 0);
	parse_path("unix");
	ck_assert_int_eq(socket_open(&endpoint, false), -EADDRINUSE);
	ck_assert_int_eq(unlink(path), 0);
	/* Nor a link, even to a socket. */
	(void)snprintf(left_over, sizeof(left_over), "%s/old", directory);
	memcpy(address.un.sun_path, left_over, sizeof(left_over));
	close(fd_bound(SOCK_STREAM, &address));
	ck_assert_int_eq(symlink(left_over, path), 0);
	ck_assert_int_eq(socket_open(&endpoint, false), -EADDRINUSE);
	ck_assert_int_eq(unlink(left_over), 0);
	ck_assert_int_eq(lstat(path, &status), 0);
}
END_TEST

START_TEST(an_abstract_name_is_in_use_or_not)
{
	parse(own_name("unix:@check_socket"));
	(void)open_shared(false);
	ck_assert_int_eq(socket_open(&endpoint, false), -EADDRINUSE);
}
END_TEST

START_TEST(what_cannot_be_found_out_is_in_use)
{
	parse_path("unix");
	close(open_shared(false));
	socket_fault = (struct fault){ .skip = 1, .times = 1, .error = EMFILE };
	ck_assert_int_eq(socket_open(&endpoint, false), -EADDRINUSE);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(what_replaces_may_fail_too)
{
	parse_path("unix");
	close(open_shared(false));
	bind_fault = (struct fault){ .skip = 1, .times = 1, .error = EACCES };
	ck_assert_int_eq(socket_open(&endpoint, false), -EACCES);
}
END_TEST

START_TEST(who_has_a_small_buffer_is_not_roomy)
{
	int fd = tcp_listener(0);

	ck_assert(socket_is_roomy(fd));
	/* The kernel takes twice as much. */
	fd_set_option(fd, SOL_SOCKET, SO_RCVBUF, 32 * 1024);
	ck_assert(socket_is_roomy(fd));
	fd_set_option(fd, SOL_SOCKET, SO_RCVBUF, 32 * 1024 - 1);
	ck_assert(!socket_is_roomy(fd));
	ck_assert(!socket_is_roomy(-1));
}
END_TEST

START_TEST(only_files_of_sockets_are_removed)
{
	struct address unnamed = { .length = sizeof(sa_family_t),
				   .un.sun_family = AF_UNIX };
	struct address other = ipv4_address("127.0.0.1", 0);

	parse_path("unix");
	(void)open_shared(false);
	socket_unlink(&unnamed);
	socket_unlink(&other);
	parse("unix:@echo");
	socket_unlink(&endpoint.address);
	ck_assert_int_eq(access(path, F_OK), 0);
	parse_path("unix");
	socket_unlink(&endpoint.address);
	ck_assert_int_lt(access(path, F_OK), 0);
	socket_unlink(&endpoint.address);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("socket");
	TCase *tcase = tcase_create("socket");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, what_is_opened_is_told_apart, 0,
			    ARRAY_SIZE(kinds));
	tcase_add_test(tcase, only_streams_take_an_address_that_lingers);
	tcase_add_loop_test(tcase, an_address_is_shared_only_if_both_want_it, 0,
			    ARRAY_SIZE(shareable));
	tcase_add_test(tcase, ipv6_leaves_ipv4_to_others);
	tcase_add_test(tcase, what_cannot_be_opened_says_why);
	tcase_add_loop_test(tcase, a_file_that_is_left_over_is_replaced, 0,
			    ARRAY_SIZE(unix_schemes));
	tcase_add_loop_test(tcase, a_file_that_is_in_use_is_not_replaced, 0,
			    ARRAY_SIZE(unix_schemes));
	tcase_add_test(tcase, a_socket_of_another_type_is_in_use);
	tcase_add_test(tcase, a_file_that_is_no_socket_is_not_replaced);
	tcase_add_test(tcase, an_abstract_name_is_in_use_or_not);
	tcase_add_test(tcase, what_cannot_be_found_out_is_in_use);
	tcase_add_test(tcase, what_replaces_may_fail_too);
	tcase_add_test(tcase, only_files_of_sockets_are_removed);
	tcase_add_test(tcase, who_has_a_small_buffer_is_not_roomy);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
