/* SPDX-License-Identifier: MIT */
/*
 * epoll(7), edge-triggered, of which there is one, and eventfd(2).
 *
 * As in Linux's fs/eventpoll.c: what happens to a file puts it into a queue if
 * it is not there, whatever it was, unless it is armed for nothing of it.
 * epoll_wait(2) takes from the queue, in order, and asks each file what holds
 * now: all of that is the event, and if it is nothing there is none.
 */
#include "config.h"

#include "fuzz/fake_state.h"

#include "common/macros.h"

#include <string.h>

/* Nobody need arm these. */
#define ALWAYS (EPOLLERR | EPOLLHUP)

/* Rounds without an event, nor a call, nor a wait. */
#define SPINS_MAX 4

static struct {
	struct list_node queue;
	unsigned batch, spins;
	uint64_t calls_before, count; /* of the eventfd */
	bool blocked;
	int timeout;
} epoll;

void fake_epoll_reset(void)
{
	list_init(&epoll.queue);
	epoll.batch = UINT32_MAX;
	epoll.count = 0;
	epoll.spins = 0;
	epoll.blocked = false;
}

void fake_batch(unsigned events)
{
	epoll.batch = events;
}

bool fake_is_blocked(int *timeout)
{
	*timeout = epoll.timeout;
	return epoll.blocked;
}

uint32_t fake_level(const struct fake_file *file)
{
	switch (file->kind) {
	case FAKE_EVENT:
		return epoll.count > 0 ? EPOLLIN | EPOLLOUT : EPOLLOUT;
	case FAKE_LISTENER:
		return fake_listener_level();
	case FAKE_STREAM:
		return fake_stream_level(file->stream);
	case FAKE_DATAGRAM:
		return fake_datagram_level();
	default:
		return 0;
	}
}

static void enqueue(struct fake_file *file)
{
	if (!list_is_linked(&file->queued))
		list_append(&epoll.queue, &file->queued);
}

void fake_wake(struct fake_file *file, uint32_t key)
{
	if (file && file->registered &&
	    (key == 0 || (key & (file->armed | ALWAYS))))
		enqueue(file);
}

void fake_spurious(int fd, uint32_t events)
{
	struct fake_file *file = fake_file_any(fd);

	if (!file->registered)
		return;
	file->ghost |= events & file->armed;
	enqueue(file);
}

void fake_rotate(void)
{
	if (!list_is_empty(&epoll.queue))
		list_append(&epoll.queue, list_take_first(&epoll.queue));
}

void fake_unregister(struct fake_file *file)
{
	file->registered = false;
	file->ghost = 0;
	list_remove(&file->queued);
}

static void arm(struct fake_file *file, const struct epoll_event *event)
{
	/* Of anything else no edge would be remembered. */
	assert(event->events & EPOLLET);
	file->registered = true;
	if (file->stream)
		fake_judge_serve(file->stream);
	file->armed = event->events;
	file->data = event->data;
	if (fake_level(file) & (file->armed | ALWAYS))
		enqueue(file);
}

/* Only what is added takes memory: see ep_modify() of fs/eventpoll.c. */
int fake_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	struct fake_file *file = fake_file_any(fd);
	int error = 0;

	fake_call_begins();
	(void)fake_file(epoll_fd, FAKE_EPOLL);
	assert(file->registered == (op != EPOLL_CTL_ADD));
	assert(op != EPOLL_CTL_MOD || !(file->armed & EPOLLEXCLUSIVE));
	if (op == EPOLL_CTL_DEL) {
		fake_unregister(file);
		return 0;
	}
	if (op == EPOLL_CTL_ADD)
		error = fake_strikes(FAKE_EPOLL_CTL);
	if (error != 0) {
		if (file->stream)
			file->stream->struck = true;
		return fake_fails(error);
	}
	arm(file, event);
	return 0;
}

static bool report(struct fake_file *file, struct epoll_event *event)
{
	uint32_t events = fake_level(file) & (file->armed | ALWAYS);

	events |= file->ghost;
	file->ghost = 0;
	list_remove(&file->queued);
	*event = (struct epoll_event){ .events = events, .data = file->data };
	if (file->stream && (events & EPOLLIN))
		file->stream->told = true;
	return events != 0;
}

/* Without events, and though nothing was done meanwhile, it asks again. */
static void check_spin(int count, int timeout)
{
	bool idle = count == 0 && timeout == 0 && !fake_is_ticking() &&
		    fake_call_count() == epoll.calls_before;

	epoll.spins = idle ? epoll.spins + 1 : 0;
	assert(fake_config.lax || epoll.spins < SPINS_MAX);
	epoll.calls_before = fake_call_count() + 1;
}

int fake_epoll_wait(int epoll_fd, struct epoll_event *events, int size,
		    int timeout)
{
	unsigned most = MIN((unsigned)size, epoll.batch);
	int error, count = 0;

	fake_call_begins();
	(void)fake_file(epoll_fd, FAKE_EPOLL);
	error = fake_strikes(FAKE_EPOLL_WAIT);
	if (error != 0)
		return fake_fails(error);
	fake_judge_round();
	while (!list_is_empty(&epoll.queue) && (unsigned)count < most) {
		struct fake_file *file = container_of(epoll.queue.next,
						      struct fake_file, queued);

		if (report(file, &events[count]))
			count++;
	}
	epoll.blocked = count == 0 && timeout != 0;
	epoll.timeout = timeout;
	check_spin(count, timeout);
	return count;
}

int fake_eventfd(unsigned count)
{
	epoll.count = count;
	return fake_file_open(FAKE_EVENT);
}

ssize_t fake_event_read(int fd, void *count)
{
	fake_call_begins();
	(void)fake_file(fd, FAKE_EVENT);
	if (epoll.count == 0)
		return fake_fails(EAGAIN);
	memcpy(count, &epoll.count, sizeof(epoll.count));
	epoll.count = 0;
	fake_moved();
	return sizeof(epoll.count);
}

ssize_t fake_event_write(int fd, const void *count)
{
	struct fake_file *file = fake_file(fd, FAKE_EVENT);
	uint64_t more;

	memcpy(&more, count, sizeof(more));
	epoll.count += more;
	fake_wake(file, EPOLLIN);
	return sizeof(more);
}
