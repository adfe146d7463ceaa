/* SPDX-License-Identifier: MIT */
/*
 * The server's code makes the same of both worlds: listener, connections and
 * reactor are run by the same schedule in each, and what peers have seen, and
 * what was counted, is compared after each step.  A seed is a schedule.
 */
#include "config.h"

#include "unit/fake.h"

#include "echod/connection.h"
#include "echod/drain.h"
#include "echod/guard.h"
#include "echod/listener.h"
#include "unit/harness.h"
#include "unit/sockets.h"
#include "unit/world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SEEDS 120
#define STEPS 40
#define TURNS 6

/* Nobody reaches it. */
#define HOLD_LIMIT (WORLD_PEERS * WORKER_SCRATCH_SIZE)

/* How bytes are kept: held back, left with the kernel always or at a limit. */
#define MODES 3

static struct {
	const struct world *world;
	struct worker_policy policy;
	struct guard guard;
	struct worker worker;
	struct stats stats;
	struct listener listener;
	int listening;
	char text[STEPS * 256];
	size_t length;
} run;

static void on_answer(void *context)
{
	(void)context;
}

static void begin(const struct world *world, int mode)
{
	memset(&run, 0, sizeof(run));
	run.world = world;
	run.policy = (struct worker_policy){
		.idle_timeout = USEC_INFINITY,
		.drain_timeout = USEC_INFINITY,
		.hold_limit = mode == 2 ? 0 : HOLD_LIMIT,
		.max_connections = WORLD_PEERS - 1,
		.preserve = mode == 1,
		.guard = &run.guard,
	};
	guard_init(&run.guard, NULL);
	run.listening = world->listen();
	world->enter();
	ck_assert_int_eq(worker_init(&run.worker, &run.policy, &run.stats,
				     connection_on_idle, drain_on_request,
				     on_answer, NULL),
			 0);
	run.listener.origin = (struct connection_origin){
		.name = "tcp:test",
		.tcp = true,
		.sole = mode != 1,
	};
	ck_assert_int_eq(
		listener_open(&run.listener, &run.worker, run.listening, false),
		0);
}

/* Nothing is waited for: what can be done is done in so many turns. */
static void turn_often(void)
{
	for (int i = 0; i < TURNS && !run.worker.reactor.stopping; i++) {
		worker_post(&run.worker, WORKER_ANSWER);
		ck_assert_int_eq(reactor_poll(&run.worker.reactor), 0);
		reactor_dispatch(&run.worker.reactor);
	}
}

static void look(int step, enum world_act act, unsigned peer)
{
	struct stats_snapshot now = { 0 };

	stats_collect(&run.stats, &now);
	run.length += (size_t)snprintf(
		run.text + run.length, sizeof(run.text) - run.length,
		"%d: peer %u does %d; %ju accepted, %ju closed, %ju reset, "
		"%ju bytes in, %ju out;",
		step, peer, act,
		(uintmax_t)now.values[COUNTER_connections_accepted],
		(uintmax_t)now.values[COUNTER_connections_closed],
		(uintmax_t)now.values[COUNTER_connections_reset],
		(uintmax_t)now.values[COUNTER_bytes_received],
		(uintmax_t)now.values[COUNTER_bytes_sent]);
	for (unsigned i = 0; i < WORLD_PEERS; i++)
		run.length += (size_t)snprintf(
			run.text + run.length, sizeof(run.text) - run.length,
			" %ju %d", (uintmax_t)run.world->look(i).received,
			run.world->look(i).end);
	run.length += (size_t)snprintf(run.text + run.length,
				       sizeof(run.text) - run.length, "\n");
}

/* Who is connected, to the peers' own knowledge; the same in both worlds. */
static struct {
	bool connected;
} known[WORLD_PEERS];

static void act(int step, uint32_t any)
{
	static const enum world_act acts[] = {
		WORLD_CONNECT, WORLD_CONNECT, WORLD_SEND,   WORLD_SEND,
		WORLD_SEND,    WORLD_URGENT,  WORLD_FINISH, WORLD_RESET,
	};
	enum world_act what = acts[any % ARRAY_SIZE(acts)];
	unsigned peer = any >> 8 & (WORLD_PEERS - 1);

	if (what == WORLD_CONNECT ? known[peer].connected
				  : !known[peer].connected)
		return;
	run.world->act(what, peer, 1 + (any >> 16 & 1023));
	known[peer].connected = what != WORLD_RESET;
	turn_often();
	for (unsigned i = 0; i < WORLD_PEERS; i++) {
		if (known[i].connected)
			run.world->act(WORLD_RECEIVE, i, 0);
		if (known[i].connected && run.world->look(i).end != WORLD_OPEN)
			known[i].connected = false;
	}
	turn_often();
	look(step, what, peer);
}

static void end(void)
{
	worker_post(&run.worker, WORKER_ABORT);
	turn_often();
	ck_assert(list_is_empty(&run.worker.connections.entries));
	worker_deinit(&run.worker);
	(void)close(run.listening);
	run.world->leave();
}

static void run_in(const struct world *world, int mode, uint32_t seed)
{
	begin(world, mode);
	memset(known, 0, sizeof(known));
	for (int i = 0; i < STEPS; i++) {
		/* xorshift32 (Marsaglia). */
		seed ^= seed << 13;
		seed ^= seed >> 17;
		seed ^= seed << 5;
		act(i, seed);
	}
	end();
}

START_TEST(the_server_makes_the_same_of_both_worlds)
{
	uint32_t seed = 2463534242U + (uint32_t)_i * 2654435761U;
	static char expected[sizeof(run.text)];

	run_in(&world_real, _i % MODES, seed);
	memcpy(expected, run.text, sizeof(expected));
	run_in(&world_fake, _i % MODES, seed);
	ck_assert_str_eq(run.text, expected);
}
END_TEST

TCase *fake_echo_case(void)
{
	TCase *part = tcase_create("echo");

	tcase_set_timeout(part, TEST_TIMEOUT_SEC);
	tcase_add_loop_test(part, the_server_makes_the_same_of_both_worlds, 0,
			    SEEDS);
	return part;
}
