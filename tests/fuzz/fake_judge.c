/* SPDX-License-Identifier: MIT */
/*
 * Who may have a connection, and who may lose it: what the limits of streams
 * promise, said once more and by other means than the server's.  It ends nobody
 * but for the peer's own doing, a fault or one of these:
 *
 *   too many of its source    before it is served, if that many are
 *   idle                      for --idle-timeout
 *   to make room              idle longest, for a second at least, and somebody
 *                             is served for whom there was none
 *   stalled                   something is held up, and it takes too little
 *
 * Nor does it put off anybody who is ready, or keep who takes nothing at all.
 */
#include "config.h"

#include "fuzz/fake_state.h"

#include "common/macros.h"

/* Rounds in which somebody who is ready may be left out. */
#define ROUNDS_MAX 2

/* Who was active less than this ago is in use. */
#define IN_USE_USEC USEC_PER_SEC

/* Activity is noted so late if nobody needs to know better: see idle.h. */
#define SLACK_USEC (250 * USEC_PER_MSEC)

/* By which the server's clock may be late if it goes on at each look. */
#define TICKS_USEC USEC_PER_MSEC

/* Of a Unix stream only as much at once is seen to be taken: unix(7). */
#define PIECE ((uint64_t)64 * 1024)

/*
 * Spans in which a peer may take nothing before it has to be gone: in the first
 * it was noticed, in the second as well, and the spans are not the server's.
 */
#define SPANS_MAX 3

static bool stopping;
static unsigned excesses;
static struct fake_stream *newcomer;

void fake_judge_reset(void)
{
	stopping = false;
	excesses = 0;
	newcomer = NULL;
}

void fake_stopping(void)
{
	stopping = true;
}

unsigned fake_excess_count(void)
{
	return excesses;
}

static uint64_t tolerance(void)
{
	return fake_is_ticking() ? TICKS_USEC : 0;
}

uint64_t fake_held(unsigned *holders)
{
	uint64_t sum = 0;

	*holders = 0;
	for (unsigned i = 0; i < FAKE_PEERS; i++) {
		const struct fake_stream *stream = &fake_peers[i];

		if (!stream->file || stream->taken <= stream->written)
			continue;
		sum += stream->taken - stream->written;
		++*holders;
	}
	return sum;
}

/* --- Newcomers --- */

void fake_judge_accept(struct fake_stream *stream)
{
	int source = fake_source(stream);
	unsigned count = 0;

	newcomer = stream;
	if (fake_config.per_source == 0 || source < 0)
		return;
	for (unsigned i = 0; i < FAKE_PEERS; i++)
		count += fake_peers[i].file && &fake_peers[i] != stream &&
			 fake_source(&fake_peers[i]) == source;
	stream->excess = count >= fake_config.per_source;
	excesses += stream->excess;
}

void fake_judge_serve(const struct fake_stream *stream)
{
	assert(!stream->excess);
}

/* --- Those who hold something up --- */

void fake_judge_send(struct fake_stream *stream, bool all)
{
	/* Looked at by the server, too. */
	stream->spans = 0;
	stream->span_began = fake_time();
	if (!all && !stream->stuck)
		stream->stuck_since = fake_time();
	stream->stuck = !all;
}

void fake_judge_acknowledge(struct fake_stream *stream, uint64_t before)
{
	struct fake_mark *newest =
		&stream->marks[stream->mark_count % FAKE_MARKS];
	const struct fake_mark *last =
		&stream->marks[(stream->mark_count - 1) % FAKE_MARKS];

	stream->spans = 0;
	stream->span_began = fake_time();
	if (stream->mark_count > 0 && last->when == fake_time())
		return;
	*newest = (struct fake_mark){ .when = fake_time(), .before = before };
	stream->mark_count++;
}

/* Taken in the last `span`; less than it was, if that is long forgotten. */
static uint64_t taken_within(const struct fake_stream *stream, uint64_t span)
{
	unsigned first = stream->mark_count > FAKE_MARKS
				 ? stream->mark_count - FAKE_MARKS
				 : 0;

	for (unsigned i = first; i < stream->mark_count; i++) {
		const struct fake_mark *mark = &stream->marks[i % FAKE_MARKS];

		if (fake_time() - mark->when < span)
			return stream->acknowledged - mark->before;
	}
	return 0;
}

static uint64_t spans_of_piece(void)
{
	return fake_config.tcp ? 0 : PIECE / fake_config.progress;
}

static bool is_stalled(const struct fake_stream *stream)
{
	uint64_t span;

	if (fake_config.progress == 0 || !stream->stuck)
		return false;
	span = fake_config.progress_time * (1 + spans_of_piece());
	span -= MIN(span, tolerance());
	return fake_time() - stream->stuck_since >= span &&
	       taken_within(stream, span) < fake_config.progress;
}

/* Nothing at all is taken, span after span. */
static void check_progress(struct fake_stream *stream)
{
	if (fake_config.progress == 0 || !stream->stuck || stream->shut ||
	    fake_time() - stream->span_began < fake_config.progress_time)
		return;
	stream->span_began = fake_time();
	stream->spans++;
	assert(stream->spans <= SPANS_MAX + spans_of_piece());
}

/* --- The idle --- */

/* What came before this moment has been seen, unless something is held up. */
static bool is_late(const struct fake_stream *stream)
{
	return fake_unechoed(stream) > 0 && !stream->stuck &&
	       !fake_is_ticking() && stream->unread_since < fake_time();
}

static uint64_t idle_time(const struct fake_stream *stream)
{
	return fake_time() - stream->active + tolerance();
}

static bool is_idle(const struct fake_stream *stream)
{
	return idle_time(stream) >= fake_config.patience;
}

static bool is_idle_longest(const struct fake_stream *stream)
{
	uint64_t slack = fake_config.patience == USEC_INFINITY ? SLACK_USEC : 0;

	for (unsigned i = 0; i < FAKE_PEERS; i++) {
		const struct fake_stream *other = &fake_peers[i];

		if (other->file && other != newcomer &&
		    MAX(other->active, other->excused) + slack + tolerance() <
			    stream->active)
			return false;
	}
	return true;
}

/* There is one too many, and that is who has come and is served. */
static bool makes_room(const struct fake_stream *stream)
{
	return fake_config.most > 0 &&
	       fake_served_count() == fake_config.most + 1 && newcomer->file &&
	       newcomer->file->registered && newcomer != stream &&
	       idle_time(stream) >= IN_USE_USEC && is_idle_longest(stream);
}

bool fake_judge_end(const struct fake_stream *stream)
{
	if (stopping || fake_config.lax || stream->finished || stream->broken ||
	    stream->struck || stream->excess || is_stalled(stream))
		return true;
	return !is_late(stream) && (is_idle(stream) || makes_room(stream));
}

/* --- Those who are ready --- */

static bool is_neglected(const struct fake_stream *stream)
{
	return stream->told && fake_unechoed(stream) > 0 && !stream->no_space &&
	       !stream->shut && !stream->served &&
	       !list_is_linked(&stream->file->queued);
}

void fake_judge_round(void)
{
	for (unsigned i = 0; i < FAKE_PEERS && !fake_config.lax; i++) {
		struct fake_stream *stream = &fake_peers[i];

		if (!stream->file)
			continue;
		stream->rounds = is_neglected(stream) ? stream->rounds + 1 : 0;
		assert(stream->rounds <= ROUNDS_MAX);
		stream->served = false;
		check_progress(stream);
	}
}
