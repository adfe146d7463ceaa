/* SPDX-License-Identifier: MIT */
/*
 * Small messages beside a sender at full speed: row 8.
 */
#include "config.h"

#include "echoping/conformance_talk.h"
#include "echoping/conformance_wait.h"
#include "echoping/latency.h"
#include "echoping/pattern.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

/* Apart, so that they meet the service in every state. */
#define PINGS	      1000
#define PINGS_MIN     20
#define PING_INTERVAL (NSEC_PER_SEC / 1000)

/*
 * A ping waits for one turn of the sender at the service, for its share of the
 * processor, and for the scheduler.  A turn is what a buffer holds: with 1 MiB
 * half a millisecond on a slow machine; a busy core is given away for a few
 * milliseconds at most.  A single-threaded service that takes turns, on two
 * cores with the sender, was measured to keep p99 below 8 ms, one that drains
 * the sender until there is nothing more for the moment to let it be above
 * 50 ms; who waits for the sender's end never answers.  A machine that is slow
 * without the sender, too, is allowed for.
 */
#define STARVED	      (40 * NSEC_PER_SEC / 1000)
#define STARVED_RATIO 20
#define P99	      (HISTOGRAM_WHOLE / 100 * 99)

/* A machine that is busy with something else for a while is asked again. */
#define MEASUREMENTS 2

#define FLOOD_ROOM (1 << 20)

/* A sender at full speed, in a thread of its own until it is stopped. */
struct flood {
	struct talk talk;
	pthread_t thread;
	atomic_bool stopped;
	bool tcp;
	int file;
	int error;
	unsigned char room[FLOOD_ROOM];
};

/* Both measurements. */
struct fairness {
	struct talk pings;
	struct histogram times;		 /* of the one made last */
	uint64_t unloaded, unloaded_p99; /* of the first */
	struct flood flood;
};

/*
 * What comes back is counted, not verified: that is what other rows do, and
 * only who does nothing with it is faster than the service, as he must be for
 * the service never to find that there is nothing more.  TCP need not even
 * copy it.
 */
static int flood_receive(struct flood *flood)
{
	ssize_t got = recv(flood->talk.fd, flood->tcp ? NULL : flood->room,
			   sizeof(flood->room),
			   MSG_DONTWAIT | (flood->tcp ? MSG_TRUNC : 0));

	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	flood->talk.received += (uint64_t)got;
	return got == 0 ? -ENODATA : 0;
}

/* What is sent is not copied, either: it is a file in memory. */
static int flood_send(struct flood *flood)
{
	off_t from = 0;
	ssize_t sent = sendfile(flood->talk.fd, flood->file, &from, FLOOD_ROOM);

	if (sent < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	flood->talk.sent += (uint64_t)sent;
	return 0;
}

/* Once stopped it waits for the rest, so that its end is no reset. */
static void *flood_run(void *context)
{
	struct flood *flood = context;
	struct talk *talk = &flood->talk;
	sigset_t pipe;

	/* sendfile(2) has no MSG_NOSIGNAL. */
	(void)sigemptyset(&pipe);
	(void)sigaddset(&pipe, SIGPIPE);
	(void)pthread_sigmask(SIG_BLOCK, &pipe, NULL);
	while (flood->error == 0) {
		bool stopped = atomic_load(&flood->stopped);
		short events;

		if (stopped && talk->received >= talk->sent)
			break;
		events = wait_for(talk->fd,
				  (short)(POLLIN | (stopped ? 0 : POLLOUT)),
				  wait_now() + talk->patience);
		if (events == 0)
			flood->error = -ETIMEDOUT;
		if (events & ~POLLOUT)
			flood->error = flood_receive(flood);
		if (flood->error == 0 && events & POLLOUT)
			flood->error = flood_send(flood);
	}
	return NULL;
}

static int make_file(void)
{
	int file = memfd_create("flood", MFD_CLOEXEC);

	if (file < 0)
		return -errno;
	for (off_t at = 0; at < FLOOD_ROOM; at += PATTERN_SPAN) {
		if (pwrite(file, pattern_at((uint64_t)at), PATTERN_SPAN, at) <
		    0) {
			close(file);
			return -EIO;
		}
	}
	return file;
}

static int flood_start(struct flood *flood, struct check *check)
{
	enum transport transport = check->target->endpoint.transport;
	int error = talk_open(&flood->talk, check, 0);

	atomic_init(&flood->stopped, false);
	flood->tcp = transport == TRANSPORT_TCP;
	flood->error = 0;
	flood->file = make_file();
	if (error == 0)
		error = MIN(flood->file, 0);
	if (error == 0)
		error = -pthread_create(&flood->thread, NULL, flood_run, flood);
	if (error < 0) {
		talk_close(&flood->talk);
		close(flood->file);
	}
	return error;
}

static void flood_stop(struct flood *flood)
{
	atomic_store(&flood->stopped, true);
	(void)pthread_join(flood->thread, NULL);
	talk_close(&flood->talk);
	close(flood->file);
}

/* Pings, as many as there is time for. */
static int ping(struct fairness *it)
{
	uint64_t end = wait_now() + 2 * it->pings.patience;
	int error = 0;

	histogram_reset(&it->times);
	for (int i = 0; i < PINGS && error == 0; i++) {
		uint64_t begin = wait_now();

		if (begin > end)
			break;
		error = talk_exchange(&it->pings, 1);
		if (error == 0)
			histogram_record(&it->times, wait_now() - begin);
		wait_until(begin + PING_INTERVAL);
	}
	return error;
}

static enum verdict judge(struct check *check, const struct fairness *it)
{
	uint64_t loaded = histogram_value_at(&it->times, HISTOGRAM_WHOLE / 2);
	uint64_t p99 = histogram_value_at(&it->times, P99);
	char before[LATENCY_TEXT_MAX], beside[LATENCY_TEXT_MAX];
	char worst[LATENCY_TEXT_MAX];
	bool starved = it->times.total < PINGS_MIN ||
		       p99 > MAX(STARVED, STARVED_RATIO * it->unloaded_p99);

	latency_format(it->unloaded, before);
	latency_format(loaded, beside);
	latency_format(p99, worst);
	return check_conclude(
		check, starved ? VERDICT_FAILED : VERDICT_OK,
		"median of %" PRIu64 " %s, unloaded %s, ratio %.1f; p99 %s",
		it->times.total, beside, before,
		(double)loaded / (double)MAX(it->unloaded, UINT64_C(1)), worst);
}

static enum verdict measure(struct check *check, struct fairness *it)
{
	int error = talk_open(&it->pings, check, 0);

	it->pings.end = UINT64_MAX;
	if (error == 0)
		error = ping(it);
	if (error < 0)
		return talk_conclude(check, &it->pings, error);
	it->unloaded = histogram_value_at(&it->times, HISTOGRAM_WHOLE / 2);
	it->unloaded_p99 = histogram_value_at(&it->times, P99);
	error = flood_start(&it->flood, check);
	if (error < 0)
		return talk_conclude(check, &it->flood.talk, error);
	wait_until(wait_now() + check_grace(check));
	error = ping(it);
	flood_stop(&it->flood);
	if (error == -ETIMEDOUT)
		return CHECK_FAILED(check, "a ping is not answered in time");
	if (error < 0)
		return talk_conclude(check, &it->pings, error);
	if (it->flood.error < 0)
		return talk_conclude(check, &it->flood.talk, it->flood.error);
	return judge(check, it);
}

enum verdict check_fairness(struct check *check)
{
	static struct fairness it;
	enum verdict verdict = VERDICT_FAILED;

	if (histogram_init(&it.times) < 0)
		return CHECK_SKIPPED(check, "out of memory");
	for (int i = 0; i < MEASUREMENTS; i++) {
		verdict = measure(check, &it);
		talk_close(&it.pings);
		if (verdict != VERDICT_FAILED)
			break;
	}
	histogram_deinit(&it.times);
	return verdict;
}
