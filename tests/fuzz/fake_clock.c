/* SPDX-License-Identifier: MIT */
/*
 * Time, which stands still but for what a schedule lets pass; and what befalls
 * calls: each errno is one that Linux may give for it, at a moment when it may.
 */
#include "config.h"

#include "fuzz/fake_state.h"

#include "common/macros.h"

#include <string.h>

/* Later than 0, so that earlier moments can be told. */
#define MORNING (1000 * USEC_PER_SEC)

#define DEFERRED_MAX 8

static struct {
	bool here;
	uint64_t now, per_look, calls, progress;
	struct plan {
		unsigned skip, times;
		int error;
	} plans[FAKE_CALLS];
	struct deferred {
		unsigned calls, peer;
		size_t size;
		fake_act *act;
	} deferred[DEFERRED_MAX];
	unsigned deferred_count;
} fake;

static const struct choices {
	unsigned count;
	int errors[8];
} choices_of[FAKE_CALLS] = {
	[FAKE_ACCEPT] = { 8,
			  { EMFILE, ENFILE, ENOMEM, ENOBUFS, ECONNABORTED,
			    EINTR, EPERM, EPROTO } },
	[FAKE_RECEIVE] = { 7,
			   { EINTR, FAKE_SHORT, EAGAIN, ENOMEM, ECONNRESET,
			     ETIMEDOUT, EHOSTUNREACH } },
	[FAKE_SEND] = { 7,
			{ FAKE_SHORT, EAGAIN, EINTR, ENOMEM, ENOBUFS,
			  ECONNRESET, EPIPE } },
	[FAKE_EPOLL_CTL] = { 2, { ENOMEM, ENOSPC } },
	[FAKE_EPOLL_WAIT] = { 1, { EINTR } },
	[FAKE_MALLOC] = { 1, { ENOMEM } },
	[FAKE_RECEIVE_MANY] = { 4, { EINTR, ECONNREFUSED, ENOMEM, ENOBUFS } },
	[FAKE_SEND_MANY] = { 8,
			     { FAKE_SHORT, EAGAIN, EINTR, ENOBUFS, EPERM,
			       EINVAL, EIO, ENETUNREACH } },
	[FAKE_SENDMSG] = { 5, { EAGAIN, EINTR, ENOBUFS, EPERM, EMSGSIZE } },
};

static void fake_clock_reset(void)
{
	uint64_t calls = fake.calls;

	memset(&fake, 0, sizeof(fake));
	fake.calls = calls;
	fake.now = MORNING;
}

void fake_begin(void)
{
	fake_clock_reset();
	fake_file_reset();
	fake_epoll_reset();
	fake_stream_reset();
	fake_judge_reset();
	fake_death_reset();
	fake_datagram_reset();
	fake_enter(true);
}

void fake_enter(bool here)
{
	fake.here = here;
}

bool fake_is_here(void)
{
	return fake.here;
}

void fake_advance(uint64_t usec)
{
	fake.now += usec;
}

void fake_tick(uint64_t usec)
{
	fake.per_look = usec;
}

uint64_t fake_now(void)
{
	fake.now += fake.per_look;
	return fake.now;
}

uint64_t fake_time(void)
{
	return fake.now;
}

bool fake_is_ticking(void)
{
	return fake.per_look > 0;
}

uint64_t fake_call_count(void)
{
	return fake.calls;
}

void fake_moved(void)
{
	fake.progress++;
}

uint64_t fake_progress(void)
{
	return fake.progress;
}

void fake_fault(enum fake_call call, unsigned skip, unsigned times,
		unsigned choice)
{
	const struct choices *choices = &choices_of[call];

	fake.plans[call] = (struct plan){
		.skip = skip,
		.times = times,
		.error = choices->errors[choice % choices->count],
	};
}

void fake_fault_none(void)
{
	memset(fake.plans, 0, sizeof(fake.plans));
}

int fake_strikes(enum fake_call call)
{
	struct plan *plan = &fake.plans[call];

	if (plan->times == 0)
		return 0;
	if (plan->skip > 0) {
		plan->skip--;
		return 0;
	}
	plan->times--;
	return plan->error;
}

void fake_defer(unsigned calls, fake_act *act, unsigned peer, size_t size)
{
	if (fake.deferred_count == DEFERRED_MAX)
		act(peer, size);
	else
		fake.deferred[fake.deferred_count++] = (struct deferred){
			.calls = calls,
			.peer = peer,
			.size = size,
			.act = act,
		};
}

static void act_next(unsigned i)
{
	struct deferred deferred = fake.deferred[i];

	fake.deferred_count--;
	memmove(&fake.deferred[i], &fake.deferred[i + 1],
		(fake.deferred_count - i) * sizeof(deferred));
	deferred.act(deferred.peer, deferred.size);
}

void fake_defer_none(void)
{
	while (fake.deferred_count > 0)
		act_next(0);
}

void fake_call_begins(void)
{
	unsigned i = 0;

	fake.calls++;
	fake_death_call();
	while (i < fake.deferred_count)
		if (fake.deferred[i].calls-- == 0)
			act_next(i);
		else
			i++;
}
