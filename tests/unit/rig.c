/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/rig.h"
#include "unit/harness.h"

#include "echod/connection.h"
#include "echod/drain.h"
#include "echod/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* More turns than anything takes that is done in turns. */
#define OFTEN 50

static void rig_on_answer(void *context)
{
	struct rig *rig = context;

	rig->answers++;
}

void rig_init(struct rig *rig)
{
	static struct guard guard;

	guard_init(&guard, NULL);
	rig->policy = (struct worker_policy){
		.idle_timeout = USEC_INFINITY,
		.drain_timeout = USEC_INFINITY,
		.hold_limit = (size_t)64 << 20,
		.max_connections = 1000000,
		.guard = &guard,
	};
	rig->stats = (struct stats){ 0 };
	rig->answers = 0;
	ck_assert_int_eq(worker_init(&rig->worker, &rig->policy, &rig->stats,
				     connection_on_idle, drain_on_request,
				     rig_on_answer, rig),
			 0);
}

void rig_deinit(struct rig *rig)
{
	ck_assert(list_is_empty(&rig->worker.listeners));
	ck_assert(list_is_empty(&rig->worker.datagrams));
	ck_assert(list_is_empty(&rig->worker.connections.entries));
	worker_deinit(&rig->worker);
}

void rig_turn(struct rig *rig)
{
	/* Its wake-up is there at once, so that poll does not wait. */
	worker_post(&rig->worker, WORKER_ANSWER);
	/* No assertion here: Check allocates, and an allocation may fail. */
	if (reactor_poll(&rig->worker.reactor) < 0)
		ck_abort_msg("epoll_wait failed");
	reactor_dispatch(&rig->worker.reactor);
}

void rig_turn_often(struct rig *rig)
{
	for (int i = 0; i < OFTEN; i++)
		rig_turn(rig);
}

void rig_await_readable(struct rig *rig, int fd)
{
	RIG_AWAIT(rig, events_now(fd, POLLIN) != 0);
}

void rig_expect_echo(struct rig *rig, int fd, const char *text)
{
	send_text(fd, text);
	rig_await_readable(rig, fd);
	expect_text(fd, text);
}

const char *own_name(const char *text)
{
	static char names[8][128];
	static unsigned next;
	char *name = names[next++ % ARRAY_SIZE(names)];

	(void)snprintf(name, sizeof(names[0]), "%s.%d", text, getpid());
	return name;
}

uint64_t rig_count(const struct rig *rig, enum counter counter)
{
	struct stats_snapshot snapshot = { 0 };

	stats_collect(&rig->stats, &snapshot);
	return snapshot.values[counter];
}

static struct {
	int fd;
	size_t length;
	char text[64 * 1024];
} caught;

void log_catch(void)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	ck_assert_int_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(close(fds[1]), 0);
	caught.fd = fds[0];
}

bool log_has(const char *text)
{
	ssize_t more = read(caught.fd, caught.text + caught.length,
			    sizeof(caught.text) - 1 - caught.length);

	if (more > 0)
		caught.length += (size_t)more;
	caught.text[caught.length] = '\0';
	return strstr(caught.text, text) != NULL;
}

unsigned log_count(const char *text)
{
	unsigned count = 0;
	const char *found;

	(void)log_has(text);
	for (found = caught.text; (found = strstr(found, text)); found++)
		count++;
	return count;
}

void log_await(const char *text)
{
	int64_t deadline = await_begin();

	while (!log_has(text))
		await_again(deadline, text);
}

const char *log_after(const char *text)
{
	log_await(text);
	return strstr(caught.text, text) + strlen(text);
}

void log_forget(void)
{
	(void)log_has("");
	caught.length = 0;
}

bool stream_ends_clean(int fd)
{
	char byte;
	ssize_t received;

	await_readable(fd);
	received = recv(fd, &byte, 1, 0);
	ck_assert_int_le(received, 0);
	if (received < 0)
		ck_assert_int_eq(errno, ECONNRESET);
	return received == 0;
}
