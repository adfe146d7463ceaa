/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/adopt_rig.h"
#include "unit/harness.h"

#include "echod/connection_state.h"
#include "echod/drain.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT_MAX 32

struct parking parking;
struct worker workers[WORKERS_MAX];
struct worker_policy adopt_policy;

static struct stats stats[WORKERS_MAX];
static size_t worker_count;
static struct service_socket kept[KEPT_MAX];
static size_t kept_count;
static struct census census;

static void on_answer(void *context)
{
	(void)context;
}

void adopt_setup(void)
{
	raise_descriptor_limit();
	adopt_policy = (struct worker_policy){
		.idle_timeout = USEC_INFINITY,
		.drain_timeout = USEC_INFINITY,
		.hold_limit = (size_t)1 << 20,
		.max_connections = 1000000,
		.preserve_after = USEC_PER_SEC,
	};
}

static void end_worker(struct worker *worker)
{
	struct list_node *link, *following;

	list_for_each_safe (link, following, &worker->connections.entries)
		connection_abort(container_of(link, struct idle_entry, link));
	ck_assert_uint_eq(worker->lot.live, 0);
	worker_deinit(worker);
}

void adopt_teardown(void)
{
	while (worker_count > 0)
		end_worker(&workers[--worker_count]);
	ck_assert_uint_eq(adopt_policy.connections, 0);
	parking_end(&parking, false);
	parking_end(&parking, false);
}

struct left_lot leave_lot(void)
{
	struct left_lot lot;

	unix_pair(SOCK_STREAM, lot.ends);
	return lot;
}

void keep(const char *name, int fd)
{
	struct service_socket *socket = &kept[kept_count++];

	ck_assert_uint_le(kept_count, KEPT_MAX);
	socket->name = strdup(name);
	socket->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	ck_assert_int_ge(socket->fd, 0);
}

void keep_lot(const char *name, const struct left_lot *lot)
{
	keep(name, lot->ends[0]);
	keep(name, lot->ends[1]);
}

void leave(const struct left_lot *lot, const int *fds, size_t count)
{
	leave_message(lot->ends[0], "\1", 1, fds, count);
}

int leave_connection(const struct left_lot *lot)
{
	int fds[2];

	tcp_pair(fds);
	fd_set_option(fds[SERVER], SOL_SOCKET, SO_OOBINLINE, 1);
	leave(lot, &fds[SERVER], 1);
	ck_assert_int_eq(close(fds[SERVER]), 0);
	return fds[CLIENT];
}

void make_workers(size_t count)
{
	for (; worker_count < count; worker_count++)
		ck_assert_int_eq(
			worker_init(&workers[worker_count], &adopt_policy,
				    &stats[worker_count], connection_on_idle,
				    drain_on_request, on_answer, NULL),
			0);
}

int begin(bool preserve)
{
	adopt_policy.preserve = preserve;
	return parking_begin(&parking, workers, worker_count, kept, kept_count,
			     preserve);
}

void adopt_with(size_t count, bool preserve, bool poisoned)
{
	make_workers(count);
	ck_assert_int_eq(begin(preserve), 0);
	parking_adopt(&parking, poisoned);
	parking_settle(&parking, preserve);
	ck_assert_ptr_null(parking.seen_tree);
	ck_assert_ptr_null(parking.seen);
	for (size_t i = 0; i < kept_count; i++)
		ck_assert_int_eq(kept[i].fd, -1);
}

void turn_workers(void)
{
	for (size_t i = 0; i < worker_count; i++) {
		/* Its wake-up is there at once: the poll does not wait. */
		worker_post(&workers[i], WORKER_ANSWER);
		if (reactor_poll(&workers[i].reactor) < 0)
			ck_abort_msg("epoll_wait failed");
		reactor_dispatch(&workers[i].reactor);
	}
}

void expect_echo_of(int client, const char *text)
{
	send_text(client, text);
	WORKERS_UNTIL(events_now(client, POLLIN) != 0);
	expect_text(client, text);
}

uint64_t adopt_count(enum counter counter)
{
	struct stats_snapshot sum = { 0 };

	for (size_t i = 0; i < worker_count; i++)
		stats_collect(&stats[i], &sum);
	return sum.values[counter];
}

size_t connections_of(const struct worker *worker)
{
	const struct list_node *link;
	size_t count = 0;

	list_for_each (link, &worker->connections.entries)
		count++;
	return count;
}

static size_t parked_of(const struct worker *worker)
{
	struct list_node *link;
	size_t count = 0;

	census_take(&census, worker->lot.exit);
	list_for_each (link, &worker->connections.entries) {
		struct connection *connection = connection_of(
			container_of(link, struct idle_entry, link));

		if (!connection->parked)
			continue;
		ck_assert_uint_ge(census_of(&census, connection->source.fd), 1);
		count++;
	}
	ck_assert_uint_eq(worker->lot.live, count);
	return count;
}

size_t parked_in_all(void)
{
	size_t count = 0;

	for (size_t i = 0; i < worker_count; i++)
		count += parked_of(&workers[i]);
	return count;
}
