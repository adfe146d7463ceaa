/* SPDX-License-Identifier: MIT */
/*
 * What --log-connections says of a connection when it ends.
 */
#ifndef ECHOD_CONNECTION_JOURNAL_H
#define ECHOD_CONNECTION_JOURNAL_H

#include "common/address.h"

#include <stdbool.h>
#include <stdint.h>

struct connection_journal {
	const char *listener; /* borrowed */
	uint64_t opened;      /* µs, as `now` */
	uint64_t received, sent;
	struct address peer;
};

/* One log entry: peer, listener, duration, bytes both ways, reason. */
void connection_journal_write(const struct connection_journal *journal,
			      uint64_t now, const char *reason);

/* Does this errno of recv(2) or send(2) come from the peer or the network? */
bool connection_journal_is_theirs(int error);

/* Why it ended, for an errno of recv(2) or send(2). */
const char *connection_journal_reason(int error);

#endif
