/* SPDX-License-Identifier: MIT */
/*
 * The parts of check_position, one file each, and the connection that they all
 * look at: the test is its client, and plays the server, too.
 */
#ifndef ECHOD_TESTS_UNIT_POSITION_H
#define ECHOD_TESTS_UNIT_POSITION_H

#include "echod/position.h"
#include "unit/harness.h"
#include "unit/sockets.h"

extern int fds[2];

/* Of loops over both families: IPv4, IPv6. */
#define FAMILIES 2

/*
 * Connect over loopback; the second one with a client that takes only a little
 * before it reads.  False if there is no such family here: the test returns.
 */
bool open_pair(int family);
bool open_narrow_pair(int family);

/* From the client, awaited at the server. */
void deliver(const char *text);
void deliver_stream(size_t length); /* of pattern_byte() */
void deliver_end(void);

/* The server sends the first bytes of a text; consumes so many. */
void echo(const char *text, size_t length);
void consume(size_t length);

/* The server's own end.  Await that it is in this state. */
void end(void);
void await_state(int state);

/*
 * The client's kernel drops all that it receives, as a network might, from now
 * on: nothing more is acknowledged.
 */
void deafen_client(void);

/* The client reads nothing: send it a stream until no more goes; how much. */
size_t echo_until_stuck(void);

/* What position_read() is to say, again and again. */
void expect_echoed(size_t echoed);
void expect_refused(int error);

/* ... and what is left to echo when that was skipped; then nothing is. */
void expect_left(size_t echoed, const char *text);

TCase *position_state_case(void);
TCase *position_queue_case(void);
TCase *position_race_case(void);
TCase *position_random_case(void);

#endif
