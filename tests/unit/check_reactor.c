/* SPDX-License-Identifier: MIT */
/*
 * The reactor, on descriptors whose readiness the test controls.  Nothing here
 * waits: time is what the test says that it is.
 */
#include "config.h"

#include "unit/faults.h"
#include "unit/reactor.h"

#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct reactor reactor;
struct probe a, b, c;

static char calls[1024];
static size_t call_count;

void note_call(char name)
{
	ck_assert_uint_lt(call_count, sizeof(calls) - 1);
	calls[call_count++] = name;
	calls[call_count] = '\0';
}

void expect_calls(const char *names)
{
	ck_assert_str_eq(calls, names);
	call_count = 0;
	calls[0] = '\0';
}

static void probe_on_ready(struct event_source *source)
{
	struct probe *probe = container_of(source, struct probe, source);

	note_call(probe->name);
	if (probe->consumes)
		event_source_consume(source, probe->consumes);
	if (probe->act)
		probe->act(probe);
}

void probe_open(struct probe *probe, char name, int fd)
{
	*probe = (struct probe){ .name = name };
	memset(&probe->source, 0xff, sizeof(probe->source));
	event_source_init(&probe->source, fd, probe_on_ready);
}

void probe_close(struct probe *probe)
{
	event_source_remove(&probe->source);
	ck_assert_int_eq(close(probe->source.fd), 0);
}

void probe_signal(const struct probe *probe)
{
	ck_assert_int_eq(eventfd_write(probe->source.fd, 1), 0);
}

void turn(void)
{
	ck_assert_int_eq(reactor_poll(&reactor), 0);
	reactor_dispatch(&reactor);
}

static void setup_probe(struct probe *probe, char name)
{
	probe_open(probe, name, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
	ck_assert_int_eq(
		reactor_add(&reactor, &probe->source, EPOLLIN, EPOLLIN), 0);
}

void reactor_setup(void)
{
	memset(&reactor, 0xff, sizeof(reactor));
	ck_assert_int_eq(reactor_init(&reactor), 0);
	setup_probe(&a, 'a');
	setup_probe(&b, 'b');
	setup_probe(&c, 'c');
	fault_epoll_poll();
}

void reactor_teardown(void)
{
	probe_close(&a);
	probe_close(&b);
	probe_close(&c);
	ck_assert(list_is_empty(&reactor.ready));
	reactor_deinit(&reactor);
}

static Suite *make_suite(void)
{
	Suite *suite = suite_create("reactor");

	suite_add_tcase(suite, reactor_source_case());
	suite_add_tcase(suite, reactor_round_case());
	suite_add_tcase(suite, reactor_poll_case());
	suite_add_tcase(suite, reactor_timer_case());
	suite_add_tcase(suite, reactor_spin_case());
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
