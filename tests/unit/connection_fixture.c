/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/connection.h"

#include "echod/parking.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* Of serve(): more is a connection that never comes to rest. */
#define ROUNDS_MAX 100000

struct worker worker;
struct worker_policy policy;
int fds[2];
unsigned handed_over;

static struct stats stats;
static int lowest_fd;

static void on_request(struct worker *asked UNUSED,
		       unsigned int requests UNUSED)
{
	ck_abort_msg("nobody asks for anything");
}

static void on_answer(void *context UNUSED)
{
	ck_abort_msg("nobody asks for anything");
}

void connection_setup(void)
{
	lowest_fd = lowest_free_fd();
	policy.idle_timeout = 3600 * USEC_PER_SEC;
	policy.drain_timeout = USEC_INFINITY;
	policy.hold_limit = SIZE_MAX; /* as many as connections */
	policy.max_connections = 10;
	policy.log_connections = false;
	policy.preserve = false;
	policy.min_progress = MIN_PROGRESS;
	policy.progress_time = 60 * USEC_PER_SEC;
	policy.on_watch = connection_on_watch;
	ck_assert_int_eq(worker_init(&worker, &policy, &stats,
				     connection_on_idle, on_request, on_answer,
				     NULL),
			 0);
	fault_epoll_poll();
	fds[CLIENT] = -1;
}

void connection_teardown(void)
{
	while (!list_is_empty(&worker.connections.entries))
		connection_abort(the_connection());
	ck_assert_uint_eq(worker.held.bytes, 0);
	ck_assert_uint_eq(worker.watches.used, 0);
	ck_assert(list_is_empty(&worker.watched.entries));
	ck_assert_uint_eq(connections(), 0);
	ck_assert_uint_eq(counted(COUNTER_connections_closed),
			  counted(COUNTER_connections_accepted) +
				  counted(COUNTER_connections_adopted) -
				  handed_over);
	ck_assert(list_is_empty(&worker.reactor.ready));
	worker_deinit(&worker);
	if (fds[CLIENT] >= 0)
		ck_assert_int_eq(close(fds[CLIENT]), 0);
	ck_assert_int_eq(lowest_free_fd(), lowest_fd);
}

void hold_at_most(size_t bytes)
{
	held_pool_deinit(&worker.held);
	ck_assert_int_eq(held_pool_init(&worker.held, &worker.reactor,
					WORKER_SCRATCH_SIZE, bytes,
					policy.max_connections),
			 0);
}

void preserve_connections(void)
{
	policy.preserve = true;
	lot_init(&worker.lot, connection_descriptor, SIZE_MAX);
	ck_assert_int_eq(lot_open(&worker.lot), 0);
	worker.parking.on_capacity = parking_on_capacity;
}

void park_connections(void)
{
	list_append_all(&worker.unparked, &worker.young.entries);
	parking_on_capacity(&worker.parking);
}

void let_time_pass(uint64_t usec)
{
	worker.reactor.now += usec;
	reactor_dispatch(&worker.reactor);
}

bool open_pair(enum kind kind)
{
	switch (kind) {
	case KIND_TCP:
		tcp_pair(fds);
		/* As socket_prepare() does. */
		fd_set_option(fds[SERVER], SOL_SOCKET, SO_OOBINLINE, 1);
		break;
	case KIND_UNIX:
		unix_pair(SOCK_STREAM, fds);
		fd_set_option(fds[SERVER], SOL_SOCKET, SO_OOBINLINE, 1);
		break;
	case KIND_RECORDS:
		unix_pair(SOCK_SEQPACKET, fds);
		fd_set_option(fds[SERVER], SOL_SOCKET, SO_PASSCRED, 1);
		break;
	case KIND_MPTCP:
	case KIND_COUNT:
		if (!mptcp_is_available())
			return false;
		mptcp_pair(fds);
		break;
	}
	return true;
}

void serve_pair(enum kind kind, const struct address *peer)
{
	static const char *const names[] = {
		"tcp:127.0.0.1:7",
		"unix:/run/echo",
		"unix-seqpacket:/run/echo",
		"mptcp:127.0.0.1:7",
	};
	struct connection_origin origin = {
		.name = names[kind],
		.tcp = kind == KIND_TCP,
		.records = kind == KIND_RECORDS,
	};

	ck_assert(worker_reserve_connection(&worker));
	ck_assert_int_eq(connection_open(&worker, fds[SERVER], &origin, peer),
			 0);
}

bool open_connection(enum kind kind)
{
	if (!open_pair(kind))
		return false;
	serve_pair(kind, NULL);
	return true;
}

void serve(void)
{
	int rounds = 0, error;

	/* No assertion in between: they allocate memory, which may be planned
	 * to fail. */
	do {
		error = reactor_poll(&worker.reactor);
		reactor_dispatch(&worker.reactor);
	} while (error == 0 && !list_is_empty(&worker.reactor.ready) &&
		 ++rounds < ROUNDS_MAX);
	ck_assert_int_eq(error, 0);
	ck_assert_int_lt(rounds, ROUNDS_MAX);
}

void deliver(const char *text)
{
	size_t before = fd_inq(fds[SERVER]);

	send_text(fds[CLIENT], text);
	await_readable(fds[SERVER]);
	await_inq(fds[SERVER], before + strlen(text));
}

void say(const char *text)
{
	deliver(text);
	serve();
}

void say_and_expect(const char *text)
{
	say(text);
	expect_text(fds[CLIENT], text);
}

int client_end(void)
{
	char byte;
	ssize_t received;

	SERVE_UNTIL(events_now(fds[CLIENT], POLLIN) != 0);
	received = recv(fds[CLIENT], &byte, 1, 0);
	ck_assert_msg(received <= 0, "the client received '%c'", byte);
	return received < 0 ? errno : 0;
}

void expect_fin(void)
{
	ck_assert_int_eq(client_end(), 0);
}

void expect_reset(void)
{
	ck_assert_int_eq(client_end(), ECONNRESET);
}

void reset_by_client(void)
{
	struct linger reset = { .l_onoff = 1 };

	ck_assert_int_eq(setsockopt(fds[CLIENT], SOL_SOCKET, SO_LINGER, &reset,
				    sizeof(reset)),
			 0);
	ck_assert_int_eq(close(fds[CLIENT]), 0);
	fds[CLIENT] = -1;
}

struct idle_entry *the_connection(void)
{
	ck_assert(!list_is_empty(&worker.connections.entries));
	return container_of(worker.connections.entries.next, struct idle_entry,
			    link);
}

unsigned int connections(void)
{
	return atomic_load(&policy.connections);
}

uint64_t counted(enum counter counter)
{
	struct stats_snapshot sum = { 0 };

	stats_collect(&stats, &sum);
	return sum.values[counter];
}

void expect_counted(uint64_t received, uint64_t sent, uint64_t resets)
{
	ck_assert_uint_eq(counted(COUNTER_bytes_received), received);
	ck_assert_uint_eq(counted(COUNTER_bytes_sent), sent);
	ck_assert_uint_eq(counted(COUNTER_connections_reset), resets);
}

size_t stuff(void)
{
	size_t total = 0, more;

	do {
		more = fill_send_buffer(fds[CLIENT], total);
		total += more;
		serve();
		await_delivery();
		serve();
	} while (more > 0 || events_now(fds[CLIENT], POLLOUT) != 0);
	return total;
}

void expect_pattern(size_t bytes)
{
	uint8_t chunk[65536];
	size_t total = 0;
	ssize_t received;

	while (total < bytes) {
		SERVE_UNTIL(events_now(fds[CLIENT], POLLIN) != 0);
		received = recv(fds[CLIENT], chunk, sizeof(chunk), 0);
		ck_assert_int_gt(received, 0);
		for (ssize_t i = 0; i < received; i++)
			if (chunk[i] != pattern_byte(total++))
				ck_abort_msg("byte %zu is wrong", total - 1);
	}
	ck_assert_uint_eq(total, bytes);
}
