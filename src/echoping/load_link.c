/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/load_link.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

uint32_t load_link_number(const struct load_worker *worker,
			  const struct load_link *link)
{
	return worker->first + load_worker_index(worker, link);
}

static int watch(const struct load_worker *worker, struct load_link *link,
		 int operation, uint32_t events)
{
	struct epoll_event event = {
		.events = events,
		.data.u64 = load_worker_index(worker, link),
	};

	return epoll_ctl(worker->epoll_fd, operation, link->fd, &event) < 0
		       ? -errno
		       : 0;
}

void load_link_watch(const struct load_worker *worker, struct load_link *link,
		     uint32_t events)
{
	/* Fails only for a descriptor that is not watched. */
	(void)watch(worker, link, EPOLL_CTL_MOD, events);
}

static const char *remedy(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ENOENT:
		return " (is the service running there?)";
	case ETIMEDOUT:
		return " (is it the right address? or use a longer --timeout)";
	case EMFILE:
		return " (use fewer --connections, or raise ulimit -n)";
	case EACCES:
	case EPERM:
		return " (may this user, and does a firewall let it pass?)";
	case EADDRINUSE:
		return " (use another --source)";
	default:
		return "";
	}
}

static void tell(struct load_worker *worker, enum load_trouble trouble,
		 const char *what, int error)
{
	if (!load_plan_tells(worker->plan, trouble))
		return;
	report_trouble(worker->plan->target, "%s: %s%s", what,
		       strerrordesc_np(error), remedy(error));
}

static void tell_no_port(struct load_worker *worker)
{
	worker->counts->no_port++;
	if (load_plan_tells(worker->plan, TROUBLE_NO_PORT))
		report_trouble(worker->plan->target,
			       "connect: no source port is free (wait a minute,"
			       " use fewer --connections, or widen "
			       "net.ipv4.ip_local_port_range)");
}

/* Not an open one: that has an end, too. */
static void fail_to_connect(struct load_worker *worker, struct load_link *link,
			    const char *what, int error)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	link->state = LINK_DOWN;
	worker->down++;
	worker->counts->tally.errors++;
	if (error == EADDRNOTAVAIL)
		tell_no_port(worker);
	else
		tell(worker, TROUBLE_CONNECT, what, error);
	if (worker->engine->failed)
		worker->engine->failed(worker, link, error);
}

static void is_open(struct load_worker *worker, struct load_link *link)
{
	link->state = LINK_OPEN;
	worker->open++;
	worker->engine->opened(worker, link);
}

void load_link_make(struct load_worker *worker, struct load_link *link)
{
	const struct load_plan *plan = worker->plan;
	uint32_t number = load_link_number(worker, link);
	const char *what = "socket";
	struct source source;
	int error, watched;

	load_plan_source(plan, number, &source);
	link->since = worker->now;
	link->fd = target_open(plan->target, plan->settings, &source, number,
			       &what);
	if (link->fd < 0) {
		fail_to_connect(worker, link, what, -link->fd);
		return;
	}
	error = target_connect(plan->target, link->fd);
	if (error < 0 && error != -EINPROGRESS) {
		fail_to_connect(worker, link, "connect", -error);
		return;
	}
	link->state = LINK_CONNECTING;
	/* A datagram socket that is watched for room wakes for each one sent.
	 */
	watched = watch(worker, link, EPOLL_CTL_ADD,
			error < 0 ? LINK_EVENTS | EPOLLOUT : LINK_EVENTS);
	if (watched < 0)
		fail_to_connect(worker, link, "epoll_ctl", -watched);
	else if (error == 0)
		is_open(worker, link);
	else
		worker->connecting++;
}

void load_link_settle(struct load_worker *worker, struct load_link *link)
{
	int error = target_connected(link->fd);

	worker->connecting--;
	if (error < 0) {
		fail_to_connect(worker, link, "connect", -error);
		return;
	}
	is_open(worker, link);
}

static void end(struct load_worker *worker, struct load_link *link)
{
	worker->engine->ended(worker, link);
	close(link->fd);
	link->fd = -1;
	link->state = LINK_DOWN;
	worker->open--;
	worker->down++;
}

void load_link_close(struct load_worker *worker, struct load_link *link)
{
	if (link->state == LINK_OPEN) {
		end(worker, link);
	} else if (link->state == LINK_CONNECTING) {
		close(link->fd);
		link->fd = -1;
		link->state = LINK_DOWN;
		worker->connecting--;
		worker->down++;
	}
}

void load_link_fail(struct load_worker *worker, struct load_link *link,
		    enum load_trouble trouble, const char *what, int error,
		    bool reset)
{
	struct linger linger = { .l_onoff = 1 };

	if (error == 0 && load_plan_tells(worker->plan, trouble))
		report_trouble(worker->plan->target, "%s", what);
	else if (error != 0)
		tell(worker, trouble, what, error);
	if (reset)
		(void)setsockopt(link->fd, SOL_SOCKET, SO_LINGER, &linger,
				 sizeof(linger));
	worker->counts->tally.errors++;
	end(worker, link);
}

void load_link_tell_end(struct load_worker *worker, int error)
{
	if (error != ETIMEDOUT)
		tell(worker, TROUBLE_END, "end of a connection", error);
	else if (load_plan_tells(worker->plan, TROUBLE_END))
		report_trouble(worker->plan->target,
			       "the other side did not end a connection that "
			       "we had ended (or use a longer --timeout)");
}

void load_link_remake(struct load_worker *worker, struct load_link *link)
{
	if (worker->phase == PHASE_DRAINING ||
	    worker->connecting >= LINKS_CONNECTING_MAX)
		return;
	worker->down--;
	load_link_make(worker, link);
}

void load_link_make_more(struct load_worker *worker)
{
	for (unsigned i = 0; i < LINKS_CONNECTING_MAX; i++) {
		if (worker->tried == worker->count ||
		    worker->connecting >= LINKS_CONNECTING_MAX)
			return;
		load_link_make(worker,
			       load_worker_link(worker, worker->tried++));
	}
}

static void check(struct load_worker *worker, struct load_link *link)
{
	const struct load_engine *engine = worker->engine;
	uint64_t timeout = worker->timeout;

	if (link->state == LINK_CONNECTING &&
	    worker->now - link->since > timeout) {
		worker->connecting--;
		fail_to_connect(worker, link, "connect", ETIMEDOUT);
	} else if (link->state == LINK_OPEN && engine->check) {
		engine->check(worker, link);
	} else if (link->state == LINK_DOWN && engine->revive) {
		engine->revive(worker, link);
	}
}

/* Those that were not tried yet have their turn later. */
void load_link_check_all(struct load_worker *worker)
{
	const struct load_engine *engine = worker->engine;

	if (worker->connecting == 0 && !engine->check &&
	    (worker->down == 0 || !engine->revive))
		return;
	for (uint32_t i = 0; i < worker->tried; i++)
		check(worker, load_worker_link(worker, i));
}
