/* SPDX-License-Identifier: MIT */
/*
 * server_run() in a thread of the test's process, with signals, a service
 * manager that listens to notifications, and the log in a pipe.
 *
 * Link with -Wl,--wrap=sandbox_give_up_files and sandbox_limit_calls: the test
 * is not to be in the sandbox.
 */
#ifndef ECHOD_TESTS_UNIT_SERVER_RIG_H
#define ECHOD_TESTS_UNIT_SERVER_RIG_H

#include "echod/options.h"
#include "unit/rig.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* What entering the sandbox returns. */
extern struct sandbox_failure {
	int files, calls;
} sandbox_failure;

/* For server_rig_start(); one worker and no timeouts, unless the test says. */
extern struct options options;

/* The thread that runs server_run(). */
extern pthread_t server_thread;

/* The fixture. */
void server_rig_setup(void);

void listen_on(const char *text);

/* Run it; start also awaits that it is ready. */
void server_rig_run(void);
void server_rig_start(void);

/* Await its end; what it returned. */
int server_rig_join(void);

/* To the process, whose threads have all blocked it. */
void send_signal(int number);

/* Connected to its first listener on 127.0.0.1; to its UDP socket. */
int server_rig_connect(void);
int server_rig_udp(void);

/* Send and expect the same. */
void expect_echo(int fd, const char *text);

/* A stream that is written to until nothing moves, and not read. */
int server_rig_slow_client(void);

/* Await this notification (or its beginning); how many have come already? */
void notify_await(const char *text);
unsigned notify_count(const char *text);

#endif
