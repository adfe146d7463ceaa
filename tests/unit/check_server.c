/* SPDX-License-Identifier: MIT */
/*
 * The whole daemon in a thread: it serves, obeys signals, tells the service
 * manager, and ends when there is nothing to do.
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/server_rig.h"

#include "echod/crew.h"
#include "echod/report.h"
#include "echod/service.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the service manager passes in, unless -1. */
static int passed_fd = -1;

/* A worker that receives datagrams stays there until `released`. */
static atomic_bool stalled, waiting;
static sem_t released;

static atomic_uint probes;	  /* of the workers' answers */
static atomic_uint pending_looks; /* of which the first finds something */
static bool pending_once;
static atomic_uint ticks;

WRAPPED(int, service_take_sockets, (struct service_socket * *sockets));
WRAPPED(int, call_receive_many,
	(int fd, struct mmsghdr *messages, unsigned count, int flags));
WRAPPED(bool, crew_has_answered, (struct crew * crew, unsigned requests));
WRAPPED(bool, intake_is_pending, (const struct intake *intake));
WRAPPED(void, report_tick,
	(struct report * report, const struct stats_snapshot *snapshot,
	 unsigned connections, uint64_t now));

int __wrap_service_take_sockets(struct service_socket **sockets)
{
	*sockets = NULL;
	if (passed_fd < 0)
		return 0;
	*sockets = calloc(1, sizeof(**sockets));
	**sockets = (struct service_socket){ passed_fd, strdup("connection") };
	return 1;
}

int __wrap_call_receive_many(int fd, struct mmsghdr *messages, unsigned count,
			     int flags)
{
	if (atomic_load(&stalled)) {
		atomic_store(&waiting, true);
		sem_wait(&released);
	}
	return __real_call_receive_many(fd, messages, count, flags);
}

bool __wrap_crew_has_answered(struct crew *crew, unsigned requests)
{
	bool answered = __real_crew_has_answered(crew, requests);

	atomic_fetch_add(&probes, 1);
	return answered;
}

bool __wrap_intake_is_pending(const struct intake *intake)
{
	bool first = atomic_fetch_add(&pending_looks, 1) == 0;

	return (pending_once && first) || __real_intake_is_pending(intake);
}

void __wrap_report_tick(struct report *report,
			const struct stats_snapshot *snapshot,
			unsigned connections, uint64_t now)
{
	__real_report_tick(report, snapshot, connections, now);
	atomic_fetch_add(&ticks, 1);
}

static void setup(void)
{
	ck_assert_int_eq(sem_init(&released, 0, 0), 0);
	server_rig_setup();
}

static void expect_end(int error)
{
	ck_assert_int_eq(server_rig_join(), error);
	ck_assert(log_has("echod: stopped\n") == (error == 0));
}

static const int ends[] = { SIGTERM, SIGINT };

START_TEST(it_serves_until_it_is_told_to_stop)
{
	int stream, datagram;

	listen_on("127.0.0.1:0");
	server_rig_start();
	notify_await("STATUS=0 connections, 0 datagrams echoed, 0 refused\n");
	ck_assert(log_has("echod: ready: 1 worker, 2 sockets\n"));
	stream = server_rig_connect();
	datagram = server_rig_udp();
	expect_echo(stream, "hello");
	expect_echo(datagram, "hello");
	send_signal(ends[_i]);
	ck_assert(stream_ends_clean(stream));
	expect_end(0);
	ck_assert(log_has("echod: stopping: 1 connection to end\n"));
	ck_assert_uint_eq(notify_count("STOPPING=1\n"), 1);
	ck_assert_uint_ge(notify_count("EXTEND_TIMEOUT_USEC="), 1);
}
END_TEST

START_TEST(all_workers_serve)
{
	int streams[8];

	options.workers = 2;
	listen_on("127.0.0.1:0");
	server_rig_start();
	ck_assert(log_has("echod: ready: 2 workers, 4 sockets\n"));
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
		streams[i] = server_rig_connect();
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
		expect_echo(streams[i], "hello");
	send_signal(SIGTERM);
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
		ck_assert(stream_ends_clean(streams[i]));
	expect_end(0);
	ck_assert(log_has("stopping: 8 connections to end\n"));
}
END_TEST

START_TEST(by_itself_it_has_a_worker_for_every_cpu)
{
	stay_on_one_cpu();
	options.workers = 0;
	listen_on("127.0.0.1:0");
	server_rig_start();
	ck_assert(log_has("echod: ready: 1 worker, 2 sockets\n"));
	send_signal(SIGTERM);
	expect_end(0);
}
END_TEST

START_TEST(a_second_signal_ends_it_at_once)
{
	int client, error;

	listen_on("127.0.0.1:0");
	server_rig_start();
	client = server_rig_slow_client();
	send_signal(SIGTERM);
	/* The manager is asked for more time again and again. */
	AWAIT(notify_count("EXTEND_TIMEOUT_USEC=") >= 2);
	send_signal(SIGHUP);
	send_signal(SIGUSR2);
	send_signal(SIGTERM);
	expect_end(0);
	(void)read_stream(client, 0, &error);
	ck_assert_int_eq(error, ECONNRESET);
	ck_assert_uint_eq(notify_count("STOPPING=1\n"), 1);
	ck_assert_uint_eq(notify_count("RELOADING=1\n"), 0);
	ck_assert_uint_eq(log_count("echod: stopping: "), 1);
}
END_TEST

START_TEST(draining_ends_when_time_is_up)
{
	int client, error;

	options.drain_timeout = 50 * USEC_PER_MSEC;
	listen_on("127.0.0.1:0");
	server_rig_start();
	client = server_rig_slow_client();
	send_signal(SIGTERM);
	expect_end(0);
	(void)read_stream(client, 0, &error);
	ck_assert_int_eq(error, ECONNRESET);
}
END_TEST

START_TEST(a_reload_changes_nothing)
{
	int client;

	listen_on("127.0.0.1:0");
	server_rig_start();
	client = server_rig_connect();
	expect_echo(client, "hello");
	send_signal(SIGHUP);
	notify_await("RELOADING=1\nMONOTONIC_USEC=");
	AWAIT(notify_count("READY=1\nSTATUS=") == 2);
	log_await("echod: reloaded: options are given on the command line, "
		  "restart to change them\n");
	expect_echo(client, "hello");
	send_signal(SIGTERM);
	expect_end(0);
}
END_TEST

START_TEST(counters_are_logged_when_asked_for)
{
	int client;

	listen_on("127.0.0.1:0");
	server_rig_start();
	client = server_rig_connect();
	expect_echo(client, "hello");
	expect_echo(server_rig_udp(), "hello");
	/* What was echoed is counted a moment later. */
	AWAIT((send_signal(SIGUSR1),
	       log_has(" datagrams_received 1, datagrams_sent 1, ")));
	log_await("echod: counters: connections 1, connections_accepted 1, ");
	log_await(" bytes_received 5, bytes_sent 5, ");
	send_signal(SIGTERM);
	expect_end(0);
}
END_TEST

START_TEST(the_manager_hears_the_status_when_it_changes)
{
	int client;

	listen_on("127.0.0.1:0");
	server_rig_start();
	client = server_rig_connect();
	expect_echo(client, "hello");
	notify_await("STATUS=1 connection, 0 datagrams echoed, 0 refused\n");
	send_signal(SIGTERM);
	expect_end(0);
}
END_TEST

static void enable_watchdog(void)
{
	char pid[16];

	(void)snprintf(pid, sizeof(pid), "%d", getpid());
	ck_assert_int_eq(setenv("WATCHDOG_PID", pid, 1), 0);
	ck_assert_int_eq(setenv("WATCHDOG_USEC", "80000", 1), 0);
}

START_TEST(the_watchdog_is_told_while_all_workers_answer)
{
	int client;
	unsigned told, logged;

	enable_watchdog();
	options.workers = 2;
	listen_on("udp:127.0.0.1:0");
	server_rig_start();
	AWAIT(notify_count("WATCHDOG=1\n") >= 2);

	/* One of the two stays in recvmmsg(2). */
	atomic_store(&stalled, true);
	client = server_rig_udp();
	send_text(client, "hello");
	AWAIT(atomic_load(&waiting));
	/* The answer to the first may have been given before. */
	atomic_store(&probes, 0);
	AWAIT(atomic_load(&probes) >= 3);
	told = notify_count("WATCHDOG=1\n");
	logged = log_count("echod: a worker makes no progress: ");
	ck_assert_uint_ge(logged, 1);
	AWAIT(atomic_load(&probes) >= 6);
	ck_assert_uint_eq(notify_count("WATCHDOG=1\n"), told);
	ck_assert_uint_eq(log_count("a worker makes no progress"), logged);

	atomic_store(&stalled, false);
	ck_assert_int_eq(sem_post(&released), 0);
	expect_text(client, "hello");
	AWAIT(notify_count("WATCHDOG=1\n") > told);
	send_signal(SIGTERM);
	expect_end(0);
}
END_TEST

START_TEST(without_a_watchdog_nothing_is_told)
{
	listen_on("udp:127.0.0.1:0");
	server_rig_start();
	expect_echo(server_rig_udp(), "hello");
	/* A tick, later than many watchdogs of the test above. */
	notify_await("STATUS=0 connections, 1 datagrams echoed, 0 refused\n");
	ck_assert_uint_eq(notify_count("WATCHDOG=1\n"), 0);
	send_signal(SIGTERM);
	expect_end(0);
}
END_TEST

START_TEST(idle_for_long_enough_it_ends)
{
	options.exit_idle_time = 10 * USEC_PER_MSEC;
	options.workers = 2;
	listen_on("127.0.0.1:0");
	server_rig_start();
	expect_end(0);
	ck_assert_uint_eq(notify_count("STOPPING=1\n"), 1);
	ck_assert_uint_eq(notify_count("EXTEND_TIMEOUT_USEC="), 0);
	ck_assert(log_has("echod: stopping: 0 connections to end\n"));
}
END_TEST

START_TEST(with_a_connection_it_is_not_idle)
{
	int client;

	options.exit_idle_time = 10 * USEC_PER_MSEC;
	listen_on("127.0.0.1:0");
	server_rig_start();
	client = server_rig_connect();
	expect_echo(client, "hello");
	expect_echo(server_rig_udp(), "hello");
	notify_await("STATUS=1 connection, 1 datagrams");
	AWAIT(atomic_load(&ticks) >= 4);
	expect_echo(client, "still there");
	ck_assert_uint_eq(notify_count("STOPPING=1\n"), 0);
	close(client);
	expect_end(0);
}
END_TEST

START_TEST(what_came_in_the_last_moment_is_served)
{
	int client;

	options.exit_idle_time = 10 * USEC_PER_MSEC;
	pending_once = true;
	listen_on("127.0.0.1:0");
	server_rig_start();
	AWAIT(atomic_load(&pending_looks) == 1);
	client = server_rig_connect();
	expect_echo(client, "hello");
	expect_echo(server_rig_udp(), "hello");
	ck_assert_uint_eq(notify_count("STOPPING=1\n"), 0);
	close(client);
	expect_end(0);
	ck_assert_uint_eq(atomic_load(&pending_looks), 2);
}
END_TEST

START_TEST(with_a_passed_connection_alone_it_ends_with_it)
{
	int fds[2];

	tcp_pair(fds);
	passed_fd = fds[SERVER];
	server_rig_start();
	ck_assert(log_has("echod: connected on tcp:127.0.0.1:"));
	expect_echo(fds[CLIENT], "hello");
	notify_await("STATUS=1 connection");
	/* It may be idle for as long as it likes. */
	AWAIT(atomic_load(&ticks) >= 4);
	expect_echo(fds[CLIENT], "again");
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	ck_assert(stream_ends_clean(fds[CLIENT]));
	expect_end(0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("server");
	TCase *tcase = tcase_create("server");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_loop_test(tcase, it_serves_until_it_is_told_to_stop, 0,
			    ARRAY_SIZE(ends));
	tcase_add_test(tcase, all_workers_serve);
	tcase_add_test(tcase, by_itself_it_has_a_worker_for_every_cpu);
	tcase_add_test(tcase, a_second_signal_ends_it_at_once);
	tcase_add_test(tcase, draining_ends_when_time_is_up);
	tcase_add_test(tcase, a_reload_changes_nothing);
	tcase_add_test(tcase, counters_are_logged_when_asked_for);
	tcase_add_test(tcase, the_manager_hears_the_status_when_it_changes);
	tcase_add_test(tcase, the_watchdog_is_told_while_all_workers_answer);
	tcase_add_test(tcase, without_a_watchdog_nothing_is_told);
	tcase_add_test(tcase, idle_for_long_enough_it_ends);
	tcase_add_test(tcase, with_a_connection_it_is_not_idle);
	tcase_add_test(tcase, what_came_in_the_last_moment_is_served);
	tcase_add_test(tcase, with_a_passed_connection_alone_it_ends_with_it);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
