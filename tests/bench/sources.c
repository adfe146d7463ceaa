/* SPDX-License-Identifier: MIT */
/*
 * Clients with addresses of their own, by which the guards of a service tell
 * them apart: each has a socket that is bound to its address.
 *
 *     sources udp|tcp HOST PORT[,PORT] BURST SIZE MILLISECONDS ADDRESS...
 *
 * In turns: all of them send BURST messages, then all take their echoes.  So
 * whatever serves them finds all of a turn, if it shares the CPU and does not
 * preempt; and between turns nothing is under way.  Of two servers each has
 * every other turn, so that whatever the machine does is done to both.  After
 * some turns to warm up it prints a line and awaits one; then so many
 * milliseconds of turns, and a line that says how many messages came back from
 * each.  What a server did in between was done for these.
 */
#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX  1024
#define SERVERS_MAX  2
#define WARM_UP	     10 /* turns */
#define MESSAGE_MAX  65507
#define NSEC_PER_SEC 1000000000L
#define PATIENCE     5 /* seconds: loopback and cables lose nothing */

static int clients[SERVERS_MAX][CLIENTS_MAX];
static int servers, count, burst;
static unsigned char message[MESSAGE_MAX], echo[MESSAGE_MAX + 1];
static size_t size;

static void die(const char *what)
{
	fprintf(stderr, "sources: %s: %s\n", what, strerror(errno));
	_Exit(2);
}

static struct addrinfo *resolve(const char *host, const char *port, int type)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = type };
	struct addrinfo *found;

	if (getaddrinfo(host, port, &hints, &found) != 0) {
		errno = EINVAL;
		die(host);
	}
	return found;
}

static int open_client(const char *source, const struct addrinfo *server)
{
	struct addrinfo *own = resolve(source, "0", server->ai_socktype);
	struct timeval patience = { .tv_sec = PATIENCE };
	int fd = socket(server->ai_family, server->ai_socktype, 0);

	if (fd < 0 || bind(fd, own->ai_addr, own->ai_addrlen) < 0 ||
	    connect(fd, server->ai_addr, server->ai_addrlen) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		       sizeof(patience)) < 0)
		die(source);
	freeaddrinfo(own);
	return fd;
}

/* That of each client differs from those of its neighbours. */
static void say(int fd, int client)
{
	message[0] = (unsigned char)client;
	for (int i = 0; i < burst; i++)
		if (send(fd, message, size, MSG_NOSIGNAL) != (ssize_t)size)
			die("send");
}

static void hear(int fd, int client)
{
	message[0] = (unsigned char)client;
	for (int i = 0; i < burst; i++) {
		ssize_t length = recv(fd, echo, sizeof(echo), 0);

		if (length < 0)
			die("recv");
		if (length != (ssize_t)size || memcmp(echo, message, size)) {
			errno = EBADMSG;
			die("echo");
		}
	}
}

static void take_turns(void)
{
	for (int server = 0; server < servers; server++) {
		for (int i = 0; i < count; i++)
			say(clients[server][i], i);
		for (int i = 0; i < count; i++)
			hear(clients[server][i], i);
	}
}

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * NSEC_PER_SEC + time.tv_nsec;
}

/* How many messages came back from each. */
static long long run(long long milliseconds)
{
	long long end = now() + milliseconds * 1000000, turns = 0;

	do {
		take_turns();
		turns++;
	} while (now() < end);
	return turns * count * burst;
}

static void await_line(void)
{
	puts("ready");
	fflush(stdout);
	if (getchar() == EOF)
		_Exit(1);
}

static void open_clients(char *argv[])
{
	int type = argv[1][0] == 'u' ? SOCK_DGRAM : SOCK_STREAM;
	char *rest = argv[3];
	const char *port;

	while (servers < SERVERS_MAX && (port = strsep(&rest, ","))) {
		struct addrinfo *server = resolve(argv[2], port, type);

		for (int i = 0; i < count; i++)
			clients[servers][i] = open_client(argv[7 + i], server);
		freeaddrinfo(server);
		servers++;
	}
}

int main(int argc, char *argv[])
{
	if (argc < 8 || argc - 7 > CLIENTS_MAX) {
		fputs("Usage: sources udp|tcp HOST PORT[,PORT] BURST SIZE "
		      "MILLISECONDS ADDRESS...\n",
		      stderr);
		return 2;
	}
	burst = atoi(argv[4]);
	size = strtoul(argv[5], NULL, 10);
	count = argc - 7;
	if (burst < 1 || size < 1 || size > sizeof(message))
		die("burst and size");
	open_clients(argv);
	for (int i = 0; i < WARM_UP; i++)
		take_turns();
	await_line();
	printf("%lld\n", run(atoll(argv[6])));
	fflush(stdout);
	await_line();
	return 0;
}
