/* SPDX-License-Identifier: MIT */
/*
 * The server's end of streams.  Positions count from the beginning of what the
 * peer sent, and of the echo, which has to be the same bytes:
 *
 *      0 ........ taken ........ arrived        in, at most room_in unread
 *      0 . delivered . acknowledged . written   out, at most room_out not
 *                                               acknowledged
 *
 * As in Linux's net/ipv4/tcp.c, with SO_OOBINLINE: receiving stops short only
 * at an urgent byte; after a reset what had arrived is still received, then the
 * error, once, then the end; a socket closed with input unread is reset.
 */
#include "config.h"

#include "fuzz/fake_state.h"

#include "common/macros.h"

#include <linux/sockios.h>
#include <linux/tcp.h> /* the C library's tcp_info does not count bytes */
#include <string.h>
#include <sys/ioctl.h>

struct fake_streams fake_config;
struct fake_stream fake_peers[FAKE_PEERS];

/* Bytes that were echoed and not consumed. */
#define UNREAD_MAX 3072

static uint64_t echoed;
static unsigned served;
static struct fake_stream *latest; /* of whom a call was made */

void fake_stream_reset(void)
{
	echoed = 0;
	served = 0;
	latest = NULL;
	for (unsigned i = 0; i < FAKE_PEERS; i++) {
		fake_peers[i] = (struct fake_stream){ .end = FAKE_NOBODY };
		list_init(&fake_peers[i].waiting);
	}
}

uint64_t fake_echoed(void)
{
	return echoed;
}

unsigned fake_served_count(void)
{
	return served;
}

void fake_stream_accept(struct fake_stream *stream, struct fake_file *file)
{
	stream->end = FAKE_SERVED;
	stream->active = fake_now();
	stream->file = file;
	file->stream = stream;
	served++;
	latest = stream;
	fake_judge_accept(stream);
}

static uint64_t unread(const struct fake_stream *stream)
{
	return stream->arrived - stream->taken;
}

static bool at_mark(const struct fake_stream *stream)
{
	return stream->has_urgent && stream->urgent == stream->taken;
}

static size_t room_out(const struct fake_stream *stream)
{
	return fake_config.room_out -
	       (size_t)(stream->written - stream->acknowledged);
}

/* A third is free: sk_stream_is_writeable(). */
static bool is_writable(const struct fake_stream *stream)
{
	return room_out(stream) * 3 >= fake_config.room_out;
}

uint32_t fake_stream_level(const struct fake_stream *stream)
{
	uint32_t events = 0;

	if (unread(stream) > 0 || stream->finished || stream->broken)
		events |= EPOLLIN;
	if (stream->finished || stream->broken)
		events |= EPOLLRDHUP;
	if (stream->hung_up)
		events |= EPOLLIN | EPOLLRDHUP | EPOLLHUP;
	if (stream->broken || (stream->finished && stream->shut))
		events |= EPOLLHUP;
	if (stream->broken || stream->shut || is_writable(stream))
		events |= EPOLLOUT;
	if (stream->error != 0)
		events |= EPOLLERR;
	if (stream->has_urgent)
		events |= EPOLLPRI;
	return events;
}

void fake_stream_writable(struct fake_stream *stream)
{
	if (!stream->no_space || !is_writable(stream))
		return;
	stream->no_space = false;
	fake_wake(stream->file, EPOLLOUT);
}

static struct fake_stream *stream_of(int fd)
{
	struct fake_stream *stream;

	fake_call_begins();
	stream = fake_file(fd, FAKE_STREAM)->stream;
	stream->served = true;
	latest = stream;
	return stream;
}

void fake_stream_strike(void)
{
	if (latest)
		latest->struck = true;
}

static int error_take(struct fake_stream *stream, int otherwise)
{
	int error = stream->error != 0 ? stream->error : otherwise;

	stream->error = 0;
	return error;
}

/* How much a call would receive. */
static size_t readable(const struct fake_stream *stream, size_t size)
{
	uint64_t length = MIN(unread(stream), (uint64_t)size);

	if (stream->has_urgent && !at_mark(stream))
		length = MIN(length, stream->urgent - stream->taken);
	return (size_t)length;
}

/*
 * A short count of TCP means that there is no more; Unix sockets may give one
 * at any time, as descriptors or credentials lie between bytes.  EAGAIN though
 * there is something: at the urgent mark, if a signal is pending.
 */
static int receive_fault(const struct fake_stream *stream)
{
	int error = fake_strikes(FAKE_RECEIVE);

	if ((error == FAKE_SHORT && fake_config.tcp) ||
	    (error == EAGAIN && !(fake_config.tcp && at_mark(stream))))
		return 0;
	return error;
}

static ssize_t receive_nothing(struct fake_stream *stream)
{
	/* After a FIN there is no error any more, but for who sends. */
	if (stream->finished || stream->hung_up)
		return 0;
	if (stream->error != 0)
		return fake_fails(error_take(stream, 0));
	if (stream->broken)
		return 0;
	stream->told = false;
	return fake_fails(EAGAIN);
}

static void take(struct fake_stream *stream, size_t length)
{
	stream->taken += length;
	/* No byte is to be with the server alone? */
	assert(!fake_config.preserving || stream->taken <= stream->written);
	/* What was echoed before was not received only now. */
	if (stream->taken > stream->written)
		stream->active = fake_now();
	if (stream->has_urgent && stream->taken > stream->urgent)
		stream->has_urgent = false;
	if (fake_unechoed(stream) == 0)
		stream->told = false;
	fake_moved();
}

ssize_t fake_stream_receive(int fd, void *buffer, size_t size, int flags)
{
	struct fake_stream *stream = stream_of(fd);
	int error = receive_fault(stream);
	size_t length;

	assert(flags & MSG_DONTWAIT);
	assert((flags & ~(MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC)) == 0);
	if (error > 0) {
		stream->struck |= error != EINTR && error != EAGAIN;
		return fake_fails(error);
	}
	length = readable(stream, size);
	if (length == 0)
		return receive_nothing(stream);
	if (error == FAKE_SHORT)
		length = (length + 1) / 2;
	if (!(flags & MSG_TRUNC))
		memcpy(buffer, fake_pattern(stream, stream->taken), length);
	if (!(flags & MSG_PEEK))
		take(stream, length);
	return (ssize_t)length;
}

/* It may only send the next of what it has received. */
static void check_echo(const struct fake_stream *stream, const void *data,
		       size_t length)
{
	assert(stream->written + length <= stream->arrived);
	assert(memcmp(data, fake_pattern(stream, stream->written), length) ==
	       0);
	/* ... and is not to leave much of that unread. */
	assert(stream->written <= stream->taken + UNREAD_MAX);
}

ssize_t fake_stream_send(int fd, const void *data, size_t length, int flags)
{
	struct fake_stream *stream = stream_of(fd);
	int error = fake_strikes(FAKE_SEND);
	size_t most = MIN(length, room_out(stream));

	assert(flags == (MSG_DONTWAIT | MSG_NOSIGNAL));
	check_echo(stream, data, length);
	if (stream->broken || stream->shut)
		return fake_fails(error_take(stream, EPIPE));
	if (error == FAKE_SHORT && most > 1)
		most /= 2;
	if (error == EAGAIN)
		most = 0;
	if (error > 0 && error != EAGAIN) {
		stream->struck |= error != EINTR;
		return fake_fails(error);
	}
	stream->no_space |= most < length;
	fake_judge_send(stream, most == length);
	if (most == 0)
		return fake_fails(EAGAIN);
	stream->written += most;
	if (fake_unechoed(stream) == 0)
		stream->told = false;
	echoed += most;
	stream->active = fake_now();
	fake_moved();
	fake_stream_flow(stream, !fake_config.lazy);
	return (ssize_t)most;
}

int fake_stream_shutdown(int fd, int how)
{
	struct fake_stream *stream = stream_of(fd);

	assert(how == SHUT_WR || how == SHUT_RDWR);
	/* Whoever waits for anything looks, in any case. */
	fake_wake(stream->file, 0);
	if (stream->broken)
		return fake_fails(ENOTCONN);
	/* A FIN that comes before the echo of what was received is a lie. */
	assert(stream->written == stream->taken);
	assert(how == SHUT_WR || fake_judge_end(stream));
	stream->hung_up |= how == SHUT_RDWR;
	stream->shut = true;
	fake_moved();
	fake_stream_flow(stream, !fake_config.lazy);
	return 0;
}

void fake_stream_linger(int fd, const struct linger *linger)
{
	struct fake_stream *stream = stream_of(fd);

	/* Only the last close(2) would reset it, whosoever that is. */
	assert(!stream->parked);
	assert(linger->l_linger == 0);
	stream->abrupt = linger->l_onoff;
}

void fake_stream_disconnect(int fd)
{
	struct fake_stream *stream = stream_of(fd);

	if (!stream->parked) {
		stream->abrupt = true;
		return;
	}
	assert(fake_judge_end(stream));
	stream->broken = true;
	stream->no_space = false;
}

void fake_stream_close(struct fake_file *file)
{
	struct fake_stream *stream = file->stream;

	fake_call_begins();
	assert(fake_judge_end(stream));
	/* Else it would go on in the hands of others, and with its events. */
	assert(!stream->parked || stream->hung_up || stream->broken);
	assert(!stream->parked || !file->registered);
	stream->file = NULL;
	served--;
	if (stream->broken) {
		stream->end = FAKE_GONE;
	} else if (stream->abrupt || unread(stream) > 0) {
		/* Of duplicates close(2) resets none. */
		assert(!stream->parked);
		stream->end = FAKE_RST;
	} else {
		/* A clean FIN means that nothing was lost. */
		assert(stream->written == stream->arrived);
		stream->end = FAKE_FIN;
	}
}

int fake_stream_ioctl(int fd, unsigned long request, int *value)
{
	struct fake_stream *stream = stream_of(fd);
	uint64_t out = stream->written - stream->acknowledged;

	switch (request) {
	case SIOCINQ:
		*value = (int)unread(stream);
		/* It is not its fault that it has not been served. */
		if (fake_unechoed(stream) > 0)
			stream->excused = fake_time();
		return 0;
	case SIOCOUTQ:
		/* Our FIN counts, too. */
		*value = (int)(out + (stream->shut && !stream->fin_arrived));
		return 0;
	default:
		return fake_fails(EINVAL);
	}
}

/* By its number in Linux. */
static uint8_t state_of(const struct fake_stream *stream)
{
	enum {
		ESTABLISHED = 1,
		FIN_WAIT1 = 4,
		FIN_WAIT2,
		CLOSE = 7,
		CLOSE_WAIT,
		LAST_ACK
	};

	if (stream->broken)
		return CLOSE;
	if (!stream->shut)
		return stream->finished ? CLOSE_WAIT : ESTABLISHED;
	if (stream->fin_arrived)
		return stream->finished ? CLOSE : FIN_WAIT2;
	return stream->finished ? LAST_ACK : FIN_WAIT1;
}

/* Of TCP_INFO the state, and what counts bytes, a FIN being one more. */
int fake_stream_info(int fd, void *value, socklen_t length)
{
	const struct fake_stream *stream = stream_of(fd);
	struct tcp_info info = {
		.tcpi_state = state_of(stream),
		.tcpi_bytes_received = stream->arrived + stream->finished,
		.tcpi_bytes_acked = stream->acknowledged + stream->fin_arrived,
	};

	assert(fake_config.tcp);
	memcpy(value, &info, MIN((size_t)length, sizeof(info)));
	return 0;
}
