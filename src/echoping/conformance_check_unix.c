/* SPDX-License-Identifier: MIT */
/*
 * Unix sockets: row 19.  A peer can pass descriptors, which nobody asked for.
 */
#include "config.h"

#include "echoping/conformance_post.h"
#include "echoping/conformance_talk.h"
#include "echoping/conformance_wait.h"
#include "echoping/pattern.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PASS_ROUNDS 10
#define RECORD_MAX  65536

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* Send the message with a descriptor; a datagram to the target. */
static int send_descriptor(const struct check *check, int fd, int passed)
{
	struct address to = check->target->endpoint.address;
	bool datagram = target_type(check->target) == SOCK_DGRAM;
	union control control = {
		.header = { .cmsg_len = CMSG_LEN(sizeof(int)),
			    .cmsg_level = SOL_SOCKET,
			    .cmsg_type = SCM_RIGHTS },
	};
	unsigned char bytes[POST_SIZE];
	struct iovec payload = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr message = {
		.msg_name = datagram ? &to.any : NULL,
		.msg_namelen = datagram ? to.length : 0,
		.msg_iov = &payload,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(bytes, pattern_at(0), sizeof(bytes));
	memcpy(CMSG_DATA(&control.header), &passed, sizeof(passed));
	return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The bytes come back: 0; with a descriptor (closed): -EEXIST. */
static int receive_bytes(const struct check *check, int fd)
{
	union control control;
	unsigned char bytes[POST_SIZE + 1];
	struct iovec payload = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr message = { .msg_iov = &payload,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int returned;
	ssize_t got;

	if (wait_for(fd, POLLIN, wait_now() + check->settings->timeout) == 0)
		return -ETIMEDOUT;
	got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (got < 0)
		return -errno;
	if (CMSG_FIRSTHDR(&message) &&
	    CMSG_FIRSTHDR(&message)->cmsg_type == SCM_RIGHTS) {
		memcpy(&returned, CMSG_DATA(CMSG_FIRSTHDR(&message)),
		       sizeof(returned));
		close(returned);
		return -EEXIST;
	}
	return got == POST_SIZE && pattern_mismatch(0, bytes, POST_SIZE) ==
					   POST_SIZE
		       ? 0
		       : -EBADMSG;
}

/* Pass one end of a pipe, and see at the other that nobody has it any more. */
static int pass_one(const struct check *check, int fd)
{
	int ends[2], error;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	error = send_descriptor(check, fd, ends[1]);
	close(ends[1]);
	if (error == 0)
		error = receive_bytes(check, fd);
	if (error == 0 && wait_for(ends[0], POLLIN,
				   wait_now() + check->settings->timeout) == 0)
		error = -EMFILE;
	close(ends[0]);
	return error;
}

enum verdict check_passed_descriptors(struct check *check)
{
	bool datagram = target_type(check->target) == SOCK_DGRAM;
	struct talk talk = { .fd = -1 };
	struct post post = { .fd = -1 };
	int error = datagram ? post_open(&post, check, NULL)
			     : talk_open(&talk, check, 0);

	for (int i = 0; i < PASS_ROUNDS && error == 0; i++)
		error = pass_one(check, datagram ? post.fd : talk.fd);
	talk_close(&talk);
	post_close(&post);
	switch (error) {
	case 0:
		return CHECK_OK(check, "neither come back nor stay open there");
	case -EEXIST:
		return CHECK_FAILED(check, "come back");
	case -EMFILE:
		return CHECK_FAILED(check, "stay open there");
	case -EBADMSG:
		return CHECK_FAILED(check, "the bytes beside come back wrong");
	default:
		return CHECK_FAILED(check, "%s", strerror(-error));
	}
}

/* Await one record: 0 if it is as it was sent. */
static int expect_record(const struct talk *talk, size_t size)
{
	unsigned char bytes[RECORD_MAX + 1];
	ssize_t got;

	if (wait_for(talk->fd, POLLIN, wait_now() + talk->patience) == 0)
		return -ETIMEDOUT;
	got = recv(talk->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (got < 0)
		return -errno;
	return (size_t)got == size &&
			       pattern_mismatch(size, bytes, size) == size
		       ? 0
		       : -EBADMSG;
}

enum verdict check_records(struct check *check)
{
	/* After an empty one something, to tell it from the end. */
	static const size_t sizes[] = { 1, 2, 0, 1000, 0, 0, RECORD_MAX, 3 };
	struct talk talk;
	size_t done = 0;
	int error = talk_open(&talk, check, 0);

	for (size_t i = 0; i < ARRAY_SIZE(sizes) && error == 0; i++) {
		if (send(talk.fd, pattern_at(sizes[i]), sizes[i],
			 MSG_NOSIGNAL) < 0)
			error = -errno;
	}
	while (error == 0 && done < ARRAY_SIZE(sizes)) {
		error = expect_record(&talk, sizes[done]);
		done += error == 0;
	}
	talk_close(&talk);
	if (error == -EBADMSG || error == -ETIMEDOUT)
		return CHECK_FAILED(check,
				    "record %zu, of %zu bytes, does not come "
				    "back as it was",
				    done + 1,
				    sizes[MIN(done, ARRAY_SIZE(sizes) - 1)]);
	if (error < 0)
		return CHECK_FAILED(check, "%s", strerror(-error));
	return CHECK_OK(check, "each comes back, from 0 to 65,536 bytes");
}

enum verdict check_unix_datagrams(struct check *check)
{
	static const size_t sizes[] = { 1, 0, 1000, 0, 65507 };
	struct letter reply;
	struct post post;
	int error = post_open(&post, check, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(sizes) && error == 0; i++) {
		error = post_ask(&post, NULL, sizes[i], &reply);
		if (error < 0)
			(void)post_conclude(check, &reply, sizes[i], error);
	}
	post_close(&post);
	if (error < 0)
		return VERDICT_FAILED;
	return CHECK_OK(check, "each comes back, from 0 to 65,507 bytes");
}
