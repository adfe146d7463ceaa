/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/load_batch.h"

#include "echoping/settings.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

/* Longer than any datagram or train. */
#define TRAIN_ROOM 65536

union batch_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static unsigned most_at_once(size_t size, bool trains)
{
	size_t fit = DATAGRAM_SIZE_MAX_IPV4 / MAX(size, 1);

	return trains ? (unsigned)MAX(MIN(fit, BATCH_MAX), 1) : BATCH_MAX;
}

static void lay_out(struct load_batch *batch)
{
	for (unsigned i = 0; i < BATCH_MAX; i++) {
		batch->out_vectors[i].iov_base = load_batch_message(batch, i);
		batch->out_vectors[i].iov_len = batch->size;
		batch->out_headers[i].msg_hdr.msg_iov = &batch->out_vectors[i];
		batch->out_headers[i].msg_hdr.msg_iovlen = 1;
		batch->in_vectors[i].iov_base = batch->in + i * batch->room;
		batch->in_vectors[i].iov_len = batch->room;
		batch->in_headers[i].msg_hdr.msg_iov = &batch->in_vectors[i];
		batch->in_headers[i].msg_hdr.msg_iovlen = 1;
	}
}

int load_batch_init(struct load_batch *batch, size_t size, bool trains)
{
	*batch = (struct load_batch){
		.size = size,
		.trains = trains && size > 0,
		.most = most_at_once(size, trains && size > 0),
		/* A byte more: what is longer than it should be is seen. */
		.room = trains ? TRAIN_ROOM : size + 1,
	};
	batch->out = malloc(BATCH_MAX * MAX(size, 1));
	batch->in = malloc(BATCH_MAX * batch->room);
	batch->out_vectors = calloc(BATCH_MAX, sizeof(*batch->out_vectors));
	batch->in_vectors = calloc(BATCH_MAX, sizeof(*batch->in_vectors));
	batch->out_headers = calloc(BATCH_MAX, sizeof(*batch->out_headers));
	batch->in_headers = calloc(BATCH_MAX, sizeof(*batch->in_headers));
	batch->controls = calloc(BATCH_MAX, sizeof(*batch->controls));
	if (!batch->out || !batch->in || !batch->out_vectors ||
	    !batch->in_vectors || !batch->out_headers || !batch->in_headers ||
	    !batch->controls)
		return -ENOMEM;
	lay_out(batch);
	return 0;
}

void load_batch_deinit(struct load_batch *batch)
{
	free(batch->out);
	free(batch->in);
	free(batch->out_vectors);
	free(batch->in_vectors);
	free(batch->out_headers);
	free(batch->in_headers);
	free(batch->controls);
	*batch = (struct load_batch){ 0 };
}

int load_batch_prepare(const struct load_batch *batch, int fd)
{
	int on = 1;

	if (batch->trains &&
	    setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) < 0)
		return -errno;
	return 0;
}

unsigned char *load_batch_message(const struct load_batch *batch, unsigned i)
{
	return batch->out + i * batch->size;
}

static int send_train(const struct load_batch *batch, int fd, unsigned count)
{
	union batch_control control = { .bytes = { 0 } };
	uint16_t segment = (uint16_t)batch->size;
	struct iovec vector = {
		.iov_base = batch->out,
		.iov_len = count * batch->size,
	};
	struct msghdr header = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(sizeof(segment)),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);

	cmsg->cmsg_level = IPPROTO_UDP;
	cmsg->cmsg_type = UDP_SEGMENT;
	cmsg->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(cmsg), &segment, sizeof(segment));
	return sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0
		       ? -errno
		       : (int)count;
}

int load_batch_send(struct load_batch *batch, int fd, unsigned count)
{
	int sent;

	if (batch->trains && count > 1)
		return send_train(batch, fd, count);
	sent = sendmmsg(fd, batch->out_headers, count,
			MSG_NOSIGNAL | MSG_DONTWAIT);
	return sent < 0 ? -errno : sent;
}

int load_batch_receive(struct load_batch *batch, int fd)
{
	int received;

	for (unsigned i = 0; i < BATCH_MAX && batch->trains; i++) {
		struct msghdr *header = &batch->in_headers[i].msg_hdr;

		header->msg_control = &batch->controls[i];
		header->msg_controllen = sizeof(batch->controls[i]);
	}
	received =
		recvmmsg(fd, batch->in_headers, BATCH_MAX, MSG_DONTWAIT, NULL);
	batch->received = (unsigned)MAX(received, 0);
	batch->taken = 0;
	batch->offset = 0;
	return received < 0 ? -errno : received;
}

/* How long the pieces are that a train was put together from, or all of it. */
static size_t segment_of(const struct mmsghdr *message)
{
	struct msghdr header = message->msg_hdr;
	const struct cmsghdr *cmsg =
		header.msg_controllen > 0 ? CMSG_FIRSTHDR(&header) : NULL;
	int segment = 0;

	if (cmsg && cmsg->cmsg_level == IPPROTO_UDP &&
	    cmsg->cmsg_type == UDP_GRO)
		memcpy(&segment, CMSG_DATA(cmsg), sizeof(segment));
	return segment > 0 ? (size_t)segment : message->msg_len;
}

bool load_batch_take(struct load_batch *batch, const unsigned char **bytes,
		     size_t *length)
{
	const struct mmsghdr *message = &batch->in_headers[batch->taken];
	size_t segment;

	if (batch->taken == batch->received)
		return false;
	segment = segment_of(message);
	*bytes = batch->in + batch->taken * batch->room + batch->offset;
	*length = MIN(segment, message->msg_len - batch->offset);
	batch->offset += *length;
	if (batch->offset == message->msg_len) {
		batch->taken++;
		batch->offset = 0;
	}
	return true;
}
