/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/reactor.h"

#include <errno.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#ifndef EPIOCSPARAMS /* Linux 6.9 */
struct epoll_params {
	uint32_t busy_poll_usecs;
	uint16_t busy_poll_budget;
	uint8_t prefer_busy_poll;
	uint8_t __pad;
};
#define EPIOCSPARAMS _IOW(0x8A, 0x01, struct epoll_params)
#endif

/* Packets that the kernel takes from a device at one go: its own default. */
#define BUSY_POLL_BUDGET 8

int reactor_init(struct reactor *reactor)
{
	reactor->stopping = false;
	reactor->now = reactor_clock();
	reactor->spin = (struct spin){ 0 };
	list_init(&reactor->ready);
	list_init(&reactor->timers);
	reactor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return reactor->epoll_fd < 0 ? -errno : 0;
}

void reactor_deinit(struct reactor *reactor)
{
	if (reactor->epoll_fd >= 0)
		close(reactor->epoll_fd);
	reactor->epoll_fd = -1;
}

void reactor_set_busy_poll(struct reactor *reactor, uint64_t usec)
{
	struct epoll_params params = {
		.busy_poll_usecs = (uint32_t)MIN(usec, (uint64_t)INT_MAX),
		.busy_poll_budget = BUSY_POLL_BUDGET,
		.prefer_busy_poll = usec > 0,
	};

	reactor->spin.span = usec;
	/* An older kernel has none of that; then only we spin. */
	(void)ioctl(reactor->epoll_fd, EPIOCSPARAMS, &params);
}

uint64_t reactor_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC +
	       (uint64_t)now.tv_nsec / 1000;
}

void event_source_init(struct event_source *source, int fd,
		       event_handler *on_ready)
{
	source->reactor = NULL;
	list_init(&source->ready_link);
	source->on_ready = on_ready;
	source->fd = fd;
	source->wanted = source->ready = 0;
}

/* Keep the invariant: on the ready list iff ready for something wanted. */
static void event_source_link(struct event_source *source)
{
	bool due = (source->ready & source->wanted) != 0;

	if (due == list_is_linked(&source->ready_link))
		return;
	if (due)
		list_append(&source->reactor->ready, &source->ready_link);
	else
		list_remove(&source->ready_link);
}

/* What is there already could not be removed when it was to be: see below. */
static int register_with(struct reactor *reactor, int fd,
			 struct epoll_event *event)
{
	if (epoll_ctl(reactor->epoll_fd, EPOLL_CTL_ADD, fd, event) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	(void)epoll_ctl(reactor->epoll_fd, EPOLL_CTL_DEL, fd, event);
	return epoll_ctl(reactor->epoll_fd, EPOLL_CTL_ADD, fd, event) < 0
		       ? -errno
		       : 0;
}

int reactor_add(struct reactor *reactor, struct event_source *source,
		uint32_t armed, uint32_t wanted)
{
	struct epoll_event event = { .events = armed | EPOLLET,
				     .data.ptr = source };
	int error = register_with(reactor, source->fd, &event);

	if (error < 0)
		return error;
	source->reactor = reactor;
	source->wanted = wanted;
	return 0;
}

int event_source_rearm(struct event_source *source, uint32_t armed)
{
	struct epoll_event event = { .events = armed | EPOLLET,
				     .data.ptr = source };

	if (epoll_ctl(source->reactor->epoll_fd, EPOLL_CTL_MOD, source->fd,
		      &event) < 0)
		return -errno;
	return 0;
}

bool event_source_remove(struct event_source *source)
{
	struct epoll_event unused = { 0 };
	bool removed;

	if (!source->reactor)
		return true;
	/*
	 * Not left to close(2): a duplicate of the descriptor elsewhere (in
	 * the service manager, say) would keep the registration alive.  It can
	 * only fail if the owner closed the descriptor before, a bug.
	 */
	removed = epoll_ctl(source->reactor->epoll_fd, EPOLL_CTL_DEL,
			    source->fd, &unused) == 0;
	event_source_forget(source);
	return removed;
}

void event_source_forget(struct event_source *source)
{
	list_remove(&source->ready_link);
	source->reactor = NULL;
	/* If there are events of it all the same, nobody wants them. */
	source->wanted = 0;
}

void event_source_want(struct event_source *source, uint32_t wanted)
{
	source->wanted = wanted;
	event_source_link(source);
}

void event_source_consume(struct event_source *source, uint32_t events)
{
	source->ready &= ~events;
	event_source_link(source);
}

void event_source_raise(struct event_source *source, uint32_t events)
{
	source->ready |= events;
	event_source_link(source);
}

void reactor_timer_init(struct reactor_timer *timer, timer_handler *on_expiry)
{
	list_init(&timer->link);
	timer->deadline = 0;
	timer->on_expiry = on_expiry;
}

void reactor_timer_start(struct reactor *reactor, struct reactor_timer *timer,
			 uint64_t deadline)
{
	list_remove(&timer->link);
	timer->deadline = deadline;
	list_append(&reactor->timers, &timer->link);
}

void reactor_timer_stop(struct reactor_timer *timer)
{
	list_remove(&timer->link);
}

static struct reactor_timer *timer_of(struct list_node *link)
{
	return container_of(link, struct reactor_timer, link);
}

/* For epoll_wait(2): milliseconds, rounded up so as not to wake too early. */
static int reactor_timeout(const struct reactor *reactor)
{
	struct list_node *link;
	uint64_t next = UINT64_MAX, wait;

	if (!list_is_empty(&reactor->ready))
		return 0;
	list_for_each (link, &reactor->timers)
		next = MIN(next, timer_of(link)->deadline);
	if (next == UINT64_MAX)
		return -1;
	if (next <= reactor->now)
		return 0;
	wait = (next - reactor->now + USEC_PER_MSEC - 1) / USEC_PER_MSEC;
	return (int)MIN(wait, (uint64_t)INT_MAX);
}

/* An error or a hang-up is found out by receiving or sending: see epoll(7). */
static uint32_t events_to_act_on(uint32_t events)
{
	if (events & (EPOLLERR | EPOLLHUP))
		events |= EPOLLIN | EPOLLOUT;
	return events;
}

static int look(struct reactor *reactor, int timeout)
{
	return epoll_wait(reactor->epoll_fd, reactor->events, EVENTS_PER_POLL,
			  timeout);
}

/* Look again and again, up to a timer's expiry: see spin.h. */
static int reactor_spin(struct reactor *reactor)
{
	uint64_t start = reactor_clock(), now = start;
	uint64_t end = usec_add(start, spin_budget(&reactor->spin));
	int timeout = reactor_timeout(reactor), count = 0;

	if (timeout > 0)
		end = MIN(end, start + (uint64_t)timeout * USEC_PER_MSEC);
	while (count == 0 && now < end) {
		count = look(reactor, 0);
		now = reactor_clock();
	}
	reactor->now = now;
	if (count == 0)
		count = look(reactor, reactor_timeout(reactor));
	spin_learn(&reactor->spin, reactor_clock() - start);
	return count;
}

int reactor_poll(struct reactor *reactor)
{
	struct epoll_event *events = reactor->events;
	int timeout = reactor_timeout(reactor);
	int count = timeout == 0 || reactor->spin.span == 0
			    ? look(reactor, timeout)
			    : reactor_spin(reactor);

	/*
	 * Also after SIGSTOP and SIGCONT: see signal(7).  What came in the
	 * meantime is to be seen before timers find that it is late.
	 */
	if (count < 0 && errno == EINTR)
		count = look(reactor, 0);
	if (count < 0 && errno != EINTR)
		return -errno;
	reactor->now = reactor_clock();
	for (int i = 0; i < count; i++)
		event_source_raise(events[i].data.ptr,
				   events_to_act_on(events[i].events));
	return 0;
}

static void reactor_expire_timers(struct reactor *reactor)
{
	struct list_node due, *link, *following;

	list_init(&due);
	list_for_each_safe (link, following, &reactor->timers) {
		if (timer_of(link)->deadline > reactor->now)
			continue;
		list_remove(link);
		list_append(&due, link);
	}
	/* A handler may stop or restart any timer, also one that is due. */
	while (!list_is_empty(&due)) {
		link = due.next;
		list_remove(link);
		timer_of(link)->on_expiry(timer_of(link));
	}
}

void reactor_dispatch(struct reactor *reactor)
{
	struct list_node round;

	list_init(&round);
	list_append_all(&round, &reactor->ready);
	/*
	 * Each source goes to the tail of the ready list before it is called:
	 * there it stays for the next round unless it consumes.  A handler may
	 * remove any source, also one that is still in this round.
	 */
	while (!list_is_empty(&round)) {
		struct list_node *link = round.next;
		struct event_source *source =
			container_of(link, struct event_source, ready_link);

		list_remove(link);
		list_append(&reactor->ready, link);
		source->on_ready(source);
	}
	/* Last: what came in time counts, though it is looked at too late. */
	reactor_expire_timers(reactor);
}

int reactor_run(struct reactor *reactor)
{
	int error = 0;

	while (!reactor->stopping && error == 0) {
		error = reactor_poll(reactor);
		if (error == 0)
			reactor_dispatch(reactor);
	}
	return error;
}

void reactor_stop(struct reactor *reactor)
{
	reactor->stopping = true;
}
