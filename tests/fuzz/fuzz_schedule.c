/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a schedule: what peers do on their streams, what each system
 * call of the server gives, in which order events come, and when.
 *
 * The first HEADER bytes say what is served, and how; then follow steps of four
 * bytes each: what, who, how much, and when: at once or within the server's
 * calls, before so many more.  The invariants are those of echoer.c and of the
 * fake kernel; see fake.h.
 */
#include "config.h"

#include "fuzz/echoer.h"
#include "fuzz/fake.h"
#include "fuzz/fuzz.h"

#define HEADER	  8
#define STEP	  4
#define STEPS_MAX 1024

/* Whatever all peers may leave to be held. */
#define HOLD_ALL (FAKE_PEERS * WORKER_SCRATCH_SIZE)

/* Small amounts as they are, larger ones by their power of two, and around. */
static size_t amount_of(uint8_t byte)
{
	if (byte < 96)
		return byte;
	return ((size_t)1 << byte % 20) + byte / 20 - 8U;
}

static const uint64_t times[] = { USEC_INFINITY, 10 * USEC_PER_SEC,
				  200 * USEC_PER_MSEC, USEC_PER_MSEC };

static void set_progress(struct worker_policy *policy, const uint8_t *header)
{
	static const uint64_t bytes[] = { 0, 1, 1024, 100000 };
	static const uint64_t spans[] = { 60 * USEC_PER_SEC, USEC_PER_SEC,
					  200 * USEC_PER_MSEC, USEC_PER_MSEC };

	policy->min_progress = bytes[header[6] >> 2 & 3];
	policy->progress_time = spans[header[6] >> 4 & 3];
}

static void set_policy(struct worker_policy *policy, const uint8_t *header)
{
	static const size_t limits[] = { HOLD_ALL, 0,
					 WORKER_SCRATCH_SIZE + 2000,
					 2 * WORKER_SCRATCH_SIZE };

	policy->hold_limit = limits[header[0] >> 6];
	policy->preserve = header[0] & 2;
	policy->busy_poll = header[0] & 32 ? 50 : 0;
	policy->idle_timeout = times[header[3] & 3];
	policy->drain_timeout = times[header[3] >> 2 & 3];
	if (header[2] & 15)
		policy->max_connections = header[2] & 15;
	set_progress(policy, header);
}

/* Who is preserved may not be refused: see connection_open(). */
static unsigned limit_sources(struct echoer *echoer, const uint8_t *header)
{
	unsigned per_source = header[6] & 3;

	if (per_source > 0)
		echoer_limit_connections(echoer, per_source);
	return echoer->policy.preserve && !echoer->parks ? 0 : per_source;
}

static int set_kernel(struct echoer *echoer, const uint8_t *header)
{
	const struct worker_policy *policy = &echoer->policy;
	struct fake_streams streams = {
		.tcp = !(header[0] & 1),
		.preserving = (header[0] & 1) || policy->preserve,
		.lazy = header[0] & 16,
		.room_out = (size_t)1 << header[1] % 20,
		.room_peer = (size_t)1 << header[4] % 20,
		.most = policy->max_connections,
		.per_source = limit_sources(echoer, header),
		.patience = policy->idle_timeout,
		.progress = policy->min_progress,
		.progress_time = policy->progress_time,
	};

	/* A turn moves at least one piece; and there are so many at most. */
	streams.room_in = (size_t)1 << header[5] % 20;
	streams.room_in = MIN(streams.room_in, streams.room_out << 4);
	if (policy->busy_poll)
		fake_tick(7);
	return fake_listen(&streams);
}

static fake_act *const acts[] = { fake_send,	    fake_send,	 fake_receive,
				  fake_connect,	    fake_finish, fake_reset,
				  fake_acknowledge, fake_urgent, fake_steal,
				  fake_vanish };

static void act(const uint8_t *step)
{
	fake_act *what = acts[step[0] % ARRAY_SIZE(acts)];
	unsigned who = step[1] % FAKE_PEERS;
	size_t amount = amount_of(step[2]);

	if (step[3] & 15)
		fake_defer((step[3] & 15) - 1U, what, who, amount);
	else
		what(who, amount);
}

static void spurious(unsigned who, uint32_t events)
{
	int fd = fake_look(who).fd;

	if (fd >= 0)
		fake_spurious(fd, events & (EPOLLIN | EPOLLOUT));
}

static void step_of_life(struct echoer *echoer, const uint8_t *step)
{
	switch (step[1] % 5) {
	case 0:
		fake_limit(3 + step[2] % 8U);
		break;
	case 1:
		echoer_park(echoer);
		break;
	case 2:
		echoer_kill(echoer, step[2]);
		break;
	default:
		echoer_settle(echoer);
		break;
	}
}

static void step_once(struct echoer *echoer, const uint8_t *step)
{
	switch (step[0] >> 4) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
	case 6:
		act(step);
		break;
	case 7:
		fake_batch(1 + step[2] % 8U);
		echoer_turn(echoer);
		break;
	case 8:
		fake_batch(UINT32_MAX);
		echoer_turn(echoer);
		break;
	case 9:
		for (unsigned i = 0; i < step[2] % 8U; i++)
			echoer_turn(echoer);
		break;
	case 10:
	case 11:
		fake_fault((enum fake_call)(step[1] % (FAKE_MALLOC + 1)),
			   step[3] & 7, 1 + (step[3] >> 4), step[2]);
		break;
	case 12:
		fake_advance((uint64_t)1 << step[2] % 28);
		break;
	case 13:
		spurious(step[1] % FAKE_PEERS, step[2]);
		fake_rotate();
		break;
	case 14:
		echoer_request_any(echoer, step[2]);
		break;
	default:
		step_of_life(echoer, step);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct echoer echoer;
	size_t count = size < HEADER
			       ? 0
			       : MIN((size - HEADER) / STEP, (size_t)STEPS_MAX);

	if (count == 0)
		return 0;
	echoer_init(&echoer);
	set_policy(&echoer.policy, data);
	/* Of TCP only, and behind a listener that outlives us. */
	echoer.parks =
		echoer.policy.preserve && (data[0] & 9) == 8 && (data[7] & 1);
	echoer_listen(&echoer, set_kernel(&echoer, data), !(data[0] & 1),
		      data[0] & 4, data[0] & 8);
	for (size_t i = 0; i < count; i++)
		step_once(&echoer, data + HEADER + i * STEP);
	echoer_end(&echoer, count);
	return 0;
}
