/* SPDX-License-Identifier: MIT */
/*
 * What is adopted of what lies in a lot, and what becomes of the rest.
 */
#include "config.h"

#include "unit/adopt_rig.h"
#include "unit/harness.h"
#include "unit/injection.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

static struct left_lot lot;

INJECTED(int, -1, setsockopt,
	 (int fd, int level, int option, const void *value, socklen_t length),
	 (fd, level, option, value, length))

static void setup(void)
{
	adopt_setup();
	lot = leave_lot();
	keep_lot(SERVICE_LOT "0", &lot);
}

static void expect_outcome(unsigned adopted, unsigned reset, unsigned lost)
{
	ck_assert_uint_eq(parking.adopted, adopted);
	ck_assert_uint_eq(parking.reset, reset);
	ck_assert_uint_eq(parking.lost, lost);
	ck_assert_uint_eq(adopt_policy.connections, adopted);
	ck_assert_uint_eq(ADOPT_COUNT(connections_adopted), adopted);
	ck_assert_uint_eq(ADOPT_COUNT(connections_accepted), 0);
	ck_assert_uint_eq(ADOPT_COUNT(connections_reset), reset);
}

START_TEST(quiet_one_is_served_on)
{
	int client = leave_connection(&lot);

	adopt_with(1, true, false);
	expect_outcome(1, 0, 0);
	ck_assert_uint_eq(parking.skipped, 0);
	ck_assert_uint_eq(parked_in_all(), 1);
	expect_echo_of(client, "hello");
}
END_TEST

/* Set on the listener, inherited, and the same for every descriptor of it. */
START_TEST(whoever_vanishes_is_found_out_as_before)
{
	int listener = tcp_listener(0), fd;
	struct socket_identity identity;
	const char *reason;

	ck_assert_int_eq(socket_identify(listener, &identity, &reason), 0);
	socket_prepare(listener, &identity);
	(void)tcp_connect(listener);
	fd = tcp_accept(listener);
	leave(&lot, &fd, 1);
	ck_assert_int_eq(close(fd), 0);
	adopt_with(1, true, false);
	expect_outcome(1, 0, 0);
	fd = connection_descriptor(lot_newest(&workers[0].lot)->next);
	ck_assert_int_eq(fd_option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_eq(fd_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 840000);
}
END_TEST

START_TEST(what_came_meanwhile_is_echoed)
{
	int client = leave_connection(&lot);

	send_text(client, "unread");
	AWAIT(fd_outq(client) == 0);
	adopt_with(1, true, false);
	WORKERS_UNTIL(events_now(client, POLLIN) != 0);
	expect_text(client, "unread");
	ck_assert_uint_eq(parking.skipped, 0);
}
END_TEST

/* Killed between sending and consuming. */
START_TEST(what_was_echoed_is_skipped)
{
	int listener = tcp_listener(0), client = tcp_connect(listener);
	int fd = tcp_accept(listener);

	send_text(client, "hello, world");
	await_inq(fd, 12);
	send_text(fd, "hello");
	leave(&lot, &fd, 1);
	ck_assert_int_eq(close(fd), 0);
	adopt_with(1, true, false);
	expect_outcome(1, 0, 0);
	ck_assert_uint_eq(parking.skipped, 5);
	WORKERS_UNTIL(fd_inq(client) == 12);
	expect_text(client, "hello, world");
	expect_echo_of(client, "again");
}
END_TEST

START_TEST(end_that_came_meanwhile_is_an_end)
{
	int client = leave_connection(&lot);

	send_text(client, "last");
	ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
	AWAIT(fd_outq(client) == 0);
	adopt_with(1, true, false);
	WORKERS_UNTIL(adopt_policy.connections == 0);
	expect_text(client, "last");
	ck_assert(stream_ends_clean(client));
}
END_TEST

/* Not served by echod, or not while it preserved. */
START_TEST(contradiction_is_reset)
{
	int fds[2];

	tcp_pair(fds);
	send_text(fds[SERVER], "welcome");
	leave(&lot, &fds[SERVER], 1);
	ck_assert_int_eq(close(fds[SERVER]), 0);
	adopt_with(1, true, false);
	expect_outcome(0, 1, 0);
	AWAIT(events_now(fds[CLIENT], 0) & POLLERR);
}
END_TEST

START_TEST(dead_ones_are_closed)
{
	int fds[2];

	tcp_pair(fds);
	leave(&lot, &fds[SERVER], 1);
	ck_assert_int_eq(shutdown(fds[SERVER], SHUT_RDWR), 0);
	ck_assert_int_eq(close(fds[SERVER]), 0);
	ck_assert_int_eq(close(fds[CLIENT]), 0);
	adopt_with(1, true, false);
	expect_outcome(0, 0, 0);
	ck_assert_uint_eq(parked_in_all(), 0);
}
END_TEST

START_TEST(one_that_was_reset_is_closed)
{
	struct linger reset = { .l_onoff = 1 };
	int client = leave_connection(&lot);

	ck_assert_int_eq(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset,
				    sizeof(reset)),
			 0);
	ck_assert_int_eq(close(client), 0);
	stay_on_one_cpu();
	await_delivery();
	adopt_with(1, true, false);
	expect_outcome(0, 0, 0);
}
END_TEST

/* Of a crash during rotation, or during an adoption. */
START_TEST(duplicates_are_one)
{
	int fds[2], copies[3], free_fd;

	tcp_pair(fds);
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_OOBINLINE, 1);
	for (size_t i = 0; i < 3; i++)
		copies[i] = fds[SERVER];
	leave(&lot, copies, 3);
	leave(&lot, copies, 1);
	ck_assert_int_eq(close(fds[SERVER]), 0);
	make_workers(1);
	free_fd = lowest_free_fd();
	adopt_with(1, true, false);
	expect_outcome(1, 0, 0);
	ck_assert_uint_eq(parked_in_all(), 1);
	expect_echo_of(fds[CLIENT], "hello");
	ck_assert_int_eq(shutdown(fds[CLIENT], SHUT_WR), 0);
	WORKERS_UNTIL(adopt_policy.connections == 0);
	ck_assert_int_le(lowest_free_fd(), free_fd);
}
END_TEST

static size_t open_descriptors(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Nothing that is no connection is served, or kept open. */
START_TEST(foreign_descriptors_are_closed)
{
	struct address any_port = ipv4_address("127.0.0.1", 0);
	int pipe_fds[2], fds[7], client;
	size_t before;

	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	fds[0] = pipe_fds[1];
	fds[1] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds[2] = tcp_listener(0);
	fds[3] = udp_socket(&any_port);
	fds[4] = fd_open(AF_INET, SOCK_STREAM);
	fds[5] = epoll_of(pipe_fds[0], POLLIN);
	fds[6] = fd_open(AF_UNIX, SOCK_STREAM);
	/* The kernel chooses a name. */
	ck_assert_int_eq(bind(fds[6], &(struct sockaddr){ AF_UNIX, "" },
			      sizeof(sa_family_t)),
			 0);
	ck_assert_int_eq(listen(fds[6], 1), 0);
	leave(&lot, fds, ARRAY_SIZE(fds));
	client = leave_connection(&lot);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		ck_assert_int_eq(close(fds[i]), 0);
	make_workers(1);
	before = open_descriptors();
	adopt_with(1, true, false);
	expect_outcome(1, 0, 0);
	ck_assert_uint_eq(open_descriptors(), before + 1);
	ck_assert_uint_eq(parked_in_all(), 1);
	expect_echo_of(client, "hello");
}
END_TEST

/* In peace, nothing was between receiving and sending. */
START_TEST(unix_streams_are_served_and_wait_again)
{
	static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };
	int fds[2];

	unix_pair(types[_i], fds);
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_PASSCRED, 1);
	send_text(fds[CLIENT], "unread");
	leave(&lot, &fds[SERVER], 1);
	ck_assert_int_eq(close(fds[SERVER]), 0);
	adopt_with(1, true, false);
	expect_outcome(1, 0, 0);
	ck_assert_uint_eq(parked_in_all(), 0);
	ck_assert(!list_is_empty(&workers[0].late));
	/* Nor may it lie there while it is served. */
	ck_assert_uint_eq(workers[0].lot.parked, 0);
	WORKERS_UNTIL(events_now(fds[CLIENT], POLLIN) != 0);
	expect_text(fds[CLIENT], "unread");
}
END_TEST

START_TEST(more_than_may_be_are_lost_and_counted)
{
	int clients[3];

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		clients[i] = leave_connection(&lot);
	adopt_policy.max_connections = 2;
	adopt_with(1, true, false);
	expect_outcome(2, 0, 1);
	expect_echo_of(clients[0], "hello");
	expect_echo_of(clients[1], "hello");
	/* What lies in the lot is no reason to let it wait. */
	AWAIT(events_now(clients[2], POLLRDHUP) != 0);
}
END_TEST

START_TEST(what_finds_no_descriptor_is_lost_and_counted)
{
	struct rlimit limit;

	for (int i = 0; i < 3; i++)
		(void)leave_connection(&lot);
	make_workers(1);
	ck_assert_int_eq(begin(true), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)lowest_free_fd() + 1;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	parking_adopt(&parking, false);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	parking_settle(&parking, true);
	expect_outcome(1, 0, 2);
	ck_assert_uint_eq(parked_in_all(), 1);
}
END_TEST

START_TEST(what_cannot_be_looked_at_is_lost_and_counted)
{
	(void)leave_connection(&lot);
	make_workers(1);
	ck_assert_int_eq(begin(true), 0);
	setsockopt_fault = (struct fault){ .times = 1, .error = ENOPROTOOPT };
	parking_adopt(&parking, false);
	expect_outcome(0, 0, 1);
}
END_TEST

/* One of them may be what killed three instances. */
START_TEST(poisoned_ones_are_reset)
{
	int clients[3];

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		clients[i] = leave_connection(&lot);
	send_text(clients[1], "poison");
	AWAIT(fd_outq(clients[1]) == 0);
	adopt_with(1, true, true);
	expect_outcome(0, 3, 0);
	ck_assert_uint_eq(parked_in_all(), 0);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		AWAIT(events_now(clients[i], 0) & POLLERR);
}
END_TEST

/* Preserving was switched off meanwhile. */
START_TEST(adopted_ones_need_not_be_preserved_again)
{
	int client = leave_connection(&lot);

	adopt_with(1, false, false);
	expect_outcome(1, 0, 0);
	ck_assert_uint_eq(parking.lot_count, 0);
	expect_echo_of(client, "hello");
	ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
	WORKERS_UNTIL(adopt_policy.connections == 0);
	ck_assert(stream_ends_clean(client));
}
END_TEST

/* Nothing of the lot that is filled behind it is taken with it. */
START_TEST(message_without_descriptors_is_nothing)
{
	int client = leave_connection(&lot);

	leave(&lot, NULL, 0);
	leave(&lot, NULL, 0);
	adopt_with(1, true, false);
	expect_outcome(1, 0, 0);
	ck_assert_uint_eq(parked_in_all(), 1);
	expect_echo_of(client, "hello");
}
END_TEST

START_TEST(long_message_of_another_format_is_understood)
{
	int fds[2];

	tcp_pair(fds);
	leave_message(lot.ends[0], "another format", 14, &fds[SERVER], 1);
	ck_assert_int_eq(close(fds[SERVER]), 0);
	adopt_with(1, true, false);
	expect_outcome(1, 0, 0);
	ck_assert_uint_eq(parked_in_all(), 1);
	expect_echo_of(fds[CLIENT], "hello");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("parking_adopt");
	TCase *tcase = tcase_create("adopt"), *limit = tcase_create("limit");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, adopt_teardown);
	tcase_add_test(tcase, quiet_one_is_served_on);
	tcase_add_test(tcase, whoever_vanishes_is_found_out_as_before);
	tcase_add_test(tcase, what_came_meanwhile_is_echoed);
	tcase_add_test(tcase, what_was_echoed_is_skipped);
	tcase_add_test(tcase, end_that_came_meanwhile_is_an_end);
	tcase_add_test(tcase, contradiction_is_reset);
	tcase_add_test(tcase, dead_ones_are_closed);
	tcase_add_test(tcase, one_that_was_reset_is_closed);
	tcase_add_test(tcase, duplicates_are_one);
	tcase_add_test(tcase, foreign_descriptors_are_closed);
	tcase_add_loop_test(tcase, unix_streams_are_served_and_wait_again, 0,
			    2);
	tcase_add_test(tcase, more_than_may_be_are_lost_and_counted);
	tcase_add_test(tcase, what_cannot_be_looked_at_is_lost_and_counted);
	tcase_add_test(tcase, poisoned_ones_are_reset);
	tcase_add_test(tcase, adopted_ones_need_not_be_preserved_again);
	tcase_add_test(tcase, message_without_descriptors_is_nothing);
	tcase_add_test(tcase, long_message_of_another_format_is_understood);
	suite_add_tcase(suite, tcase);
	tcase_set_tags(limit, NOT_UNDER_VALGRIND);
	tcase_set_timeout(limit, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(limit, setup, adopt_teardown);
	tcase_add_test(limit, what_finds_no_descriptor_is_lost_and_counted);
	suite_add_tcase(suite, limit);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
