/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/conformance_post.h"

#include "echoping/conformance_wait.h"
#include "echoping/message.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A datagram may be lost on the way: then it is sent again. */
#define ATTEMPTS 3

#define ROOM 65536

/* A reply to the longest datagram has room, whatever the system's default. */
#define RECEIVE_BUFFER (1 << 20)

static int open_at(const struct address *local)
{
	int fd = socket(local->any.sa_family,
			SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error, off = 0;

	if (fd < 0)
		return -errno;
	/* For IPv6: v4-mapped, too, whatever the system's default. */
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, &local->any, local->length) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int post_open(struct post *post, struct check *check,
	      const struct address *local)
{
	static const int room = RECEIVE_BUFFER;
	const char *what;
	int fd = local ? open_at(local)
		       : target_open(check->target, check->settings,
				     check->source, 0, &what);

	*post = (struct post){ .check = check, .fd = MAX(fd, -1) };
	if (fd < 0)
		return fd;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	return 0;
}

void post_close(struct post *post)
{
	if (post->fd >= 0)
		close(post->fd);
	post->fd = -1;
}

void post_address(const struct post *post, struct address *address)
{
	address->length = sizeof(*address) - offsetof(struct address, any);
	if (getsockname(post->fd, &address->any, &address->length) < 0)
		address->length = 0;
}

static int send_once(struct post *post, const struct address *to, size_t size)
{
	unsigned char bytes[ROOM];
	struct check *check = post->check;

	if (!to)
		to = &check->target->endpoint.address;
	message_write(bytes, size, check->sequence, check->nonce);
	while (sendto(post->fd, bytes, size, MSG_NOSIGNAL, &to->any,
		      to->length) < 0) {
		if (errno == EAGAIN)
			(void)wait_for(post->fd, POLLOUT,
				       wait_now() + check->settings->timeout);
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int post_send(struct post *post, const struct address *to, size_t size)
{
	post->check->sequence++;
	return send_once(post, to, size);
}

static int receive_once(struct post *post, struct letter *letter)
{
	unsigned char bytes[ROOM];
	const struct check *check = post->check;
	ssize_t got;
	size_t size;

	*letter = (struct letter){
		.from.length =
			sizeof(letter->from) - offsetof(struct address, any),
	};
	got = recvfrom(post->fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC,
		       &letter->from.any, &letter->from.length);
	if (got < 0)
		return -errno;
	letter->size = (size_t)got;
	size = MIN(letter->size, sizeof(bytes));
	letter->sequence = message_sequence(bytes, size, check->sequence);
	letter->mismatch =
		message_mismatch(bytes, size, letter->sequence, check->nonce);
	letter->ours = letter->sequence <= check->sequence &&
		       message_is_ours(bytes, size, check->nonce);
	/* Whose number is wrong is compared with what was sent last. */
	if (!letter->ours)
		letter->mismatch = message_mismatch(
			bytes, size, check->sequence, check->nonce);
	return 0;
}

int post_receive(struct post *post, uint64_t moment, struct letter *letter)
{
	for (;;) {
		int error;

		if (wait_for(post->fd, POLLIN, moment) == 0)
			return -ETIMEDOUT;
		error = receive_once(post, letter);
		if (error != -EAGAIN && error != -EINTR)
			return error;
	}
}

bool post_same_address(const struct address *a, const struct address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	switch (a->any.sa_family) {
	case AF_INET:
		return a->in.sin_port == b->in.sin_port &&
		       a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	case AF_INET6:
		return a->in6.sin6_port == b->in6.sin6_port &&
		       IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr);
	default:
		return a->length == b->length &&
		       memcmp(&a->any, &b->any, a->length) == 0;
	}
}

/* Is it the reply to the datagram sent last, of that size? */
static int judge(const struct check *check, size_t size,
		 const struct letter *reply)
{
	if (reply->mismatch < reply->size || reply->sequence != check->sequence)
		return -EBADMSG;
	return reply->size == size ? 0 : -EMSGSIZE;
}

/* A late reply to an earlier one: of ours, but not the one to wait for. */
static bool is_stale(const struct check *check, const struct letter *reply)
{
	return reply->size >= POST_SIZE && reply->ours &&
	       reply->sequence != check->sequence;
}

int post_ask(struct post *post, const struct address *to, size_t size,
	     struct letter *reply)
{
	uint64_t timeout = post->check->settings->timeout;
	int error = -ETIMEDOUT;

	*reply = (struct letter){ 0 };
	post->check->sequence++;
	for (int i = 1; i <= ATTEMPTS && error == -ETIMEDOUT; i++) {
		uint64_t moment =
			wait_now() + (i < ATTEMPTS ? timeout / 2 : timeout);

		error = send_once(post, to, size);
		if (error < 0)
			return error;
		do
			error = post_receive(post, moment, reply);
		while (error == 0 && is_stale(post->check, reply));
	}
	return error == 0 ? judge(post->check, size, reply) : error;
}

enum verdict post_conclude(struct check *check, const struct letter *reply,
			   size_t size, int error)
{
	switch (error) {
	case 0:
		return VERDICT_OK;
	case -ETIMEDOUT:
		return CHECK_FAILED(check, "%zu bytes are not answered", size);
	case -EMSGSIZE:
		return CHECK_FAILED(check, "of %zu bytes %zu came back", size,
				    reply->size);
	case -EBADMSG:
		return CHECK_FAILED(check,
				    "of %zu bytes byte %zu comes back wrong",
				    size, reply->mismatch + 1);
	default:
		return CHECK_FAILED(check, "%zu bytes: %s", size,
				    strerror(-error));
	}
}

int post_listen(struct post *post, struct letter *letter)
{
	struct post other;
	struct letter reply;
	int error = post_open(&other, post->check, NULL);

	if (error == 0)
		error = post_ask(&other, NULL, POST_SIZE, &reply);
	post_close(&other);
	if (error < 0)
		return error;
	error = post_receive(post, wait_now() + check_grace(post->check),
			     letter);
	return error == -ETIMEDOUT ? 0 : 1;
}

enum verdict post_conclude_silence(struct check *check, int outcome,
				   const struct letter *letter)
{
	char text[ADDRESS_TEXT_MAX];

	if (outcome < 0)
		return CHECK_FAILED(check,
				    "afterwards an ordinary datagram fails: %s",
				    strerror(-outcome));
	if (outcome == 0)
		return CHECK_OK(check, "not answered");
	address_format(&letter->from, text);
	return CHECK_FAILED(check, "answered, by %.150s", text);
}
