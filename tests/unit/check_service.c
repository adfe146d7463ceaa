/* SPDX-License-Identifier: MIT */
/*
 * The service manager: what it is told, read from a socket of the test's own,
 * and what it passes.
 *
 * Link with -Wl,--wrap=calloc.
 */
#include "config.h"

#include "echod/service.h"
#include "unit/capture.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FIRST_FD 3

static bool calloc_fails;

/* The manager's end. */
static int manager;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	return calloc_fails ? NULL : __real_calloc(count, size);
}

static void set_environment(const char *name, const char *value)
{
	ck_assert_int_eq(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

static void set_number(const char *name, int64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, value);
	set_environment(name, text);
}

/* An abstract name that the kernel chooses. */
static void setup_manager(void)
{
	struct address address = { .length = sizeof(sa_family_t) };
	char name[sizeof(address.un.sun_path) + 1] = "@";

	address.any.sa_family = AF_UNIX;
	manager = fd_bound(SOCK_DGRAM, &address);
	address = fd_address(manager);
	memcpy(name + 1, address.un.sun_path + 1,
	       address.length - offsetof(struct sockaddr_un, sun_path) - 1);
	set_environment("NOTIFY_SOCKET", name);
}

static void expect_no_message(void)
{
	char byte;

	ck_assert_int_eq(recv(manager, &byte, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(ready_comes_with_a_status)
{
	service_notify_ready("waiting for 100% of them");
	expect_text(manager, "READY=1\nSTATUS=waiting for 100% of them");
	expect_no_message();
}
END_TEST

START_TEST(status_is_told)
{
	service_notify_status("3 connections, %s");
	service_notify_status("4 connections");
	expect_text(manager, "STATUS=3 connections, %s");
	expect_text(manager, "STATUS=4 connections");
	expect_no_message();
}
END_TEST

START_TEST(a_status_that_is_too_long_is_cut_off)
{
	char status[1000], told[1000];

	memset(status, 'x', sizeof(status));
	status[sizeof(status) - 1] = '\0';
	service_notify_status(status);
	await_readable(manager);
	ck_assert_int_eq(recv(manager, told, sizeof(told), 0), 511);
	ck_assert_int_eq(memcmp(told, "STATUS=x", 8), 0);
	ck_assert_int_eq(told[510], 'x');
	expect_no_message();
}
END_TEST

START_TEST(stopping_is_told)
{
	service_notify_stopping();
	expect_text(manager, "STOPPING=1");
	expect_no_message();
}
END_TEST

START_TEST(more_time_is_asked_for)
{
	service_extend_timeout(UINT64_C(18446744073709551615));
	expect_text(manager, "EXTEND_TIMEOUT_USEC=18446744073709551615");
	expect_no_message();
}
END_TEST

START_TEST(watchdog_is_told)
{
	service_notify_watchdog();
	expect_text(manager, "WATCHDOG=1");
	expect_no_message();
}
END_TEST

static uint64_t monotonic_usec(void)
{
	struct timespec now;

	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

START_TEST(reloading_comes_with_the_time)
{
	uint64_t before = monotonic_usec(), after, told;
	char message[128] = "", expected[128];

	service_notify_reloading();
	after = monotonic_usec();
	await_readable(manager);
	ck_assert_int_gt(recv(manager, message, sizeof(message) - 1, 0), 0);
	ck_assert_int_eq(
		sscanf(message, "RELOADING=1\nMONOTONIC_USEC=%" SCNu64, &told),
		1);
	snprintf(expected, sizeof(expected),
		 "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, told);
	ck_assert_str_eq(message, expected);
	ck_assert_uint_ge(told, before);
	ck_assert_uint_le(told, after);
	expect_no_message();
}
END_TEST

static void tell_everything(void)
{
	service_notify_ready("ready");
	service_notify_status("status");
	service_notify_reloading();
	service_notify_stopping();
	service_extend_timeout(1);
	service_notify_watchdog();
}

/* There is room for 107 bytes. */
#define TOO_LONG                                                               \
	"/a-name-that-does-not-fit/into-an-address/as-it-is-longer/than-all"   \
	"-that-there-is-room-for/in-the-address/of-a-unix-socket"

/* NULL: none. */
static const char *const nobody[] = { NULL,	  "",
				      "/",	  "@",
				      "relative", "/nonexistent/notify",
				      TOO_LONG,	  "@nobody-listens" };

START_TEST(without_a_manager_nothing_happens)
{
	int output = stderr_capture(), free_fd = lowest_free_fd();

	set_environment("NOTIFY_SOCKET", nobody[_i]);
	service_connect();
	tell_everything();
	service_disconnect();
	ck_assert_int_eq(lowest_free_fd(), free_fd);
	expect_no_message();
	stderr_expect_nothing(output);
}
END_TEST

START_TEST(a_manager_is_let_go_of)
{
	int free_fd = lowest_free_fd();

	for (int i = 0; i < 2; i++) {
		service_connect();
		ck_assert_int_ne(lowest_free_fd(), free_fd);
		service_notify_status("connected");
		expect_text(manager, "STATUS=connected");
		service_disconnect();
		ck_assert_int_eq(lowest_free_fd(), free_fd);
	}
}
END_TEST

START_TEST(without_a_descriptor_nothing_happens)
{
	struct rlimit before, none_free;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none_free = before;
	none_free.rlim_cur = (rlim_t)lowest_free_fd();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none_free), 0);
	tell_everything();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	expect_no_message();
}
END_TEST

/*
 * Descriptors 3 and 4 exist: if they are not Check's own, they are made.  To
 * be passed does them no harm.
 */
static void setup_sockets(void)
{
	for (int fd = FIRST_FD; fd < FIRST_FD + 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			ck_assert_int_eq(dup2(STDERR_FILENO, fd), fd);
		ck_assert_int_eq(fcntl(fd, F_SETFD, 0), 0);
	}
	set_number("LISTEN_PID", getpid());
	set_number("LISTEN_FDS", 2);
	set_environment("LISTEN_FDNAMES", "echod-tcp:echod-udp");
}

static void expect_sockets(const char *first, const char *second)
{
	struct service_socket *sockets = NULL;

	ck_assert_int_eq(service_take_sockets(&sockets), 2);
	ck_assert_int_eq(sockets[0].fd, FIRST_FD);
	ck_assert_str_eq(sockets[0].name, first);
	ck_assert_int_eq(sockets[1].fd, FIRST_FD + 1);
	ck_assert_str_eq(sockets[1].name, second);
	service_free_sockets(sockets, 2);
}

static void expect_no_sockets(int result)
{
	struct service_socket some, *sockets = &some;

	ck_assert_int_eq(service_take_sockets(&sockets), result);
	ck_assert_ptr_null(sockets);
}

START_TEST(passed_sockets_are_taken_with_their_names)
{
	expect_sockets("echod-tcp", "echod-udp");
}
END_TEST

START_TEST(taken_sockets_stay_open_and_are_not_passed_on)
{
	expect_sockets("echod-tcp", "echod-udp");
	ck_assert_int_eq(fcntl(FIRST_FD, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(FIRST_FD + 1, F_GETFD), FD_CLOEXEC);
	ck_assert_ptr_null(getenv("LISTEN_PID"));
	ck_assert_ptr_null(getenv("LISTEN_FDS"));
	ck_assert_ptr_null(getenv("LISTEN_FDNAMES"));
	expect_no_sockets(0);
}
END_TEST

START_TEST(sockets_may_have_no_names)
{
	set_environment("LISTEN_FDNAMES", NULL);
	expect_sockets("unknown", "unknown");
}
END_TEST

START_TEST(names_may_be_empty)
{
	set_environment("LISTEN_FDNAMES", ":");
	expect_sockets("", "");
}
END_TEST

static const struct {
	const char *name, *value;
	int result;
} environments[] = {
	{ "LISTEN_PID", NULL, 0 },
	{ "LISTEN_PID", "1", 0 },
	{ "LISTEN_PID", "me", -EINVAL },
	{ "LISTEN_FDS", NULL, 0 },
	{ "LISTEN_FDS", "0", -EINVAL },
	{ "LISTEN_FDS", "-1", -EINVAL },
	{ "LISTEN_FDS", "two", -EINVAL },
	{ "LISTEN_FDS", "2147483647", -EINVAL },
	{ "LISTEN_FDNAMES", "one", -EINVAL },
	{ "LISTEN_FDNAMES", "one:two:three", -EINVAL },
};

START_TEST(wrong_environment_passes_nothing)
{
	set_environment(environments[_i].name, environments[_i].value);
	expect_no_sockets(environments[_i].result);
}
END_TEST

START_TEST(passed_descriptors_must_be_open)
{
	set_number("LISTEN_FDS", lowest_free_fd() - FIRST_FD + 1);
	set_environment("LISTEN_FDNAMES", NULL);
	expect_no_sockets(-EBADF);
}
END_TEST

START_TEST(without_memory_no_socket_is_taken)
{
	calloc_fails = true;
	expect_no_sockets(-ENOMEM);
	calloc_fails = false;
	ck_assert_int_ge(fcntl(FIRST_FD, F_GETFD), 0);
}
END_TEST

START_TEST(watchdog_interval_is_read)
{
	set_environment("WATCHDOG_USEC", "30000000");
	set_environment("WATCHDOG_PID", NULL);
	ck_assert_uint_eq(service_watchdog_usec(), 30000000);
	set_number("WATCHDOG_PID", getpid());
	ck_assert_uint_eq(service_watchdog_usec(), 30000000);
}
END_TEST

START_TEST(watchdog_may_be_off)
{
	static const char *const values[] = { NULL, "", "0", "soon", "-1" };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		set_environment("WATCHDOG_USEC", values[i]);
		ck_assert_uint_eq(service_watchdog_usec(), 0);
	}
	set_environment("WATCHDOG_USEC", "30000000");
	set_environment("WATCHDOG_PID", "1");
	ck_assert_uint_eq(service_watchdog_usec(), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("service");
	TCase *notify = tcase_create("notify"), *take = tcase_create("take");
	TCase *limit = tcase_create("limit");

	tcase_add_checked_fixture(notify, setup_manager, NULL);
	tcase_add_test(notify, ready_comes_with_a_status);
	tcase_add_test(notify, status_is_told);
	tcase_add_test(notify, a_status_that_is_too_long_is_cut_off);
	tcase_add_test(notify, stopping_is_told);
	tcase_add_test(notify, more_time_is_asked_for);
	tcase_add_test(notify, watchdog_is_told);
	tcase_add_test(notify, reloading_comes_with_the_time);
	tcase_add_test(notify, a_manager_is_let_go_of);
	tcase_add_loop_test(notify, without_a_manager_nothing_happens, 0,
			    ARRAY_SIZE(nobody));
	tcase_add_test(notify, watchdog_interval_is_read);
	tcase_add_test(notify, watchdog_may_be_off);
	suite_add_tcase(suite, notify);
	tcase_set_tags(limit, NOT_UNDER_VALGRIND);
	tcase_add_checked_fixture(limit, setup_manager, NULL);
	tcase_add_test(limit, without_a_descriptor_nothing_happens);
	suite_add_tcase(suite, limit);
	tcase_add_checked_fixture(take, setup_sockets, NULL);
	tcase_add_test(take, passed_sockets_are_taken_with_their_names);
	tcase_add_test(take, taken_sockets_stay_open_and_are_not_passed_on);
	tcase_add_test(take, sockets_may_have_no_names);
	tcase_add_test(take, names_may_be_empty);
	tcase_add_loop_test(take, wrong_environment_passes_nothing, 0,
			    ARRAY_SIZE(environments));
	tcase_add_test(take, passed_descriptors_must_be_open);
	tcase_add_test(take, without_memory_no_socket_is_taken);
	suite_add_tcase(suite, take);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
