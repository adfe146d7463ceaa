/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/idle.h"

/* Of one expiry, so that a crowd that falls idle at once delays nobody. */
#define EXPIRY_BUDGET 64

/* Without a timeout nobody needs to know better. */
#define SLACK_USEC (250 * USEC_PER_MSEC)

static struct idle_entry *first_of(struct idle_queue *queue)
{
	return container_of(queue->entries.next, struct idle_entry, link);
}

/*
 * The timer is set for the head as it was then.  If that one was touched in
 * the meantime, the timer finds a later head and is set again: one expiry per
 * timeout instead of one setting per touch.
 */
static void queue_schedule(struct idle_queue *queue)
{
	reactor_timer_start(queue->reactor, &queue->timer,
			    usec_add(first_of(queue)->since, queue->timeout));
}

static void queue_on_expiry(struct reactor_timer *timer)
{
	struct idle_queue *queue =
		container_of(timer, struct idle_queue, timer);

	for (int i = 0; i < EXPIRY_BUDGET; i++) {
		struct idle_entry *entry = first_of(queue);

		if (list_is_empty(&queue->entries))
			return;
		if (queue->reactor->now - entry->since < queue->timeout)
			break;
		queue->on_idle(entry);
	}
	if (!list_is_empty(&queue->entries))
		queue_schedule(queue);
}

void idle_queue_init(struct idle_queue *queue, struct reactor *reactor,
		     uint64_t timeout, idle_handler *on_idle)
{
	queue->reactor = reactor;
	list_init(&queue->entries);
	queue->timeout = timeout;
	queue->slack = timeout == USEC_INFINITY ? SLACK_USEC : 0;
	reactor_timer_init(&queue->timer, queue_on_expiry);
	queue->on_idle = on_idle;
}

void idle_queue_add(struct idle_queue *queue, struct idle_entry *entry)
{
	entry->since = queue->reactor->now;
	list_append(&queue->entries, &entry->link);
	if (queue->timeout != USEC_INFINITY &&
	    !list_is_linked(&queue->timer.link))
		queue_schedule(queue);
}

void idle_queue_renew(struct idle_queue *queue, struct idle_entry *entry)
{
	entry->since = queue->reactor->now;
	list_remove(&entry->link);
	list_append(&queue->entries, &entry->link);
}

struct idle_entry *idle_queue_longest(struct idle_queue *queue, uint64_t span)
{
	struct idle_entry *entry = first_of(queue);

	if (list_is_empty(&queue->entries) ||
	    queue->reactor->now - entry->since < usec_add(queue->slack, span))
		return NULL;
	return entry;
}

void idle_queue_remove(struct idle_entry *entry)
{
	list_remove(&entry->link);
}
