/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * How long a waiter waits at most.  Descriptors and memory also become free
 * elsewhere, and nobody tells: accept(2) has to be tried again.
 */
#define RETRY_USEC (100 * USEC_PER_MSEC)

/* Requests of which the server is not told. */
#define FROM_WORKERS ((unsigned)(WORKER_YIELD | WORKER_GO_ON))

static void worker_wake_waiters(struct worker *worker)
{
	struct list_node due, *link;

	list_init(&due);
	list_append_all(&due, &worker->waiting);
	reactor_timer_stop(&worker->retry);
	while (!list_is_empty(&due)) {
		struct worker_waiter *waiter;

		link = due.next;
		list_remove(link);
		waiter = container_of(link, struct worker_waiter, link);
		waiter->on_capacity(waiter);
	}
}

static void worker_on_wake(struct event_source *source)
{
	struct worker *worker = container_of(source, struct worker, wake);
	unsigned requests;
	uint64_t count;

	event_source_consume(source, EPOLLIN);
	/* Before the requests are fetched: a later one wakes again. */
	(void)!read(source->fd, &count, sizeof(count));
	requests = atomic_exchange(&worker->requests, 0);
	worker->on_request(worker, requests);
	atomic_fetch_or(&worker->answered, requests);
	if (requests & ~FROM_WORKERS)
		worker->on_answer(worker->context);
	if (requests & WORKER_GO_ON)
		worker_wake_waiters(worker);
}

static void worker_on_retry(struct reactor_timer *timer)
{
	worker_wake_waiters(container_of(timer, struct worker, retry));
}

static int worker_init_wake(struct worker *worker)
{
	worker->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (worker->wake_fd < 0)
		return -errno;
	event_source_init(&worker->wake, worker->wake_fd, worker_on_wake);
	return reactor_add(&worker->reactor, &worker->wake, EPOLLIN, EPOLLIN);
}

/* Nothing more is allocated for what is received and sent. */
static int worker_init_memory(struct worker *worker)
{
	const struct worker_policy *policy = worker->policy;
	/* At the limit a newcomer is served before another one goes. */
	size_t most = (size_t)policy->max_connections + 1;
	int error =
		held_pool_init(&worker->held, &worker->reactor,
			       WORKER_SCRATCH_SIZE, policy->hold_limit, most);

	if (error == 0)
		error = pool_init(&worker->watches, sizeof(struct watch),
				  policy->min_progress > 0 ? most : 0);
	worker->scratch = malloc(WORKER_SCRATCH_SIZE);
	return error == 0 && !worker->scratch ? -ENOMEM : error;
}

int worker_init(struct worker *worker, struct worker_policy *policy,
		struct stats *stats, idle_handler *on_idle,
		worker_request_handler *on_request, worker_signal *on_answer,
		void *context)
{
	int error;

	*worker = (struct worker){
		.stats = stats,
		.policy = policy,
		.on_request = on_request,
		.on_answer = on_answer,
		.context = context,
		.wake_fd = -1,
	};
	list_init(&worker->listeners);
	list_init(&worker->datagrams);
	list_init(&worker->waiting);
	list_init(&worker->late);
	list_init(&worker->unparked);
	list_init(&worker->parking.link);
	lot_init(&worker->lot, NULL, 0);
	idle_queue_init(&worker->young, &worker->reactor, USEC_INFINITY, NULL);
	reactor_timer_init(&worker->retry, worker_on_retry);
	reactor_timer_init(&worker->drain, NULL);
	reactor_timer_init(&worker->lag, NULL);
	idle_queue_init(&worker->connections, &worker->reactor,
			policy->idle_timeout, on_idle);
	idle_queue_init(&worker->watched, &worker->reactor,
			policy->progress_time, policy->on_watch);
	error = reactor_init(&worker->reactor);
	if (error < 0)
		return error;
	reactor_set_busy_poll(&worker->reactor, policy->busy_poll);
	error = worker_init_memory(worker);
	return error < 0 ? error : worker_init_wake(worker);
}

void worker_deinit(struct worker *worker)
{
	if (worker->wake_fd >= 0) {
		event_source_remove(&worker->wake);
		close(worker->wake_fd);
		worker->wake_fd = -1;
	}
	lot_deinit(&worker->lot);
	free(worker->scratch);
	worker->scratch = NULL;
	held_pool_deinit(&worker->held);
	pool_deinit(&worker->watches);
	reactor_deinit(&worker->reactor);
}

static void *worker_run(void *argument)
{
	struct worker *worker = argument;

	(void)sem_post(&worker->running);
	/*
	 * epoll_wait(2) on a descriptor of our own cannot fail but by a bug;
	 * the watchdog would notice a worker that is gone.  Peers are not to
	 * take the end for a FIN, unless another instance has them.
	 */
	if (reactor_run(&worker->reactor) < 0) {
		if (!worker->policy->preserve)
			worker->on_request(worker, WORKER_ABORT);
		abort();
	}
	atomic_store(&worker->finished, true);
	worker->on_answer(worker->context);
	return NULL;
}

int worker_start(struct worker *worker)
{
	int error;

	(void)sem_init(&worker->running, 0, 0);
	error = pthread_create(&worker->thread, NULL, worker_run, worker);
	worker->started = error == 0;
	return -error;
}

void worker_await(struct worker *worker)
{
	while (sem_wait(&worker->running) < 0)
		;
}

void worker_join(struct worker *worker)
{
	if (worker->started)
		pthread_join(worker->thread, NULL);
	worker->started = false;
}

static void worker_wake(struct worker *worker)
{
	uint64_t one = 1;

	/* Fails if it would overflow: then the worker is woken anyway. */
	(void)!write(worker->wake_fd, &one, sizeof(one));
}

void worker_poke(struct worker *worker, unsigned requests)
{
	atomic_fetch_or(&worker->requests, requests);
	worker_wake(worker);
}

void worker_remind(struct worker *worker)
{
	if (atomic_load(&worker->requests) != 0)
		worker_wake(worker);
}

void worker_post(struct worker *worker, unsigned requests)
{
	atomic_fetch_and(&worker->answered, ~requests);
	worker_poke(worker, requests);
}

bool worker_has_answered(struct worker *worker, unsigned requests)
{
	return (atomic_load(&worker->answered) & requests) == requests ||
	       atomic_load(&worker->finished);
}

void worker_finish(struct worker *worker)
{
	reactor_stop(&worker->reactor);
}

bool worker_reserve_connection(struct worker *worker)
{
	struct worker_policy *policy = worker->policy;

	if (atomic_fetch_add(&policy->connections, 1) < policy->max_connections)
		return true;
	atomic_fetch_sub(&policy->connections, 1);
	return false;
}

void worker_overbook_connection(struct worker *worker)
{
	atomic_fetch_add(&worker->policy->connections, 1);
}

void worker_cancel_connection(struct worker *worker)
{
	atomic_fetch_sub(&worker->policy->connections, 1);
}

void worker_release_connection(struct worker *worker)
{
	worker_cancel_connection(worker);
	if (!list_is_empty(&worker->waiting))
		worker_wake_waiters(worker);
}

void worker_await_capacity(struct worker *worker, struct worker_waiter *waiter)
{
	list_remove(&waiter->link);
	list_append(&worker->waiting, &waiter->link);
	if (!list_is_linked(&worker->retry.link))
		reactor_timer_start(&worker->reactor, &worker->retry,
				    worker->reactor.now + RETRY_USEC);
}
