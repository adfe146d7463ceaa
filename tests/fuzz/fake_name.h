/* SPDX-License-Identifier: MIT */
/*
 * A datagram on its way to the server, and the names of both its ends.  Private
 * to the fake kernel.
 */
#ifndef ECHOD_TESTS_FUZZ_FAKE_NAME_H
#define ECHOD_TESTS_FUZZ_FAKE_NAME_H

#include "fuzz/fake.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct fake_record {
	unsigned id, peer, length;
	enum fake_datagram_kind kind;
	bool limited; /* more than its source may send */
};

union fake_name {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

/* Of the socket: AF_INET, AF_INET6 or AF_UNIX. */
void fake_name_family(int chosen);

/* Of the peer: its length. */
socklen_t fake_name_of(const struct fake_record *record, union fake_name *name);

/* Which of our addresses was asked. */
struct in_addr fake_local4(const struct fake_record *record);
struct in6_addr fake_local6(const struct fake_record *record);

#endif
