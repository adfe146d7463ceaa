/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/world.h"

#include "unit/harness.h"
#include "unit/sockets.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

static int listener;
static struct {
	int fd; /* -1: not connected */
	uint64_t sent;
	struct world_view seen;
} peers[WORLD_PEERS];

static void real_nothing(void)
{
}

/* Once, at the beginning of a test: connections inherit what is set. */
static int real_listen(void)
{
	stay_on_one_cpu();
	for (unsigned i = 0; i < WORLD_PEERS; i++)
		peers[i].fd = -1;
	listener = tcp_listener(0);
	fd_set_option(listener, SOL_SOCKET, SO_OOBINLINE, 1);
	fd_set_option(listener, IPPROTO_TCP, TCP_NODELAY, 1);
	return listener;
}

static void real_connect(unsigned peer)
{
	peers[peer].fd = tcp_connect(listener);
	fd_set_option(peers[peer].fd, IPPROTO_TCP, TCP_NODELAY, 1);
	peers[peer].sent = 0;
	peers[peer].seen = (struct world_view){ .end = WORLD_OPEN };
}

/* Where nobody listens any more it fails, as in the other world. */
static void real_send(unsigned peer, size_t size, int flags)
{
	uint8_t piece[4096];
	ssize_t sent;

	ck_assert_uint_le(size, sizeof(piece));
	for (size_t i = 0; i < size; i++)
		piece[i] = pattern_byte(peers[peer].sent + i);
	sent = send(peers[peer].fd, piece, size, flags | MSG_NOSIGNAL);
	if (sent > 0)
		peers[peer].sent += (uint64_t)sent;
}

static void real_receive(unsigned peer)
{
	struct world_view *seen = &peers[peer].seen;
	uint8_t piece[4096];
	ssize_t length;

	if (seen->end != WORLD_OPEN)
		return;
	while ((length = recv(peers[peer].fd, piece, sizeof(piece), 0)) > 0)
		for (ssize_t i = 0; i < length; i++)
			if (piece[i] != pattern_byte(seen->received++))
				ck_abort_msg("a byte is wrong");
	if (length == 0)
		seen->end = WORLD_FIN;
	else if (errno != EAGAIN)
		seen->end = WORLD_RST;
}

static void real_reset(unsigned peer)
{
	struct linger reset = { .l_onoff = 1 };

	ck_assert_int_eq(setsockopt(peers[peer].fd, SOL_SOCKET, SO_LINGER,
				    &reset, sizeof(reset)),
			 0);
	ck_assert_int_eq(close(peers[peer].fd), 0);
	peers[peer].fd = -1;
}

static void real_act(enum world_act act, unsigned peer, size_t size)
{
	if (act != WORLD_CONNECT && peers[peer].fd < 0)
		return;
	switch (act) {
	case WORLD_CONNECT:
		real_connect(peer);
		break;
	case WORLD_SEND:
		real_send(peer, size, 0);
		break;
	case WORLD_URGENT:
		real_send(peer, 1, MSG_OOB);
		break;
	case WORLD_RECEIVE:
		real_receive(peer);
		break;
	case WORLD_FINISH:
		(void)shutdown(peers[peer].fd, SHUT_WR);
		break;
	default:
		real_reset(peer);
		break;
	}
	await_delivery();
}

static struct world_view real_look(unsigned peer)
{
	return peers[peer].seen;
}

const struct world world_real = {
	.name = "real",
	.enter = real_nothing,
	.leave = real_nothing,
	.listen = real_listen,
	.act = real_act,
	.look = real_look,
};
