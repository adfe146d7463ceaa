/* SPDX-License-Identifier: MIT */
/* The yardstick of UDP: two system calls a datagram, and nothing else. */
#include "plain.h"

#define DATAGRAM_MAX 65536

int main(int argc, char *argv[])
{
	int fd = open_socket(SOCK_DGRAM, port_argument(argc, argv));
	static char buffer[DATAGRAM_MAX];

	for (;;) {
		struct sockaddr_in peer;
		socklen_t length = sizeof(peer);
		ssize_t size = recvfrom(fd, buffer, sizeof(buffer), 0,
					(struct sockaddr *)&peer, &length);

		if (size >= 0)
			(void)sendto(fd, buffer, (size_t)size, 0,
				     (struct sockaddr *)&peer, length);
	}
}
