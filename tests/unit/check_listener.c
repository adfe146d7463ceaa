/* SPDX-License-Identifier: MIT */
/*
 * Listeners on real sockets: what is accepted, when, and what happens when it
 * cannot be.
 */
#include "config.h"

#include "echod/drain.h"
#include "echod/listener.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/rig.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

/* As in listener.c. */
#define ACCEPT_BUDGET 8

/* More than two turns' worth. */
#define CROWD 20

static uint32_t armed; /* of the last epoll_ctl() */
static int accepted_fd;
static bool asked_for_peer; /* by the last accept4() */

static struct fault accept4_fault, epoll_ctl_fault;
INJECTED(void *, NULL, malloc, (size_t size), (size))
WRAPPED(int, accept4,
	(int fd, struct sockaddr *peer, socklen_t *length, int flags));
WRAPPED(int, epoll_ctl,
	(int epoll_fd, int operation, int fd, struct epoll_event *event));

int __wrap_accept4(int fd, struct sockaddr *peer, socklen_t *length, int flags)
{
	asked_for_peer = peer != NULL;
	if (fault_strikes(&accept4_fault))
		return -1;
	fd = __real_accept4(fd, peer, length, flags);
	if (fd >= 0)
		accepted_fd = fd;
	return fd;
}

int __wrap_epoll_ctl(int epoll_fd, int operation, int fd,
		     struct epoll_event *event)
{
	armed = event->events;
	if (fault_strikes(&epoll_ctl_fault))
		return -1;
	return __real_epoll_ctl(epoll_fd, operation, fd, event);
}

static struct rig rig;
static struct listener listeners[2];
static int fds[2];

static void open_listener(int i, bool shared)
{
	listeners[i].passed = false;
	listeners[i].origin = (struct connection_origin){
		.name = "tcp:test",
		.tcp = true,
	};
	fds[i] = tcp_listener(0);
	ck_assert_int_eq(
		listener_open(&listeners[i], &rig.worker, fds[i], shared), 0);
}

static void setup(void)
{
	log_catch();
	rig_init(&rig);
	open_listener(0, false);
}

static void end_connections(void)
{
	worker_post(&rig.worker, WORKER_ABORT);
	RIG_AWAIT(&rig, rig.worker.reactor.stopping);
}

static void teardown(void)
{
	end_connections();
	ck_assert_uint_eq(rig.policy.connections, 0);
	rig_deinit(&rig);
}

static void connect_crowd(int clients[], int count)
{
	for (int i = 0; i < count; i++)
		clients[i] = tcp_connect(fds[0]);
	AWAIT(tcp_backlog(fds[0]) == (size_t)count);
}

START_TEST(a_connection_is_accepted_and_served)
{
	int client = tcp_connect(fds[0]);

	rig_expect_echo(&rig, client, "hello");
	ck_assert(!asked_for_peer);
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_accepted), 1);
	ck_assert_uint_eq(rig.policy.connections, 1);
	ck_assert_int_ne(fcntl(accepted_fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(accepted_fd, F_GETFD), FD_CLOEXEC);
}
END_TEST

START_TEST(the_peer_and_the_listener_are_logged)
{
	char peer[ADDRESS_TEXT_MAX];
	struct address address;
	int client = tcp_connect(fds[0]);

	rig.policy.log_connections = true;
	rig_expect_echo(&rig, client, "hello");
	address = fd_address(client);
	address_format(&address, peer);
	close(client);
	RIG_AWAIT(&rig, rig.policy.connections == 0);
	log_await(peer);
	log_await("tcp:test");
}
END_TEST

START_TEST(a_turn_accepts_no_more_than_its_budget)
{
	int clients[CROWD];

	connect_crowd(clients, CROWD);
	rig_turn(&rig);
	ck_assert_uint_eq(rig.policy.connections, ACCEPT_BUDGET);
	rig_turn(&rig);
	ck_assert_uint_eq(rig.policy.connections, 2 * ACCEPT_BUDGET);
	rig_turn(&rig);
	ck_assert_uint_eq(rig.policy.connections, CROWD);
}
END_TEST

START_TEST(an_empty_backlog_is_left_alone)
{
	int client = tcp_connect(fds[0]);

	RIG_AWAIT(&rig, rig.policy.connections == 1);
	accept4_fault.calls = 0;
	rig_turn_often(&rig);
	ck_assert_uint_eq(accept4_fault.calls, 0);
	rig_expect_echo(&rig, client, "hello");
}
END_TEST

static const int lost_peers[] = {
	ECONNABORTED, EINTR,  EPERM,	    EPROTO,	 ENETDOWN,  ENOPROTOOPT,
	EHOSTDOWN,    ENONET, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT,
};

START_TEST(a_connection_that_failed_is_skipped)
{
	int client = tcp_connect(fds[0]);

	AWAIT(tcp_backlog(fds[0]) == 1);
	accept4_fault = (struct fault){ .times = 1, .error = lost_peers[_i] };
	rig_turn(&rig);
	ck_assert_uint_eq(RIG_COUNT(&rig, accept_failed), 1);
	ck_assert_uint_eq(RIG_COUNT(&rig, accept_starved), 0);
	ck_assert_uint_eq(rig.policy.connections, 1);
	rig_expect_echo(&rig, client, "hello");
}
END_TEST

START_TEST(failing_connections_do_not_take_more_than_a_turn)
{
	int client = tcp_connect(fds[0]);

	AWAIT(tcp_backlog(fds[0]) == 1);
	accept4_fault =
		(struct fault){ .times = FOR_EVER, .error = ECONNABORTED };
	rig_turn(&rig);
	ck_assert_uint_eq(accept4_fault.calls, ACCEPT_BUDGET);
	/* Nor is it tried all the time. */
	rig_turn_often(&rig);
	ck_assert_uint_eq(accept4_fault.calls, ACCEPT_BUDGET);
	ck_assert_uint_eq(RIG_COUNT(&rig, accept_starved), 1);
	accept4_fault.times = 0;
	rig_expect_echo(&rig, client, "hello");
}
END_TEST

START_TEST(all_but_one_that_fail_are_no_reason_to_pause)
{
	int client = tcp_connect(fds[0]);

	AWAIT(tcp_backlog(fds[0]) == 1);
	accept4_fault = (struct fault){ .times = ACCEPT_BUDGET - 1,
					.error = ECONNABORTED };
	rig_turn(&rig);
	ck_assert_uint_eq(rig.policy.connections, 1);
	ck_assert_uint_eq(RIG_COUNT(&rig, accept_starved), 0);
	ck_assert_int_ge(client, 0);
}
END_TEST

/*
 * The newcomer is reset, as it may have sent something, and no descriptor stays
 * behind.
 */
static void expect_refusal(struct fault *fault, int error)
{
	int client = tcp_connect(fds[0]), free_fd = lowest_free_fd();

	AWAIT(tcp_backlog(fds[0]) == 1);
	*fault = (struct fault){ .times = 1, .error = error };
	rig_turn(&rig);
	await_events(client, POLLERR);
	ck_assert_int_eq(fd_option(client, SOL_SOCKET, SO_ERROR), ECONNRESET);
	ck_assert_int_eq(lowest_free_fd(), free_fd);
	ck_assert_uint_eq(rig.policy.connections, 0);
	ck_assert_uint_eq(RIG_COUNT(&rig, accept_failed), 1);
	ck_assert_uint_eq(RIG_COUNT(&rig, accept_starved), 1);
	ck_assert_uint_eq(RIG_COUNT(&rig, connections_accepted), 0);
	client = tcp_connect(fds[0]);
	rig_expect_echo(&rig, client, "hello");
}

START_TEST(a_newcomer_that_epoll_does_not_take_is_reset)
{
	expect_refusal(&epoll_ctl_fault, ENOSPC);
}
END_TEST

START_TEST(a_newcomer_without_memory_is_reset)
{
	expect_refusal(&malloc_fault, ENOMEM);
}
END_TEST

START_TEST(a_listener_that_epoll_does_not_take_is_not_there)
{
	struct listener failing = { .passed = false };
	int fd = tcp_listener(0);

	epoll_ctl_fault = (struct fault){ .times = 1, .error = ENOSPC };
	ck_assert_int_eq(listener_open(&failing, &rig.worker, fd, false),
			 -ENOSPC);
	ck_assert_ptr_eq(rig.worker.listeners.next, &listeners[0].siblings);
	ck_assert_ptr_eq(rig.worker.listeners.previous, &listeners[0].siblings);
	listener_close(&failing);
}
END_TEST

START_TEST(only_a_shared_listener_is_armed_exclusively)
{
	ck_assert_uint_eq(armed, EPOLLIN | (uint32_t)EPOLLET);
	open_listener(1, true);
	ck_assert_uint_eq(armed, EPOLLIN | (uint32_t)EPOLLET | EPOLLEXCLUSIVE);
}
END_TEST

/* TCP proper inherits everything; others do not. */
START_TEST(what_is_not_inherited_is_set)
{
	int sockets[2] = { fd_open(AF_UNIX, SOCK_SEQPACKET),
			   fd_open(AF_UNIX, SOCK_SEQPACKET) };
	struct listener seqpacket = {
		.origin = { .name = "unix:test", .records = true },
	};
	struct address any_name = { .length = sizeof(sa_family_t),
				    .un.sun_family = AF_UNIX };

	ck_assert_int_eq(bind(sockets[0], &any_name.any, any_name.length), 0);
	ck_assert_int_eq(listen(sockets[0], 1), 0);
	ck_assert_int_eq(
		listener_open(&seqpacket, &rig.worker, sockets[0], false), 0);
	any_name = fd_address(sockets[0]);
	ck_assert_int_eq(connect(sockets[1], &any_name.any, any_name.length),
			 0);
	rig_expect_echo(&rig, sockets[1], "hello");
	ck_assert_int_eq(fd_option(accepted_fd, SOL_SOCKET, SO_PASSCRED), 1);
	listener_close(&seqpacket);
}
END_TEST

START_TEST(what_comes_during_a_pause_is_accepted_after_it)
{
	int client;

	listener_pause(&listeners[0]);
	client = tcp_connect(fds[0]);
	AWAIT(tcp_backlog(fds[0]) == 1);
	rig_turn_often(&rig);
	ck_assert_uint_eq(accept4_fault.calls, 0);
	listener_resume(&listeners[0]);
	rig_expect_echo(&rig, client, "hello");
}
END_TEST

START_TEST(connections_outlive_their_listener)
{
	int client = tcp_connect(fds[0]);

	rig_expect_echo(&rig, client, "hello");
	listener_close(&listeners[0]);
	ck_assert(list_is_empty(&rig.worker.listeners));
	rig_expect_echo(&rig, client, "again");
	listener_close(&listeners[0]);
}
END_TEST

START_TEST(a_sweep_accepts_all_that_waits_now)
{
	int clients[CROWD];

	connect_crowd(clients, CROWD);
	accept4_fault =
		(struct fault){ .skip = 3, .times = 1, .error = EPROTO };
	listener_sweep(&listeners[0]);
	ck_assert_uint_eq(rig.policy.connections, CROWD);
	ck_assert_uint_eq(RIG_COUNT(&rig, accept_failed), 1);
	ck_assert_uint_eq(accept4_fault.calls, CROWD + 2);
	rig_expect_echo(&rig, clients[CROWD - 1], "hello");
}
END_TEST

START_TEST(a_sweep_ends_where_accepting_does)
{
	int clients[CROWD];

	connect_crowd(clients, CROWD);
	accept4_fault =
		(struct fault){ .skip = 3, .times = FOR_EVER, .error = EMFILE };
	listener_sweep(&listeners[0]);
	ck_assert_uint_eq(rig.policy.connections, 3);
	accept4_fault.times = 0;
	rig.policy.max_connections = 5;
	listener_sweep(&listeners[0]);
	ck_assert_uint_eq(rig.policy.connections, 5);
}
END_TEST

START_TEST(a_sweep_does_not_go_on_failing)
{
	int client = tcp_connect(fds[0]);

	AWAIT(tcp_backlog(fds[0]) == 1);
	accept4_fault = (struct fault){ .times = FOR_EVER, .error = EINTR };
	listener_sweep(&listeners[0]);
	ck_assert_uint_eq(accept4_fault.calls, ACCEPT_BUDGET);
	ck_assert_int_ge(client, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("listener");
	TCase *tcase = tcase_create("listener");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_connection_is_accepted_and_served);
	tcase_add_test(tcase, the_peer_and_the_listener_are_logged);
	tcase_add_test(tcase, a_turn_accepts_no_more_than_its_budget);
	tcase_add_test(tcase, an_empty_backlog_is_left_alone);
	tcase_add_loop_test(tcase, a_connection_that_failed_is_skipped, 0,
			    ARRAY_SIZE(lost_peers));
	tcase_add_test(tcase, failing_connections_do_not_take_more_than_a_turn);
	tcase_add_test(tcase, all_but_one_that_fail_are_no_reason_to_pause);
	tcase_add_test(tcase, a_newcomer_that_epoll_does_not_take_is_reset);
	tcase_add_test(tcase, a_newcomer_without_memory_is_reset);
	tcase_add_test(tcase, a_listener_that_epoll_does_not_take_is_not_there);
	tcase_add_test(tcase, only_a_shared_listener_is_armed_exclusively);
	tcase_add_test(tcase, what_is_not_inherited_is_set);
	tcase_add_test(tcase, what_comes_during_a_pause_is_accepted_after_it);
	tcase_add_test(tcase, connections_outlive_their_listener);
	tcase_add_test(tcase, a_sweep_accepts_all_that_waits_now);
	tcase_add_test(tcase, a_sweep_ends_where_accepting_does);
	tcase_add_test(tcase, a_sweep_does_not_go_on_failing);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
