/* SPDX-License-Identifier: MIT */
/* An echo server of libuv: buffers as large as it suggests, a write request
 * for each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#define BACKLOG 4096

struct reply {
	uv_write_t request;
	uv_buf_t buffer;
};

struct datagram_reply {
	uv_udp_send_t request;
	uv_buf_t buffer;
};

static uv_loop_t *loop;

static void expect(int status, const char *what)
{
	if (status == 0)
		return;
	fprintf(stderr, "libuv: %s: %s\n", what, uv_strerror(status));
	exit(1);
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	(void)handle;
	*buffer = uv_buf_init(malloc(suggested), (unsigned)suggested);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void on_written(uv_write_t *request, int status)
{
	struct reply *reply = (struct reply *)request;

	(void)status;
	free(reply->buffer.base);
	free(reply);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
	struct reply *reply;

	if (size <= 0) {
		if (size < 0)
			uv_close((uv_handle_t *)stream, on_closed);
		free(buffer->base);
		return;
	}
	reply = malloc(sizeof(*reply));
	reply->buffer = uv_buf_init(buffer->base, (unsigned)size);
	uv_write(&reply->request, stream, &reply->buffer, 1, on_written);
}

static void on_connection(uv_stream_t *server, int status)
{
	uv_tcp_t *connection;

	if (status < 0)
		return;
	connection = malloc(sizeof(*connection));
	uv_tcp_init(loop, connection);
	if (uv_accept(server, (uv_stream_t *)connection) < 0) {
		uv_close((uv_handle_t *)connection, on_closed);
		return;
	}
	uv_tcp_nodelay(connection, 1);
	uv_read_start((uv_stream_t *)connection, on_allocate, on_read);
}

static void on_sent(uv_udp_send_t *request, int status)
{
	struct datagram_reply *reply = (struct datagram_reply *)request;

	(void)status;
	free(reply->buffer.base);
	free(reply);
}

static void on_datagram(uv_udp_t *socket, ssize_t size, const uv_buf_t *buffer,
			const struct sockaddr *peer, unsigned flags)
{
	struct datagram_reply *reply;

	(void)flags;
	if (size < 0 || !peer) {
		free(buffer->base);
		return;
	}
	reply = malloc(sizeof(*reply));
	reply->buffer = uv_buf_init(buffer->base, (unsigned)size);
	uv_udp_send(&reply->request, socket, &reply->buffer, 1, peer, on_sent);
}

int main(int argc, char *argv[])
{
	struct sockaddr_in address;
	uv_tcp_t server;
	uv_udp_t socket;

	if (argc != 2)
		return 2;
	loop = uv_default_loop();
	uv_ip4_addr("0.0.0.0", atoi(argv[1]), &address);
	uv_tcp_init(loop, &server);
	expect(uv_tcp_bind(&server, (const struct sockaddr *)&address, 0),
	       "bind");
	expect(uv_listen((uv_stream_t *)&server, BACKLOG, on_connection),
	       "listen");
	uv_udp_init(loop, &socket);
	expect(uv_udp_bind(&socket, (const struct sockaddr *)&address, 0),
	       "bind");
	expect(uv_udp_recv_start(&socket, on_allocate, on_datagram), "receive");
	return uv_run(loop, UV_RUN_DEFAULT);
}
