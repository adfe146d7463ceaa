/* SPDX-License-Identifier: MIT */
/*
 * The crew at work: who serves what, and what all of them are asked.
 */
#include "config.h"

#include "echod/crew.h"
#include "echod/listener.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/rig.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static unsigned exclusive_count; /* descriptors armed with EPOLLEXCLUSIVE */

WRAPPED(int, epoll_ctl,
	(int epoll_fd, int operation, int fd, struct epoll_event *event));

int __wrap_epoll_ctl(int epoll_fd, int operation, int fd,
		     struct epoll_event *event)
{
	if (event->events & EPOLLEXCLUSIVE)
		exclusive_count++;
	return __real_epoll_ctl(epoll_fd, operation, fd, event);
}

static struct options options;
static struct intake intake;
static struct crew crew;
static struct stats stats[3];
static int answer_fd;

/* In the workers' threads. */
static void on_answer(void *context)
{
	uint64_t one = 1;

	ck_assert_ptr_eq(context, &crew);
	(void)!write(answer_fd, &one, sizeof(one));
}

static void setup(void)
{
	options = (struct options){
		.idle_timeout = USEC_INFINITY,
		.drain_timeout = USEC_PER_SEC,
		.buffer_limit = 64 << 20,
	};
	answer_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static void teardown(void)
{
	crew_deinit(&crew);
	crew_deinit(&crew);
	intake_close(&intake);
}

static void listen_on(const char *text)
{
	const char *reason;

	ck_assert_int_eq(options_add_listen(&options, text, &reason), 0);
}

static int make_crew(size_t count)
{
	crew_set_policy(&crew, &options, &intake, count);
	return crew_init(&crew, &intake, stats, count, on_answer, &crew);
}

static void open_intake(size_t workers)
{
	ck_assert_int_eq(intake_open(&intake, &options, (int)workers), 0);
}

static void start(size_t workers)
{
	open_intake(workers);
	ck_assert_int_eq(make_crew(workers), 0);
	ck_assert_int_eq(crew_start(&crew), 0);
}

static void expect_echo(int fd, const char *text)
{
	send_text(fd, text);
	expect_text(fd, text);
}

static int udp_client(const struct intake_socket *socket)
{
	int fd = fd_open(AF_INET, SOCK_DGRAM);

	ck_assert_int_eq(connect(fd, &socket->identity.local.any,
				 socket->identity.local.length),
			 0);
	return fd;
}

static const size_t counts[] = { 1, 2, 3 };

START_TEST(all_sockets_are_served)
{
	size_t workers = counts[_i];
	int client;

	listen_on("127.0.0.1:0");
	listen_on(own_name("unix:@check_crew"));
	start(workers);
	for (size_t i = 0; i < intake.count; i++) {
		const struct intake_socket *socket = &intake.sockets[i];

		if (socket->identity.kind == SOCKET_DATAGRAM) {
			expect_echo(udp_client(socket), "hello");
			continue;
		}
		client = fd_open(socket->identity.family, SOCK_STREAM);
		(void)connect(client, &socket->identity.local.any,
			      socket->identity.local.length);
		await_events(client, POLLOUT);
		expect_echo(client, "hello");
	}
	crew_post(&crew, WORKER_DRAIN);
	AWAIT(crew_is_finished(&crew));
	ck_assert_uint_eq(crew_connections(&crew), 0);
}
END_TEST

static size_t thread_count(void)
{
	DIR *tasks = opendir("/proc/self/task");
	size_t count = 0;

	ck_assert_ptr_nonnull(tasks);
	for (struct dirent *task; (task = readdir(tasks));)
		count += task->d_name[0] != '.';
	ck_assert_int_eq(closedir(tasks), 0);
	return count;
}

/* The second crew ends as the first: what a sanitizer needs is there by then.
 */
START_TEST(no_thread_outlives_the_crew)
{
	size_t before;

	listen_on("127.0.0.1:0");
	start(1);
	before = thread_count();
	crew_deinit(&crew);
	AWAIT(thread_count() == before - 1);
	ck_assert_int_eq(make_crew(3), 0);
	ck_assert_int_eq(crew_start(&crew), 0);
	ck_assert_uint_eq(thread_count(), before + 2);
	crew_deinit(&crew);
	AWAIT(thread_count() == before - 1);
}
END_TEST

START_TEST(answers_are_those_of_all)
{
	listen_on("127.0.0.1:0");
	open_intake(2);
	ck_assert_int_eq(make_crew(2), 0);
	crew_post(&crew, WORKER_ANSWER);
	ck_assert(!crew_has_answered(&crew, WORKER_ANSWER));
	ck_assert_int_eq(worker_start(&crew.workers[0]), 0);
	AWAIT(worker_has_answered(&crew.workers[0], WORKER_ANSWER));
	ck_assert(!crew_has_answered(&crew, WORKER_ANSWER));
	ck_assert(!crew_is_finished(&crew));
	ck_assert_int_eq(worker_start(&crew.workers[1]), 0);
	AWAIT(crew_has_answered(&crew, WORKER_ANSWER));
	await_readable(answer_fd);
	worker_post(&crew.workers[0], WORKER_ABORT);
	AWAIT(worker_has_answered(&crew.workers[0], WORKER_PAUSE));
	ck_assert(!crew_is_finished(&crew));
}
END_TEST

START_TEST(counters_are_summed_up)
{
	struct stats_snapshot sum = { 0 };

	listen_on("udp:127.0.0.1:0");
	start(2);
	stats_add(&stats[0], COUNTER_bytes_sent, 3);
	stats_add(&stats[1], COUNTER_bytes_sent, 4);
	/* Of no worker of this crew. */
	stats_add(&stats[2], COUNTER_bytes_sent, 5);
	crew_collect(&crew, &sum);
	ck_assert_uint_eq(sum.values[COUNTER_bytes_sent], 7);
	ck_assert_ptr_eq(crew.workers[0].stats, &stats[0]);
	ck_assert_ptr_eq(crew.workers[1].stats, &stats[1]);
}
END_TEST

START_TEST(only_listeners_that_are_shared_are_exclusive)
{
	listen_on("127.0.0.1:0");
	listen_on(own_name("unix:@check_crew"));
	open_intake(2);
	ck_assert_int_eq(make_crew(2), 0);
	ck_assert_uint_eq(exclusive_count, 2);
	ck_assert_uint_eq(crew.listener_count, 4);
	ck_assert_uint_eq(crew.datagram_count, 2);
	for (int i = 0; i < 2; i++) {
		ck_assert(!list_is_empty(&crew.workers[i].listeners));
		ck_assert(!list_is_empty(&crew.workers[i].datagrams));
	}
}
END_TEST

START_TEST(a_single_worker_shares_with_nobody)
{
	listen_on(own_name("unix:@check_crew"));
	listen_on(own_name("unix-seqpacket:@check_crew_2"));
	open_intake(1);
	ck_assert_int_eq(make_crew(1), 0);
	ck_assert_uint_eq(exclusive_count, 0);
	ck_assert(!crew.listeners[0].origin.tcp);
	ck_assert(!crew.listeners[0].origin.records);
	ck_assert(!crew.listeners[0].passed);
	ck_assert(crew.listeners[1].origin.records);
	ck_assert_ptr_eq(crew.listeners[0].origin.name,
			 intake.sockets[0].label);
}
END_TEST

START_TEST(what_was_chosen_is_every_worker_s_policy)
{
	options.preserve_after = 7;
	options.min_progress = 8;
	options.progress_time = 9;
	open_intake(2);
	ck_assert_int_eq(make_crew(2), 0);
	for (size_t i = 0; i < crew.worker_count; i++) {
		const struct worker_policy *policy = crew.workers[i].policy;

		ck_assert_uint_eq(policy->preserve_after, 7);
		ck_assert_uint_eq(policy->min_progress, 8);
		ck_assert_uint_eq(policy->progress_time, 9);
	}
}
END_TEST

/* Two of us would answer each other for ever. */
START_TEST(ports_of_its_own_are_refused)
{
	struct address client = ipv4_address("127.0.0.1", 0);

	listen_on("udp:127.0.0.1:0");
	listen_on("tcp:127.0.0.1:0");
	open_intake(1);
	ck_assert_int_eq(make_crew(1), 0);
	ck_assert(guard_refuses_port(crew.policy.guard,
				     &intake.sockets[0].identity.local.any));
	ck_assert(!guard_refuses_port(crew.policy.guard,
				      &intake.sockets[1].identity.local.any));
	address_set_port(&client, 1023);
	ck_assert(guard_refuses_port(crew.policy.guard, &client.any));
}
END_TEST

/* One socket, as if passed in, for this worker. */
static struct intake_socket *take(int fd, int worker)
{
	static struct intake_socket socket;
	const char *reason;

	socket = (struct intake_socket){
		.fd = fd, .worker = worker, .passed = true, .label = "tcp:test"
	};
	ck_assert_int_eq(socket_identify(fd, &socket.identity, &reason), 0);
	intake.sockets = malloc(sizeof(socket));
	*intake.sockets = socket;
	intake.count = 1;
	return intake.sockets;
}

START_TEST(a_passed_connection_is_served)
{
	struct intake_socket *socket;
	int fds[2];

	tcp_pair(fds);
	socket = take(fds[SERVER], 1);
	ck_assert_int_eq(make_crew(2), 0);
	ck_assert_int_eq(socket->fd, -1);
	ck_assert_uint_eq(crew_connections(&crew), 1);
	ck_assert(list_is_empty(&crew.workers[0].connections.entries));
	ck_assert(!list_is_empty(&crew.workers[1].connections.entries));
	ck_assert_int_eq(crew_start(&crew), 0);
	expect_echo(fds[CLIENT], "hello");
	close(fds[CLIENT]);
	AWAIT(crew_connections(&crew) == 0);
}
END_TEST

START_TEST(a_connection_that_is_never_served_is_ended)
{
	int fds[2];

	tcp_pair(fds);
	(void)take(fds[SERVER], 0);
	ck_assert_int_eq(make_crew(1), 0);
	crew_deinit(&crew);
	ck_assert(stream_ends_clean(fds[CLIENT]));
}
END_TEST

START_TEST(a_connection_beyond_the_limit_stays_the_intakes)
{
	int fds[2];

	tcp_pair(fds);
	(void)take(fds[SERVER], 0);
	crew_set_policy(&crew, &options, &intake, 1);
	crew.policy.max_connections = 0;
	ck_assert_int_eq(crew_init(&crew, &intake, stats, 1, on_answer, &crew),
			 -EMFILE);
	ck_assert_int_eq(intake.sockets[0].fd, fds[SERVER]);
}
END_TEST

START_TEST(a_socket_of_no_kind_is_not_served)
{
	struct intake_socket *socket = take(tcp_listener(0), 0);

	memset(&socket->identity.kind, 0x7f, sizeof(socket->identity.kind));
	ck_assert_int_eq(make_crew(1), -EINVAL);
}
END_TEST

START_TEST(a_passed_listener_is_known_as_such)
{
	(void)take(tcp_listener(0), INTAKE_EVERY_WORKER);
	ck_assert_int_eq(make_crew(2), 0);
	ck_assert_uint_eq(crew.listener_count, 2);
	ck_assert(crew.listeners[0].passed && crew.listeners[1].passed);
	ck_assert(crew.listeners[0].origin.tcp);
	ck_assert_uint_eq(exclusive_count, 2);
}
END_TEST

/* Whoever comes to it begins with a window as small. */
START_TEST(a_listener_with_a_small_buffer_is_known_as_such)
{
	int fd = tcp_listener(0);

	fd_set_option(fd, SOL_SOCKET, SO_RCVBUF, _i == 0 ? 4096 : 65536);
	(void)take(fd, 0);
	ck_assert_int_eq(make_crew(1), 0);
	ck_assert_int_eq(crew.listeners[0].origin.roomy, _i);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("crew");
	TCase *tcase = tcase_create("crew");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, all_sockets_are_served, 0,
			    ARRAY_SIZE(counts));
	tcase_add_test(tcase, no_thread_outlives_the_crew);
	tcase_add_test(tcase, answers_are_those_of_all);
	tcase_add_test(tcase, counters_are_summed_up);
	tcase_add_test(tcase, only_listeners_that_are_shared_are_exclusive);
	tcase_add_test(tcase, a_single_worker_shares_with_nobody);
	tcase_add_test(tcase, what_was_chosen_is_every_worker_s_policy);
	tcase_add_test(tcase, ports_of_its_own_are_refused);
	tcase_add_test(tcase, a_passed_connection_is_served);
	tcase_add_test(tcase, a_connection_that_is_never_served_is_ended);
	tcase_add_test(tcase, a_connection_beyond_the_limit_stays_the_intakes);
	tcase_add_test(tcase, a_socket_of_no_kind_is_not_served);
	tcase_add_test(tcase, a_passed_listener_is_known_as_such);
	tcase_add_loop_test(
		tcase, a_listener_with_a_small_buffer_is_known_as_such, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
