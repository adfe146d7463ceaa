/* SPDX-License-Identifier: MIT */
/*
 * Event sources: registering, remembered edges, back-pressure.
 */
#include "config.h"

#include "unit/faults.h"
#include "unit/reactor.h"
#include "unit/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

START_TEST(init_reports_what_epoll_create1_says)
{
	struct reactor failed;

	fault_fail(FAULT_EPOLL_CREATE1, EMFILE);
	ck_assert_int_eq(reactor_init(&failed), -EMFILE);
	reactor_deinit(&failed);
	fault_fail(FAULT_EPOLL_CREATE1, ENOMEM);
	ck_assert_int_eq(reactor_init(&failed), -ENOMEM);
	reactor_deinit(&failed);
}
END_TEST

START_TEST(deinit_closes_once)
{
	int fd = lowest_free_fd();
	struct reactor other;

	ck_assert_int_eq(reactor_init(&other), 0);
	ck_assert_int_eq(other.epoll_fd, fd);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	reactor_deinit(&other);
	ck_assert_int_eq(lowest_free_fd(), fd);
	/* Had it been closed twice, this one would be gone. */
	ck_assert_int_eq(dup(STDERR_FILENO), fd);
	reactor_deinit(&other);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(add_arms_edges_only)
{
	struct probe probe;
	int fds[2];

	unix_pair(SOCK_STREAM, fds);
	probe_open(&probe, 'p', fds[0]);
	ck_assert_int_eq(reactor_add(&reactor, &probe.source,
				     EPOLLIN | EPOLLRDHUP, EPOLLIN),
			 0);
	ck_assert_uint_eq(fault_seen().armed, EPOLLIN | EPOLLRDHUP | EPOLLET);
	ck_assert_ptr_eq(probe.source.reactor, &reactor);
	/* Writable, but not armed for that. */
	event_source_want(&probe.source, EPOLLIN | EPOLLOUT);
	turn();
	expect_calls("");
	probe_close(&probe);
}
END_TEST

START_TEST(add_that_fails_leaves_the_source_unregistered)
{
	struct probe probe;
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

	probe_open(&probe, 'p', file);
	ck_assert_int_eq(reactor_add(&reactor, &probe.source, EPOLLIN, EPOLLIN),
			 -EPERM); /* epoll(7) knows no such files */
	ck_assert_ptr_null(probe.source.reactor);
	fault_fail(FAULT_EPOLL_CTL, ENOSPC);
	ck_assert_int_eq(reactor_add(&reactor, &probe.source, EPOLLIN, EPOLLIN),
			 -ENOSPC);
	ck_assert_ptr_null(probe.source.reactor);
	probe_close(&probe);
}
END_TEST

/* Or a listener that gets in line again would never be served any more. */
START_TEST(source_that_could_not_be_removed_can_be_added)
{
	struct probe probe;
	int fds[2];

	unix_pair(SOCK_STREAM, fds);
	probe_open(&probe, 'p', fds[0]);
	ck_assert_int_eq(reactor_add(&reactor, &probe.source, EPOLLIN, EPOLLIN),
			 0);
	fault_fail(FAULT_EPOLL_CTL, ENOMEM);
	event_source_remove(&probe.source);
	ck_assert_int_eq(reactor_add(&reactor, &probe.source,
				     EPOLLIN | EPOLLOUT, EPOLLOUT),
			 0);
	turn();
	expect_calls("p");
	probe_close(&probe);
}
END_TEST

START_TEST(rearm_changes_what_the_kernel_reports)
{
	struct probe probe;
	int fds[2];

	unix_pair(SOCK_STREAM, fds);
	probe_open(&probe, 'p', fds[0]);
	ck_assert_int_eq(reactor_add(&reactor, &probe.source, EPOLLIN,
				     EPOLLIN | EPOLLOUT),
			 0);
	turn();
	expect_calls("");
	ck_assert_int_eq(event_source_rearm(&probe.source, EPOLLIN | EPOLLOUT),
			 0);
	ck_assert_uint_eq(fault_seen().armed, EPOLLIN | EPOLLOUT | EPOLLET);
	turn();
	expect_calls("p");
	ck_assert_uint_eq(probe.source.ready, EPOLLOUT);
	fault_fail(FAULT_EPOLL_CTL, ENOMEM);
	ck_assert_int_eq(event_source_rearm(&probe.source, EPOLLIN), -ENOMEM);
	probe_close(&probe);
}
END_TEST

START_TEST(edge_is_remembered_until_consumed)
{
	probe_signal(&a);
	turn();
	expect_calls("a");
	turn();
	turn();
	expect_calls("aa");
	a.consumes = EPOLLIN;
	turn();
	expect_calls("a");
	/* Still readable, but that is no edge. */
	turn();
	expect_calls("");
	probe_signal(&a);
	turn();
	expect_calls("a");
}
END_TEST

START_TEST(consumed_is_only_what_was_said)
{
	event_source_want(&a.source, EPOLLIN | EPOLLOUT);
	event_source_raise(&a.source, EPOLLIN | EPOLLOUT | EPOLLPRI);
	event_source_consume(&a.source, EPOLLIN);
	ck_assert_uint_eq(a.source.ready, EPOLLOUT | EPOLLPRI);
	turn();
	expect_calls("a");
	event_source_consume(&a.source, EPOLLOUT);
	turn();
	expect_calls("");
	ck_assert_uint_eq(a.source.ready, EPOLLPRI);
}
END_TEST

START_TEST(edges_add_up)
{
	event_source_raise(&a.source, EPOLLIN);
	event_source_raise(&a.source, EPOLLOUT);
	ck_assert_uint_eq(a.source.ready, EPOLLIN | EPOLLOUT);
	turn();
	expect_calls("a");
}
END_TEST

START_TEST(unwanted_edge_waits_until_it_is_wanted)
{
	unsigned int before = fault_count(FAULT_EPOLL_CTL);

	event_source_want(&a.source, 0);
	probe_signal(&a);
	turn();
	turn();
	expect_calls("");
	event_source_want(&a.source, EPOLLIN);
	reactor_dispatch(&reactor);
	expect_calls("a");
	ck_assert_uint_eq(fault_count(FAULT_EPOLL_CTL), before);
}
END_TEST

START_TEST(back_pressure_stops_a_ready_source)
{
	probe_signal(&a);
	turn();
	event_source_want(&a.source, EPOLLOUT);
	turn();
	expect_calls("a");
	event_source_want(&a.source, EPOLLIN);
	event_source_want(&a.source, EPOLLIN);
	turn();
	expect_calls("a");
}
END_TEST

START_TEST(raised_event_needs_no_kernel)
{
	event_source_raise(&a.source, EPOLLIN);
	reactor_dispatch(&reactor);
	expect_calls("a");
}
END_TEST

START_TEST(removed_source_is_not_called)
{
	probe_signal(&a);
	ck_assert_int_eq(reactor_poll(&reactor), 0);
	event_source_remove(&a.source);
	event_source_remove(&a.source);
	ck_assert_ptr_null(a.source.reactor);
	reactor_dispatch(&reactor);
	expect_calls("");
}
END_TEST

/* close(2) alone would leave the registration alive. */
START_TEST(removed_source_has_no_stale_event)
{
	struct probe probe;
	int fds[2], duplicate;

	unix_pair(SOCK_STREAM, fds);
	duplicate = dup(fds[0]);
	probe_open(&probe, 'p', fds[0]);
	ck_assert_int_eq(reactor_add(&reactor, &probe.source, EPOLLIN, EPOLLIN),
			 0);
	probe_close(&probe);
	send_text(fds[1], "stale");
	await_readable(duplicate);
	turn();
	ck_assert_int_eq(fault_seen().count, 0);
	expect_calls("");
}
END_TEST

START_TEST(forgotten_source_ends_with_its_descriptor)
{
	unsigned int before;
	struct probe probe;
	int fds[2];

	unix_pair(SOCK_STREAM, fds);
	probe_open(&probe, 'p', fds[0]);
	ck_assert_int_eq(reactor_add(&reactor, &probe.source, EPOLLIN, EPOLLIN),
			 0);
	send_text(fds[1], "pending");
	await_readable(fds[0]);
	ck_assert_int_eq(reactor_poll(&reactor), 0);
	before = fault_count(FAULT_EPOLL_CTL);
	event_source_forget(&probe.source);
	event_source_forget(&probe.source);
	ck_assert_ptr_null(probe.source.reactor);
	ck_assert_int_eq(close(fds[0]), 0);
	ck_assert_uint_eq(fault_count(FAULT_EPOLL_CTL), before);
	turn();
	ck_assert_int_eq(fault_seen().count, 0);
	expect_calls("");
}
END_TEST

START_TEST(removed_source_can_be_used_again)
{
	int fd = a.source.fd;

	probe_signal(&a);
	turn();
	expect_calls("a");
	event_source_remove(&a.source);
	probe_open(&a, 'A', fd);
	ck_assert_int_eq(reactor_add(&reactor, &a.source, EPOLLIN, EPOLLIN), 0);
	reactor_dispatch(&reactor);
	expect_calls("");
	turn();
	expect_calls("A");
}
END_TEST

TCase *reactor_source_case(void)
{
	TCase *tcase = tcase_create("source");

	tcase_add_checked_fixture(tcase, reactor_setup, reactor_teardown);
	tcase_add_test(tcase, init_reports_what_epoll_create1_says);
	tcase_add_test(tcase, deinit_closes_once);
	tcase_add_test(tcase, add_arms_edges_only);
	tcase_add_test(tcase, add_that_fails_leaves_the_source_unregistered);
	tcase_add_test(tcase, source_that_could_not_be_removed_can_be_added);
	tcase_add_test(tcase, rearm_changes_what_the_kernel_reports);
	tcase_add_test(tcase, edge_is_remembered_until_consumed);
	tcase_add_test(tcase, consumed_is_only_what_was_said);
	tcase_add_test(tcase, edges_add_up);
	tcase_add_test(tcase, unwanted_edge_waits_until_it_is_wanted);
	tcase_add_test(tcase, back_pressure_stops_a_ready_source);
	tcase_add_test(tcase, raised_event_needs_no_kernel);
	tcase_add_test(tcase, removed_source_is_not_called);
	tcase_add_test(tcase, removed_source_has_no_stale_event);
	tcase_add_test(tcase, forgotten_source_ends_with_its_descriptor);
	tcase_add_test(tcase, removed_source_can_be_used_again);
	return tcase;
}
