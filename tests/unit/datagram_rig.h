/* SPDX-License-Identifier: MIT */
/*
 * One datagram socket, served by a worker that the test turns by hand, and
 * clients that ask it.
 */
#ifndef ECHOD_TESTS_UNIT_DATAGRAM_RIG_H
#define ECHOD_TESTS_UNIT_DATAGRAM_RIG_H

#include "echod/datagram.h"
#include "echod/datagram_batch.h"
#include "unit/rig.h"

#include <stddef.h>

/* The longest datagram that a client here sends. */
#define ASKED_MAX (256 * 1024 + 1)

extern struct rig rig;
extern struct datagram datagram;
extern struct address server; /* that is served */

/* The fixture; serve() or serve_address() is the test's own affair. */
void datagram_rig_setup(void);
void datagram_rig_teardown(void);

void serve(int fd);
void serve_address(struct address address);

/* Bound to 127.0.0.1, to ::1; to an abstract name, or to none. */
int ipv4_client(void);
int ipv6_client(void);
int unix_client(const char *name);

/* Send so many bytes; they come back, from where they were sent to. */
void ask(int client, const struct address *to, size_t length);
void expect_reply_from(int client, const struct address *from, const void *data,
		       size_t length);

/* Datagrams that tell their place, and the replies to them, in order. */
void send_numbers(int client, unsigned first, unsigned count);
void expect_numbers(int client, unsigned first, unsigned count);

/* Nothing more has come to the client. */
void expect_silence(int client);

#endif
