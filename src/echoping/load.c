/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/load.h"

#include "echoping/console.h"
#include "echoping/load_choose.h"
#include "echoping/load_crew.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define INTERVAL NSEC_PER_SEC

/* The main thread: what it waits for. */
struct load {
	struct load_crew crew;
	int signal_fd;
	enum load_phase phase;
	uint64_t tick;	/* the end of the present interval */
	uint64_t limit; /* --deadline */
	unsigned interrupts;
};

static uint64_t later(uint64_t moment, uint64_t span)
{
	return span > NSEC_INFINITY - moment ? NSEC_INFINITY : moment + span;
}

/* Before threads are started: they inherit it. */
static int block_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGQUIT);
	(void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void end_interval(struct load *load)
{
	load_crew_turn(&load->crew, load->phase);
	load_crew_tell_interval(&load->crew);
	load->tick = load->crew.since + INTERVAL;
	if (console_error() < 0)
		load->interrupts++; /* nobody reads what we measure */
}

static void take_signals(struct load *load)
{
	struct signalfd_siginfo info;

	while (read(load->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGQUIT)
			load->interrupts++;
		else if (load->phase != PHASE_DRAINING)
			end_interval(load);
	}
}

/* Until a worker or a signal has something to say, or the time has come. */
static void wait_until(struct load *load, uint64_t moment)
{
	struct pollfd files[] = {
		{ .fd = load->signal_fd, .events = POLLIN },
		{ .fd = load->crew.control.answered_fd, .events = POLLIN },
	};
	uint64_t now = clock_now(), count;
	uint64_t wait = moment > now ? moment - now : 0;
	struct timespec limit = {
		.tv_sec = (time_t)(wait / NSEC_PER_SEC),
		.tv_nsec = (long)(wait % NSEC_PER_SEC),
	};

	(void)ppoll(files, ARRAY_SIZE(files), &limit, NULL);
	(void)!read(load->crew.control.answered_fd, &count, sizeof(count));
	take_signals(load);
}

/* Is the present phase over? */
typedef bool phase_test(const struct load *load, uint64_t until);

static bool time_is_over(const struct load *load, uint64_t until)
{
	return load->interrupts > 0 || clock_now() >= MIN(until, load->limit);
}

static bool all_are_ready(const struct load *load, uint64_t until)
{
	return time_is_over(load, until) ||
	       load_crew_is_ready(&load->crew, load->phase);
}

static void stay(struct load *load, uint64_t until, phase_test *is_over)
{
	while (!is_over(load, until)) {
		if (clock_now() >= load->tick)
			end_interval(load);
		wait_until(load, MIN(MIN(until, load->limit), load->tick));
	}
}

static void enter(struct load *load, enum load_phase phase)
{
	struct load_control *control = &load->crew.control;

	load->phase = phase;
	if (control->start == 0 && phase != PHASE_OPENING)
		control->start = clock_now();
	load_crew_turn(&load->crew, phase);
}

/* Nothing is measured before somebody is there; a line has said it. */
static bool is_anybody_there(struct load *load)
{
	struct load_crew *crew = &load->crew;

	enter(load, PHASE_OPENING);
	if (load->interrupts > 0)
		return true;
	if (crew->plan.settings->load == LOAD_CONNECT)
		return crew->total.connect.total > 0;
	return crew->connections > 0;
}

static void warm_up(struct load *load)
{
	const struct settings *settings = load->crew.plan.settings;
	bool hold = settings->load == LOAD_HOLD;

	if (settings->warmup == 0 && !hold)
		return;
	enter(load, PHASE_WARMUP);
	stay(load, hold ? NSEC_INFINITY : later(clock_now(), settings->warmup),
	     hold ? all_are_ready : time_is_over);
}

/* What was before is forgotten; --hold keeps it, or with --busy tells it. */
static void begin_measurement(struct load *load)
{
	struct load_crew *crew = &load->crew;
	const struct settings *settings = crew->plan.settings;

	enter(load, PHASE_MEASURING);
	if (settings->load != LOAD_HOLD) {
		load_counts_reset(&crew->total);
	} else if (settings->busy > 0) {
		load_crew_tell_interval(crew);
		load_counts_reset_messages(&crew->total);
	}
	crew->began = crew->since = load_crew_turned_at(crew);
	load->tick = crew->since + INTERVAL;
	load_counts_reset(&crew->interval);
}

/* What was sent in the measurement is awaited; a second Ctrl-C ends that. */
static void drain(struct load *load)
{
	unsigned interrupts = load->interrupts;

	enter(load, PHASE_DRAINING);
	load->crew.ended = load_crew_turned_at(&load->crew);
	if (load->crew.ended - load->crew.since >= INTERVAL / 10)
		load_crew_tell_interval(&load->crew);
	while (!load_crew_has_ended(&load->crew)) {
		wait_until(load, NSEC_INFINITY);
		if (load->interrupts > interrupts)
			load_crew_abandon(&load->crew);
	}
	load_crew_join(&load->crew);
}

static bool conduct(struct load *load)
{
	uint64_t duration = load->crew.plan.settings->duration;

	stay(load, NSEC_INFINITY, all_are_ready);
	if (!is_anybody_there(load))
		return false;
	warm_up(load);
	begin_measurement(load);
	stay(load, later(load->crew.began, duration), time_is_over);
	drain(load);
	return true;
}

static enum exit_status fail(const struct load *load, int error)
{
	report_trouble(load->crew.plan.target, "cannot start: %s",
		       strerrordesc_np(-error));
	return EXIT_STATUS_ERROR;
}

static enum exit_status measure(struct load *load)
{
	struct load_crew *crew = &load->crew;
	uint64_t now = clock_now();
	bool connected = false;
	int error = load_crew_init(crew);

	load->tick = now + INTERVAL;
	load->limit = later(now, crew->plan.settings->deadline);
	if (error == 0) {
		crew->reporter->load_start(crew->plan.settings,
					   crew->plan.target);
		error = load_crew_start(crew);
	}
	if (error == 0)
		connected = conduct(load);
	load_crew_abandon(crew);
	load_crew_join(crew);
	if (error < 0)
		return fail(load, error);
	return connected ? load_crew_summarize(crew) : EXIT_STATUS_ERROR;
}

enum exit_status load_run(const struct settings *settings,
			  struct target *target, const struct source *source)
{
	struct load load = {
		.crew = {
			.control.answered_fd = -1,
			.reporter = report_choose(settings),
		},
	};
	enum exit_status status = EXIT_STATUS_ERROR;

	if (!load_choose_target(target, settings, source) ||
	    !load_plan_init(&load.crew.plan, settings, target, source))
		return EXIT_STATUS_ERROR;
	load.signal_fd = block_signals();
	if (load.signal_fd >= 0)
		status = measure(&load);
	else
		status = fail(&load, -errno);
	load_crew_deinit(&load.crew);
	if (load.signal_fd >= 0)
		close(load.signal_fd);
	return status;
}
