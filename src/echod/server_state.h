/* SPDX-License-Identifier: MIT */
/*
 * What the server consists of.  Private to the server module: server_start.c
 * builds it and takes it down, server.c is what happens in between.
 */
#ifndef ECHOD_SERVER_STATE_H
#define ECHOD_SERVER_STATE_H

#include "echod/crew.h"
#include "echod/intake.h"
#include "echod/record.h"
#include "echod/report.h"
#include "echod/server.h"
#include "echod/succession.h"
#include "echod/watchdog.h"

#include <signal.h>

#define TICK_USEC USEC_PER_SEC

enum server_state {
	SERVER_RUNNING,
	SERVER_PAUSING,
	SERVER_STOPPING,
};

struct server {
	struct record record; /* of the main thread, then of each worker */
	const struct options *options;
	enum server_state state;
	struct intake intake;
	struct crew crew;
	struct succession succession;
	bool handing_over;
	bool signals_unread; /* reading them failed */
	unsigned left;	     /* connections when it began to stop */

	struct reactor reactor;
	struct event_source signals, answers;
	struct reactor_timer tick;
	struct watchdog watchdog;
	struct stats_snapshot seen; /* at the last tick */
	struct report report;
	uint64_t active_at, stop_deadline;
};

/* In server_start.c: 0, or -errno, the failure having been logged. */
int server_start(struct server *server, const sigset_t *signals) MUST_CHECK;

/* Of whatever was started. */
void server_deinit(struct server *server);

/* In server.c. */
void server_on_signals(struct event_source *source);
void server_on_answers(struct event_source *source);
void server_on_tick(struct reactor_timer *timer);

#endif
