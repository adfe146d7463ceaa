/* SPDX-License-Identifier: MIT */
/*
 * The main thread runs a reactor of its own, for signals, answers of workers
 * and a tick a second; it never touches a connection.
 *
 *    RUNNING ── idle for long enough ─► PAUSING ── nothing came ─► STOPPING
 *     ▲  │                                 │                          ▲
 *     │  └──────── TERM, INT or USR2 ──────┼──────────────────────────┘
 *     └──────────── something came ────────┘
 */
#include "config.h"

#include "echod/server_state.h"

#include "echod/log.h"
#include "echod/service.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* With nothing but connections passed in, their end is ours: look often. */
#define TICK_CLOSED_USEC (50 * USEC_PER_MSEC)

/* Asked for at every tick of stopping, beyond what the stop may still take. */
#define EXTENSION_USEC (10 * USEC_PER_SEC)

static struct stats_snapshot server_collect(struct server *server)
{
	struct stats_snapshot snapshot = { 0 };
	struct stats *own = record_stats(&server->record, 0);

	STATS_COUNT(own, datagrams_overflowed,
		    intake_count_overflows(&server->intake));
	crew_collect(&server->crew, &snapshot);
	stats_collect(own, &snapshot);
	return snapshot;
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
	unsigned left = server->left = crew_connections(&server->crew);

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

void server_on_signals(struct event_source *source)
{
	struct server *server = container_of(source, struct server, signals);
	struct signalfd_siginfo info;

	if (read(source->fd, &info, sizeof(info)) != sizeof(info)) {
		event_source_consume(source, EPOLLIN);
		server->signals_unread = errno != EAGAIN;
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

static void server_look_at_answers(struct server *server)
{
	if (server->state == SERVER_PAUSING &&
	    crew_has_answered(&server->crew, WORKER_PAUSE))
		server_decide_exit(server);
	if (crew_is_finished(&server->crew))
		reactor_stop(&server->reactor);
}

void server_on_answers(struct event_source *source)
{
	struct server *server = container_of(source, struct server, answers);
	uint64_t count;

	event_source_consume(source, EPOLLIN);
	(void)!read(source->fd, &count, sizeof(count));
	server_look_at_answers(server);
}

/* Nobody tells of an event that was lost: a tick later it makes no odds. */
static void server_make_up(struct server *server)
{
	if (server->signals_unread)
		event_source_raise(&server->signals, EPOLLIN);
	crew_remind(&server->crew);
	server_look_at_answers(server);
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

void server_on_tick(struct reactor_timer *timer)
{
	struct server *server = container_of(timer, struct server, tick);
	struct stats_snapshot snapshot = server_collect(server);
	bool active = stats_differ(&snapshot, &server->seen);

	server->seen = snapshot;
	report_tick(&server->report, &snapshot, crew_connections(&server->crew),
		    server->reactor.now);
	server_make_up(server);
	server_check_idle(server, active);
	if (server->state == SERVER_STOPPING)
		server_extend_stop(server);
	reactor_timer_start(&server->reactor, timer,
			    server->reactor.now +
				    (intake_is_closed(&server->intake)
					     ? TICK_CLOSED_USEC
					     : TICK_USEC));
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

static void server_log_stopped(struct server *server)
{
	struct stats_snapshot now = server_collect(server);
	uint64_t unparked =
		now.values[COUNTER_connections_unparked] -
		server->record.continued.values[COUNTER_connections_unparked];

	if (unparked > 0)
		log_message(LOG_WARNING, MESSAGE_STOPPED,
			    "stopped: %" PRIu64 " of %u connections could not "
			    "be handed over and were ended (raise LimitNOFILE= "
			    "or net.core.wmem_max)",
			    unparked, server->left);
	else
		log_message(LOG_INFO, MESSAGE_STOPPED, "stopped");
}

static int server_serve(struct server *server)
{
	int error = reactor_run(&server->reactor);

	if (error == 0)
		server_log_stopped(server);
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
