/* SPDX-License-Identifier: MIT */
/*
 * A worker without a thread, whose loop the test turns by hand, and the log
 * in a pipe.
 */
#ifndef ECHOD_TESTS_UNIT_RIG_H
#define ECHOD_TESTS_UNIT_RIG_H

#include "echod/worker.h"
#include "unit/sockets.h"

#include <stdbool.h>

struct rig {
	struct worker_policy policy;
	struct worker worker;
	struct stats stats;
	unsigned answers;
};

/* Without an idle timeout, and with limits that nobody reaches. */
void rig_init(struct rig *rig);

/* Fails if a listener, connection or datagram socket is left. */
void rig_deinit(struct rig *rig);

/* Poll without waiting, and dispatch: each ready source is called once. */
void rig_turn(struct rig *rig);
void rig_turn_often(struct rig *rig);

/* Turn until the condition holds. */
#define RIG_AWAIT(rig, condition) AWAIT((rig_turn(rig), (condition)))

/* Turn until there is something to receive here. */
void rig_await_readable(struct rig *rig, int fd);

/*
 * The text with a number of this process behind it, for names that are the
 * same for all processes; valid until some more calls.
 */
const char *own_name(const char *text);

/* Send the text, expect it back. */
void rig_expect_echo(struct rig *rig, int fd, const char *text);

uint64_t rig_count(const struct rig *rig, enum counter counter);
#define RIG_COUNT(rig, name) rig_count((rig), COUNTER_##name)

/*
 * From now on the log goes into a pipe.  Await this text in it; has it come
 * already, and how often?
 */
void log_catch(void);
void log_await(const char *text);
bool log_has(const char *text);
unsigned log_count(const char *text);
void log_forget(void);

/* What follows this text in it, which is awaited. */
const char *log_after(const char *text);

/* Await the end of the stream: a FIN, or a reset (of bytes unread). */
bool stream_ends_clean(int fd);

#endif
