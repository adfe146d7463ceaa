/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/load_worker.h"

#include "echoping/load_link.h"
#include "echoping/pattern.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define WAKE_KEY UINT64_MAX

/* How often what takes too long is looked for, and what is down. */
#define CHECK_MIN    NSEC_PER_MSEC
#define CHECK_MAX    (NSEC_PER_SEC / 10)
#define REVIVE_AFTER (NSEC_PER_SEC / 50)

/* Of so many parts of the time it takes at most one. */
#define CHECK_SHARE 20

/*
 * Waking up takes a sleeping thread some 50 us, and more where the CPU sleeps
 * too: what is due sooner is waited for awake.
 */
#define AWAKE_BEFORE_DUE (60 * NSEC_PER_USEC)

/* Messages that are sent before replies are looked for again. */
#define DUE_AT_ONCE 64

void load_worker_is_ready(struct load_worker *worker, enum load_phase phase)
{
	uint64_t one = 1;

	if (atomic_load_explicit(&worker->ready, memory_order_relaxed) > phase)
		return;
	atomic_store_explicit(&worker->ready, phase + 1, memory_order_release);
	(void)!write(worker->control->answered_fd, &one, sizeof(one));
}

struct load_counts *load_worker_left(struct load_worker *worker)
{
	return &worker->slices[(worker->turn + 1) % 2];
}

/* CPU time of the calling thread. */
static void read_cpu(uint64_t *user, uint64_t *system)
{
	struct rusage usage = { 0 };

	(void)getrusage(RUSAGE_THREAD, &usage);
	*user = (uint64_t)usage.ru_utime.tv_sec * NSEC_PER_SEC +
		(uint64_t)usage.ru_utime.tv_usec * NSEC_PER_USEC;
	*system = (uint64_t)usage.ru_stime.tv_sec * NSEC_PER_SEC +
		  (uint64_t)usage.ru_stime.tv_usec * NSEC_PER_USEC;
}

static void begin_phase(struct load_worker *worker, enum load_phase phase)
{
	uint64_t user, system;

	read_cpu(&user, &system);
	if (phase == PHASE_DRAINING && worker->phase == PHASE_MEASURING) {
		worker->counts->user += user - worker->user;
		worker->counts->system += system - worker->system;
	}
	worker->user = user;
	worker->system = system;
	worker->phase = phase;
	worker->drain_until = worker->now + worker->timeout;
	worker->schedule.start = worker->control->start;
	for (uint32_t i = 0; i < worker->tried; i++)
		worker->engine->begin(worker, load_worker_link(worker, i));
}

static bool sends_by_schedule(const struct load_worker *worker)
{
	return load_worker_is_open_loop(worker) &&
	       (worker->phase == PHASE_WARMUP ||
		worker->phase == PHASE_MEASURING);
}

void load_worker_record_lag(struct load_worker *worker, uint64_t due)
{
	uint64_t could = MAX(due, worker->schedule.room_since);
	uint64_t lag = worker->now - due;
	uint64_t own = worker->now > could ? worker->now - could : 0;

	/* What was due then and finds no room owes that to us as well. */
	if (own > lag / 2)
		worker->late_at = worker->now;
	histogram_record(&worker->counts->lag, lag);
	histogram_record(&worker->counts->own_lag,
			 due <= worker->late_at ? lag : own);
}

/* How many messages are due, up to DUE_AT_ONCE. */
static unsigned count_due(const struct load_worker *worker)
{
	unsigned count = 0;

	while (count < DUE_AT_ONCE &&
	       load_schedule_due(&worker->schedule, count) <= worker->now)
		count++;
	return count;
}

static void send_what_is_due(struct load_worker *worker)
{
	struct load_schedule *schedule = &worker->schedule;
	struct list_node *place;
	unsigned due;

	for (unsigned sent = 0; sent < DUE_AT_ONCE;) {
		worker->now = clock_now();
		due = count_due(worker);
		place = due > 0 ? load_schedule_turn(schedule) : NULL;
		if (!place)
			return;
		due = worker->engine->send_due(worker, place, due);
		schedule->next += due;
		sent += MAX(due, 1U);
	}
}

/* What is due by now and finds no room: it is never sent. */
static void count_unsent(struct load_worker *worker)
{
	const struct load_schedule *schedule = &worker->schedule;
	uint64_t due = load_schedule_due_before(schedule, worker->now);

	worker->counts->unsent +=
		due > schedule->next ? due - schedule->next : 0;
}

static void take_turn(struct load_worker *worker)
{
	struct load_control *control = worker->control;
	unsigned turn =
		atomic_load_explicit(&control->turn, memory_order_acquire);
	uint64_t one = 1;

	if (turn == worker->turn)
		return;
	worker->now = worker->turned_at = clock_now();
	worker->turn = turn;
	worker->counts = &worker->slices[turn % 2];
	if (control->phase != worker->phase) {
		if (control->phase == PHASE_DRAINING &&
		    sends_by_schedule(worker))
			count_unsent(worker);
		begin_phase(worker, control->phase);
	}
	atomic_store_explicit(&worker->open_seen, worker->open,
			      memory_order_relaxed);
	atomic_store_explicit(&worker->turned, turn, memory_order_release);
	(void)!write(control->answered_fd, &one, sizeof(one));
}

/* How long to sleep: a reply, or the main thread, wakes us earlier. */
static uint64_t choose_wait(const struct load_worker *worker)
{
	const struct load_schedule *schedule = &worker->schedule;
	uint64_t now = worker->now, until = worker->check_at;

	if (worker->plan->settings->busy_poll ||
	    (worker->tried < worker->count &&
	     worker->connecting < LINKS_CONNECTING_MAX))
		return 0;
	if (sends_by_schedule(worker) && !list_is_empty(&schedule->room)) {
		uint64_t due = load_schedule_due(schedule, 0);

		until = MIN(until, due > AWAKE_BEFORE_DUE
					   ? due - AWAKE_BEFORE_DUE
					   : 0);
	}
	return until > now ? until - now : 0;
}

static void dispatch(struct load_worker *worker,
		     const struct epoll_event *event)
{
	struct load_link *link;
	uint64_t count;

	if (event->data.u64 == WAKE_KEY) {
		(void)!read(worker->wake_fd, &count, sizeof(count));
		return;
	}
	link = load_worker_link(worker, (uint32_t)event->data.u64);
	if (link->state == LINK_CONNECTING) {
		worker->now = clock_now();
		load_link_settle(worker, link);
	}
	if (link->state == LINK_OPEN)
		worker->engine->on_ready(worker, link, event->events);
}

/* Finer than a millisecond only if it matters, and if the kernel can. */
static int wait_for_events(struct load_worker *worker, uint64_t wait)
{
	bool open_loop = load_worker_is_open_loop(worker);
	uint64_t round_up = open_loop ? 0 : NSEC_PER_MSEC - 1;
	struct timespec limit = {
		.tv_sec = (time_t)(wait / NSEC_PER_SEC),
		.tv_nsec = (long)(wait % NSEC_PER_SEC),
	};
	int count = -1;

	if (open_loop)
		count = epoll_pwait2(worker->epoll_fd, worker->events,
				     LOAD_EVENTS_MAX, &limit, NULL);
	if (open_loop && (count >= 0 || errno != ENOSYS))
		return count;
	return epoll_wait(worker->epoll_fd, worker->events, LOAD_EVENTS_MAX,
			  (int)((wait + round_up) / NSEC_PER_MSEC));
}

/*
 * Time without anything to do: what is spent asleep, or awake in vain.  In the
 * closed loop nobody asks, and that spares a clock reading a round.
 */
static void wait_and_dispatch(struct load_worker *worker)
{
	uint64_t wait = choose_wait(worker), before = worker->now;
	int count = wait_for_events(worker, wait);

	if (count <= 0 || load_worker_is_open_loop(worker))
		worker->now = clock_now();
	if (count <= 0 || wait > 0)
		worker->counts->idle += worker->now - before;
	for (int i = 0; i < count; i++)
		dispatch(worker, &worker->events[i]);
}

static void check_now_and_then(struct load_worker *worker)
{
	uint64_t span = worker->timeout / 8, before;

	if (worker->now < worker->check_at)
		return;
	span = MAX(CHECK_MIN, MIN(span, CHECK_MAX));
	before = clock_now();
	load_link_check_all(worker);
	if (worker->down > 0)
		span = MIN(span, REVIVE_AFTER);
	/* With a million connections it takes long: then more rarely. */
	span = MAX(span, CHECK_SHARE * (clock_now() - before));
	worker->check_at = worker->now + span;
}

static bool is_done(const struct load_worker *worker)
{
	return load_worker_is_abandoned(worker) ||
	       (worker->phase == PHASE_DRAINING &&
		(worker->under_way == 0 || worker->now >= worker->drain_until));
}

static void do_round(struct load_worker *worker)
{
	load_link_make_more(worker);
	wait_and_dispatch(worker);
	take_turn(worker);
	check_now_and_then(worker);
	if (sends_by_schedule(worker))
		send_what_is_due(worker);
	if (worker->engine->round)
		worker->engine->round(worker);
	if (worker->tried == worker->count && worker->connecting == 0)
		load_worker_is_ready(worker, PHASE_OPENING);
}

static void *run(void *context)
{
	struct load_worker *worker = context;
	char name[16]; /* what prctl(2) takes */
	uint64_t one = 1;

	snprintf(name, sizeof(name), "load-%u", worker->schedule.thread);
	(void)pthread_setname_np(pthread_self(), name);
	/* Only the open loop minds: by default timers are 50 us late. */
	if (load_worker_is_open_loop(worker))
		(void)prctl(PR_SET_TIMERSLACK, 1);
	worker->now = clock_now();
	while (!is_done(worker))
		do_round(worker);
	if (worker->engine->part)
		worker->engine->part(worker);
	for (uint32_t i = 0; i < worker->tried; i++)
		load_link_close(worker, load_worker_link(worker, i));
	atomic_store_explicit(&worker->finished, true, memory_order_release);
	(void)!write(worker->control->answered_fd, &one, sizeof(one));
	return NULL;
}

void load_worker_wake(struct load_worker *worker)
{
	uint64_t one = 1;

	(void)!write(worker->wake_fd, &one, sizeof(one));
}

static int open_descriptors(struct load_worker *worker)
{
	struct epoll_event event = {
		.events = EPOLLIN,
		.data.u64 = WAKE_KEY,
	};

	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (worker->epoll_fd < 0)
		return -errno;
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->wake_fd < 0)
		return -errno;
	return epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, worker->wake_fd,
			 &event) < 0
		       ? -errno
		       : 0;
}

static int allocate(struct load_worker *worker)
{
	worker->link_size = worker->engine->size(worker->plan);
	worker->links = calloc(worker->count, worker->link_size);
	worker->scratch = malloc(PATTERN_SPAN);
	if (!worker->links || !worker->scratch ||
	    load_counts_init(&worker->slices[0]) < 0 ||
	    load_counts_init(&worker->slices[1]) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < worker->count; i++) {
		load_worker_link(worker, i)->fd = -1;
		worker->engine->init(worker, load_worker_link(worker, i));
	}
	return 0;
}

int load_worker_init(struct load_worker *worker, struct load_plan *plan,
		     const struct load_engine *engine,
		     struct load_control *control, unsigned number)
{
	uint64_t connections = plan->settings->connections;
	int error;

	*worker = (struct load_worker){
		.plan = plan,
		.engine = engine,
		.control = control,
		.epoll_fd = -1,
		.wake_fd = -1,
		.first = (uint32_t)(connections * number / plan->threads),
		.counts = &worker->slices[0],
		.size = plan->settings->size,
		.pipeline = plan->settings->pipeline,
		.timeout = plan->settings->timeout,
		.ring_mask = plan->ring_mask,
		.open_loop = plan->settings->rate > 0,
	};
	worker->count = (uint32_t)(connections * (number + 1) / plan->threads) -
			worker->first;
	load_schedule_init(&worker->schedule, plan->settings->rate,
			   plan->threads, number);
	error = open_descriptors(worker);
	if (error == 0)
		error = allocate(worker);
	if (error == 0)
		error = engine->prepare(worker);
	return error;
}

int load_worker_start(struct load_worker *worker)
{
	return -pthread_create(&worker->thread, NULL, run, worker);
}

void load_worker_join(struct load_worker *worker)
{
	(void)pthread_join(worker->thread, NULL);
}

void load_worker_deinit(struct load_worker *worker)
{
	if (!worker->engine)
		return;
	worker->engine->release(worker);
	load_counts_deinit(&worker->slices[0]);
	load_counts_deinit(&worker->slices[1]);
	free(worker->links);
	free(worker->scratch);
	if (worker->epoll_fd >= 0)
		close(worker->epoll_fd);
	if (worker->wake_fd >= 0)
		close(worker->wake_fd);
	worker->engine = NULL;
}
