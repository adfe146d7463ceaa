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

/* Who has been idle for so long may be ended to make room. */
#define EVICTION_USEC USEC_PER_SEC

/* Small amounts as they are, larger ones by their power of two, and around. */
static size_t amount_of(uint8_t byte)
{
	if (byte < 96)
		return byte;
	return ((size_t)1 << byte % 20) + byte / 20 - 8U;
}

static const uint64_t times[] = { USEC_INFINITY, 10 * USEC_PER_SEC,
				  200 * USEC_PER_MSEC, USEC_PER_MSEC };

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
}

static int set_kernel(const struct worker_policy *policy, const uint8_t *header)
{
	struct fake_streams streams = {
		.tcp = !(header[0] & 1),
		.lazy = header[0] & 16,
		.room_out = (size_t)1 << header[1] % 20,
		.room_peer = (size_t)1 << header[4] % 20,
		.patience = policy->idle_timeout,
	};

	if (policy->max_connections < FAKE_PEERS)
		streams.patience = MIN(streams.patience, EVICTION_USEC);
	/* A turn moves at least one piece; and there are so many at most. */
	streams.room_in = (size_t)1 << header[5] % 20;
	streams.room_in = MIN(streams.room_in, streams.room_out << 7);
	if (policy->busy_poll) {
		fake_tick(7);
		streams.patience -= MIN(streams.patience, USEC_PER_MSEC);
	}
	return fake_listen(&streams);
}

static fake_act *const acts[] = { fake_send,	    fake_send,	 fake_receive,
				  fake_connect,	    fake_finish, fake_reset,
				  fake_acknowledge, fake_urgent, fake_steal };

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
		if (step[1] & 1)
			fake_limit(3 + step[2] % 8U);
		else
			echoer_settle(echoer);
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
	echoer_listen(&echoer, set_kernel(&echoer.policy, data), !(data[0] & 1),
		      data[0] & 4, data[0] & 8);
	for (size_t i = 0; i < count; i++)
		step_once(&echoer, data + HEADER + i * STEP);
	echoer_end(&echoer, count);
	return 0;
}
