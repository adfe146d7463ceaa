/* SPDX-License-Identifier: MIT */
/*
 * A batch without a socket: messages "arrive" by being written into it.
 */
#ifndef ECHOD_TESTS_UNIT_DATAGRAM_BATCH_H
#define ECHOD_TESTS_UNIT_DATAGRAM_BATCH_H

#include "echod/datagram_batch.h"
#include "unit/sockets.h"

#include <check.h>

extern struct datagram_batch *batch;
/* What the kernel tells of where a message was sent to. */
struct asked {
	bool known4, known6;
	struct in_pktinfo info4;
	struct in6_pktinfo info6;
	int ttl; /* 0: not told */
};

extern struct asked asked;  /* of the next messages */
extern struct address a, b; /* two peers, that differ by their port */

/* The fixture: a batch of UDP that joins; and one of another kind. */
void batch_setup(void);
void batch_teardown(void);
void begin(bool unix_peers, bool joins);

struct asked asked_at4(const char *literal);
struct asked asked_at6(const char *literal, unsigned interface);
/* As the kernel gives it for IPv4 on an IPv6 socket. */
struct asked asked_at_mapped(const char *ipv4, const char *ipv6);

/* The same messages' room again, as for the next batch. */
void begin_next(void);

/* The next message arrives; returns its number. */
unsigned arrive(const struct address *peer, unsigned length, uint16_t segment);

/*
 * The next message arrives, and is answered: one datagram, or a train, of which
 * each datagram but the last has `segment` bytes.
 */
void single(const struct address *peer, unsigned length);
void train(const struct address *peer, unsigned length, uint16_t segment);

/* There are this many replies. */
void expect_replies(unsigned count);

/* Reply `i` is made of these messages' bytes ("013"), in this order. */
void expect_reply(unsigned i, const struct address *peer, const char *messages);
const struct msghdr *reply(unsigned i);

TCase *datagram_batch_repeat_case(void);
TCase *datagram_batch_train_case(void);

#endif
