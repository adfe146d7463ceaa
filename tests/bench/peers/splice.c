/* SPDX-License-Identifier: MIT */
/*
 * The yardstick of bulk: through a pipe, without a copy to user space; a
 * thread for each connection.
 */
#include "plain.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#define PIPE_SIZE (1 << 20)

static void pump(int fd, const int pipe_fd[2])
{
	ssize_t length, moved;

	while ((length = splice(fd, NULL, pipe_fd[1], NULL, PIPE_SIZE,
				SPLICE_F_MOVE)) > 0) {
		for (; length > 0; length -= moved) {
			moved = splice(pipe_fd[0], NULL, fd, NULL,
				       (size_t)length, SPLICE_F_MOVE);
			if (moved < 0)
				return;
		}
	}
}

static void *serve(void *argument)
{
	int fd = (int)(intptr_t)argument, pipe_fd[2];

	if (pipe(pipe_fd) < 0)
		die("pipe");
	(void)fcntl(pipe_fd[0], F_SETPIPE_SZ, PIPE_SIZE);
	pump(fd, pipe_fd);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	close(fd);
	return NULL;
}

int main(int argc, char *argv[])
{
	int listener = open_socket(SOCK_STREAM, port_argument(argc, argv));

	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		pthread_t thread;

		if (fd < 0)
			die("accept");
		if (pthread_create(&thread, NULL, serve,
				   (void *)(intptr_t)fd) != 0)
			die("pthread_create");
		pthread_detach(thread);
	}
}
