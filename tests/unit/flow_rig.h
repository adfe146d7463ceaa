/* SPDX-License-Identifier: MIT */
/*
 * A flow of echoping in a test's hands: its socket is real, its clock too, the
 * loop is the test's, and what it tells is kept.
 */
#ifndef ECHOD_TESTS_UNIT_FLOW_RIG_H
#define ECHOD_TESTS_UNIT_FLOW_RIG_H

#include "echoping/flow.h"
#include "unit/await.h"

#define TOLD_MAX 4096

/* What was told: a reply, or one that is lost. */
struct told {
	bool lost;
	struct reply reply;
};

extern struct told told[TOLD_MAX];
extern size_t told_count;

/* Keeps what it is told, and does nothing else. */
extern const struct reporter flow_rig_reporter;

struct flow_rig {
	struct settings settings;
	struct source source;
	struct target target;
	struct flow_context context;
	struct flow flow;
};

/*
 * A flow to this target ("udp:127.0.0.1:7"), with room for 64 probes of 64
 * bytes that time out after a minute.  Settings may be changed until the first
 * probe, the timeout at any time.
 */
void flow_rig_init(struct flow_rig *rig, const char *target);
void flow_rig_deinit(struct flow_rig *rig);

/* The same to where a socket is bound; only resolve it. */
void flow_rig_init_to(struct flow_rig *rig, const char *scheme, int fd);
void resolve_to(struct target *target, const struct settings *settings,
		const char *scheme, int fd);

/* Send all datagrams back, in a thread, until the test's process ends. */
void begin_echoing(int fd);

/* A TCP service that is there, but takes no more connections. */
int tcp_full_listener(void);

/*
 * The kernel begins to timestamp what is received some time after the first
 * socket wants it: let one want it until the end of the test, and await it.
 */
void await_kernel_stamps(void);

/* Await an event of the flow and let it deal with it. */
void flow_rig_step(struct flow_rig *rig);

/* The same until the condition holds. */
#define FLOW_RIG_AWAIT(rig, condition)                                         \
	do {                                                                   \
		while (!(condition))                                           \
			flow_rig_step(rig);                                    \
	} while (0)

/* The last that was told. */
const struct reply *told_last(void);

/* The last is a reply to this probe with these faults, or a loss of it. */
void expect_reply(uint64_t sequence, unsigned faults);
void expect_lost(uint64_t sequence, const char *reason);

/* sent = received + lost + under way, and these are the numbers. */
void expect_tally(const struct flow *flow, uint64_t received, uint64_t lost);

/* A probe's message as it is sent. */
void flow_rig_message(const struct flow_rig *rig, uint64_t sequence,
		      unsigned char *bytes);

#endif
