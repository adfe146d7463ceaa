/* SPDX-License-Identifier: MIT */
/*
 * An echo server of liburing: one accept that goes on and on; on each
 * connection, and in some places for datagrams, receive and send in turn.
 */
#include "plain.h"

#include <errno.h>
#include <liburing.h>
#include <unistd.h>

#define ENTRIES	     4096
#define BUFFER_SIZE  16384
#define PLACES	     64
#define DATAGRAM_MAX 65536

/* What a completion is of; user_data. */
struct operation {
	enum {
		ACCEPT,
		RECEIVE,
		SEND,
		RECEIVE_DATAGRAM,
		SEND_DATAGRAM,
	} kind;
	int fd;
};

struct connection {
	struct operation operation;
	size_t length, sent;
	char buffer[BUFFER_SIZE];
};

struct place {
	struct operation operation;
	struct msghdr message;
	struct iovec piece;
	struct sockaddr_in peer;
	char buffer[DATAGRAM_MAX];
};

static struct io_uring ring;
static struct operation accepting = { .kind = ACCEPT };
static struct place places[PLACES];

static struct io_uring_sqe *next_entry(struct operation *operation, int kind)
{
	struct io_uring_sqe *entry = io_uring_get_sqe(&ring);

	if (!entry) {
		io_uring_submit(&ring);
		entry = io_uring_get_sqe(&ring);
	}
	operation->kind = kind;
	return entry;
}

static void accept_all(void)
{
	struct io_uring_sqe *entry = next_entry(&accepting, ACCEPT);

	io_uring_prep_multishot_accept(entry, accepting.fd, NULL, NULL, 0);
	io_uring_sqe_set_data(entry, &accepting);
}

static void receive(struct connection *it)
{
	struct io_uring_sqe *entry = next_entry(&it->operation, RECEIVE);

	io_uring_prep_recv(entry, it->operation.fd, it->buffer, BUFFER_SIZE, 0);
	io_uring_sqe_set_data(entry, it);
}

static void send_rest(struct connection *it)
{
	struct io_uring_sqe *entry = next_entry(&it->operation, SEND);

	io_uring_prep_send(entry, it->operation.fd, it->buffer + it->sent,
			   it->length - it->sent, MSG_NOSIGNAL);
	io_uring_sqe_set_data(entry, it);
}

static void on_accepted(int fd)
{
	struct connection *it = malloc(sizeof(*it));
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	it->operation.fd = fd;
	receive(it);
}

static void on_stream(struct connection *it, int result)
{
	if (result <= 0) {
		close(it->operation.fd);
		free(it);
		return;
	}
	if (it->operation.kind == RECEIVE) {
		it->length = (size_t)result;
		it->sent = 0;
		send_rest(it);
		return;
	}
	it->sent += (size_t)result;
	if (it->sent < it->length)
		send_rest(it);
	else
		receive(it);
}

static void receive_datagram(struct place *place)
{
	struct io_uring_sqe *entry =
		next_entry(&place->operation, RECEIVE_DATAGRAM);

	place->piece.iov_base = place->buffer;
	place->piece.iov_len = DATAGRAM_MAX;
	place->message = (struct msghdr){
		.msg_name = &place->peer,
		.msg_namelen = sizeof(place->peer),
		.msg_iov = &place->piece,
		.msg_iovlen = 1,
	};
	io_uring_prep_recvmsg(entry, place->operation.fd, &place->message, 0);
	io_uring_sqe_set_data(entry, place);
}

static void on_datagram(struct place *place, int result)
{
	struct io_uring_sqe *entry;

	if (place->operation.kind == SEND_DATAGRAM || result < 0) {
		receive_datagram(place);
		return;
	}
	place->piece.iov_len = (size_t)result;
	entry = next_entry(&place->operation, SEND_DATAGRAM);
	io_uring_prep_sendmsg(entry, place->operation.fd, &place->message, 0);
	io_uring_sqe_set_data(entry, place);
}

static void on_completion(const struct io_uring_cqe *completion)
{
	struct operation *operation = io_uring_cqe_get_data(completion);

	switch (operation->kind) {
	case ACCEPT:
		if (completion->res >= 0)
			on_accepted(completion->res);
		if (!(completion->flags & IORING_CQE_F_MORE))
			accept_all();
		break;
	case RECEIVE:
	case SEND:
		on_stream((struct connection *)operation, completion->res);
		break;
	case RECEIVE_DATAGRAM:
	case SEND_DATAGRAM:
		on_datagram((struct place *)operation, completion->res);
		break;
	}
}

static void run(void)
{
	for (;;) {
		struct io_uring_cqe *completion;
		unsigned head, count = 0;

		io_uring_submit_and_wait(&ring, 1);
		io_uring_for_each_cqe(&ring, head, completion)
		{
			on_completion(completion);
			count++;
		}
		io_uring_cq_advance(&ring, count);
	}
}

int main(int argc, char *argv[])
{
	const char *port = port_argument(argc, argv);
	int fd = open_socket(SOCK_DGRAM, port);

	errno = -io_uring_queue_init(ENTRIES, &ring,
				     IORING_SETUP_SINGLE_ISSUER |
					     IORING_SETUP_DEFER_TASKRUN);
	if (errno != 0)
		die("io_uring");
	accepting.fd = open_socket(SOCK_STREAM, port);
	accept_all();
	for (int i = 0; i < PLACES; i++) {
		places[i].operation.fd = fd;
		receive_datagram(&places[i]);
	}
	run();
}
