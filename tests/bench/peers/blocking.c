/* SPDX-License-Identifier: MIT */
/* The yardstick of latency: blocking recv and send, one connection at a time.
 */
#include "plain.h"

#include <unistd.h>

#define BUFFER_SIZE 65536

static void echo(int fd)
{
	static char buffer[BUFFER_SIZE];
	ssize_t length, sent;

	while ((length = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
		for (ssize_t done = 0; done < length; done += sent) {
			sent = send(fd, buffer + done, (size_t)(length - done),
				    MSG_NOSIGNAL);
			if (sent < 0)
				return;
		}
	}
}

int main(int argc, char *argv[])
{
	int listener = open_socket(SOCK_STREAM, port_argument(argc, argv));

	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			die("accept");
		echo(fd);
		close(fd);
	}
}
