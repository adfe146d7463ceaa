/* SPDX-License-Identifier: MIT */
/*
 * Room for newcomers at the limit: whoever is idle longest goes, of the worker
 * that accepts or of another, and nobody goes in vain.  Workers without
 * threads, whose loops the test turns by hand, and whose clock it sets.
 */
#include "config.h"

#include "echod/connection.h"
#include "echod/drain.h"
#include "echod/listener.h"
#include "echod/room.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/rig.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

#define WORKERS 3
#define OFTEN	20

/* Idle for a second, and more than the queue may be wrong by. */
#define LONG (2 * USEC_PER_SEC)

static struct worker_policy policy;
static struct worker workers[WORKERS];
static struct stats stats[WORKERS];
static struct listener listeners[WORKERS];
static int listening[WORKERS];
static unsigned answers;

/* Time passes only when the test says so, however busy the machine is. */
static uint64_t elapsed;

INJECTED(int, -1, accept4,
	 (int fd, struct sockaddr *peer, socklen_t *length, int flags),
	 (fd, peer, length, flags))
WRAPPED(int, clock_gettime, (clockid_t clock, struct timespec *time));

int __wrap_clock_gettime(clockid_t clock UNUSED, struct timespec *time)
{
	uint64_t now = USEC_PER_SEC + elapsed;

	time->tv_sec = (time_t)(now / USEC_PER_SEC);
	time->tv_nsec = (long)(now % USEC_PER_SEC * 1000);
	return 0;
}

static void on_answer(void *context UNUSED)
{
	answers++;
}

static void open_worker(int i)
{
	ck_assert_int_eq(worker_init(&workers[i], &policy, &stats[i],
				     connection_on_idle, drain_on_request,
				     on_answer, NULL),
			 0);
	listeners[i].origin = (struct connection_origin){
		.name = "tcp:test",
		.tcp = true,
		.sole = true,
	};
	listening[i] = tcp_listener(0);
	ck_assert_int_eq(
		listener_open(&listeners[i], &workers[i], listening[i], false),
		0);
}

static void setup(void)
{
	policy = (struct worker_policy){
		.idle_timeout = USEC_INFINITY,
		.drain_timeout = USEC_INFINITY,
		.hold_limit = (size_t)1 << 20,
		.max_connections = 2,
		.workers = workers,
		.worker_count = WORKERS,
	};
	for (int i = 0; i < WORKERS; i++)
		open_worker(i);
	answers = 0;
}

/* What is due now; nothing is waited for. */
static void turn(int i)
{
	reactor_timer_start(&workers[i].reactor, &workers[i].retry, 0);
	ck_assert_int_eq(reactor_poll(&workers[i].reactor), 0);
	reactor_timer_stop(&workers[i].retry);
	reactor_dispatch(&workers[i].reactor);
}

static void turn_all(void)
{
	for (int i = 0; i < WORKERS * OFTEN; i++)
		turn(i % WORKERS);
}

static void teardown(void)
{
	for (int i = 0; i < WORKERS; i++) {
		worker_poke(&workers[i], WORKER_ABORT);
		turn(i);
		ck_assert(workers[i].reactor.stopping);
		worker_deinit(&workers[i]);
	}
	ck_assert_uint_eq(atomic_load(&policy.connections), 0);
}

/* A client of this worker, which has echoed for it. */
static int served_by(int i)
{
	int client = tcp_connect(listening[i]);

	send_text(client, "hello");
	AWAIT((turn_all(), events_now(client, POLLIN)) != 0);
	expect_text(client, "hello");
	return client;
}

/* Everybody who is there is idle for so long. */
static void grow_old(uint64_t usec)
{
	elapsed += usec;
}

static uint64_t counted(enum counter counter)
{
	struct stats_snapshot sum = { 0 };

	for (int i = 0; i < WORKERS; i++)
		stats_collect(&stats[i], &sum);
	return sum.values[counter];
}

/* One that waits to be accepted by this worker, when all has been done. */
static int newcomer(int i)
{
	int client = tcp_connect(listening[i]);

	send_text(client, "new");
	AWAIT(tcp_backlog(listening[i]) == 1);
	turn_all();
	return client;
}

static void expect_served(int client, const char *text)
{
	await_readable(client);
	expect_text(client, text);
}

START_TEST(the_longest_idle_makes_room)
{
	int first = served_by(0), second, third;

	grow_old(LONG);
	second = served_by(0);
	grow_old(LONG);
	third = newcomer(0);
	expect_served(third, "new");
	ck_assert(stream_ends_clean(first));
	ck_assert_uint_eq(counted(COUNTER_connections_evicted), 1);
	ck_assert_uint_eq(counted(COUNTER_connections_reset), 0);
	ck_assert_uint_eq(counted(COUNTER_accept_limited), 0);
	ck_assert_uint_eq(atomic_load(&policy.connections), 2);
	ck_assert_int_eq(events_now(second, POLLIN), 0);
}
END_TEST

START_TEST(whoever_was_active_less_than_a_second_ago_stays)
{
	int first = served_by(0), second = served_by(0), third;

	grow_old(USEC_PER_SEC - 1);
	third = newcomer(0);
	ck_assert_int_eq(events_now(third, POLLIN), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_evicted), 0);
	ck_assert_uint_eq(counted(COUNTER_accept_limited), 1);
	ck_assert_uint_eq(tcp_backlog(listening[0]), 1);
	close(first);
	AWAIT((turn_all(), events_now(third, POLLIN)) != 0);
	ck_assert_int_eq(events_now(second, POLLIN), 0);
}
END_TEST

START_TEST(nobody_goes_for_nobody)
{
	int first = served_by(0), second = served_by(0);

	grow_old(LONG);
	event_source_raise(&listeners[0].source, EPOLLIN);
	turn_all();
	ck_assert_int_eq(events_now(first, POLLIN), 0);
	ck_assert_int_eq(events_now(second, POLLIN), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_evicted), 0);
}
END_TEST

/* It is there, but there is no descriptor for it. */
START_TEST(nobody_goes_for_one_that_is_not_served)
{
	int first = served_by(0), second = served_by(0), third;

	grow_old(LONG);
	accept4_fault = (struct fault){ .times = FOR_EVER, .error = EMFILE };
	third = newcomer(0);
	ck_assert_uint_gt(accept4_fault.calls, 0);
	ck_assert_uint_eq(counted(COUNTER_accept_starved), 1);
	ck_assert_uint_eq(counted(COUNTER_connections_evicted), 0);
	ck_assert_uint_eq(atomic_load(&policy.connections), 2);
	ck_assert_int_eq(events_now(second, POLLIN), 0);
	accept4_fault.times = 0;
	AWAIT((worker_poke(&workers[0], WORKER_GO_ON), turn_all(),
	       events_now(third, POLLIN)) != 0);
	ck_assert(stream_ends_clean(first));
}
END_TEST

/* Of those that wait each takes the place of one. */
START_TEST(one_goes_for_one_that_comes)
{
	int clients[4] = { served_by(0), served_by(0) };

	grow_old(LONG);
	for (int i = 2; i < 4; i++) {
		clients[i] = tcp_connect(listening[0]);
		send_text(clients[i], "new");
	}
	AWAIT(tcp_backlog(listening[0]) == 2);
	turn_all();
	expect_served(clients[2], "new");
	expect_served(clients[3], "new");
	ck_assert_uint_eq(counted(COUNTER_connections_evicted), 2);
	ck_assert_uint_eq(counted(COUNTER_connections_accepted), 4);
}
END_TEST

/* What it sent is there, but it had no turn: we were idle, not it. */
START_TEST(who_is_late_is_not_idle)
{
	int late = served_by(0), idle = served_by(0), third;

	grow_old(LONG);
	send_text(late, "late");
	third = tcp_connect(listening[0]);
	AWAIT(tcp_backlog(listening[0]) == 1);
	await_delivery();
	/* The newcomer has its turn before it. */
	workers[0].reactor.now += LONG;
	listener_sweep(&listeners[0]);
	ck_assert_uint_eq(counted(COUNTER_connections_evicted), 1);
	turn_all();
	expect_served(late, "late");
	ck_assert(stream_ends_clean(idle));
	ck_assert_uint_eq(counted(COUNTER_connections_evicted), 1);
	ck_assert_int_eq(events_now(third, POLLIN), 0);
}
END_TEST

START_TEST(another_worker_makes_room)
{
	int first = served_by(1 + _i), second, third;

	grow_old(LONG);
	second = served_by(2 - _i);
	/* Nobody but the second worker, or the third, has one that is idle. */
	third = newcomer(0);
	AWAIT((turn_all(), events_now(third, POLLIN)) != 0);
	expect_served(third, "new");
	ck_assert(stream_ends_clean(first));
	ck_assert_int_eq(events_now(second, POLLIN), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_evicted), 1);
	ck_assert_uint_eq(atomic_load(&policy.connections), 2);
	ck_assert_ptr_null(atomic_load(&policy.asking));
	ck_assert_uint_eq(answers, 0);
}
END_TEST

START_TEST(a_question_that_nobody_answers_comes_back)
{
	int first = served_by(1), second = served_by(2), third = newcomer(0);

	ck_assert_ptr_null(atomic_load(&policy.asking));
	ck_assert_int_eq(events_now(third, POLLIN), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_evicted), 0);
	ck_assert_uint_eq(counted(COUNTER_accept_limited), 1);
	/* It is asked again when it is time to try again. */
	grow_old(LONG);
	AWAIT((worker_poke(&workers[0], WORKER_GO_ON), turn_all(),
	       events_now(third, POLLIN)) != 0);
	ck_assert_uint_eq(counted(COUNTER_connections_evicted), 1);
	close(first);
	close(second);
}
END_TEST

/* All want room at once: the questions are put one after the other. */
START_TEST(everybody_asks_at_once)
{
	int old[2] = { served_by(1), served_by(2) }, clients[WORKERS];

	for (int i = 0; i < WORKERS; i++) {
		clients[i] = tcp_connect(listening[i]);
		AWAIT(tcp_backlog(listening[i]) == 1);
	}
	grow_old(LONG);
	for (int i = 0; i < OFTEN; i++) {
		for (int w = 0; w < WORKERS; w++)
			worker_poke(&workers[w], WORKER_GO_ON);
		turn_all();
	}
	ck_assert_uint_eq(counted(COUNTER_connections_evicted), 2);
	ck_assert_uint_eq(counted(COUNTER_connections_accepted), 4);
	ck_assert_uint_eq(atomic_load(&policy.connections), 2);
	ck_assert(stream_ends_clean(old[0]));
	ck_assert(stream_ends_clean(old[1]));
	ck_assert_int_ge(clients[0], 0);
}
END_TEST

/* As if somebody had ended by itself before the question was answered. */
START_TEST(nobody_goes_when_there_is_room)
{
	int first = served_by(1), second = served_by(2), third;

	third = tcp_connect(listening[0]);
	AWAIT(tcp_backlog(listening[0]) == 1);
	turn(0);
	ck_assert_ptr_eq(atomic_load(&policy.asking), &workers[0]);
	grow_old(LONG);
	atomic_fetch_sub(&policy.connections, 1);
	turn_all();
	ck_assert_uint_eq(tcp_backlog(listening[0]), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_evicted), 0);
	ck_assert_int_eq(events_now(first, POLLIN), 0);
	ck_assert_int_eq(events_now(second, POLLIN), 0);
	ck_assert_int_eq(events_now(third, POLLIN), 0);
	atomic_fetch_add(&policy.connections, 1);
}
END_TEST

/* They are left to the next instance, which has room of its own. */
START_TEST(nobody_goes_while_it_stops)
{
	int first = served_by(0);

	grow_old(LONG);
	turn(0);
	ck_assert_ptr_nonnull(room_find(&workers[0]));
	reactor_timer_start(&workers[0].reactor, &workers[0].drain,
			    USEC_INFINITY);
	ck_assert_ptr_null(room_find(&workers[0]));
	reactor_timer_stop(&workers[0].drain);
	ck_assert_int_eq(events_now(first, POLLIN), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("room");
	TCase *tcase = tcase_create("room");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, the_longest_idle_makes_room);
	tcase_add_test(tcase, whoever_was_active_less_than_a_second_ago_stays);
	tcase_add_test(tcase, nobody_goes_for_nobody);
	tcase_add_test(tcase, nobody_goes_for_one_that_is_not_served);
	tcase_add_test(tcase, one_goes_for_one_that_comes);
	tcase_add_test(tcase, who_is_late_is_not_idle);
	tcase_add_loop_test(tcase, another_worker_makes_room, 0, 2);
	tcase_add_test(tcase, a_question_that_nobody_answers_comes_back);
	tcase_add_test(tcase, everybody_asks_at_once);
	tcase_add_test(tcase, nobody_goes_when_there_is_room);
	tcase_add_test(tcase, nobody_goes_while_it_stops);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
