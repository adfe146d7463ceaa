/* SPDX-License-Identifier: MIT */
/*
 * What the log says of a connection that ended: one line on standard error,
 * which the test replaces by a file.
 */
#include "config.h"

#include "unit/connection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct address peer;
static int log_fd;

static void setup(void)
{
	int file = memfd_create("log", MFD_CLOEXEC);

	log_fd = dup(STDERR_FILENO);
	ck_assert_int_ge(log_fd, 0);
	ck_assert_int_eq(dup2(file, STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(close(file), 0);
	connection_setup();
	policy.log_connections = true;
	peer = ipv4_address("192.0.2.7", 40007);
}

static void teardown(void)
{
	connection_teardown();
	ck_assert_int_eq(dup2(log_fd, STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(close(log_fd), 0);
}

static void open_logged(enum kind kind)
{
	open_pair(kind);
	serve_pair(kind, &peer);
}

/* All that was written since the last look. */
static void expect_log(const char *text)
{
	char written[4096] = { 0 };

	ck_assert_int_ge(pread(STDERR_FILENO, written, sizeof(written) - 1, 0),
			 0);
	ck_assert_str_eq(written, text);
	ck_assert_int_eq(ftruncate(STDERR_FILENO, 0), 0);
	ck_assert_int_eq(lseek(STDERR_FILENO, 0, SEEK_SET), 0);
}

/* The reason in a line of which the duration is not known. */
static void expect_reason(const char *reason, unsigned int received,
			  unsigned int sent)
{
	char written[1024] = { 0 }, part[128];

	ck_assert_int_gt(pread(STDERR_FILENO, written, sizeof(written) - 1, 0),
			 0);
	(void)snprintf(part, sizeof(part), ": %s after ", reason);
	ck_assert_msg(strstr(written, part), "%s", written);
	(void)snprintf(part, sizeof(part), " s, %u bytes received, %u sent\n",
		       received, sent);
	ck_assert_msg(strstr(written, part), "%s", written);
}

START_TEST(one_line_tells_all)
{
	uint64_t opened = worker.reactor.now;

	open_logged(KIND_TCP);
	say_and_expect("hello");
	say_and_expect("world!");
	expect_log("");
	worker.reactor.now = opened + 61234567;
	connection_abort(the_connection());
	expect_log("echod: connection from 192.0.2.7:40007 to "
		   "tcp:127.0.0.1:7: stopping after 61.234 s, "
		   "11 bytes received, 11 sent\n");
}
END_TEST

START_TEST(durations_have_three_decimals)
{
	open_logged(KIND_UNIX);
	peer.length = 0; /* it was copied */
	worker.reactor.now += 5999;
	connection_abort(the_connection());
	expect_log("echod: connection from 192.0.2.7:40007 to "
		   "unix:/run/echo: stopping after 0.005 s, "
		   "0 bytes received, 0 sent\n");
}
END_TEST

START_TEST(peer_without_a_name)
{
	peer.length = 0;
	open_logged(KIND_UNIX);
	connection_abort(the_connection());
	expect_log("echod: connection from unnamed to "
		   "unix:/run/echo: stopping after 0.000 s, "
		   "0 bytes received, 0 sent\n");
}
END_TEST

START_TEST(nothing_is_said_unless_asked_for)
{
	policy.log_connections = false;
	open_logged(KIND_TCP);
	connection_abort(the_connection());
	ck_assert_int_eq(close(fds[CLIENT]), 0);
	policy.log_connections = true;
	open_connection(KIND_TCP); /* no peer */
	connection_abort(the_connection());
	expect_log("");
}
END_TEST

START_TEST(closed_by_peer)
{
	open_logged(KIND_TCP);
	say_and_expect("hello");
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	expect_fin();
	expect_reason("closed by peer", 5, 5);
}
END_TEST

START_TEST(idle)
{
	open_logged(KIND_TCP);
	worker.reactor.now += policy.idle_timeout;
	reactor_dispatch(&worker.reactor);
	expect_reason("idle", 0, 0);
}
END_TEST

START_TEST(drained)
{
	open_logged((enum kind)_i);
	deliver("hello");
	connection_drain(the_connection());
	serve();
	AWAIT((connections() > 0 ? connection_settle(the_connection())
				 : (void)0,
	       connections() == 0));
	expect_reason("stopping", 5, 5);
}
END_TEST

START_TEST(out_of_memory)
{
	open_logged(KIND_TCP);
	deliver("hello");
	fault_fail(FAULT_SEND, ENOMEM);
	serve();
	expect_reason("out of memory", 0, 0);
}
END_TEST

START_TEST(record_too_long)
{
	static char record[WORKER_SCRATCH_SIZE + 1];

	open_logged(KIND_RECORDS);
	fd_set_option(fds[CLIENT], SOL_SOCKET, SO_SNDBUF, 200000);
	ck_assert_int_eq(send(fds[CLIENT], record, sizeof(record), 0),
			 sizeof(record));
	serve();
	expect_reason("record too long", 0, 0);
}
END_TEST

static const struct {
	int error;
	const char *reason;
} reasons[] = {
	{ ECONNRESET, "reset by peer" },      { EPIPE, "reset by peer" },
	{ ETIMEDOUT, "timed out" },	      { EIO, "Input/output error" },
	{ ENOMEM, "out of memory" },	      { EMSGSIZE, "record too long" },
	{ EHOSTUNREACH, "No route to host" },
};

START_TEST(failed)
{
	open_logged(KIND_TCP);
	deliver("hello");
	fault_fail(FAULT_RECV, reasons[_i].error);
	serve();
	expect_reason(reasons[_i].reason, 0, 0);
}
END_TEST

TCase *connection_log_case(void)
{
	TCase *tcase = tcase_create("log");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, one_line_tells_all);
	tcase_add_test(tcase, durations_have_three_decimals);
	tcase_add_test(tcase, peer_without_a_name);
	tcase_add_test(tcase, nothing_is_said_unless_asked_for);
	tcase_add_test(tcase, closed_by_peer);
	tcase_add_test(tcase, idle);
	tcase_add_loop_test(tcase, drained, 0, KIND_RECORDS);
	tcase_add_test(tcase, out_of_memory);
	tcase_add_test(tcase, record_too_long);
	tcase_add_loop_test(tcase, failed, 0, ARRAY_SIZE(reasons));
	return tcase;
}
