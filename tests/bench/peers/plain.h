/* SPDX-License-Identifier: MIT */
/*
 * What the peers that use nothing but system calls have in common: sockets on
 * the port that the command line names, and giving up.
 */
#ifndef BENCH_PLAIN_H
#define BENCH_PLAIN_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BACKLOG 4096

static inline void die(const char *what)
{
	perror(what);
	_Exit(1);
}

/* A socket of this type, bound to the port, TCP_NODELAY on. */
static inline int open_socket(int type, const char *port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
	};
	int fd = socket(AF_INET, type, 0), on = 1;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		die("bind");
	if (type == SOCK_STREAM && listen(fd, BACKLOG) < 0)
		die("listen");
	return fd;
}

static inline const char *port_argument(int argc, char *argv[])
{
	if (argc == 2)
		return argv[1];
	fprintf(stderr, "Usage: %s PORT\n", argv[0]);
	exit(2);
}

#endif
