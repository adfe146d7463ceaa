/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/world.h"

#include "fuzz/fake.h"

/* Who has seen a FIN sees no reset that follows. */
static bool ended[WORLD_PEERS];

static void fake_world_enter(void)
{
	fake_enter(true);
}

static void fake_world_leave(void)
{
	fake_enter(false);
}

static int fake_world_listen(void)
{
	static const struct fake_streams streams = {
		.tcp = true,
		.lax = true,
		.room_in = 1 << 16,
		.room_out = 1 << 16,
		.room_peer = 1 << 16,
		.patience = UINT64_MAX,
	};

	fake_begin();
	return fake_listen(&streams);
}

static void fake_world_act(enum world_act act, unsigned peer, size_t size)
{
	static fake_act *const acts[WORLD_ACTS] = {
		[WORLD_CONNECT] = fake_connect, [WORLD_SEND] = fake_send,
		[WORLD_URGENT] = fake_urgent,	[WORLD_RECEIVE] = fake_receive,
		[WORLD_FINISH] = fake_finish,	[WORLD_RESET] = fake_reset,
	};

	if (act == WORLD_CONNECT)
		ended[peer] = false;
	acts[act](peer, act == WORLD_RECEIVE ? SIZE_MAX : size);
}

static struct world_view fake_world_look(unsigned peer)
{
	struct fake_view view = fake_look(peer);
	struct world_view seen = { .received = view.delivered };

	if (view.end == FAKE_FIN || view.shut || ended[peer])
		seen.end = WORLD_FIN;
	if (view.end == FAKE_RST && !ended[peer])
		seen.end = WORLD_RST;
	ended[peer] = seen.end == WORLD_FIN;
	return seen;
}

const struct world world_fake = {
	.name = "fake",
	.enter = fake_world_enter,
	.leave = fake_world_leave,
	.listen = fake_world_listen,
	.act = fake_world_act,
	.look = fake_world_look,
};
