/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/succession.h"

#include "echod/drain.h"
#include "unit/rig.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

WRAPPED(int, service_take_sockets, (struct service_socket * *sockets));
WRAPPED(int, socketpair, (int domain, int type, int protocol, int fds[2]));

struct fault memfd_create_fault, socketpair_fault;
WRAPPED(int, memfd_create, (const char *name, unsigned flags));

struct fault store_record_fault;
WRAPPED(int, service_store, (const char *name, const int *fds, unsigned count));

int __wrap_service_store(const char *name, const int *fds, unsigned count)
{
	if (service_name_number(name, SERVICE_RECORD) >= 0 &&
	    fault_strikes(&store_record_fault))
		return -store_record_fault.error;
	return __real_service_store(name, fds, count);
}

int __wrap_memfd_create(const char *name, unsigned flags)
{
	if (fault_strikes(&memfd_create_fault))
		return -1;
	return __real_memfd_create(name, flags);
}

int __wrap_socketpair(int domain, int type, int protocol, int fds[2])
{
	if (fault_strikes(&socketpair_fault))
		return -1;
	return __real_socketpair(domain, type, protocol, fds);
}

int __wrap_service_take_sockets(struct service_socket **sockets)
{
	return (int)store_give(sockets);
}

struct options options;
struct record record;
struct intake intake;
struct crew crew;
struct succession succession;
struct address server;
static bool running;

static void on_answer(void *context)
{
	(void)context;
}

void begin_instance(size_t workers)
{
	ck_assert_int_eq(intake_open(&intake, &options, (int)workers), 0);
	ck_assert_int_eq(record_create(&record, workers + 1, NULL), 0);
	succession_continue(&record, &intake);
	crew_set_policy(&crew, &options, &intake, workers);
	ck_assert_int_eq(crew_init(&crew, &intake, record_stats(&record, 1),
				   workers, on_answer, NULL),
			 0);
	succession_begin(&succession, &crew, &intake, &record, &options);
	ck_assert_int_eq(crew.policy.preserve, succession.preserve);
	server = intake.sockets[0].identity.local;
	running = true;
}

/* Turn all workers once. */
void turn_workers(void)
{
	for (size_t i = 0; i < crew.worker_count; i++) {
		struct worker *worker = &crew.workers[i];

		if (worker->reactor.stopping)
			continue;
		worker_post(worker, WORKER_ANSWER);
		if (reactor_poll(&worker->reactor) < 0)
			ck_abort_msg("epoll_wait failed");
		reactor_dispatch(&worker->reactor);
	}
}

static bool is_finished(void)
{
	turn_workers();
	for (size_t i = 0; i < crew.worker_count; i++) {
		if (!crew.workers[i].reactor.stopping)
			return false;
	}
	return true;
}

void end_instance(unsigned how)
{
	for (size_t i = 0; i < crew.worker_count; i++)
		drain_on_request(&crew.workers[i], how);
	AWAIT(is_finished());
	crew_deinit(&crew);
	succession_end(&succession, how == WORKER_HAND_OVER);
	succession_end(&succession, how == WORKER_HAND_OVER);
	intake_close(&intake);
	record_close(&record);
	running = false;
}

void succession_setup(void)
{
	const char *reason;

	options = (struct options){
		.preserve = PRESERVE_AUTO,
		.preserve_after = 0,
		.idle_timeout = USEC_INFINITY,
		.drain_timeout = USEC_INFINITY,
		.buffer_limit = 64 << 20,
	};
	ck_assert_int_eq(
		options_add_listen(&options, "tcp:127.0.0.1:0", &reason), 0);
	log_catch();
	store_start(STORE_MAX);
}

void succession_teardown(void)
{
	if (running)
		end_instance(WORKER_ABORT);
	ck_assert_uint_eq(store_total(), 0);
	options_deinit(&options);
}

void expect_echo(int client, const char *text)
{
	send_text(client, text);
	AWAIT((turn_workers(), events_now(client, POLLIN) != 0));
	expect_text(client, text);
}

int connect_client(void)
{
	int client = fd_open(AF_INET, SOCK_STREAM);

	(void)connect(client, &server.any, server.length);
	await_events(client, POLLOUT);
	expect_echo(client, "hello");
	return client;
}

uint64_t counted(enum counter counter)
{
	struct stats_snapshot sum = { 0 };

	crew_collect(&crew, &sum);
	stats_collect(record_stats(&record, 0), &sum);
	return sum.values[counter];
}

/* A lot that came back is used under the number that it had. */
static size_t stored_ends(void)
{
	size_t ends = 0;
	char name[32];

	for (int number = 0; number < STORE_MAX; number++) {
		(void)snprintf(name, sizeof(name), SERVICE_LOT "%d", number);
		ends += store_count(name);
	}
	return ends;
}

void expect_stored(size_t workers, const char *record_name)
{
	ck_assert(succession.preserve);
	ck_assert_uint_eq(stored_ends(), 2 * workers);
	ck_assert_uint_eq(store_count(SERVICE_OWN "0"), 1);
	ck_assert_uint_eq(store_count(record_name), 1);
	ck_assert_uint_eq(store_total(), 2 * workers + intake.count + 1);
}
