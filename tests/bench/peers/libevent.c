/* SPDX-License-Identifier: MIT */
/* An echo server of libevent: a bufferevent for each connection, whose input
 * is moved to its output.  (It has no such thing for datagrams.)
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BACKLOG 4096

static void on_read(struct bufferevent *connection, void *context)
{
	(void)context;
	evbuffer_add_buffer(bufferevent_get_output(connection),
			    bufferevent_get_input(connection));
}

static void on_event(struct bufferevent *connection, short events,
		     void *context)
{
	(void)context;
	if (events & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		bufferevent_free(connection);
}

static void on_connection(struct evconnlistener *listener, evutil_socket_t fd,
			  struct sockaddr *peer, int length, void *context)
{
	struct event_base *base = evconnlistener_get_base(listener);
	struct bufferevent *connection =
		bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	int on = 1;

	(void)peer, (void)length, (void)context;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	bufferevent_setcb(connection, on_read, NULL, on_event, NULL);
	bufferevent_enable(connection, EV_READ | EV_WRITE);
}

int main(int argc, char *argv[])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct evconnlistener *listener;
	struct event_base *base;

	if (argc != 2)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	address.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	base = event_base_new();
	listener = evconnlistener_new_bind(
		base, on_connection, NULL,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, BACKLOG,
		(struct sockaddr *)&address, sizeof(address));
	if (!listener) {
		perror("libevent: listen");
		return 1;
	}
	return event_base_dispatch(base);
}
