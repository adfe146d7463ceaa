/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/crew.h"

#include "echod/connection.h"
#include "echod/datagram.h"
#include "echod/drain.h"
#include "echod/listener.h"
#include "echod/log.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>

/* Descriptors for the log, the service manager, libraries. */
#define DESCRIPTOR_RESERVE 32

/*
 * epoll, eventfd, both ends of a parking lot, and a newcomer for whom another
 * connection makes room
 */
#define DESCRIPTORS_PER_WORKER 5

unsigned crew_cpu_count(void)
{
	cpu_set_t set;

	/* More CPUs than fit into the set: then they are many. */
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return CPU_SETSIZE;
	return (unsigned)CPU_COUNT(&set);
}

/* As many descriptors as we may have, less those for all else. */
static uint32_t descriptors_for_connections(size_t sockets, size_t workers)
{
	struct rlimit limit = { 0 };
	rlim_t used =
		DESCRIPTOR_RESERVE + sockets + DESCRIPTORS_PER_WORKER * workers;

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur <= used)
		return 1;
	return (uint32_t)MIN(limit.rlim_cur - used, (rlim_t)INT32_MAX);
}

static uint32_t choose_max_connections(uint32_t wanted, uint32_t possible)
{
	if (wanted == 0)
		return possible;
	if (wanted > possible)
		log_message(LOG_WARNING, NULL,
			    "--max-connections=%" PRIu32 " is more than the "
			    "limit on descriptors allows, which is %" PRIu32
			    " (raise LimitNOFILE= or ulimit -n)",
			    wanted, possible);
	return MIN(wanted, possible);
}

/* Of one source, 0 if it may have all. */
static uint32_t choose_per_source(const struct options *options,
				  const struct worker_policy *policy)
{
	uint32_t wanted = options->max_connections_per_source;

	if (wanted == 0)
		wanted = MAX(policy->max_connections / 2, UINT32_C(1));
	return wanted < policy->max_connections ? wanted : 0;
}

static void guard_own_ports(struct guard *guard, const struct intake *intake)
{
	for (size_t i = 0; i < intake->count; i++) {
		const struct socket_identity *identity =
			&intake->sockets[i].identity;
		uint32_t port = address_port(&identity->local);

		if (identity->kind == SOCKET_DATAGRAM && port <= UINT16_MAX)
			guard_refuse_port(guard, (uint16_t)port);
	}
}

void crew_set_policy(struct crew *crew, const struct options *options,
		     const struct intake *intake, size_t count)
{
	uint32_t possible = descriptors_for_connections(intake->count, count);

	crew->policy.idle_timeout = options->idle_timeout;
	crew->policy.drain_timeout = options->drain_timeout;
	crew->policy.busy_poll = options->busy_poll;
	crew->policy.hold_limit = options->buffer_limit / count;
	crew->policy.max_connections =
		choose_max_connections(options->max_connections, possible);
	crew->policy.quota = &crew->quota;
	crew->quota.limit = choose_per_source(options, &crew->policy);
	crew->policy.min_progress = options->min_progress;
	crew->policy.progress_time = options->progress_time;
	crew->policy.on_watch = connection_on_watch;
	crew->policy.preserve_after = options->preserve_after;
	crew->policy.preserve = false;
	crew->policy.log_connections = options->log_connections;
	crew->policy.udp_offload = options->udp_offload;
	crew->policy.loop_ttl = options->loop_ttl;
	crew->policy.guard = &crew->guard;
	guard_init(&crew->guard, &options->allowed_ports);
	atomic_init(&crew->policy.connections, 0);
	atomic_init(&crew->policy.asking, NULL);
}

static int crew_open_listener(struct crew *crew, struct worker *worker,
			      const struct intake_socket *socket)
{
	struct listener *listener = &crew->listeners[crew->listener_count];
	int error;

	listener->passed = socket->passed;
	listener->origin = (struct connection_origin){
		.name = socket->label,
		.tcp = socket_is_tcp(&socket->identity),
		.records = socket->identity.type == SOCK_SEQPACKET,
		.sole = true,
		.roomy = socket_is_roomy(socket->fd),
	};
	error = listener_open(listener, worker, socket->fd,
			      socket->worker == INTAKE_EVERY_WORKER &&
				      crew->worker_count > 1);
	if (error == 0)
		crew->listener_count++;
	return error;
}

static int crew_open_datagram(struct crew *crew, struct worker *worker,
			      const struct intake_socket *socket)
{
	int error = datagram_open(&crew->datagrams[crew->datagram_count],
				  worker, socket->fd, &socket->identity);

	if (error == 0)
		crew->datagram_count++;
	return error;
}

static int crew_open_connection(struct worker *worker,
				struct intake_socket *socket)
{
	struct connection_origin origin = {
		.name = socket->label,
		.tcp = socket_is_tcp(&socket->identity),
		.records = socket->identity.type == SOCK_SEQPACKET,
	};
	struct address peer;
	int fd = socket->fd;

	if (!worker_reserve_connection(worker))
		return -EMFILE;
	socket_peer(fd, &peer);
	socket->fd = -1;
	return connection_open(worker, fd, &origin, &peer);
}

static int crew_open(struct crew *crew, struct worker *worker,
		     struct intake_socket *socket)
{
	switch (socket->identity.kind) {
	case SOCKET_LISTENER:
		return crew_open_listener(crew, worker, socket);
	case SOCKET_DATAGRAM:
		return crew_open_datagram(crew, worker, socket);
	case SOCKET_CONNECTION:
		return crew_open_connection(worker, socket);
	}
	return -EINVAL;
}

static int crew_distribute(struct crew *crew, struct intake *intake)
{
	int error = 0;

	for (size_t s = 0; s < intake->count; s++) {
		struct intake_socket *socket = &intake->sockets[s];

		for (size_t w = 0; w < crew->worker_count && error == 0; w++) {
			if (socket->worker == INTAKE_EVERY_WORKER ||
			    (size_t)socket->worker == w)
				error = crew_open(crew, &crew->workers[w],
						  socket);
		}
	}
	return error;
}

static int crew_init_workers(struct crew *crew, size_t count,
			     worker_signal *on_answer, void *context)
{
	for (size_t i = 0; i < count; i++) {
		int error = worker_init(&crew->workers[i], &crew->policy,
					&crew->stats[i], connection_on_idle,
					drain_on_request, on_answer, context);

		crew->worker_count++;
		if (error < 0)
			return error;
	}
	return 0;
}

int crew_init(struct crew *crew, struct intake *intake, struct stats *stats,
	      size_t count, worker_signal *on_answer, void *context)
{
	int error;

	guard_own_ports(&crew->guard, intake);
	crew->stats = stats;
	crew->worker_count = crew->listener_count = crew->datagram_count = 0;
	crew->workers = aligned_alloc(_Alignof(struct worker),
				      count * sizeof(*crew->workers));
	crew->listeners =
		calloc(intake->count * count + 1, sizeof(*crew->listeners));
	crew->datagrams =
		aligned_alloc(_Alignof(struct datagram),
			      (intake->count + 1) * sizeof(*crew->datagrams));
	if (!crew->workers || !crew->listeners || !crew->datagrams)
		return -ENOMEM;
	error = quota_init(&crew->quota, crew->quota.limit,
			   crew->policy.max_connections + count);
	if (error == 0)
		error = crew_init_workers(crew, count, on_answer, context);
	crew->policy.workers = crew->workers;
	crew->policy.worker_count = crew->worker_count;
	return error < 0 ? error : crew_distribute(crew, intake);
}

int crew_start(struct crew *crew)
{
	int error = 0;

	for (size_t i = 0; i < crew->worker_count && error == 0; i++)
		error = worker_start(&crew->workers[i]);
	for (size_t i = 0; i < crew->worker_count && error == 0; i++)
		worker_await(&crew->workers[i]);
	return error;
}

int crew_pin(struct crew *crew, const struct options *options)
{
	int error = 0;

	for (size_t i = 0; i < crew->worker_count && error == 0; i++)
		error = affinity_pin(&options->affinity,
				     crew->workers[i].thread, i);
	return error;
}

void crew_post(struct crew *crew, unsigned requests)
{
	for (size_t i = 0; i < crew->worker_count; i++)
		worker_post(&crew->workers[i], requests);
}

void crew_remind(struct crew *crew)
{
	for (size_t i = 0; i < crew->worker_count; i++)
		worker_remind(&crew->workers[i]);
}

bool crew_has_answered(struct crew *crew, unsigned requests)
{
	for (size_t i = 0; i < crew->worker_count; i++) {
		if (!worker_has_answered(&crew->workers[i], requests))
			return false;
	}
	return true;
}

bool crew_is_finished(struct crew *crew)
{
	for (size_t i = 0; i < crew->worker_count; i++) {
		if (!atomic_load(&crew->workers[i].finished))
			return false;
	}
	return true;
}

unsigned crew_connections(const struct crew *crew)
{
	return atomic_load(&crew->policy.connections);
}

void crew_collect(const struct crew *crew, struct stats_snapshot *sum)
{
	for (size_t i = 0; i < crew->worker_count; i++)
		stats_collect(crew->workers[i].stats, sum);
}

/* A worker whose thread never ran has no one else to do this for it. */
static void worker_end(struct worker *worker)
{
	struct list_node *link, *following;

	list_for_each_safe (link, following, &worker->connections.entries)
		connection_abort(container_of(link, struct idle_entry, link));
	worker_deinit(worker);
}

void crew_deinit(struct crew *crew)
{
	for (size_t i = 0; i < crew->worker_count; i++) {
		if (crew->workers[i].started)
			worker_post(&crew->workers[i], WORKER_ABORT);
		worker_join(&crew->workers[i]);
	}
	while (crew->listener_count > 0)
		listener_close(&crew->listeners[--crew->listener_count]);
	while (crew->datagram_count > 0)
		datagram_close(&crew->datagrams[--crew->datagram_count]);
	while (crew->worker_count > 0)
		worker_end(&crew->workers[--crew->worker_count]);
	quota_deinit(&crew->quota);
	free(crew->workers);
	free(crew->listeners);
	free(crew->datagrams);
	crew->workers = NULL;
	crew->listeners = NULL;
	crew->datagrams = NULL;
}
