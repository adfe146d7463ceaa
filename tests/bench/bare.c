/* SPDX-License-Identifier: MIT */
/*
 * The least that a closed loop can do: on each connection a message of fixed
 * size is sent when the one before is back, by epoll, with nothing verified,
 * timed or counted but how many came back.  What a load generator does more
 * than this is its own cost; echoping is measured beside it (client.py).
 *
 *     bare HOST PORT CONNECTIONS SIZE WARMUP_MS DURATION_MS
 *
 * Prints, as JSON, messages, nanoseconds, and CPU time in the measurement.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#define EVENTS_MAX   64
#define MESSAGE_MAX  65536
#define NSEC_PER_SEC UINT64_C(1000000000)

static char message[MESSAGE_MAX], buffer[MESSAGE_MAX];
static size_t size;

struct reading {
	uint64_t wall, user, system;
};

static void die(const char *what)
{
	fprintf(stderr, "bare: %s: %s\n", what, strerror(errno));
	_Exit(2);
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * NSEC_PER_SEC + (uint64_t)time.tv_nsec;
}

static uint64_t nsec_of(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * NSEC_PER_SEC +
	       (uint64_t)time->tv_usec * 1000;
}

static struct reading read_clocks(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (struct reading){ now(), nsec_of(&usage.ru_utime),
				 nsec_of(&usage.ru_stime) };
}

/* Registers it, too; the event's datum is the descriptor. */
static int connect_one(int epoll_fd, const struct sockaddr_in *address)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	event.data.fd = fd;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
	return fd;
}

static void send_message(int fd)
{
	if (send(fd, message, size, MSG_NOSIGNAL) != (ssize_t)size)
		die("send");
}

/* How many messages until then. */
static uint64_t run(int epoll_fd, size_t *missing, uint64_t until)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t messages = 0;

	do {
		int count = epoll_wait(epoll_fd, events, EVENTS_MAX, 1000);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;
			ssize_t length =
				recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

			if (length <= 0)
				die("recv");
			missing[fd] -= (size_t)length;
			if (missing[fd] > 0)
				continue;
			missing[fd] = size;
			messages++;
			send_message(fd);
		}
	} while (now() < until);
	return messages;
}

int main(int argc, char *argv[])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int epoll_fd = epoll_create1(0);
	struct reading before, after;
	uint64_t messages, warmup, duration;
	size_t connections, *missing;

	if (argc != 7) {
		fputs("Usage: bare HOST PORT CONNECTIONS SIZE WARMUP_MS "
		      "DURATION_MS\n",
		      stderr);
		return 2;
	}
	inet_pton(AF_INET, argv[1], &address.sin_addr);
	address.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	connections = strtoul(argv[3], NULL, 10);
	size = strtoul(argv[4], NULL, 10);
	warmup = strtoull(argv[5], NULL, 10) * 1000000;
	duration = strtoull(argv[6], NULL, 10) * 1000000;
	missing = calloc(connections + 64, sizeof(*missing));
	if (!missing || size == 0 || size > sizeof(message))
		die("size");
	for (size_t i = 0; i < connections; i++) {
		int fd = connect_one(epoll_fd, &address);

		missing[fd] = size;
		send_message(fd);
	}
	run(epoll_fd, missing, now() + warmup);
	before = read_clocks();
	messages = run(epoll_fd, missing, before.wall + duration);
	after = read_clocks();
	printf("{\"messages\":%" PRIu64 ",\"elapsed_ns\":%" PRIu64
	       ",\"user_ns\":%" PRIu64 ",\"system_ns\":%" PRIu64 "}\n",
	       messages, after.wall - before.wall, after.user - before.user,
	       after.system - before.system);
	return 0;
}
