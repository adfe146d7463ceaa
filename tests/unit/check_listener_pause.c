/* SPDX-License-Identifier: MIT */
/*
 * Listeners that cannot accept: they pause, forget nothing, disturb nobody,
 * and resume.
 */
#include "config.h"

#include "echod/listener.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/rig.h"

#include <sys/socket.h>
#include <unistd.h>

INJECTED(int, -1, accept4,
	 (int fd, struct sockaddr *peer, socklen_t *length, int flags),
	 (fd, peer, length, flags))

static struct rig rig;
static struct listener listeners[2];
static int fds[2];

static void open_listener(int i)
{
	listeners[i].passed = false;
	listeners[i].origin = (struct connection_origin){
		.name = "tcp:test",
		.tcp = true,
	};
	fds[i] = tcp_listener(0);
	ck_assert_int_eq(
		listener_open(&listeners[i], &rig.worker, fds[i], false), 0);
}

static void setup(void)
{
	rig_init(&rig);
	open_listener(0);
}

static void teardown(void)
{
	worker_post(&rig.worker, WORKER_ABORT);
	RIG_AWAIT(&rig, rig.worker.reactor.stopping);
	ck_assert_uint_eq(rig.policy.connections, 0);
	rig_deinit(&rig);
}

static void fail_accepts(int error)
{
	accept4_fault = (struct fault){ .times = FOR_EVER, .error = error };
}

static void heal_accepts(void)
{
	accept4_fault = (struct fault){ .calls = accept4_fault.calls };
}

/* Now only the end of a connection can wake the waiters. */
static void stop_retrying(void)
{
	reactor_timer_stop(&rig.worker.retry);
}

/* The retry timer expires now. */
static void retry(void)
{
	ck_assert(list_is_linked(&rig.worker.retry.link));
	stop_retrying();
	rig.worker.retry.on_expiry(&rig.worker.retry);
}

/* The last stands for what nobody has thought of. */
static const int starvations[] = { EMFILE, ENFILE, ENOBUFS, ENOMEM, EINVAL };

START_TEST(a_starved_listener_pauses_and_resumes_by_itself)
{
	int client = tcp_connect(fds[0]);

	AWAIT(tcp_backlog(fds[0]) == 1);
	fail_accepts(starvations[_i]);
	rig_turn(&rig);
	ck_assert_uint_eq(accept4_fault.calls, 1);
	ck_assert_uint_eq(rig.policy.connections, 0);
	ck_assert_uint_eq(RIG_COUNT(&rig, accept_starved), 1);
	ck_assert_uint_eq(RIG_COUNT(&rig, accept_failed), 0);
	heal_accepts();
	/* The kernel has reported this one, and will not do so again. */
	rig_expect_echo(&rig, client, "hello");
}
END_TEST

START_TEST(a_paused_listener_does_not_spin)
{
	int client = tcp_connect(fds[0]);

	AWAIT(tcp_backlog(fds[0]) == 1);
	fail_accepts(EMFILE);
	rig_turn(&rig);
	stop_retrying();
	accept4_fault.calls = 0;
	rig_turn_often(&rig);
	ck_assert_uint_eq(accept4_fault.calls, 0);
	ck_assert_int_ge(client, 0);
}
END_TEST

START_TEST(a_pause_is_counted_once_however_often_it_retries)
{
	int first = tcp_connect(fds[0]), second;

	AWAIT(tcp_backlog(fds[0]) == 1);
	fail_accepts(EMFILE);
	rig_turn(&rig);
	for (unsigned i = 2; i < 5; i++) {
		retry();
		rig_turn(&rig);
		ck_assert_uint_eq(accept4_fault.calls, i);
	}
	ck_assert_uint_eq(RIG_COUNT(&rig, accept_starved), 1);
	heal_accepts();
	rig_expect_echo(&rig, first, "hello");

	second = tcp_connect(fds[0]);
	fail_accepts(EMFILE);
	RIG_AWAIT(&rig, RIG_COUNT(&rig, accept_starved) == 2);
	heal_accepts();
	rig_expect_echo(&rig, second, "hello");
}
END_TEST

START_TEST(the_end_of_a_connection_resumes_at_once)
{
	int first = tcp_connect(fds[0]), second;

	rig_expect_echo(&rig, first, "hello");
	second = tcp_connect(fds[0]);
	AWAIT(tcp_backlog(fds[0]) == 1);
	fail_accepts(EMFILE);
	RIG_AWAIT(&rig, RIG_COUNT(&rig, accept_starved) == 1);
	heal_accepts();
	stop_retrying();
	rig_turn_often(&rig);
	ck_assert_uint_eq(rig.policy.connections, 1);
	close(first);
	rig_expect_echo(&rig, second, "hello");
	ck_assert_uint_eq(rig.policy.connections, 1);
}
END_TEST

static int starve_two_listeners(void)
{
	int client = tcp_connect(fds[0]);

	open_listener(1);
	(void)tcp_connect(fds[1]);
	AWAIT(tcp_backlog(fds[0]) == 1 && tcp_backlog(fds[1]) == 1);
	fail_accepts(EMFILE);
	rig_turn(&rig);
	ck_assert_uint_eq(accept4_fault.calls, 2);
	return client;
}

START_TEST(two_paused_listeners_do_not_wake_each_other)
{
	(void)starve_two_listeners();
	for (unsigned i = 0; i < 3; i++) {
		stop_retrying();
		accept4_fault.calls = 0;
		rig_turn_often(&rig);
		ck_assert_uint_eq(accept4_fault.calls, 0);
		rig.worker.retry.on_expiry(&rig.worker.retry);
		rig_turn(&rig);
		ck_assert_uint_eq(accept4_fault.calls, 2);
	}
	heal_accepts();
	RIG_AWAIT(&rig, rig.policy.connections == 2);
}
END_TEST

/* The server may tell it to go on while it still waits by itself. */
START_TEST(resumed_while_it_waits_it_waits_once_more)
{
	(void)starve_two_listeners();
	listener_resume(&listeners[0]);
	rig_turn(&rig);
	ck_assert_uint_eq(accept4_fault.calls, 3);
	heal_accepts();
	retry();
	rig_turn(&rig);
	ck_assert_uint_eq(rig.policy.connections, 2);
	ck_assert(list_is_empty(&rig.worker.waiting));
	ck_assert(!list_is_linked(&listeners[1].waiter.link));
}
END_TEST

/* The server relies on it when it decides to exit. */
START_TEST(told_to_pause_while_it_waits_it_stays_paused)
{
	(void)starve_two_listeners();
	listener_pause(&listeners[0]);
	heal_accepts();
	retry();
	rig_turn_often(&rig);
	ck_assert_uint_eq(rig.policy.connections, 1);
	listener_resume(&listeners[0]);
	RIG_AWAIT(&rig, rig.policy.connections == 2);
}
END_TEST

START_TEST(connections_beyond_the_limit_wait)
{
	int first, second;

	rig.policy.max_connections = 1;
	first = tcp_connect(fds[0]);
	rig_expect_echo(&rig, first, "hello");
	second = tcp_connect(fds[0]);
	RIG_AWAIT(&rig, RIG_COUNT(&rig, accept_limited) == 1);
	accept4_fault.calls = 0;
	rig_turn_often(&rig);
	ck_assert_uint_eq(accept4_fault.calls, 0);
	ck_assert_uint_eq(RIG_COUNT(&rig, accept_starved), 0);
	ck_assert_uint_eq(rig.policy.connections, 1);
	close(first);
	rig_expect_echo(&rig, second, "hello");
	ck_assert_uint_eq(RIG_COUNT(&rig, accept_limited), 1);
}
END_TEST

START_TEST(a_closed_listener_waits_for_nothing)
{
	(void)tcp_connect(fds[0]);
	AWAIT(tcp_backlog(fds[0]) == 1);
	fail_accepts(EMFILE);
	rig_turn(&rig);
	heal_accepts();
	listener_close(&listeners[0]);
	ck_assert(list_is_empty(&rig.worker.waiting));
	accept4_fault.calls = 0;
	retry();
	rig_turn_often(&rig);
	ck_assert_uint_eq(accept4_fault.calls, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("listener_pause");
	TCase *tcase = tcase_create("listener_pause");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase,
			    a_starved_listener_pauses_and_resumes_by_itself, 0,
			    ARRAY_SIZE(starvations));
	tcase_add_test(tcase, a_paused_listener_does_not_spin);
	tcase_add_test(tcase, a_pause_is_counted_once_however_often_it_retries);
	tcase_add_test(tcase, the_end_of_a_connection_resumes_at_once);
	tcase_add_test(tcase, two_paused_listeners_do_not_wake_each_other);
	tcase_add_test(tcase, resumed_while_it_waits_it_waits_once_more);
	tcase_add_test(tcase, told_to_pause_while_it_waits_it_stays_paused);
	tcase_add_test(tcase, connections_beyond_the_limit_wait);
	tcase_add_test(tcase, a_closed_listener_waits_for_nothing);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
