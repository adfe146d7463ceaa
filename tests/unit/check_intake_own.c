/* SPDX-License-Identifier: MIT */
/*
 * Sockets that echod bound itself: left to the manager, and found again by
 * their address.
 *
 * Link with -Wl,--wrap=reallocarray,--wrap=service_take_sockets.
 */
#include "config.h"

#include "echod/intake.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/rig.h"
#include "unit/store_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

WRAPPED(int, service_take_sockets, (struct service_socket * *sockets));
INJECTED(void *, NULL, reallocarray, (void *array, size_t count, size_t size),
	 (array, count, size))

int __wrap_service_take_sockets(struct service_socket **sockets)
{
	return (int)store_give(sockets);
}

static struct options options;
static struct intake intake;
static ino_t inodes[16];
static size_t inode_count;

static void setup(void)
{
	log_catch();
	store_start(STORE_MAX);
}

static void teardown(void)
{
	intake_close(&intake);
	intake_close(&intake);
}

static void listen_on(const char *text)
{
	const char *reason;

	ck_assert_int_eq(options_add_listen(&options, text, &reason), 0);
}

static void listen_on_nothing(void)
{
	options_deinit(&options);
	options = (struct options){ 0 };
}

static ino_t inode_of(int fd)
{
	struct stat status;

	ck_assert_int_eq(fstat(fd, &status), 0);
	return status.st_ino;
}

static void open_all(int workers)
{
	ck_assert_int_eq(intake_open(&intake, &options, workers), 0);
}

/* One instance: it opens what is asked for, and leaves it to the next. */
static void leave_all(int workers)
{
	open_all(workers);
	intake_store_own(&intake);
	inode_count = intake.count;
	for (size_t i = 0; i < intake.count; i++)
		inodes[i] = inode_of(intake.sockets[i].fd);
	intake_close(&intake);
}

static bool is_left(int fd)
{
	for (size_t i = 0; i < inode_count; i++) {
		if (inode_of(fd) == inodes[i])
			return true;
	}
	return false;
}

static size_t count_left(void)
{
	size_t count = 0;

	for (size_t i = 0; i < intake.count; i++)
		count += is_left(intake.sockets[i].fd);
	return count;
}

static const char *const own[] = {
	"tcp:127.0.0.1:0",   "udp:127.0.0.1:0",	      "127.0.0.1:0",
	"mptcp:127.0.0.1:0", "tcp:[::1]:0",	      "unix:@own_0",
	"unix-dgram:@own_1", "unix-seqpacket:@own_2", "tcp:*:0",
};

static bool is_possible(const char *text)
{
	return (strncmp(text, "mptcp", 5) != 0 || mptcp_is_available()) &&
	       (!strchr(text, '[') || ipv6_is_available());
}

START_TEST(sockets_are_found_by_their_address)
{
	const char *text = own[_i];

	if (!is_possible(text))
		return;
	listen_on(strchr(text, '@') ? own_name(text) : text);
	leave_all(1);
	ck_assert_uint_eq(store_total(), inode_count);
	open_all(1);
	ck_assert_uint_eq(intake.count, inode_count);
	ck_assert_uint_eq(count_left(), inode_count);
	for (size_t i = 0; i < intake.count; i++)
		ck_assert(!intake.sockets[i].passed);
	/* They are kept already. */
	intake_store_own(&intake);
	ck_assert_uint_eq(store_total(), inode_count);
}
END_TEST

/* Nobody else gets the port meanwhile, not a SYN is refused. */
START_TEST(clients_wait_in_between)
{
	int client;

	listen_on("tcp:127.0.0.1:0");
	leave_all(1);
	client = tcp_connect(store_fd(SERVICE_OWN "0", 0));
	send_text(client, "hello");
	open_all(1);
	ck_assert(intake_is_pending(&intake));
	expect_text(tcp_accept(intake.sockets[0].fd), "hello");
}
END_TEST

/* From each number of workers to each, of TCP and UDP. */
START_TEST(number_of_workers_may_change)
{
	int before = _i / 3 + 1, after = _i % 3 + 1;

	listen_on("127.0.0.1:0");
	leave_all(before);
	ck_assert_uint_eq(inode_count, 2 * (size_t)before);
	open_all(after);
	ck_assert_uint_eq(intake.count, inode_count);
	ck_assert_uint_eq(count_left(), inode_count);
	for (size_t i = 0; i < intake.count; i++) {
		const struct intake_socket *socket = &intake.sockets[i];
		int turn = (int)i % before;

		if (before == after)
			ck_assert_int_eq(socket->worker, turn);
		else if (socket->identity.kind == SOCKET_LISTENER)
			ck_assert_int_eq(socket->worker, INTAKE_EVERY_WORKER);
		else
			ck_assert_int_eq(socket->worker, turn % after);
	}
}
END_TEST

static const struct {
	const char *before, *after;
} others[] = {
	{ "tcp:127.0.0.1:0", "udp:127.0.0.1:0" },
	{ "udp:127.0.0.1:0", "tcp:127.0.0.1:0" },
	{ "tcp:127.0.0.1:0", "tcp:127.0.0.2:0" },
	{ "mptcp:127.0.0.1:0", "tcp:127.0.0.1:0" },
	{ "unix:@other_0", "unix-dgram:@other_0" },
	{ "unix:@other_0", "unix-seqpacket:@other_0" },
	{ "unix:@other_0", "unix:@other_1" },
};

START_TEST(what_is_not_asked_for_any_more_is_given_up)
{
	bool named = strchr(others[_i].before, '@');
	int fd;

	if (!is_possible(others[_i].before))
		return;
	listen_on(named ? own_name(others[_i].before) : others[_i].before);
	leave_all(1);
	fd = store_fd(SERVICE_OWN "0", 0);
	ck_assert(is_left(fd));
	listen_on_nothing();
	listen_on(named ? own_name(others[_i].after) : others[_i].after);
	open_all(1);
	ck_assert_uint_eq(intake.count, 1);
	ck_assert_uint_eq(count_left(), 0);
	ck_assert_uint_eq(store_total(), 0);
	/* Its number is free again. */
	intake_store_own(&intake);
	ck_assert_uint_eq(store_count(SERVICE_OWN "0"), 1);
}
END_TEST

/* With the port that was chosen then, and with no other. */
START_TEST(port_that_was_named_is_that_port)
{
	char text[64];
	uint32_t port;

	listen_on("tcp:127.0.0.1:0");
	leave_all(1);
	open_all(1);
	port = address_port(&intake.sockets[0].identity.local);
	intake_close(&intake);
	listen_on_nothing();
	(void)snprintf(text, sizeof(text), "tcp:127.0.0.1:%u", port);
	listen_on(text);
	open_all(1);
	ck_assert_uint_eq(count_left(), 1);
	intake_close(&intake);
	listen_on_nothing();
	/* One below is free, or it is not: then nothing is opened. */
	(void)snprintf(text, sizeof(text), "tcp:127.0.0.1:%u", port - 1);
	listen_on(text);
	if (intake_open(&intake, &options, 1) == 0)
		ck_assert_uint_eq(count_left(), 0);
}
END_TEST

START_TEST(new_ones_get_other_numbers)
{
	listen_on("tcp:127.0.0.1:0");
	leave_all(2);
	listen_on(own_name("unix:@own_new"));
	open_all(2);
	intake_store_own(&intake);
	ck_assert_uint_eq(store_count(SERVICE_OWN "0"), 1);
	ck_assert_uint_eq(store_count(SERVICE_OWN "1"), 1);
	ck_assert_uint_eq(store_count(SERVICE_OWN "2"), 1);
	ck_assert_uint_eq(store_total(), 3);
	intake_unstore_own(&intake);
	ck_assert_uint_eq(store_total(), 0);
	intake_store_own(&intake);
	ck_assert_uint_eq(store_total(), 3);
}
END_TEST

START_TEST(passed_ones_are_not_stored)
{
	int fd = tcp_listener(0);

	store_put("echod.socket", fd);
	listen_on("udp:127.0.0.1:0");
	open_all(1);
	ck_assert_uint_eq(intake.count, 2);
	intake_store_own(&intake);
	ck_assert_uint_eq(store_total(), 2);
	ck_assert_uint_eq(store_count(SERVICE_OWN "0"), 1);
	ck_assert_int_eq(
		fd_option(store_fd(SERVICE_OWN "0", 0), SOL_SOCKET, SO_TYPE),
		SOCK_DGRAM);
}
END_TEST

/* What cannot be one of ours is closed, and its name given up. */
START_TEST(foreign_descriptors_are_given_up)
{
	int pair[2];

	tcp_pair(pair);
	store_put(SERVICE_OWN "0", STDERR_FILENO);
	store_put(SERVICE_OWN "1", fd_open(AF_INET, SOCK_STREAM));
	store_put(SERVICE_OWN "2", pair[SERVER]);
	listen_on("tcp:127.0.0.1:0");
	open_all(1);
	ck_assert_uint_eq(intake.count, 1);
	ck_assert_int_eq(intake.sockets[0].identity.kind, SOCKET_LISTENER);
	ck_assert_uint_eq(store_total(), 0);
}
END_TEST

/* Of a later version, or of a probe that was interrupted. */
START_TEST(names_that_nobody_knows_are_given_up)
{
	store_put(SERVICE_KEPT "probe", STDERR_FILENO);
	store_put(SERVICE_KEPT "table-1", STDERR_FILENO);
	store_put(SERVICE_LOT "x", STDERR_FILENO);
	store_put(SERVICE_LOT "0", STDERR_FILENO);
	store_put(SERVICE_RECORD "1", STDERR_FILENO);
	listen_on("tcp:127.0.0.1:0");
	open_all(1);
	ck_assert_uint_eq(intake.count, 1);
	ck_assert_uint_eq(store_total(), 2);
	ck_assert_uint_eq(store_count(SERVICE_LOT "0"), 1);
	ck_assert_uint_eq(store_count(SERVICE_RECORD "1"), 1);
}
END_TEST

START_TEST(without_memory_nothing_is_opened)
{
	listen_on("tcp:127.0.0.1:0");
	leave_all(1);
	reallocarray_fault = (struct fault){ .times = 1, .error = ENOMEM };
	ck_assert_int_eq(intake_open(&intake, &options, 1), -ENOMEM);
	ck_assert_uint_eq(intake.count, 0);
	log_await("cannot listen on tcp:127.0.0.1:0: Cannot allocate memory");
	/* The manager has it still: the next attempt may do. */
	open_all(1);
	ck_assert_uint_eq(count_left(), 1);
}
END_TEST

static char directory[] = "/tmp/check_intake_own.XXXXXX", file[64];

static void listen_on_file(void)
{
	char text[80];

	ck_assert_ptr_nonnull(mkdtemp(directory));
	(void)snprintf(file, sizeof(file), "%s/echo", directory);
	(void)snprintf(text, sizeof(text), "unix:%s", file);
	listen_on(strdup(text));
}

/* And removed when it is not kept any more. */
static void expect_file(void)
{
	ck_assert_int_eq(access(file, F_OK), 0);
	open_all(1);
	ck_assert_uint_eq(count_left(), 1);
	ck_assert_int_eq(access(file, F_OK), 0);
	intake_unstore_own(&intake);
	intake_close(&intake);
	ck_assert_int_lt(access(file, F_OK), 0);
	ck_assert_int_eq(rmdir(directory), 0);
}

START_TEST(files_stay_when_handed_over)
{
	listen_on_file();
	leave_all(1);
	expect_file();
}
END_TEST

/* The manager keeps the socket: the next attempt is to find both. */
START_TEST(files_stay_when_a_start_fails)
{
	struct address any_port = ipv4_address("127.0.0.1", 0);
	int taken = udp_socket(&any_port);
	struct address address = fd_address(taken);
	char text[64];

	listen_on_file();
	leave_all(1);
	(void)snprintf(text, sizeof(text), "udp:127.0.0.1:%u",
		       address_port(&address));
	listen_on(text);
	ck_assert_int_eq(intake_open(&intake, &options, 1), -EADDRINUSE);
	options.listen_count--;
	expect_file();
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("intake_own");
	TCase *tcase = tcase_create("own");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, sockets_are_found_by_their_address, 0,
			    ARRAY_SIZE(own));
	tcase_add_test(tcase, clients_wait_in_between);
	tcase_add_loop_test(tcase, number_of_workers_may_change, 0, 9);
	tcase_add_loop_test(tcase, what_is_not_asked_for_any_more_is_given_up,
			    0, ARRAY_SIZE(others));
	tcase_add_test(tcase, port_that_was_named_is_that_port);
	tcase_add_test(tcase, new_ones_get_other_numbers);
	tcase_add_test(tcase, passed_ones_are_not_stored);
	tcase_add_test(tcase, foreign_descriptors_are_given_up);
	tcase_add_test(tcase, names_that_nobody_knows_are_given_up);
	tcase_add_test(tcase, without_memory_nothing_is_opened);
	tcase_add_test(tcase, files_stay_when_handed_over);
	tcase_add_test(tcase, files_stay_when_a_start_fails);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
