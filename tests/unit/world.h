/* SPDX-License-Identifier: MIT */
/*
 * Stream peers and a listener, in two worlds that are to be the same to the
 * server's code: Linux over loopback, and the fake kernel of tests/fuzz.  What
 * a peer does has arrived when the call returns.  Peers send the pattern of
 * sockets.h, or that of the fake kernel, and check what comes back.
 */
#ifndef ECHOD_TESTS_UNIT_WORLD_H
#define ECHOD_TESTS_UNIT_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORLD_PEERS 4

enum world_act {
	WORLD_CONNECT,
	WORLD_SEND,
	WORLD_URGENT,
	WORLD_RECEIVE, /* all that is there */
	WORLD_FINISH,
	WORLD_RESET,
	WORLD_ACTS
};

enum world_end {
	WORLD_OPEN, /* as far as the peer has seen */
	WORLD_FIN,
	WORLD_RST,
};

/* What a peer has seen. */
struct world_view {
	uint64_t received;
	enum world_end end;
};

struct world {
	const char *name;
	void (*enter)(void); /* calls without a descriptor are meant here */
	void (*leave)(void);
	int (*listen)(void);
	void (*act)(enum world_act act, unsigned peer, size_t size);
	struct world_view (*look)(unsigned peer);
};

extern const struct world world_fake, world_real;

#endif
