/* SPDX-License-Identifier: MIT */
/*
 * Sockets that cannot be had: all are closed again, and the log names the
 * culprit and the remedy.  And what is asked of those that were.
 */
#include "config.h"

#include "echod/intake.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fail for this family only; 0: for all. */
static int failing_family;

static struct fault bind_fault, socket_fault;
INJECTED(void *, NULL, reallocarray, (void *array, size_t count, size_t size),
	 (array, count, size))
INJECTED(int, -1, getsockname,
	 (int fd, struct sockaddr *address, socklen_t *length),
	 (fd, address, length))
WRAPPED(int, bind, (int fd, const struct sockaddr *address, socklen_t length));
WRAPPED(int, socket, (int family, int type, int protocol));

static bool is_failing(int family)
{
	return failing_family == 0 || failing_family == family;
}

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t length)
{
	if (is_failing(address->sa_family) && fault_strikes(&bind_fault))
		return -1;
	return __real_bind(fd, address, length);
}

int __wrap_socket(int family, int type, int protocol)
{
	if (is_failing(family) && fault_strikes(&socket_fault))
		return -1;
	return __real_socket(family, type, protocol);
}

static struct options options;
static struct intake intake;
static char directory[] = "/tmp/check_intake.XXXXXX";
static char path[64], path_text[128];
static int free_fd;

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/echo", directory);
	(void)snprintf(path_text, sizeof(path_text), "unix:%s", path);
	log_catch();
	free_fd = lowest_free_fd();
}

/* Nothing is left: no descriptor, no file. */
static void teardown(void)
{
	intake_close(&intake);
	ck_assert_int_eq(rmdir(directory), 0);
	ck_assert_int_eq(lowest_free_fd(), free_fd);
}

static void listen_on(const char *text)
{
	const char *reason;

	ck_assert_int_eq(options_add_listen(&options, text, &reason), 0);
}

static void open_all(int workers)
{
	int error = intake_open(&intake, &options, workers);

	ck_assert_msg(error == 0, "intake_open: %s", strerror(-error));
}

static void expect_failure(int workers, int error)
{
	int result = intake_open(&intake, &options, workers);

	ck_assert_int_eq(result, -error);
	ck_assert_uint_eq(intake.count, 0);
	ck_assert_ptr_null(intake.sockets);
	ck_assert_int_eq(lowest_free_fd(), free_fd);
}

static const struct {
	const char *text;
	int error;
	const char *line;
} failures[] = {
	{ "tcp:127.0.0.1:1", EADDRINUSE,
	  "tcp:127.0.0.1:1: Address already in use (see who has it with ss" },
	{ "tcp:127.0.0.1:1", EACCES,
	  "tcp:127.0.0.1:1: Permission denied (ports below 1024 need" },
	{ "udp:127.0.0.1:1", EPERM,
	  "udp:127.0.0.1:1: Operation not permitted (ports below 1024 need" },
	{ "unix:@echo", EACCES,
	  "unix:@echo: Permission denied (choose a directory that you can" },
	{ "unix:@echo", ENOENT, "(create the directory first)" },
	{ "unix:@echo", ENOTDIR, "(create the directory first)" },
	{ "tcp:127.0.0.1:1", EADDRNOTAVAIL, "(see the addresses of this host" },
	{ "tcp:127.0.0.1:1", EAFNOSUPPORT, "(this kernel does not support it" },
	{ "tcp:127.0.0.1:1", EPROTONOSUPPORT, "(this kernel does not support" },
	{ "tcp:127.0.0.1:1", ESOCKTNOSUPPORT, "(this kernel does not support" },
	{ "tcp:127.0.0.1:1", EIO, "(see echod(8))" },
};

START_TEST(a_failure_names_the_culprit_and_the_remedy)
{
	listen_on(failures[_i].text);
	bind_fault = (struct fault){ .times = 1, .error = failures[_i].error };
	expect_failure(1, failures[_i].error);
	log_await("echod: cannot listen on ");
	log_await(failures[_i].line);
	ck_assert_uint_eq(log_count("\n"), 1);
}
END_TEST

static const int crews[] = { 1, 2 };

START_TEST(without_ipv6_a_wildcard_is_ipv4)
{
	listen_on("*:0");
	failing_family = AF_INET6;
	socket_fault =
		(struct fault){ .times = FOR_EVER, .error = EAFNOSUPPORT };
	open_all(crews[_i]);
	ck_assert_uint_eq(intake.count, 2 * (size_t)crews[_i]);
	for (size_t i = 0; i < intake.count; i++)
		ck_assert_int_eq(intake.sockets[i].identity.family, AF_INET);
	ck_assert(!log_has("cannot"));
}
END_TEST

START_TEST(without_an_ipv6_address_a_wildcard_is_ipv4)
{
	listen_on("*:0");
	failing_family = AF_INET6;
	bind_fault =
		(struct fault){ .times = FOR_EVER, .error = EADDRNOTAVAIL };
	open_all(crews[_i]);
	ck_assert_uint_eq(intake.count, 2 * (size_t)crews[_i]);
}
END_TEST

START_TEST(what_was_asked_for_by_name_must_be_there)
{
	listen_on("tcp:[::1]:0");
	failing_family = AF_INET6;
	socket_fault =
		(struct fault){ .times = FOR_EVER, .error = EAFNOSUPPORT };
	expect_failure(crews[_i], EAFNOSUPPORT);
	log_await("cannot listen on tcp:[::1]:0");
}
END_TEST

START_TEST(all_that_a_name_stands_for_must_be_there)
{
	listen_on("127.0.0.1:0");
	bind_fault = (struct fault){ .skip = 2 * (unsigned)crews[_i] - 1,
				     .times = 1,
				     .error = EADDRNOTAVAIL };
	expect_failure(crews[_i], EADDRNOTAVAIL);
}
END_TEST

START_TEST(a_name_without_a_port_is_tried_once)
{
	listen_on(own_name("unix:@check_intake"));
	bind_fault = (struct fault){ .times = FOR_EVER, .error = EADDRINUSE };
	expect_failure(1, EADDRINUSE);
	ck_assert_uint_eq(bind_fault.calls, 1);
}
END_TEST

START_TEST(a_wildcard_without_any_family_fails)
{
	listen_on("*:0");
	socket_fault =
		(struct fault){ .times = FOR_EVER, .error = EAFNOSUPPORT };
	expect_failure(crews[_i], EAFNOSUPPORT);
	log_await("cannot listen on ");
}
END_TEST

START_TEST(a_wildcard_that_fails_otherwise_fails)
{
	listen_on("*:0");
	failing_family = AF_INET6;
	bind_fault = (struct fault){ .times = FOR_EVER, .error = EACCES };
	expect_failure(crews[_i], EACCES);
}
END_TEST

START_TEST(without_memory_nothing_stays_open)
{
	listen_on("127.0.0.1:0");
	reallocarray_fault = (struct fault){ .skip = (unsigned)_i,
					     .times = 1,
					     .error = ENOMEM };
	expect_failure(2, ENOMEM);
	log_await("Cannot allocate memory");
}
END_TEST

/* The probe, and the two sockets of the workers. */
START_TEST(a_socket_without_a_name_is_closed)
{
	listen_on("tcp:127.0.0.1:0");
	getsockname_fault = (struct fault){ .skip = (unsigned)_i,
					    .times = 1,
					    .error = ENOBUFS };
	expect_failure(2, ENOBUFS);
}
END_TEST

START_TEST(files_of_unix_sockets_go_with_them)
{
	listen_on(path_text);
	open_all(1);
	ck_assert_int_eq(access(path, F_OK), 0);
	intake_close(&intake);
	ck_assert_int_lt(access(path, F_OK), 0);
	intake_close(&intake);
}
END_TEST

START_TEST(a_failure_removes_the_files_made_before)
{
	listen_on(path_text);
	listen_on("tcp:127.0.0.1:1");
	failing_family = AF_INET;
	bind_fault = (struct fault){ .times = 1, .error = EACCES };
	expect_failure(1, EACCES);
	ck_assert_int_lt(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_file_is_removed_that_could_not_be_kept)
{
	listen_on(path_text);
	reallocarray_fault =
		(struct fault){ .skip = 0, .times = 1, .error = ENOMEM };
	expect_failure(1, ENOMEM);
	ck_assert_int_lt(access(path, F_OK), 0);
}
END_TEST

START_TEST(who_waits_is_pending)
{
	int client, listener;

	listen_on("tcp:127.0.0.1:0");
	listen_on("udp:127.0.0.1:0");
	open_all(1);
	ck_assert(!intake_is_pending(&intake));
	ck_assert(!intake_is_closed(&intake));
	listener = intake.sockets[0].fd;
	client = tcp_connect(listener);
	AWAIT(intake_is_pending(&intake));
	close(tcp_accept(listener));
	ck_assert(!intake_is_pending(&intake));
	close(client);
	client = fd_open(AF_INET, SOCK_DGRAM);
	send_text_to(client, "hello", &intake.sockets[1].identity.local);
	AWAIT(intake_is_pending(&intake));
	close(client);
}
END_TEST

START_TEST(lost_datagrams_are_counted_once)
{
	static char datagram[1000];
	struct intake_socket *socket;
	int client = fd_open(AF_INET, SOCK_DGRAM);

	listen_on("tcp:127.0.0.1:0");
	listen_on("udp:127.0.0.1:0");
	open_all(1);
	socket = &intake.sockets[1];
	ck_assert_uint_eq(intake_count_overflows(&intake), 0);
	fd_set_option(socket->fd, SOL_SOCKET, SO_RCVBUF, 4096);
	for (int i = 0; i < 100; i++)
		(void)sendto(client, datagram, sizeof(datagram), 0,
			     &socket->identity.local.any,
			     socket->identity.local.length);
	AWAIT(socket_overflows(socket->fd, 0) > 50);
	ck_assert_uint_gt(intake_count_overflows(&intake), 50);
	ck_assert_uint_eq(intake_count_overflows(&intake), 0);
	/* The kernel's counter wraps round. */
	socket->overflows = UINT32_MAX;
	ck_assert_uint_eq(intake_count_overflows(&intake),
			  (uint64_t)socket_overflows(socket->fd, 0) + 1);
	close(client);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("intake_failure");
	TCase *tcase = tcase_create("intake_failure");
	int both = ARRAY_SIZE(crews);

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, a_failure_names_the_culprit_and_the_remedy,
			    0, ARRAY_SIZE(failures));
	tcase_add_loop_test(tcase, without_ipv6_a_wildcard_is_ipv4, 0, both);
	tcase_add_loop_test(tcase, without_an_ipv6_address_a_wildcard_is_ipv4,
			    0, both);
	tcase_add_loop_test(tcase, what_was_asked_for_by_name_must_be_there, 0,
			    both);
	tcase_add_loop_test(tcase, all_that_a_name_stands_for_must_be_there, 0,
			    both);
	tcase_add_test(tcase, a_name_without_a_port_is_tried_once);
	tcase_add_loop_test(tcase, a_wildcard_without_any_family_fails, 0,
			    both);
	tcase_add_loop_test(tcase, a_wildcard_that_fails_otherwise_fails, 0,
			    both);
	tcase_add_loop_test(tcase, without_memory_nothing_stays_open, 0, 4);
	tcase_add_loop_test(tcase, a_socket_without_a_name_is_closed, 0, 3);
	tcase_add_test(tcase, files_of_unix_sockets_go_with_them);
	tcase_add_test(tcase, a_failure_removes_the_files_made_before);
	tcase_add_test(tcase, a_file_is_removed_that_could_not_be_kept);
	tcase_add_test(tcase, who_waits_is_pending);
	tcase_add_test(tcase, lost_datagrams_are_counted_once);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
