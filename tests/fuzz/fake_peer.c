/* SPDX-License-Identifier: MIT */
/*
 * Peers, and the network between: what they send arrives at once, as far as
 * there is room; what is sent to them is acknowledged as far as they have room,
 * at once or, if they are lazy, when they say so.
 */
#include "config.h"

#include "fuzz/fake_state.h"

#include "common/macros.h"

#include <arpa/inet.h>
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

/* In TIME-WAIT nothing reaches the socket any more. */
static bool is_over(const struct fake_stream *stream)
{
	return stream->finished && stream->fin_arrived;
}

static void break_off(struct fake_stream *stream, int error)
{
	if (!is_connected(stream))
		return;
	stream->broken = true;
	stream->no_space = false;
	if (is_over(stream))
		return;
	stream->error = error;
	fake_wake(stream->file, 0);
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
	/* Nobody will receive it: that is answered with a reset. */
	if (stream->hung_up) {
		break_off(stream, ECONNRESET);
		return;
	}
	if (fake_unechoed(stream) == 0)
		stream->unread_since = fake_time();
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
	uint64_t before = stream->acknowledged;

	if (stream->broken || !acknowledge)
		return;
	stream->acknowledged = MAX(before, MIN(stream->written, most));
	if (stream->acknowledged > before)
		fake_judge_acknowledge(stream, before);
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

void fake_reset(unsigned peer, size_t unused)
{
	struct fake_stream *stream = &fake_peers[peer];
	bool close_wait = stream->finished && !stream->shut;

	(void)unused;
	break_off(stream, close_wait ? EPIPE : ECONNRESET);
}

void fake_vanish(unsigned peer, size_t unused)
{
	(void)unused;
	break_off(&fake_peers[peer], ETIMEDOUT);
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
		.idle = fake_time() - MAX(stream->active, stream->excused),
	};
}

/*
 * Where peers connect from: three from one IPv4 address, one of them as an IPv6
 * socket sees it; two from one IPv6 network; and one from this host.
 */
static const struct {
	const char *text;
	int source;
} origins[FAKE_PEERS] = {
	{ "::ffff:198.51.100.1", 0 },  { "198.51.100.1", 0 },
	{ "198.51.100.1", 0 },	       { "198.51.100.2", 1 },
	{ "2001:db8::1", 2 },	       { "2001:db8::ffff:0:0:2", 2 },
	{ "2001:db8:0:1:ffff::1", 3 }, { "127.0.0.1", -1 },
};

int fake_source(const struct fake_stream *stream)
{
	return fake_config.tcp ? origins[stream - fake_peers].source : -1;
}

void fake_peer_name(unsigned peer, struct sockaddr *address, socklen_t *length)
{
	const char *text = origins[peer].text;
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	bool ipv4 = inet_pton(AF_INET, text, &in.sin_addr) == 1;
	const void *name = ipv4 ? (const void *)&in : &in6;
	socklen_t needed = ipv4 ? sizeof(in) : sizeof(in6);

	if (!ipv4)
		assert(inet_pton(AF_INET6, text, &in6.sin6_addr) == 1);
	if (!fake_config.tcp) {
		in.sin_family = AF_UNIX; /* unnamed */
		name = &in;
		needed = sizeof(in.sin_family);
	}
	memcpy(address, name, MIN(*length, needed));
	*length = needed;
}

/* Errors of the connection itself, which is gone by that. */
static bool is_of_connection(int error)
{
	return error == ECONNABORTED || error == EPERM || error == EPROTO;
}

int fake_accept(int fd, struct sockaddr *address, socklen_t *length)
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
	if (address)
		fake_peer_name((unsigned)(stream - fake_peers), address,
			       length);
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
