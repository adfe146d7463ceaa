/* SPDX-License-Identifier: MIT */
/*
 * What --listen asks for is opened, all of it or nothing.
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

/* As in intake.c. */
#define FREE_PORT_ATTEMPTS 64

/* What was asked of bind(2). */
static struct address bound[8];
static unsigned bound_count;
static int bound_types[8];

static bool bind_anywhere; /* whatever port is asked for */

static struct fault bind_fault;
WRAPPED(int, bind, (int fd, const struct sockaddr *address, socklen_t length));

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t length)
{
	struct address target = { .length = length };

	memcpy(&target.any, address, length);
	if (bound_count < ARRAY_SIZE(bound)) {
		bound_types[bound_count] = fd_option(fd, SOL_SOCKET, SO_TYPE);
		bound[bound_count++] = target;
	}
	if (fault_strikes(&bind_fault))
		return -1;
	if (bind_anywhere)
		address_set_port(&target, 0);
	return __real_bind(fd, &target.any, length);
}

static struct options options;
static struct intake intake;
static int free_fd;

static void setup(void)
{
	log_catch();
	free_fd = lowest_free_fd();
}

static void teardown(void)
{
	intake_close(&intake);
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

static uint32_t port_of(size_t i)
{
	return address_port(&intake.sockets[i].identity.local);
}

static void expect_one_port(size_t count)
{
	ck_assert_uint_eq(intake.count, count);
	ck_assert_uint_ne(port_of(0), 0);
	for (size_t i = 1; i < count; i++)
		ck_assert_uint_eq(port_of(i), port_of(0));
}

static const struct {
	const char *address;
	int type;
} defaults[] = {
	{ "0.0.0.0", SOCK_STREAM },
	{ "0.0.0.0", SOCK_DGRAM },
	{ "::", SOCK_STREAM },
	{ "::", SOCK_DGRAM },
};

static bool is_asked_for(const struct address *address, int type)
{
	for (unsigned i = 0; i < bound_count; i++)
		if (bound_types[i] == type &&
		    bound[i].length == address->length &&
		    memcmp(&bound[i].any, &address->any, address->length) == 0)
			return true;
	return false;
}

START_TEST(by_default_port_7_is_served)
{
	if (!ipv6_is_available())
		return;
	bind_anywhere = true;
	bound_count = 0;
	open_all(1);
	ck_assert_uint_eq(intake.count, ARRAY_SIZE(defaults));
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
		struct address address =
			strchr(defaults[i].address, ':')
				? ipv6_address(defaults[i].address, 7)
				: ipv4_address(defaults[i].address, 7);

		ck_assert(is_asked_for(&address, defaults[i].type));
	}
}
END_TEST

static const struct {
	const char *text, *label;
	enum socket_kind kind;
	int worker;
} own[] = {
	{ "tcp:127.0.0.1:0", "tcp:127.0.0.1:", SOCKET_LISTENER,
	  INTAKE_EVERY_WORKER },
	{ "udp:127.0.0.1:0", "udp:127.0.0.1:", SOCKET_DATAGRAM, 0 },
	{ "unix:@check_intake", "unix:@check_intake", SOCKET_LISTENER,
	  INTAKE_EVERY_WORKER },
	{ "unix-dgram:@check_intake", "unix-dgram:@check_intake",
	  SOCKET_DATAGRAM, 0 },
	{ "unix-seqpacket:@check_intake", "unix-seqpacket:@check_intake",
	  SOCKET_LISTENER, INTAKE_EVERY_WORKER },
};

START_TEST(what_is_asked_for_is_opened_and_announced)
{
	const struct intake_socket *opened;
	char line[ADDRESS_TEXT_MAX + 64];

	listen_on(strchr(own[_i].text, '@') ? own_name(own[_i].text)
					    : own[_i].text);
	open_all(1);
	ck_assert_uint_eq(intake.count, 1);
	opened = &intake.sockets[0];
	ck_assert_int_eq(opened->identity.kind, own[_i].kind);
	ck_assert_int_eq(opened->worker, own[_i].worker);
	ck_assert(!opened->passed);
	ck_assert_mem_eq(opened->label, own[_i].label, strlen(own[_i].label));
	intake_announce(&intake);
	(void)snprintf(line, sizeof(line), "echod: listening on %s\n",
		       opened->label);
	log_await(line);
}
END_TEST

START_TEST(a_vsock_address_is_its_own_label)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	close(fd);
	listen_on("vsock:*:0");
	open_all(1);
	ck_assert_mem_eq(intake.sockets[0].label, "vsock:*:", 8);
}
END_TEST

START_TEST(sockets_are_made_ready_for_echoing)
{
	listen_on("127.0.0.1:0");
	open_all(1);
	ck_assert_int_eq(
		fd_option(intake.sockets[0].fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_eq(
		fd_option(intake.sockets[1].fd, IPPROTO_IP, IP_PKTINFO), 1);
}
END_TEST

static const int crews[] = { 1, 2 };

START_TEST(port_0_is_one_port_for_all)
{
	if (!ipv6_is_available())
		return;
	listen_on("*:0");
	open_all(crews[_i]);
	expect_one_port(4 * (size_t)crews[_i]);
}
END_TEST

START_TEST(a_port_that_not_all_can_have_is_given_up)
{
	listen_on("127.0.0.1:0");
	bind_fault = (struct fault){ .skip = (unsigned)_i,
				     .times = 1,
				     .error = EADDRINUSE };
	open_all(2);
	ck_assert_uint_eq(bind_fault.times, 0);
	expect_one_port(4);
	ck_assert(!log_has("cannot"));
}
END_TEST

START_TEST(ports_are_not_asked_for_for_ever)
{
	listen_on("127.0.0.1:0");
	bind_fault = (struct fault){ .times = FOR_EVER, .error = EADDRINUSE };
	expect_failure(1, EADDRINUSE);
	ck_assert_uint_eq(bind_fault.calls, FREE_PORT_ATTEMPTS);
	log_await("cannot listen on tcp:127.0.0.1:0: ");
}
END_TEST

/* Also one that comes second. */
START_TEST(a_port_of_the_users_is_asked_for_once)
{
	listen_on("tcp:127.0.0.1:0");
	listen_on("tcp:127.0.0.1:65000");
	bind_fault = (struct fault){ .skip = 1,
				     .times = FOR_EVER,
				     .error = EADDRINUSE };
	expect_failure(1, EADDRINUSE);
	ck_assert_uint_eq(bind_fault.calls, 2);
	log_await("echod: cannot listen on tcp:127.0.0.1:65000: "
		  "Address already in use (see who has it with ss -lntup, "
		  "or choose another)\n");
}
END_TEST

START_TEST(another_error_than_in_use_is_not_repeated)
{
	listen_on("127.0.0.1:0");
	bind_fault = (struct fault){ .times = FOR_EVER, .error = EACCES };
	expect_failure(1, EACCES);
	ck_assert_uint_eq(bind_fault.calls, 1);
}
END_TEST

/* Two daemons of one user could share it. */
START_TEST(an_address_in_use_is_noticed)
{
	struct intake other;
	char text[ADDRESS_TEXT_MAX];
	int error;

	listen_on(_i == 0 ? "tcp:127.0.0.1:0" : "udp:127.0.0.1:0");
	open_all(2);
	(void)snprintf(text, sizeof(text), "%s", intake.sockets[0].label);
	options_deinit(&options);
	options = (struct options){ 0 };
	listen_on(text);
	for (int workers = 1; workers <= 2; workers++) {
		error = intake_open(&other, &options, workers);
		ck_assert_int_eq(error, -EADDRINUSE);
	}
}
END_TEST

START_TEST(every_worker_has_its_own_socket)
{
	listen_on("127.0.0.1:0");
	open_all(2);
	expect_one_port(4);
	for (size_t i = 0; i < intake.count; i++) {
		ck_assert_int_eq(intake.sockets[i].worker, (int)i % 2);
		ck_assert_int_eq(fd_option(intake.sockets[i].fd, SOL_SOCKET,
					   SO_REUSEPORT),
				 1);
		ck_assert_str_eq(intake.sockets[i].label,
				 intake.sockets[i & 2].label);
	}
	intake_announce(&intake);
	ck_assert_uint_eq(log_count("listening on tcp:127.0.0.1:"), 1);
	ck_assert_uint_eq(log_count("listening on udp:127.0.0.1:"), 1);
}
END_TEST

START_TEST(one_worker_does_not_share)
{
	listen_on("127.0.0.1:0");
	open_all(1);
	for (size_t i = 0; i < intake.count; i++)
		ck_assert_int_eq(fd_option(intake.sockets[i].fd, SOL_SOCKET,
					   SO_REUSEPORT),
				 0);
}
END_TEST

START_TEST(datagram_sockets_take_turns_at_the_workers)
{
	listen_on(own_name("unix-dgram:@check_intake_0"));
	listen_on(own_name("unix-dgram:@check_intake_1"));
	listen_on(own_name("unix-dgram:@check_intake_2"));
	listen_on(own_name("unix:@check_intake_3"));
	open_all(2);
	ck_assert_int_eq(intake.sockets[0].worker, 0);
	ck_assert_int_eq(intake.sockets[1].worker, 1);
	ck_assert_int_eq(intake.sockets[2].worker, 0);
	ck_assert_int_eq(intake.sockets[3].worker, INTAKE_EVERY_WORKER);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("intake");
	TCase *tcase = tcase_create("intake");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, by_default_port_7_is_served);
	tcase_add_loop_test(tcase, what_is_asked_for_is_opened_and_announced, 0,
			    ARRAY_SIZE(own));
	tcase_add_test(tcase, a_vsock_address_is_its_own_label);
	tcase_add_test(tcase, sockets_are_made_ready_for_echoing);
	tcase_add_loop_test(tcase, port_0_is_one_port_for_all, 0,
			    ARRAY_SIZE(crews));
	tcase_add_loop_test(tcase, a_port_that_not_all_can_have_is_given_up, 0,
			    6);
	tcase_add_test(tcase, ports_are_not_asked_for_for_ever);
	tcase_add_test(tcase, a_port_of_the_users_is_asked_for_once);
	tcase_add_test(tcase, another_error_than_in_use_is_not_repeated);
	tcase_add_loop_test(tcase, an_address_in_use_is_noticed, 0, 2);
	tcase_add_test(tcase, every_worker_has_its_own_socket);
	tcase_add_test(tcase, one_worker_does_not_share);
	tcase_add_test(tcase, datagram_sockets_take_turns_at_the_workers);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
