/* SPDX-License-Identifier: MIT */
/*
 * The main thread runs a reactor of its own, for signals, answers of workers
 * and a tick a second; it never touches a connection.
 *
 *    RUNNING ── idle for long enough ─► PAUSING ── nothing came ─► STOPPING
 *     ▲  │                                 │                          ▲
 *     │  └──────────── TERM or INT ────────┼──────────────────────────┘
 *     └──────────── something came ────────┘
 */
#include "config.h"

#include "echod/server.h"

#include "echod/crew.h"
#include "echod/intake.h"
#include "echod/log.h"
#include "echod/privilege.h"
#include "echod/record.h"
#include "echod/report.h"
#include "echod/service.h"
#include "echod/succession.h"
#include "echod/watchdog.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define TICK_USEC USEC_PER_SEC

/* With nothing but connections passed in, their end is ours: look often. */
#define TICK_CLOSED_USEC (50 * USEC_PER_MSEC)

/* Asked for at every tick of stopping, beyond what the stop may still take. */
#define EXTENSION_USEC (10 * USEC_PER_SEC)

enum server_state {
	SERVER_RUNNING,
	SERVER_PAUSING,
	SERVER_STOPPING,
};

struct server {
	struct record record; /* of the main thread, then of each worker */
	const struct options *options;
	enum server_state state;
	struct intake intake;
	struct crew crew;
	struct succession succession;
	bool handing_over;

	struct reactor reactor;
	struct event_source signals, answers;
	struct reactor_timer tick;
	struct watchdog watchdog;
	struct stats_snapshot seen; /* at the last tick */
	struct report report;
	uint64_t active_at, stop_deadline;
};

static struct stats_snapshot server_collect(struct server *server)
{
	struct stats_snapshot snapshot = { 0 };

	STATS_COUNT(record_stats(&server->record, 0), datagrams_overflowed,
		    intake_count_overflows(&server->intake));
	crew_collect(&server->crew, &snapshot);
	stats_collect(record_stats(&server->record, 0), &snapshot);
	return snapshot;
}

/* Called in workers' threads. */
static void server_on_worker_answer(void *context)
{
	struct server *server = context;
	uint64_t one = 1;

	/* Fails only if it would overflow: then we are woken anyway. */
	(void)!write(server->answers.fd, &one, sizeof(one));
}

static void server_extend_stop(struct server *server)
{
	uint64_t now = server->reactor.now;

	if (now < server->stop_deadline)
		service_extend_timeout(
			MIN(server->stop_deadline - now, EXTENSION_USEC) +
			EXTENSION_USEC);
}

static void server_stop(struct server *server, unsigned how)
{
	unsigned left = crew_connections(&server->crew);

	if (server->state != SERVER_STOPPING) {
		log_message(LOG_INFO, MESSAGE_STOPPING,
			    "stopping: %u connection%s to %s", left,
			    PLURAL(left),
			    how == WORKER_HAND_OVER ? "hand over" : "end");
		service_notify_stopping();
	}
	server->state = SERVER_STOPPING;
	server->stop_deadline =
		usec_add(server->reactor.now, server->options->drain_timeout);
	if (how != WORKER_ABORT)
		server_extend_stop(server);
	server->handing_over = how == WORKER_HAND_OVER;
	crew_post(&server->crew, how);
}

static void server_on_terminate(struct server *server)
{
	server_stop(server, server->state == SERVER_STOPPING ? WORKER_ABORT
							     : WORKER_DRAIN);
}

/* Leave connections to the next instance, if there is to be one. */
static void server_on_user2(struct server *server)
{
	if (server->state != SERVER_STOPPING)
		server_stop(server, server->succession.preserve
					    ? WORKER_HAND_OVER
					    : WORKER_DRAIN);
}

/* There is nothing to read anew: say so in the protocol of reloading. */
static void server_on_hangup(struct server *server)
{
	if (server->state == SERVER_STOPPING)
		return;
	service_notify_reloading();
	log_message(LOG_INFO, MESSAGE_RELOADED,
		    "reloaded: options are given on the command line, "
		    "restart to change them");
	service_notify_ready(server->report.status);
}

static void server_on_user1(struct server *server)
{
	struct stats_snapshot now = server_collect(server);

	report_counters(&now, crew_connections(&server->crew));
}

static const struct {
	int number;
	void (*handle)(struct server *server);
} signal_table[] = {
	{ SIGTERM, server_on_terminate }, { SIGINT, server_on_terminate },
	{ SIGHUP, server_on_hangup },	  { SIGUSR1, server_on_user1 },
	{ SIGUSR2, server_on_user2 },
};

static void server_on_signals(struct event_source *source)
{
	struct server *server = container_of(source, struct server, signals);
	struct signalfd_siginfo info;

	if (read(source->fd, &info, sizeof(info)) != sizeof(info)) {
		event_source_consume(source, EPOLLIN);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(signal_table); i++) {
		if (signal_table[i].number == (int)info.ssi_signo)
			signal_table[i].handle(server);
	}
}

/* Nothing is accepted or received now: is there really nothing to do? */
static void server_decide_exit(struct server *server)
{
	struct stats_snapshot snapshot = server_collect(server);

	if (stats_differ(&snapshot, &server->seen) ||
	    crew_connections(&server->crew) > 0 ||
	    intake_is_pending(&server->intake)) {
		server->state = SERVER_RUNNING;
		server->active_at = server->reactor.now;
		crew_post(&server->crew, WORKER_RESUME);
		return;
	}
	server_stop(server, WORKER_ABORT);
}

static void server_on_answers(struct event_source *source)
{
	struct server *server = container_of(source, struct server, answers);
	uint64_t count;

	event_source_consume(source, EPOLLIN);
	(void)!read(source->fd, &count, sizeof(count));
	if (server->state == SERVER_PAUSING &&
	    crew_has_answered(&server->crew, WORKER_PAUSE))
		server_decide_exit(server);
	if (crew_is_finished(&server->crew))
		reactor_stop(&server->reactor);
}

static void server_check_idle(struct server *server, bool active)
{
	const struct options *options = server->options;
	bool alone = intake_is_closed(&server->intake);
	uint64_t now = server->reactor.now;

	if (active || crew_connections(&server->crew) > 0)
		server->active_at = now;
	else if (alone && server->state == SERVER_RUNNING)
		server_stop(server, WORKER_ABORT);
	if (server->state != SERVER_RUNNING ||
	    now - server->active_at < options->exit_idle_time)
		return;
	server->state = SERVER_PAUSING;
	crew_post(&server->crew, WORKER_PAUSE);
}

static void server_on_tick(struct reactor_timer *timer)
{
	struct server *server = container_of(timer, struct server, tick);
	struct stats_snapshot snapshot = server_collect(server);
	bool active = stats_differ(&snapshot, &server->seen);

	server->seen = snapshot;
	report_tick(&server->report, &snapshot, crew_connections(&server->crew),
		    server->reactor.now);
	server_check_idle(server, active);
	if (server->state == SERVER_STOPPING)
		server_extend_stop(server);
	reactor_timer_start(&server->reactor, timer,
			    server->reactor.now +
				    (intake_is_closed(&server->intake)
					     ? TICK_CLOSED_USEC
					     : TICK_USEC));
}

static int server_open_sockets(struct server *server, size_t workers)
{
	const struct options *options = server->options;
	int error = intake_open(&server->intake, options, (int)workers);

	if (error == 0 && options->user)
		error = privilege_drop(options->user);
	return error;
}

static int server_open_record(struct server *server, size_t threads)
{
	int error = record_create(&server->record, threads);

	succession_continue(&server->record, &server->intake);
	if (error == 0)
		error = record_catch_faults(&server->record);
	if (error < 0) {
		log_message(LOG_ERR, MESSAGE_FAILED,
			    "cannot keep counters: %s (raise the limits)",
			    strerrordesc_np(-error));
		return error;
	}
	server->seen = server->record.continued;
	report_init(&server->report, &server->seen);
	return 0;
}

static int server_start_crew(struct server *server, size_t workers)
{
	int error;

	crew_set_policy(&server->crew, server->options, &server->intake,
			workers);
	error = crew_init(&server->crew, &server->intake,
			  record_stats(&server->record, 1), workers,
			  server_on_worker_answer, server);
	if (error == 0) {
		intake_announce(&server->intake);
		succession_begin(&server->succession, &server->crew,
				 &server->intake, &server->record,
				 server->options);
		error = crew_start(&server->crew);
	}
	if (error < 0)
		log_message(LOG_ERR, MESSAGE_FAILED,
			    "cannot start %zu worker%s: %s (try fewer "
			    "--workers, or raise the limits)",
			    workers, PLURAL(workers), strerrordesc_np(-error));
	return error < 0 ? error : crew_pin(&server->crew, server->options);
}

/* The descriptor, if it is one, is closed by server_deinit(). */
static int server_watch(struct server *server, struct event_source *source,
			int fd, event_handler *on_ready)
{
	event_source_init(source, fd, on_ready);
	if (fd < 0)
		return -errno;
	return reactor_add(&server->reactor, source, EPOLLIN, EPOLLIN);
}

static int server_init_reactor(struct server *server, const sigset_t *signals)
{
	int error = reactor_init(&server->reactor);

	event_source_init(&server->answers, -1, NULL);
	event_source_init(&server->signals, -1, NULL);
	if (error == 0)
		error = server_watch(server, &server->answers,
				     eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
				     server_on_answers);
	if (error == 0)
		error = server_watch(
			server, &server->signals,
			signalfd(-1, signals, SFD_NONBLOCK | SFD_CLOEXEC),
			server_on_signals);
	if (error < 0)
		log_message(LOG_ERR, MESSAGE_FAILED,
			    "cannot set up the main thread: %s (raise the "
			    "limit on descriptors)",
			    strerrordesc_np(-error));
	return error;
}

static void server_start_timers(struct server *server)
{
	uint64_t now = server->reactor.now;

	server->active_at = now;
	reactor_timer_init(&server->tick, server_on_tick);
	reactor_timer_start(&server->reactor, &server->tick, now + TICK_USEC);
	watchdog_start(&server->watchdog, &server->reactor, &server->crew);
}

static int server_start(struct server *server, const sigset_t *signals)
{
	unsigned wanted = server->options->workers;
	size_t workers = wanted > 0 ? wanted : crew_cpu_count();
	int error = server_init_reactor(server, signals);

	if (error == 0)
		error = server_open_sockets(server, workers);
	if (error == 0)
		error = server_open_record(server, workers + 1);
	if (error == 0)
		error = server_start_crew(server, workers);
	if (error < 0)
		return error;
	server_start_timers(server);
	log_message(LOG_INFO, MESSAGE_READY,
		    "ready: %zu worker%s, %zu socket%s%s", workers,
		    PLURAL(workers), server->intake.count,
		    PLURAL(server->intake.count),
		    server->succession.preserve ? ", connections are preserved"
						: "");
	service_notify_ready(server->report.status);
	return 0;
}

static void server_deinit(struct server *server)
{
	crew_deinit(&server->crew);
	succession_end(&server->succession, server->handing_over);
	intake_close(&server->intake);
	event_source_remove(&server->answers);
	event_source_remove(&server->signals);
	close(server->answers.fd);
	close(server->signals.fd);
	reactor_deinit(&server->reactor);
	record_close(&server->record);
}

/*
 * Before any thread is started, which inherit it: signals arrive only through
 * the descriptor.  SIGPIPE could come from standard error alone.
 */
static void block_signals(sigset_t *signals)
{
	sigset_t blocked;

	sigemptyset(signals);
	for (size_t i = 0; i < ARRAY_SIZE(signal_table); i++)
		sigaddset(signals, signal_table[i].number);
	blocked = *signals;
	sigaddset(&blocked, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
}

static int server_serve(struct server *server)
{
	int error = reactor_run(&server->reactor);

	if (error == 0)
		log_message(LOG_INFO, MESSAGE_STOPPED, "stopped");
	else
		log_message(LOG_ERR, MESSAGE_FAILED,
			    "the main thread failed: %s (please report this)",
			    strerrordesc_np(-error));
	return error;
}

int server_run(const struct options *options)
{
	struct server server = { .options = options };
	sigset_t signals;
	int error;

	block_signals(&signals);
	error = server_start(&server, &signals);
	if (error == 0)
		error = server_serve(&server);
	server_deinit(&server);
	return error;
}
