/* SPDX-License-Identifier: MIT */
/*
 * One loop: what is ready is dealt with first, then what is over is given up,
 * then what is due is sent.  So a reply that came in time counts, even if we
 * were late to look at it.
 *
 * Each target has its schedule, start + n * interval.  A probe that is due
 * while we were held up is sent late, but never two at once to catch up.
 */
#include "config.h"

#include "echoping/ping.h"

#include "echoping/console.h"
#include "echoping/ping_check.h"
#include "echoping/ping_summary.h"
#include "echoping/stamp.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS_MAX 64

/* So far apart in time begin targets, unless the interval is short. */
#define TARGET_SPACING (10 * NSEC_PER_SEC / 1000)

/* One at a time: also needed where a probe has the connection for itself. */
static bool is_sequential(const struct settings *settings)
{
	return settings->connect || settings->output == OUTPUT_HISTORICAL;
}

/* --- Making --- */

static int ping_open(struct ping *ping)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGQUIT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	ping->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	ping->timer_fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	ping->context.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (ping->signal_fd < 0 || ping->timer_fd < 0 ||
	    ping->context.epoll_fd < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		int *fd = i == 0 ? &ping->signal_fd : &ping->timer_fd;
		struct epoll_event event = { .events = EPOLLIN,
					     .data.ptr = fd };

		if (epoll_ctl(ping->context.epoll_fd, EPOLL_CTL_ADD, *fd,
			      &event) < 0)
			return -errno;
	}
	return 0;
}

static int ping_add_target(struct ping *ping, struct target *target)
{
	const struct settings *settings = ping->context.settings;
	size_t remembered = ping_probes_to_remember(settings);
	size_t number = ping->target_count++;
	struct ping_target *added = &ping->targets[number];

	*added = (struct ping_target){
		.target = target,
		.flows = &ping->flows[number * settings->flows],
	};
	for (unsigned i = 0; i < settings->flows; i++) {
		int error = flow_init(&added->flows[i], &ping->context, target,
				      i, settings->flows, remembered);

		added->flow_count++;
		if (error < 0)
			return error;
	}
	return 0;
}

static int ping_init(struct ping *ping, const struct settings *settings,
		     struct target *targets, const struct source *source)
{
	size_t room = MAX(DATAGRAM_SIZE_MAX + 1, settings->size);
	int error;

	*ping = (struct ping){
		.context = {
			.settings = settings,
			.source = source,
			.reporter = report_choose(settings),
			.message = malloc(settings->size + 1),
			.buffer = malloc(room),
			.buffer_size = room,
			.epoll_fd = -1,
		},
		.signal_fd = -1,
		.timer_fd = -1,
		.targets = calloc(settings->target_count,
				  sizeof(*ping->targets)),
		.flows = calloc(settings->target_count,
				settings->flows * sizeof(*ping->flows)),
	};
	list_init(&ping->context.waiting);
	if (!ping->targets || !ping->flows || !ping->context.message ||
	    !ping->context.buffer)
		return -ENOMEM;
	error = ping_open(ping);
	for (size_t i = 0; i < settings->target_count && error == 0; i++)
		error = ping_add_target(ping, &targets[i]);
	return error;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void ping_deinit(struct ping *ping)
{
	while (ping->target_count > 0) {
		struct ping_target *target =
			&ping->targets[--ping->target_count];

		while (target->flow_count > 0)
			flow_deinit(&target->flows[--target->flow_count]);
	}
	free(ping->targets);
	free(ping->flows);
	free(ping->context.message);
	free(ping->context.buffer);
	close_if_open(ping->context.epoll_fd);
	close_if_open(ping->timer_fd);
	close_if_open(ping->signal_fd);
}

/* --- The loop --- */

static void on_signal(struct ping *ping)
{
	struct signalfd_siginfo info;

	while (read(ping->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGQUIT)
			ping_report_status(ping);
		else
			ping->interrupted = true;
	}
}

static void set_timer(struct ping *ping, uint64_t deadline)
{
	struct itimerspec timer = { 0 };

	/* 0 would disarm it. */
	deadline = MAX(deadline, 1);
	if (deadline != NSEC_INFINITY) {
		timer.it_value.tv_sec = (time_t)(deadline / NSEC_PER_SEC);
		timer.it_value.tv_nsec = (long)(deadline % NSEC_PER_SEC);
	}
	(void)timerfd_settime(ping->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

/* Wait until the deadline at most; true if all that had come was seen. */
static bool dispatch(struct ping *ping, uint64_t deadline)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t expirations;
	int count;

	ping->context.unread = false;
	set_timer(ping, deadline);
	count = epoll_wait(ping->context.epoll_fd, events, EVENTS_MAX, -1);
	for (int i = 0; i < count; i++) {
		void *ready = events[i].data.ptr;

		if (ready == &ping->signal_fd)
			on_signal(ping);
		else if (ready == &ping->timer_fd)
			(void)!read(ping->timer_fd, &expirations,
				    sizeof(expirations));
		else
			flow_on_ready(ready, events[i].events);
	}
	return count >= 0 && count < EVENTS_MAX && !ping->context.unread;
}

static bool is_waiting(const struct ping_target *target)
{
	for (unsigned i = 0; i < target->flow_count; i++) {
		if (target->flows[i].waiting > 0)
			return true;
	}
	return false;
}

/* On schedule; what was missed because we were held up is left out. */
static uint64_t next_due(uint64_t due, uint64_t interval, uint64_t now)
{
	if (interval >= NSEC_INFINITY - now)
		return NSEC_INFINITY;
	return due + (1 + (now - due) / interval) * interval;
}

/* Send what is due; returns when the next is, NSEC_INFINITY if all are sent. */
static uint64_t send_due(struct ping *ping, struct ping_target *target,
			 uint64_t now)
{
	const struct settings *settings = ping->context.settings;

	if (settings->count > 0 && target->sent == settings->count)
		return NSEC_INFINITY;
	if (target->due > now)
		return target->due;
	if (is_sequential(settings) && is_waiting(target))
		return NSEC_INFINITY; /* until a reply or its timeout */
	flow_probe(&target->flows[target->sent % target->flow_count]);
	target->sent++;
	target->due = next_due(target->due, settings->interval, now);
	if (settings->count > 0 && target->sent == settings->count)
		return NSEC_INFINITY;
	return target->due;
}

static bool all_sent(const struct ping *ping)
{
	uint64_t count = ping->context.settings->count;

	for (size_t i = 0; i < ping->target_count && count > 0; i++) {
		if (ping->targets[i].sent < count)
			return false;
	}
	return count > 0;
}

static bool ping_is_over(const struct ping *ping, uint64_t now)
{
	return ping->interrupted || console_error() < 0 || now >= ping->end ||
	       (all_sent(ping) && list_is_empty(&ping->context.waiting));
}

static void ping_loop(struct ping *ping)
{
	struct flow_context *context = &ping->context;
	uint64_t now = clock_now(), looked = now;
	bool seen_all = true;

	while (!ping_is_over(ping, now)) {
		uint64_t next = ping->end;

		/* Not by `now`: since we looked we may have been held up. */
		if (seen_all)
			flow_expire(context, looked);
		looked = now;
		for (size_t i = 0; i < ping->target_count; i++)
			next = MIN(next,
				   send_due(ping, &ping->targets[i], now));
		next = MIN(next, flow_next_expiry(context));
		if (!ping_is_over(ping, now))
			seen_all = dispatch(ping, next);
		now = clock_now();
	}
}

static bool is_connecting(const struct ping *ping)
{
	for (size_t i = 0; i < ping->target_count; i++) {
		const struct ping_target *target = &ping->targets[i];

		for (unsigned f = 0; f < target->flow_count; f++) {
			if (target->flows[f].state == FLOW_CONNECTING)
				return true;
		}
	}
	return false;
}

/*
 * Before the first probe, so that connecting is no part of it.  What fails is
 * tried again by the probe, which then tells.
 */
static void connect_all(struct ping *ping)
{
	const struct settings *settings = ping->context.settings;
	uint64_t limit =
		clock_now() + MIN(settings->timeout, settings->deadline);

	for (size_t i = 0; i < ping->target_count; i++) {
		struct ping_target *target = &ping->targets[i];

		for (unsigned f = 0; f < target->flow_count; f++) {
			if (flow_open(&target->flows[f]) < 0)
				flow_close(&target->flows[f], NULL);
		}
	}
	while (is_connecting(ping) && clock_now() < limit && !ping->interrupted)
		(void)dispatch(ping, limit);
}

static void ping_start(struct ping *ping)
{
	const struct settings *settings = ping->context.settings;
	uint64_t spacing =
		MIN(settings->interval / ping->target_count, TARGET_SPACING);

	ping->started = clock_now();
	ping->context.reporter->ping_start(settings, ping->targets[0].target,
					   ping->target_count);
	if (!settings->connect)
		connect_all(ping);
	ping->started = clock_now();
	ping->end = settings->deadline > NSEC_INFINITY - ping->started
			    ? NSEC_INFINITY
			    : ping->started + settings->deadline;
	for (size_t i = 0; i < ping->target_count; i++)
		ping->targets[i].due = ping->started + i * spacing;
}

enum exit_status ping_run(const struct settings *settings,
			  struct target *targets, const struct source *source)
{
	enum exit_status status = EXIT_STATUS_ERROR;
	struct ping ping;
	int error;

	if (settings->target_count == 0)
		return status; /* the command line has one */
	for (size_t i = 0; i < settings->target_count; i++) {
		if (!ping_is_possible(settings, &targets[i], source))
			return EXIT_STATUS_ERROR;
	}
	error = ping_init(&ping, settings, targets, source);
	if (error == 0) {
		ping_start(&ping);
		ping_loop(&ping);
		status = ping_report_summaries(&ping);
	} else {
		report_trouble(&targets[0], "cannot start: %s",
			       strerrordesc_np(-error));
	}
	ping_deinit(&ping);
	return status;
}
