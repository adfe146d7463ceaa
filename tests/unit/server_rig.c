/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/server_rig.h"
#include "unit/harness.h"

#include "echod/sandbox.h"
#include "echod/server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options options;
pthread_t server_thread;

static int result;

static struct {
	int fd;
	size_t length;
	char text[32 * 1024];
} notified;

static void notify_listen(void)
{
	struct address address = { .un = { .sun_family = AF_UNIX } };
	char name[64];

	(void)snprintf(name, sizeof(name), "@check_server.%d", getpid());
	memcpy(address.un.sun_path + 1, name + 1, strlen(name + 1));
	address.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				     strlen(name));
	notified.fd = fd_bound(SOCK_DGRAM, &address);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
}

void server_rig_setup(void)
{
	options = (struct options){
		.workers = 1,
		.idle_timeout = USEC_INFINITY,
		.drain_timeout = USEC_INFINITY,
		.exit_idle_time = USEC_INFINITY,
		.buffer_limit = 64 << 20,
		.udp_rate = { 1000, 5000 },
	};
	notify_listen();
	log_catch();
}

void listen_on(const char *text)
{
	const char *reason;

	ck_assert_int_eq(options_add_listen(&options, text, &reason), 0);
}

struct sandbox_failure sandbox_failure;

int __wrap_sandbox_give_up_files(const struct intake *intake);
int __wrap_sandbox_limit_calls(const struct intake *intake);

int __wrap_sandbox_give_up_files(const struct intake *intake UNUSED)
{
	return sandbox_failure.files;
}

int __wrap_sandbox_limit_calls(const struct intake *intake UNUSED)
{
	return sandbox_failure.calls;
}

static void *run(void *argument)
{
	result = server_run(argument);
	return NULL;
}

void server_rig_run(void)
{
	sigset_t signals;

	ck_assert_int_eq(pthread_create(&server_thread, NULL, run, &options),
			 0);
	/* Not before: that thread is to block them by itself. */
	sigfillset(&signals);
	ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &signals, NULL), 0);
}

void server_rig_start(void)
{
	server_rig_run();
	notify_await("READY=1\n");
}

int server_rig_join(void)
{
	ck_assert_int_eq(pthread_join(server_thread, NULL), 0);
	return result;
}

void send_signal(int number)
{
	ck_assert_int_eq(kill(getpid(), number), 0);
}

/* The port of the log's line about this. */
static struct address logged_address(const char *beginning)
{
	return ipv4_address("127.0.0.1", (uint16_t)atoi(log_after(beginning)));
}

static int connect_to(int type, const char *beginning)
{
	struct address address = logged_address(beginning);
	int fd = fd_open(AF_INET, type);

	(void)connect(fd, &address.any, address.length);
	await_events(fd, POLLOUT);
	ck_assert_int_eq(fd_option(fd, SOL_SOCKET, SO_ERROR), 0);
	return fd;
}

int server_rig_connect(void)
{
	return connect_to(SOCK_STREAM, "listening on tcp:127.0.0.1:");
}

int server_rig_udp(void)
{
	return connect_to(SOCK_DGRAM, "listening on udp:127.0.0.1:");
}

void expect_echo(int fd, const char *text)
{
	send_text(fd, text);
	expect_text(fd, text);
}

int server_rig_slow_client(void)
{
	int fd = server_rig_connect();
	size_t sent = 0, more;

	expect_echo(fd, "hello");
	/* Until the worker holds something: it then receives no more. */
	do {
		more = fill_send_buffer(fd, sent);
		sent += more;
	} while (more > 0 || (events_now(fd, POLLIN | POLLOUT) & POLLOUT) ||
		 fd_outq(fd) == 0);
	return fd;
}

unsigned notify_count(const char *text)
{
	unsigned count = 0;
	const char *found;
	ssize_t more;

	do {
		char *end = notified.text + notified.length;

		more = recv(notified.fd, end,
			    sizeof(notified.text) - 2 - notified.length, 0);
		if (more <= 0)
			continue;
		end[more] = '\n';
		notified.length += (size_t)more + 1;
	} while (more > 0);
	for (found = notified.text; (found = strstr(found, text)); found++)
		count++;
	return count;
}

void notify_await(const char *text)
{
	int64_t deadline = await_begin();

	while (notify_count(text) == 0)
		await_again(deadline, text);
}
