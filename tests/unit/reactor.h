/* SPDX-License-Identifier: MIT */
/*
 * The parts of check_reactor, and what they share: event sources that leave
 * their names in a trace when they are called.
 */
#ifndef ECHOD_TESTS_UNIT_REACTOR_H
#define ECHOD_TESTS_UNIT_REACTOR_H

#include "echod/reactor.h"
#include "unit/harness.h"

TCase *reactor_source_case(void); /* registering, edges, back-pressure */
TCase *reactor_round_case(void);  /* who is called in a round, and when */
TCase *reactor_poll_case(void);	  /* what epoll_wait(2) brings */
TCase *reactor_timer_case(void);
TCase *reactor_spin_case(void); /* spinning before blocking */

/* An event source on an eventfd(2), or on any descriptor. */
struct probe {
	struct event_source source;
	char name;
	uint32_t consumes;		  /* when called; nothing at first */
	void (*act)(struct probe *probe); /* when called, unless NULL */
	struct probe *other;		  /* to act on */
};

extern struct reactor reactor;
extern struct probe a, b, c;

/* Checked fixture: a reactor, and a, b, c on it, wanting EPOLLIN. */
void reactor_setup(void);
void reactor_teardown(void);

void probe_open(struct probe *probe, char name, int fd);
void probe_close(struct probe *probe);

/* Make the probe's eventfd readable: an edge, whether or not it is already. */
void probe_signal(const struct probe *probe);

/* One round: poll, then dispatch. */
void turn(void);

/* Who has been called since the last look, in order; then forget it. */
void expect_calls(const char *names);
void note_call(char name);

#endif
