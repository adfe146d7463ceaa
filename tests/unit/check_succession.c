/* SPDX-License-Identifier: MIT */
/*
 * One instance after the other, in one process: what the manager keeps of each,
 * and what the next one has of it.
 *
 * Link with -Wl,--wrap=service_take_sockets,--wrap=socketpair.
 */
#include "config.h"

#include "echod/drain.h"
#include "echod/log.h"
#include "echod/succession.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/rig.h"
#include "unit/store_rig.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

WRAPPED(int, service_take_sockets, (struct service_socket * *sockets));
INJECTED(int, -1, socketpair, (int domain, int type, int protocol, int fds[2]),
	 (domain, type, protocol, fds))

int __wrap_service_take_sockets(struct service_socket **sockets)
{
	return (int)store_give(sockets);
}

/* Both ends of a lot, a socket of our own, a record; and one to ask. */
#define NEEDED 5

static struct options options;
static struct record record;
static struct intake intake;
static struct crew crew;
static struct succession succession;
static struct address server;
static bool running;

static void on_answer(void *context)
{
	(void)context;
}

static void begin(size_t workers)
{
	ck_assert_int_eq(intake_open(&intake, &options, (int)workers), 0);
	ck_assert_int_eq(record_create(&record, workers + 1), 0);
	succession_continue(&record, &intake);
	crew_set_policy(&crew, &options, &intake, workers);
	ck_assert_int_eq(crew_init(&crew, &intake, record_stats(&record, 1),
				   workers, on_answer, NULL),
			 0);
	succession_begin(&succession, &crew, &intake, &record, &options);
	ck_assert_int_eq(crew.policy.preserve, succession.preserve);
	server = intake.sockets[0].identity.local;
	running = true;
}

/* Turn all workers once. */
static void turn(void)
{
	for (size_t i = 0; i < crew.worker_count; i++) {
		struct worker *worker = &crew.workers[i];

		if (worker->reactor.stopping)
			continue;
		worker_post(worker, WORKER_ANSWER);
		if (reactor_poll(&worker->reactor) < 0)
			ck_abort_msg("epoll_wait failed");
		reactor_dispatch(&worker->reactor);
	}
}

static bool is_finished(void)
{
	turn();
	for (size_t i = 0; i < crew.worker_count; i++) {
		if (!crew.workers[i].reactor.stopping)
			return false;
	}
	return true;
}

static void end(unsigned how)
{
	for (size_t i = 0; i < crew.worker_count; i++)
		drain_on_request(&crew.workers[i], how);
	AWAIT(is_finished());
	crew_deinit(&crew);
	succession_end(&succession, how == WORKER_HAND_OVER);
	succession_end(&succession, how == WORKER_HAND_OVER);
	intake_close(&intake);
	record_close(&record);
	running = false;
}

static void setup(void)
{
	const char *reason;

	options = (struct options){
		.preserve = PRESERVE_AUTO,
		.preserve_after = 0,
		.idle_timeout = USEC_INFINITY,
		.drain_timeout = USEC_INFINITY,
		.buffer_limit = 64 << 20,
	};
	ck_assert_int_eq(
		options_add_listen(&options, "tcp:127.0.0.1:0", &reason), 0);
	log_catch();
	store_start(STORE_MAX);
}

static void teardown(void)
{
	if (running)
		end(WORKER_ABORT);
	ck_assert_uint_eq(store_total(), 0);
	options_deinit(&options);
}

static void expect_echo(int client, const char *text)
{
	send_text(client, text);
	AWAIT((turn(), events_now(client, POLLIN) != 0));
	expect_text(client, text);
}

static int connect_client(void)
{
	int client = fd_open(AF_INET, SOCK_STREAM);

	(void)connect(client, &server.any, server.length);
	await_events(client, POLLOUT);
	expect_echo(client, "hello");
	return client;
}

static uint64_t total(enum counter counter)
{
	struct stats_snapshot sum = { 0 };

	crew_collect(&crew, &sum);
	stats_collect(record_stats(&record, 0), &sum);
	return sum.values[counter];
}

static void expect_stored(size_t workers, const char *record_name)
{
	ck_assert(succession.preserve);
	ck_assert_uint_eq(store_count(SERVICE_LOT "0"), 2);
	ck_assert_uint_eq(store_count(SERVICE_OWN "0"), 1);
	ck_assert_uint_eq(store_count(record_name), 1);
	ck_assert_uint_eq(store_total(), 2 * workers + intake.count + 1);
}

static const struct {
	enum preserve preserve;
	size_t limit;
	bool preserved, warned;
} choices[] = {
	{ PRESERVE_AUTO, STORE_MAX, true, false },
	{ PRESERVE_AUTO, NEEDED, true, false },
	{ PRESERVE_AUTO, NEEDED - 1, false, false },
	{ PRESERVE_AUTO, 1, false, false },
	{ PRESERVE_AUTO, 0, false, false },
	{ PRESERVE_YES, STORE_MAX, true, false },
	{ PRESERVE_YES, NEEDED - 1, false, true },
	{ PRESERVE_YES, 0, false, true },
	{ PRESERVE_NO, STORE_MAX, false, false },
	{ PRESERVE_NO, 0, false, false },
};

START_TEST(preserved_if_wanted_and_kept)
{
	options.preserve = choices[_i].preserve;
	store_set_limit(choices[_i].limit);
	begin(1);
	ck_assert_int_eq(succession.preserve, choices[_i].preserved);
	if (choices[_i].preserved)
		expect_stored(1, SERVICE_RECORD "1");
	else
		ck_assert_uint_eq(store_total(), 0);
	log_message(LOG_INFO, NULL, "begun");
	log_await("begun");
	ck_assert_int_eq(log_has("connections cannot outlive this process"),
			 choices[_i].warned);
	(void)connect_client();
}
END_TEST

START_TEST(without_a_manager_nothing_is_preserved)
{
	char *manager = strdup(getenv("NOTIFY_SOCKET"));

	ck_assert_uint_eq(store_total(), 0);
	ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
	options.preserve = PRESERVE_YES;
	begin(1);
	ck_assert(!succession.preserve);
	log_await("connections cannot outlive this process: there is no "
		  "service manager that keeps descriptors (set "
		  "FileDescriptorStoreMax=)\n");
	end(WORKER_DRAIN);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", manager, 1), 0);
	free(manager);
}
END_TEST

/* Asked first: one that keeps nothing is not given everything. */
START_TEST(manager_is_asked_first)
{
	store_set_limit(0);
	begin(1);
	ck_assert_uint_eq(
		store_told("FDSTORE=1\nFDNAME=" SERVICE_LOT "0\nFDPOLL=0"), 0);
}
END_TEST

START_TEST(connections_and_counters_go_on)
{
	static const char *const records[] = { SERVICE_RECORD "1",
					       SERVICE_RECORD "2",
					       SERVICE_RECORD "3",
					       SERVICE_RECORD "4" };
	static const size_t workers[] = { 2, 2, 1, 3 };
	struct address address;
	int client;

	begin(2);
	address = server;
	client = connect_client();
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		if (i > 0)
			begin(workers[i]);
		ck_assert(address_port(&server) == address_port(&address));
		ck_assert_uint_eq(crew_connections(&crew), 1);
		expect_stored(workers[i], records[i]);
		expect_echo(client, "again");
		ck_assert_uint_eq(total(COUNTER_bytes_sent), 5 + 5 * (i + 1));
		ck_assert_uint_eq(total(COUNTER_connections_accepted), 1);
		ck_assert_uint_eq(total(COUNTER_connections_adopted), i);
		end(WORKER_HAND_OVER);
	}
	ck_assert_uint_eq(log_count("adopted 1 connection in "), 3);
	ck_assert_uint_eq(log_count("skipped 0 bytes echoed already; reset 0, "
				    "lost 0\n"),
			  3);
	begin(1);
}
END_TEST

START_TEST(nothing_is_kept_of_a_stop)
{
	int client;

	begin(2);
	client = connect_client();
	end(WORKER_DRAIN);
	ck_assert(stream_ends_clean(client));
	ck_assert_uint_eq(store_total(), 0);
	begin(2);
	ck_assert_uint_eq(crew_connections(&crew), 0);
	ck_assert_uint_eq(total(COUNTER_connections_accepted), 0);
	expect_stored(2, SERVICE_RECORD "1");
}
END_TEST

/* Switched off meanwhile: what was left is served, and left no more. */
START_TEST(what_was_kept_is_given_up_if_so_asked)
{
	int client;

	begin(2);
	client = connect_client();
	end(WORKER_HAND_OVER);
	options.preserve = PRESERVE_NO;
	begin(2);
	ck_assert(!succession.preserve);
	ck_assert_uint_eq(store_total(), 0);
	ck_assert_uint_eq(total(COUNTER_connections_accepted), 1);
	expect_echo(client, "again");
	ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
	AWAIT((turn(), crew_connections(&crew) == 0));
	ck_assert(stream_ends_clean(client));
}
END_TEST

/* As if a signal handler had said so. */
static void crash(void)
{
	atomic_store(&record.head->faulted_at, reactor_clock());
	end(WORKER_HAND_OVER);
}

START_TEST(connections_that_kill_are_reset_once)
{
	int client, other;

	begin(1);
	client = connect_client();
	for (int i = 0; i < 3; i++) {
		ck_assert(!log_has("crashed within 10 s"));
		expect_echo(client, "again");
		crash();
		begin(1);
	}
	ck_assert_uint_eq(crew_connections(&crew), 0);
	AWAIT(events_now(client, 0) & POLLERR);
	log_await("adopted 0 connections in ");
	log_await("reset 1, lost 0\n");
	log_await("the last three instances crashed within 10 s: all "
		  "connections that they left were reset (please report what "
		  "coredumpctl tells)\n");
	/* Others have a chance. */
	other = connect_client();
	crash();
	begin(1);
	ck_assert_uint_eq(crew_connections(&crew), 1);
	expect_echo(other, "again");
}
END_TEST

START_TEST(crash_now_and_then_resets_nothing)
{
	int client;

	begin(1);
	client = connect_client();
	for (int i = 0; i < 6; i++) {
		if (i % 3 == 2)
			end(WORKER_HAND_OVER);
		else
			crash();
		begin(1);
		expect_echo(client, "again");
	}
}
END_TEST

/* The first pair asks whether there is a store. */
START_TEST(without_descriptors_what_was_left_is_served)
{
	int client;

	begin(1);
	client = connect_client();
	end(WORKER_HAND_OVER);
	socketpair_fault = (struct fault){ .times = 1, .error = EMFILE };
	begin(2);
	ck_assert(!succession.preserve);
	log_await("cannot make a place for connections to outlive this "
		  "process: Too many open files (raise the limit on "
		  "descriptors)\n");
	ck_assert_uint_eq(store_total(), 0);
	expect_echo(client, "again");
}
END_TEST

START_TEST(what_is_lost_is_told)
{
	begin(1);
	for (int i = 0; i < 3; i++)
		(void)connect_client();
	end(WORKER_HAND_OVER);
	options.max_connections = 1;
	begin(1);
	log_await("adopted 1 connection in ");
	log_await("reset 0, lost 2\n");
}
END_TEST

/* Of another version, or of another service: no reason to lose connections. */
START_TEST(strange_record_is_given_up)
{
	int client;

	begin(1);
	client = connect_client();
	end(WORKER_HAND_OVER);
	store_put(SERVICE_RECORD "900", STDERR_FILENO);
	store_put(SERVICE_RECORD "0", store_fd(SERVICE_OWN "0", 0));
	begin(1);
	expect_stored(1, SERVICE_RECORD "2");
	ck_assert_uint_eq(total(COUNTER_connections_accepted), 1);
	expect_echo(client, "again");
}
END_TEST

/* Then ours goes with it only when a newer one has its counters. */
START_TEST(strange_record_may_have_the_number_of_ours)
{
	store_put(SERVICE_RECORD "1", STDERR_FILENO);
	begin(1);
	ck_assert(succession.preserve);
	ck_assert_uint_eq(store_count(SERVICE_RECORD "1"), 2);
	(void)connect_client();
	end(WORKER_HAND_OVER);
	begin(1);
	ck_assert_uint_eq(total(COUNTER_connections_accepted), 1);
	expect_stored(1, SERVICE_RECORD "2");
}
END_TEST

START_TEST(one_that_never_began_can_be_ended)
{
	struct succession none = { 0 };

	succession_end(&none, false);
	succession_end(&none, true);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("succession");
	TCase *tcase = tcase_create("succession");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, preserved_if_wanted_and_kept, 0,
			    ARRAY_SIZE(choices));
	tcase_add_test(tcase, without_a_manager_nothing_is_preserved);
	tcase_add_test(tcase, manager_is_asked_first);
	tcase_add_test(tcase, connections_and_counters_go_on);
	tcase_add_test(tcase, nothing_is_kept_of_a_stop);
	tcase_add_test(tcase, what_was_kept_is_given_up_if_so_asked);
	tcase_add_test(tcase, connections_that_kill_are_reset_once);
	tcase_add_test(tcase, crash_now_and_then_resets_nothing);
	tcase_add_test(tcase, without_descriptors_what_was_left_is_served);
	tcase_add_test(tcase, what_is_lost_is_told);
	tcase_add_test(tcase, strange_record_is_given_up);
	tcase_add_test(tcase, strange_record_may_have_the_number_of_ours);
	tcase_add_test(tcase, one_that_never_began_can_be_ended);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
