/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fuzz/echoer.h"

#include "echod/connection.h"
#include "echod/datagram_batch.h"
#include "echod/drain.h"
#include "fuzz/fake.h"
#include "fuzz/fuzz.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* More than a paused listener or socket waits before it tries again. */
#define RETRY_USEC (150 * USEC_PER_MSEC)

/*
 * So many such pauses one after the other, for different reasons; the longest
 * is that for which somebody has to be idle to make room, and 0.25 s of slack.
 */
#define RETRIES_MAX 16

/* Turns without any effect before the worker waits. */
#define IDLE_TURNS_MAX 8

static void on_answer(void *context)
{
	(void)context;
}

static uint64_t schedules, steps;

/* Of one alone, as when a finding is looked at, there is nothing to sum up. */
static void tell(void)
{
	if (schedules > 1)
		fprintf(stderr,
			"%llu schedules, %llu steps, %llu system calls "
			"simulated\n",
			(unsigned long long)schedules,
			(unsigned long long)steps,
			(unsigned long long)fake_call_count());
}

void echoer_init(struct echoer *echoer)
{
	if (schedules++ == 0)
		(void)atexit(tell);
	fake_begin();
	*echoer = (struct echoer){
		.policy = {
			.idle_timeout = USEC_INFINITY,
			.drain_timeout = USEC_INFINITY,
			.hold_limit = FAKE_PEERS * WORKER_SCRATCH_SIZE,
			.max_connections = FAKE_DESCRIPTORS,
			.on_watch = connection_on_watch,
			.guard = &echoer->guard,
		},
		.fd = -1,
	};
	guard_init(&echoer->guard, NULL);
}

void echoer_limit_connections(struct echoer *echoer, unsigned per_source)
{
	size_t most = (size_t)echoer->policy.max_connections + 1;

	assert(quota_init(&echoer->quota, per_source, most) == 0);
	echoer->policy.quota = &echoer->quota;
}

/* As zeros: what is not used of so much memory is never touched. */
static struct limiter_table *table_of_nobody(void)
{
	static struct limiter_table *table;
	size_t size = sizeof(*table);

	if (table) {
		assert(madvise(table, size, MADV_DONTNEED) == 0);
		return table;
	}
	table = mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert(table != MAP_FAILED);
	return table;
}

void echoer_limit_datagrams(struct echoer *echoer, unsigned rate,
			    unsigned burst, const struct siphash_key *key)
{
	struct limiter_rate limit = { .rate = rate, .burst = burst };

	limiter_init(&echoer->limiter, table_of_nobody(), &limit, key);
	echoer->policy.limiter = &echoer->limiter;
}

void echoer_begin(struct echoer *echoer)
{
	assert(worker_init(&echoer->worker, &echoer->policy, &echoer->stats,
			   connection_on_idle, drain_on_request, on_answer,
			   NULL) == 0);
}

void echoer_listen(struct echoer *echoer, int fd, bool tcp, bool shared,
		   bool passed)
{
	echoer->fd = fd;
	echoer_begin(echoer);
	echoer->listener.passed = passed;
	echoer->listener.origin =
		(struct connection_origin){ .name = "fake", .tcp = tcp };
	echoer->listener.origin.roomy = true;
	echoer->listener.origin.sole =
		!echoer->policy.preserve || echoer->parks;
	assert(listener_open(&echoer->listener, &echoer->worker, fd, shared) ==
	       0);
}

void echoer_receive(struct echoer *echoer, int fd, bool unix_peers)
{
	struct socket_identity identity = {
		.kind = SOCKET_DATAGRAM,
		.family = unix_peers ? AF_UNIX : AF_INET,
		.type = SOCK_DGRAM,
		.protocol = unix_peers ? 0 : IPPROTO_UDP,
	};

	echoer->fd = fd;
	echoer_begin(echoer);
	assert(datagram_open(&echoer->datagram, &echoer->worker, fd,
			     &identity) == 0);
}

static void check_streams(const struct echoer *echoer,
			  const struct stats_snapshot *snapshot)
{
	const uint64_t *values = snapshot->values;
	unsigned served = fake_served_count();

	assert(values[COUNTER_connections_accepted] +
		       values[COUNTER_connections_adopted] -
		       values[COUNTER_connections_closed] ==
	       served);
	assert(atomic_load(&echoer->policy.connections) == served);
	assert(served <= echoer->policy.max_connections);
	assert(values[COUNTER_connections_refused_source] ==
	       fake_excess_count() - echoer->excess_before);
	assert(values[COUNTER_bytes_sent] ==
	       fake_echoed() - echoer->echoed_before);
}

/*
 * Held is what the kernel gave and did not get back.  For each who holds
 * something there is memory for the longest, so that these must fit, too.
 */
static void check_held(const struct echoer *echoer)
{
	const struct worker *worker = &echoer->worker;
	unsigned holders;
	uint64_t held = fake_held(&holders);

	assert(held <= worker->held.bytes);
	assert(holders == worker->held.pool.used);
	assert(worker->held.bytes <= echoer->policy.hold_limit);
	assert(holders * WORKER_SCRATCH_SIZE <= echoer->policy.hold_limit);
	assert(worker->watches.used <= fake_served_count());
}

static void check_datagrams(const struct echoer *echoer,
			    const struct stats_snapshot *snapshot)
{
	const uint64_t *values = snapshot->values;
	const struct datagram_batch *batch = echoer->datagram.batch;
	unsigned planned = batch ? batch_unsent(batch) : 0;

	assert(values[COUNTER_datagrams_received] ==
	       values[COUNTER_datagrams_sent] +
		       values[COUNTER_datagrams_unsent] +
		       stats_refused(snapshot) + planned);
	fake_check_datagrams(&(struct fake_account){
		.received = values[COUNTER_datagrams_received],
		.sent = values[COUNTER_datagrams_sent],
		.refused = stats_refused(snapshot) -
			   values[COUNTER_datagrams_refused_rate],
		.limited = values[COUNTER_datagrams_refused_rate],
	});
}

/* While it is paused, nothing new is taken. */
static void check_pause(struct echoer *echoer, const uint64_t *values)
{
	uint64_t taken = values[COUNTER_connections_accepted] +
			 values[COUNTER_datagrams_received];
	bool rests = echoer->paused && !echoer->stopping &&
		     worker_has_answered(&echoer->worker, echoer->asked);

	assert(!rests || !echoer->resting || taken == echoer->taken);
	echoer->resting = rests;
	echoer->taken = taken;
}

static void check_account(struct echoer *echoer)
{
	struct stats_snapshot snapshot = { 0 };

	stats_collect(&echoer->stats, &snapshot);
	check_streams(echoer, &snapshot);
	check_held(echoer);
	check_datagrams(echoer, &snapshot);
	check_pause(echoer, snapshot.values);
}

static void turn(void *context)
{
	struct reactor *reactor = context;

	assert(reactor_poll(reactor) == 0);
	reactor_dispatch(reactor);
}

void echoer_turn(struct echoer *echoer)
{
	struct reactor *reactor = &echoer->worker.reactor;

	if (reactor->stopping)
		return;
	if (!fake_survives(turn, reactor))
		echoer_succeed(echoer);
	check_account(echoer);
}

/* As the server asks. */
static void echoer_request(struct echoer *echoer, unsigned requests)
{
	if (echoer->stopping ||
	    !worker_has_answered(&echoer->worker, echoer->asked))
		return;
	echoer->asked = requests;
	if (requests & (WORKER_PAUSE | WORKER_RESUME))
		echoer->paused = requests & WORKER_PAUSE;
	if (requests & (WORKER_DRAIN | WORKER_ABORT)) {
		echoer->stopping = true;
		fake_stopping();
		fake_kill_none();
	}
	worker_post(&echoer->worker, requests);
}

void echoer_request_any(struct echoer *echoer, unsigned which)
{
	static const unsigned requests[] = {
		WORKER_ANSWER, WORKER_PAUSE, WORKER_RESUME,
		WORKER_RESUME, WORKER_DRAIN, WORKER_ABORT,
	};

	echoer_request(echoer, requests[which % ARRAY_SIZE(requests)]);
}

static void take_all(void)
{
	fake_leave(UINT32_MAX);
	for (unsigned i = 0; i < FAKE_PEERS; i++) {
		fake_receive(i, SIZE_MAX);
		fake_acknowledge(i, 0);
	}
	fake_relieve();
}

/* Until the worker waits, and nobody has moved. */
static void run(struct echoer *echoer)
{
	unsigned idle = 0;
	uint64_t before;
	bool blocked;
	int timeout;

	do {
		before = fake_progress();
		take_all();
		echoer_turn(echoer);
		blocked = echoer->worker.reactor.stopping ||
			  fake_is_blocked(&timeout);
		idle = fake_progress() == before ? idle + 1 : 0;
		assert(blocked || idle < IDLE_TURNS_MAX);
	} while (!blocked || idle == 0);
}

/*
 * May somebody be waiting to be accepted?  Not because there are as many as may
 * be: somebody is idle soon.
 */
static bool is_closed(const struct echoer *echoer)
{
	return echoer->paused || echoer->stopping || fake_is_full();
}

static bool is_overdue(const struct echoer *echoer,
		       const struct fake_view *view)
{
	uint64_t tolerance = echoer->policy.busy_poll ? USEC_PER_MSEC : 0;

	return view->idle > usec_add(echoer->policy.idle_timeout, tolerance);
}

static bool peer_is_settled(const struct echoer *echoer,
			    const struct fake_view *view)
{
	switch (view->end) {
	case FAKE_WAITING:
		return is_closed(echoer);
	case FAKE_SERVED:
		return !echoer->stopping && !view->finished && !view->broken &&
		       view->taken == view->sent &&
		       view->delivered == view->sent &&
		       !is_overdue(echoer, view);
	case FAKE_FIN:
		return view->delivered == view->sent;
	default:
		return true;
	}
}

static bool is_settled(struct echoer *echoer)
{
	for (unsigned i = 0; i < FAKE_PEERS; i++) {
		struct fake_view view = fake_look(i);

		if (!peer_is_settled(echoer, &view))
			return false;
	}
	if (echoer->stopping)
		return echoer->worker.reactor.stopping;
	if (echoer->datagram.batch && datagram_is_stuck(&echoer->datagram))
		return false;
	return echoer->worker.held.bytes == 0 &&
	       echoer->worker.watches.used == 0 &&
	       (echoer->paused || fake_datagrams_are_settled()) &&
	       worker_has_answered(&echoer->worker, echoer->asked);
}

void echoer_settle(struct echoer *echoer)
{
	unsigned retries = 0;

	fake_fault_none();
	fake_kill_none();
	fake_defer_none();
	fake_batch(UINT32_MAX);
	run(echoer);
	while (!is_settled(echoer)) {
		uint64_t before = echoer->taken;

		assert(retries++ < RETRIES_MAX);
		fake_advance(RETRY_USEC);
		run(echoer);
		/* One more has come: for the next somebody is idle later. */
		if (echoer->taken != before)
			retries = 0;
	}
}

void echoer_end(struct echoer *echoer, size_t taken)
{
	steps += taken;
	echoer_settle(echoer);
	echoer_request(echoer, WORKER_DRAIN);
	echoer_settle(echoer);
	assert(list_is_empty(&echoer->worker.connections.entries));
	worker_deinit(&echoer->worker);
	if (echoer->policy.quota)
		quota_deinit(&echoer->quota);
	(void)close(echoer->fd);
	assert(fake_open_count() == 0);
	fake_enter(false);
}
