/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/watchdog.h"

#include "echod/log.h"
#include "echod/service.h"

/* Probe, answer and notification fit into the manager's timeout thrice. */
#define DIVISOR 4

static void watchdog_on_timer(struct reactor_timer *timer)
{
	struct watchdog *watchdog = container_of(timer, struct watchdog, timer);
	bool alive = crew_has_answered(watchdog->crew, WORKER_ANSWER);

	if (alive)
		service_notify_watchdog();
	else if (!watchdog->unresponsive)
		log_message(LOG_ERR, MESSAGE_WORKER_UNRESPONSIVE,
			    "a worker makes no progress: the watchdog is not "
			    "told that all is well");
	watchdog->unresponsive = !alive;
	if (alive)
		crew_post(watchdog->crew, WORKER_ANSWER);
	reactor_timer_start(watchdog->reactor, timer,
			    watchdog->reactor->now + watchdog->interval);
}

void watchdog_start(struct watchdog *watchdog, struct reactor *reactor,
		    struct crew *crew)
{
	*watchdog = (struct watchdog){
		.reactor = reactor,
		.crew = crew,
		.interval = service_watchdog_usec() / DIVISOR,
	};
	reactor_timer_init(&watchdog->timer, watchdog_on_timer);
	if (watchdog->interval == 0)
		return;
	crew_post(crew, WORKER_ANSWER);
	reactor_timer_start(reactor, &watchdog->timer,
			    reactor->now + watchdog->interval);
}
