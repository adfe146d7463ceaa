/* SPDX-License-Identifier: MIT */
/*
 * A service that is asked, and the sockets to ask it by.
 */
#ifndef ECHOPING_TARGET_H
#define ECHOPING_TARGET_H

#include "common/address.h"
#include "echoping/settings.h"

#define ECHO_PORT 7 /* RFC 862 */

/* A host name can stand for several addresses, of which one is asked. */
struct target {
	const char *name; /* as written; borrowed */
	struct endpoint candidates[ENDPOINTS_MAX];
	int candidate_count, chosen;
	bool reached;		     /* a connection was made: keep to it */
	struct endpoint endpoint;    /* the chosen one */
	char text[ADDRESS_TEXT_MAX]; /* of it: "udp:127.0.0.1:7" */
};

/* Where to send from: --source. */
struct source {
	const char *text;      /* as written; NULL: wherever */
	const char *interface; /* or NULL */
	struct address
		address; /* length 0: any; its port is the first flow's */
};

/*
 * Find the addresses of a target: "HOST", "HOST:PORT", "::1", "udp:[::1]:7",
 * "unix:PATH", ...  0, or -EINVAL with *reason completing "'TEXT' ...".
 */
int target_resolve(struct target *target, const char *text,
		   const struct settings *settings,
		   const char **reason) MUST_CHECK;

/*
 * One address did not work: ask the next, if none was reached yet.  False if
 * there is no other; then it is the first one's turn again.
 */
bool target_choose_next(struct target *target);

/* This candidate answered: from now on it is the one, unless another is. */
void target_reach(struct target *target, int candidate);

/* SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET. */
int target_type(const struct target *target);

/* Is it UDP, whose datagrams need no connection? */
bool target_is_udp(const struct target *target);

/* The longest message that can be sent to it. */
size_t target_size_max(const struct target *target);

/* 0, or -EINVAL with *reason completing "--source='TEXT' ...". */
int source_resolve(struct source *source, const struct settings *settings,
		   const char **reason) MUST_CHECK;

/*
 * A socket to the target, not connected yet: non-blocking, close-on-exec, with
 * TCP_NODELAY, with --tos and --priority set, and bound to the source, to its
 * port + `flow` if it has one.  Returns the descriptor, or -errno with *what
 * naming the call that failed.
 */
int target_open(const struct target *target, const struct settings *settings,
		const struct source *source, unsigned flow,
		const char **what) MUST_CHECK;

/*
 * Connect such a socket: 0 if it is connected, -EINPROGRESS if it will be (or
 * fail: target_connected()) once it can be written to, else -errno.
 */
int target_connect(const struct target *target, int fd) MUST_CHECK;

/* What became of a connection in progress: 0 or -errno. */
int target_connected(int fd) MUST_CHECK;

#endif
