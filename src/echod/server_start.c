/* SPDX-License-Identifier: MIT */
/*
 * Sockets first, for which privileges may be needed; then counters, workers,
 * and what an earlier instance left; then the sandbox, and threads.
 */
#include "config.h"

#include "echod/server_state.h"

#include "echod/log.h"
#include "echod/privilege.h"
#include "echod/sandbox.h"
#include "echod/service.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Called in workers' threads. */
static void server_on_worker_answer(void *context)
{
	struct server *server = context;
	uint64_t one = 1;

	/* Fails only if it would overflow: then we are woken anyway. */
	(void)!write(server->answers.fd, &one, sizeof(one));
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
	int error = record_create(&server->record, threads,
				  &server->options->udp_rate);

	succession_continue(&server->record, &server->intake);
	if (error == 0)
		error = record_catch_faults(&server->record);
	if (error < 0) {
		log_message(LOG_ERR, MESSAGE_FAILED,
			    "cannot keep counters and rates of sources: %s "
			    "(raise the limits, or use --udp-rate=0)",
			    strerrordesc_np(-error));
		return error;
	}
	server->seen = server->record.continued;
	report_init(&server->report, &server->seen);
	return 0;
}

static int server_log_workers(size_t workers, int error)
{
	log_message(LOG_ERR, MESSAGE_FAILED,
		    "cannot start %zu worker%s: %s (try fewer --workers, or "
		    "raise the limits)",
		    workers, PLURAL(workers), strerrordesc_np(-error));
	return error;
}

static int server_make_crew(struct server *server, size_t workers)
{
	int error;

	crew_set_policy(&server->crew, server->options, &server->intake,
			workers);
	server->crew.policy.limiter = record_limiter(&server->record);
	error = crew_init(&server->crew, &server->intake,
			  record_stats(&server->record, 1), workers,
			  server_on_worker_answer, server);
	if (error < 0)
		return server_log_workers(workers, error);
	intake_announce(&server->intake);
	succession_begin(&server->succession, &server->crew, &server->intake,
			 &server->record, server->options);
	return 0;
}

/* Threads start in the sandbox, as far as that is a thread's, or come last. */
static int server_start_crew(struct server *server, size_t workers)
{
	int error;

	service_connect();
	error = sandbox_give_up_files(&server->intake);
	if (error < 0)
		return error;
	error = crew_start(&server->crew);
	if (error < 0)
		return server_log_workers(workers, error);
	error = crew_pin(&server->crew, server->options);
	if (error < 0)
		return error;
	log_await_writer();
	return sandbox_limit_calls(&server->intake);
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

int server_start(struct server *server, const sigset_t *signals)
{
	unsigned wanted = server->options->workers;
	size_t workers = wanted > 0 ? wanted : crew_cpu_count();
	int error = server_init_reactor(server, signals);

	if (error == 0)
		error = server_open_sockets(server, workers);
	if (error == 0)
		error = server_open_record(server, workers + 1);
	if (error == 0)
		error = server_make_crew(server, workers);
	/* What the manager's watchdog wants is asked outside of the sandbox. */
	if (error == 0) {
		server_start_timers(server);
		error = server_start_crew(server, workers);
	}
	if (error < 0)
		return error;
	log_message(LOG_INFO, MESSAGE_READY,
		    "ready: %zu worker%s, %zu socket%s%s", workers,
		    PLURAL(workers), server->intake.count,
		    PLURAL(server->intake.count),
		    server->succession.preserve ? ", connections are preserved"
						: "");
	service_notify_ready(server->report.status);
	return 0;
}

void server_deinit(struct server *server)
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
	service_disconnect();
}
