/* SPDX-License-Identifier: MIT */
/*
 * What the service manager passes in: served by kind, or refused by name.
 */
#include "config.h"

#include "echod/intake.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int passed_fds[4], passed_count;
static int passing_error;

WRAPPED(int, service_take_sockets, (struct service_socket * *sockets));
INJECTED(void *, NULL, reallocarray, (void *array, size_t count, size_t size),
	 (array, count, size))

int __wrap_service_take_sockets(struct service_socket **sockets)
{
	*sockets = NULL;
	if (passing_error < 0)
		return passing_error;
	*sockets = calloc((size_t)passed_count + 1, sizeof(**sockets));
	for (int i = 0; i < passed_count; i++)
		(*sockets)[i] = (struct service_socket){
			.fd = passed_fds[i],
			.name = strdup("echod.socket"),
		};
	return passed_count;
}

static struct options options;
static struct intake intake;

static void setup(void)
{
	log_catch();
}

static void teardown(void)
{
	intake_close(&intake);
}

static void pass(int fd)
{
	passed_fds[passed_count++] = fd;
}

static int udp_server(void)
{
	struct address any_port = ipv4_address("127.0.0.1", 0);

	return udp_socket(&any_port);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(sockets_are_served_by_kind)
{
	int pair[2];

	tcp_pair(pair);
	pass(tcp_listener(0));
	pass(udp_server());
	pass(pair[SERVER]);
	pass(udp_server());
	ck_assert_int_eq(intake_open(&intake, &options, 2), 0);
	ck_assert_uint_eq(intake.count, 4);
	for (size_t i = 0; i < intake.count; i++) {
		ck_assert_int_eq(intake.sockets[i].fd, passed_fds[i]);
		ck_assert(intake.sockets[i].passed);
	}
	ck_assert_int_eq(intake.sockets[0].identity.kind, SOCKET_LISTENER);
	ck_assert_int_eq(intake.sockets[0].worker, INTAKE_EVERY_WORKER);
	ck_assert_int_eq(intake.sockets[1].identity.kind, SOCKET_DATAGRAM);
	ck_assert_int_eq(intake.sockets[1].worker, 0);
	ck_assert_int_eq(intake.sockets[2].identity.kind, SOCKET_CONNECTION);
	ck_assert_int_eq(intake.sockets[2].worker, 1);
	ck_assert_int_eq(intake.sockets[3].worker, 0);
	ck_assert(!intake_is_closed(&intake));
}
END_TEST

/* A unit may list an address as often as there are workers. */
START_TEST(sockets_of_one_address_are_spread)
{
	struct address address = ipv4_address("127.0.0.1", 0);
	int fds[3];

	for (int i = 0; i < 3; i++) {
		fds[i] = fd_open(AF_INET, SOCK_DGRAM);
		fd_set_option(fds[i], SOL_SOCKET, SO_REUSEPORT, 1);
		ck_assert_int_eq(bind(fds[i], &address.any, address.length), 0);
		address = fd_address(fds[0]);
	}
	pass(fds[0]);
	pass(udp_server());
	pass(fds[1]);
	pass(fds[2]);
	ck_assert_int_eq(intake_open(&intake, &options, 2), 0);
	ck_assert_int_eq(intake.sockets[0].worker, 0);
	ck_assert_int_eq(intake.sockets[1].worker, 1);
	ck_assert_int_eq(intake.sockets[2].worker, 1);
	ck_assert_int_eq(intake.sockets[3].worker, 0);
}
END_TEST

START_TEST(sockets_are_announced_as_passed_in)
{
	int pair[2];

	tcp_pair(pair);
	pass(tcp_listener(0));
	pass(pair[SERVER]);
	ck_assert_int_eq(intake_open(&intake, &options, 1), 0);
	intake_announce(&intake);
	log_await("echod: listening on tcp:127.0.0.1:");
	log_await("echod: connected on tcp:127.0.0.1:");
	ck_assert_uint_eq(log_count(" (passed in)\n"), 2);
}
END_TEST

START_TEST(both_passed_and_own_sockets_are_served)
{
	const char *reason;

	pass(udp_server());
	ck_assert_int_eq(
		options_add_listen(&options, "tcp:127.0.0.1:0", &reason), 0);
	ck_assert_int_eq(intake_open(&intake, &options, 1), 0);
	ck_assert_uint_eq(intake.count, 2);
	ck_assert(intake.sockets[0].passed);
	ck_assert(!intake.sockets[1].passed);
}
END_TEST

START_TEST(a_connection_alone_is_no_place_to_wait_at)
{
	int pair[2];

	unix_pair(SOCK_STREAM, pair);
	pass(pair[SERVER]);
	ck_assert_int_eq(intake_open(&intake, &options, 1), 0);
	ck_assert_uint_eq(intake.count, 1);
	ck_assert(intake_is_closed(&intake));
	ck_assert_str_eq(intake.sockets[0].label, "unix:unnamed");
}
END_TEST

START_TEST(a_passed_file_is_not_removed)
{
	char directory[] = "/tmp/check_intake.XXXXXX", path[64];
	struct address address = { .un.sun_family = AF_UNIX };
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/echo", directory);
	memcpy(address.un.sun_path, path, sizeof(path));
	address.length = sizeof(address.un);
	fd = fd_bound(SOCK_STREAM, &address);
	ck_assert_int_eq(listen(fd, 1), 0);
	pass(fd);
	ck_assert_int_eq(intake_open(&intake, &options, 1), 0);
	intake_close(&intake);
	ck_assert(!is_open(fd));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

/* One that cannot be served is a mistake of whoever passed it. */
START_TEST(what_cannot_be_echoed_is_named)
{
	char line[256];
	int pipe_fds[2];

	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	pass(tcp_listener(0));
	pass(pipe_fds[0]);
	pass(udp_server());
	ck_assert_int_eq(intake_open(&intake, &options, 1), -ENOTSOCK);
	ck_assert_uint_eq(intake.count, 0);
	(void)snprintf(line, sizeof(line),
		       "echod: descriptor %d (echod.socket), which was passed "
		       "in, is not a socket (pass ",
		       pipe_fds[0]);
	log_await(line);
	for (int i = 0; i < passed_count; i++)
		ck_assert(!is_open(passed_fds[i]));
}
END_TEST

START_TEST(without_memory_nothing_is_taken)
{
	pass(tcp_listener(0));
	pass(udp_server());
	reallocarray_fault =
		(struct fault){ .skip = 1, .times = 1, .error = ENOMEM };
	ck_assert_int_eq(intake_open(&intake, &options, 1), -ENOMEM);
	log_await("echod.socket");
	for (int i = 0; i < passed_count; i++)
		ck_assert(!is_open(passed_fds[i]));
}
END_TEST

START_TEST(a_wrong_environment_is_said)
{
	const char *reason;

	passing_error = -EINVAL;
	ck_assert_int_eq(options_add_listen(&options, "127.0.0.1:0", &reason),
			 0);
	ck_assert_int_eq(intake_open(&intake, &options, 1), -EINVAL);
	ck_assert_uint_eq(intake.count, 0);
	log_await("echod: cannot take over the passed sockets: Invalid "
		  "argument (look at LISTEN_FDS in the environment)\n");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("intake_passed");
	TCase *tcase = tcase_create("intake_passed");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, sockets_are_served_by_kind);
	tcase_add_test(tcase, sockets_of_one_address_are_spread);
	tcase_add_test(tcase, sockets_are_announced_as_passed_in);
	tcase_add_test(tcase, both_passed_and_own_sockets_are_served);
	tcase_add_test(tcase, a_connection_alone_is_no_place_to_wait_at);
	tcase_add_test(tcase, a_passed_file_is_not_removed);
	tcase_add_test(tcase, what_cannot_be_echoed_is_named);
	tcase_add_test(tcase, without_memory_nothing_is_taken);
	tcase_add_test(tcase, a_wrong_environment_is_said);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
