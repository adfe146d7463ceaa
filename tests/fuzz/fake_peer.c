/* SPDX-License-Identifier: MIT */
/*
 * Peers, and the network between: what they send arrives at once, as far as
 * there is room; what is sent to them is acknowledged as far as they have room,
 * at once or, if they are lazy, when they say so.
 */
#include "config.h"

#include "fuzz/fake_state.h"

#include "common/macros.h"

#include <string.h>

/*
 * What peers send repeats after so many bytes, a prime: a loss of any length
 * but its multiples shows at the next byte.  Room for the longest piece behind.
 */
#define PATTERN_PERIOD 65521
#define PIECE_MAX      (1 << 20)

/* As a listen(2) has it. */
#define BACKLOG_MAX 6

static uint8_t pattern[PATTERN_PERIOD + PIECE_MAX];
static struct list_node backlog;
static struct fake_file *listener;
static unsigned born;

static void pattern_make(void)
{
	uint32_t state = 2463534242U;

	/* xorshift32 (Marsaglia). */
	for (size_t i = 0; i < PATTERN_PERIOD; i++) {
		state ^= state << 13;
		state ^= state >> 17;
		state ^= state << 5;
		pattern[i] = (uint8_t)(state >> 24);
	}
	for (size_t i = PATTERN_PERIOD; i < sizeof(pattern); i++)
		pattern[i] = pattern[i - PATTERN_PERIOD];
}

const uint8_t *fake_pattern(const struct fake_stream *stream, uint64_t at)
{
	return &pattern[(stream->phase + at) % PATTERN_PERIOD];
}

int fake_listen(const struct fake_streams *streams)
{
	int fd = fake_file_open(FAKE_LISTENER);

	assert(fd >= 0);
	if (pattern[1] == pattern[2])
		pattern_make();
	assert(streams->room_in <= PIECE_MAX);
	fake_config = *streams;
	list_init(&backlog);
	listener = fake_file(fd, FAKE_LISTENER);
	born = 0;
	return fd;
}

bool fake_backlog_is_empty(void)
{
	return list_is_empty(&backlog);
}

uint32_t fake_listener_level(void)
{
	return list_is_empty(&backlog) ? 0 : EPOLLIN;
}

struct fake_stream *fake_backlog_take(void)
{
	if (list_is_empty(&backlog))
		return NULL;
	return container_of(list_take_first(&backlog), struct fake_stream,
			    waiting);
}

/* The listener may have been closed by now. */
static struct fake_file *listening(void)
{
	return listener->kind == FAKE_LISTENER ? listener : NULL;
}

void fake_connect(unsigned peer, size_t unused)
{
	struct fake_stream *stream = &fake_peers[peer];

	(void)unused;
	if (stream->end == FAKE_WAITING || stream->end == FAKE_SERVED ||
	    !listening() || list_length(&backlog) == BACKLOG_MAX)
		return;
	*stream = (struct fake_stream){
		.end = FAKE_WAITING,
		.phase = (size_t)(born++) * 7919 % PATTERN_PERIOD,
		.active = fake_now(),
	};
	list_init(&stream->waiting);
	list_append(&backlog, &stream->waiting);
	fake_wake(listener, EPOLLIN);
}

static bool is_connected(const struct fake_stream *stream)
{
	return (stream->end == FAKE_WAITING || stream->end == FAKE_SERVED) &&
	       !stream->broken;
}

void fake_send(unsigned peer, size_t size)
{
	struct fake_stream *stream = &fake_peers[peer];
	size_t room =
		fake_config.room_in - (size_t)(stream->arrived - stream->taken);
	size_t length = MIN(size, room);

	/* To somebody who is gone: that is answered with a reset. */
	if (stream->end == FAKE_FIN && !stream->finished && size > 0)
		stream->end = FAKE_RST;
	if (!is_connected(stream) || stream->finished || length == 0)
		return;
	stream->arrived += length;
	fake_wake(stream->file, EPOLLIN | EPOLLPRI);
}

void fake_urgent(unsigned peer, size_t unused)
{
	struct fake_stream *stream = &fake_peers[peer];
	uint64_t before = stream->arrived;

	(void)unused;
	if (!fake_config.tcp)
		return;
	fake_send(peer, 1);
	if (stream->arrived == before)
		return;
	stream->urgent = before;
	stream->has_urgent = true;
}

void fake_stream_flow(struct fake_stream *stream, bool acknowledge)
{
	uint64_t most = stream->delivered + fake_config.room_peer;

	if (stream->broken || !acknowledge)
		return;
	stream->acknowledged =
		MAX(stream->acknowledged, MIN(stream->written, most));
	fake_stream_writable(stream);
	if (!stream->shut || stream->fin_arrived ||
	    stream->acknowledged < stream->written)
		return;
	stream->fin_arrived = true;
	fake_wake(stream->file, 0);
}

void fake_acknowledge(unsigned peer, size_t unused)
{
	(void)unused;
	fake_stream_flow(&fake_peers[peer], true);
}

void fake_receive(unsigned peer, size_t size)
{
	struct fake_stream *stream = &fake_peers[peer];
	uint64_t there;

	/* What a peer takes, it has acknowledged; after a FIN all comes. */
	if (stream->end == FAKE_FIN)
		stream->acknowledged = stream->written;
	if (stream->end != FAKE_FIN && stream->end != FAKE_RST &&
	    !is_connected(stream))
		return;
	there = stream->acknowledged - stream->delivered;
	if (there == 0)
		return;
	stream->delivered += MIN(there, (uint64_t)size);
	fake_moved();
	fake_stream_flow(stream, !fake_config.lazy);
	if (!fake_config.tcp)
		fake_wake(stream->file, EPOLLOUT);
}

void fake_finish(unsigned peer, size_t unused)
{
	struct fake_stream *stream = &fake_peers[peer];

	(void)unused;
	if (!is_connected(stream) || stream->finished)
		return;
	stream->finished = true;
	fake_wake(stream->file, 0);
}

/* In TIME-WAIT nothing reaches the socket any more. */
static bool is_over(const struct fake_stream *stream)
{
	return stream->finished && stream->fin_arrived;
}

void fake_reset(unsigned peer, size_t unused)
{
	struct fake_stream *stream = &fake_peers[peer];
	bool close_wait = stream->finished && !stream->shut;

	(void)unused;
	if (!is_connected(stream))
		return;
	stream->broken = true;
	stream->no_space = false;
	if (is_over(stream))
		return;
	stream->error = close_wait ? EPIPE : ECONNRESET;
	fake_wake(stream->file, 0);
}

void fake_relieve(void)
{
	for (unsigned i = 0; i < FAKE_PEERS; i++)
		fake_stream_writable(&fake_peers[i]);
}

struct fake_view fake_look(unsigned peer)
{
	const struct fake_stream *stream = &fake_peers[peer];

	return (struct fake_view){
		.end = stream->end,
		.finished = stream->finished,
		.broken = stream->broken,
		.shut = stream->shut,
		.fd = stream->file ? fake_file_number(stream->file) : -1,
		.sent = stream->arrived,
		.taken = stream->taken,
		.echoed = stream->written,
		.delivered = stream->delivered,
	};
}

/* Errors of the connection itself, which is gone by that. */
static bool is_of_connection(int error)
{
	return error == ECONNABORTED || error == EPERM || error == EPROTO;
}

int fake_accept(int fd)
{
	struct fake_stream *stream;
	int error, accepted;

	fake_call_begins();
	(void)fake_file(fd, FAKE_LISTENER);
	error = fake_strikes(FAKE_ACCEPT);
	if (is_of_connection(error)) {
		stream = fake_backlog_take();
		if (stream)
			stream->end = FAKE_RST;
		return fake_fails(stream ? error : EAGAIN);
	}
	if (error != 0)
		return fake_fails(error);
	/* In this order: at the limit it is EMFILE though nobody waits. */
	if (fake_is_full())
		return fake_fails(EMFILE);
	stream = fake_backlog_take();
	if (!stream)
		return fake_fails(EAGAIN);
	accepted = fake_file_open(FAKE_STREAM);
	fake_stream_accept(stream, fake_file(accepted, FAKE_STREAM));
	return accepted;
}

void fake_steal(unsigned unused, size_t unused_too)
{
	struct fake_stream *stream = fake_backlog_take();

	(void)unused;
	(void)unused_too;
	if (stream)
		stream->end = FAKE_RST;
}
