/* SPDX-License-Identifier: MIT */
/*
 * The parts of check_connection, and what they share: a worker without a
 * thread, driven by hand, and one connection after the other on it.
 */
#ifndef ECHOD_TESTS_UNIT_CONNECTION_H
#define ECHOD_TESTS_UNIT_CONNECTION_H

#include "echod/connection.h"
#include "unit/faults.h"
#include "unit/harness.h"
#include "unit/sockets.h"

TCase *connection_echo_case(void);
TCase *connection_hold_case(void);   /* a peer that takes no more */
TCase *connection_peek_case(void);   /* ... and no memory for it */
TCase *connection_lag_case(void);    /* echoed, but still unread */
TCase *connection_unix_case(void);   /* streams, records, descriptors */
TCase *connection_fault_case(void);  /* what the kernel refuses */
TCase *connection_end_case(void);    /* idle, aborted */
TCase *connection_drain_case(void);  /* echo what was received, then a FIN */
TCase *connection_parked_case(void); /* of which there is a duplicate */
TCase *connection_log_case(void);    /* what the log says of it */
TCase *connection_watch_case(void);  /* a peer that takes too little */
TCase *connection_quota_case(void);  /* a source that has too many */
TCase *connection_random_case(void); /* whatever happens, every byte once */

enum kind {
	KIND_TCP,
	KIND_UNIX,
	KIND_RECORDS,
	KIND_MPTCP,
	KIND_COUNT
};

/* What a peer for which something is held takes in a minute, or it is reset. */
#define MIN_PROGRESS 1000

extern struct worker worker;
extern struct worker_policy policy;
extern unsigned handed_over; /* neither open nor closed */
extern int fds[2]; /* of the connection opened last; SERVER is echod's */

/* Checked fixture.  At the end nothing is held, open or lost track of. */
void connection_setup(void);
void connection_teardown(void);

/* From now on; nothing is held. */
void hold_at_most(size_t bytes);

/* False if there is no such kind here: the test returns. */
bool open_pair(enum kind kind);

/* Serve fds[SERVER], and fail the test if that fails. */
void serve_pair(enum kind kind, const struct address *peer);

/* Both. */
bool open_connection(enum kind kind);

/* Those who come from now on are preserved; park who is not parked yet. */
void preserve_connections(void);
void park_connections(void);

/* So late it is, without having been polled. */
void let_time_pass(uint64_t usec);

/* Poll and dispatch until nothing is ready. */
void serve(void);
#define SERVE_UNTIL(condition) AWAIT((serve(), (condition)))

/* Send to echod and let it arrive; serve it as well; and expect it back. */
void deliver(const char *text);
void say(const char *text);
void say_and_expect(const char *text);

/* What ends the client's stream: 0 for a FIN, else the errno. */
int client_end(void);
void expect_fin(void);
void expect_reset(void);

/* The client ends with a reset, whatever there is. */
void reset_by_client(void);

/* The oldest connection, and how many there are. */
struct idle_entry *the_connection(void);
unsigned int connections(void);

uint64_t counted(enum counter counter);

/* These three as often as said. */
void expect_counted(uint64_t received, uint64_t sent, uint64_t resets);

/*
 * The client sends, and does not receive, until echod holds back and takes no
 * more either.  Returns how many bytes that is.
 */
size_t stuff(void);

/* Serve while the client receives `bytes`, which are the pattern from 0 on. */
void expect_pattern(size_t bytes);

#endif
