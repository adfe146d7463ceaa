/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what lies in a lot that came back, whoever put it there.
 *
 * Of each message the first byte says how long it is, the second how many
 * descriptors lie with it.  Whoever looks sees each message once, with all its
 * descriptors, takes nothing out, and ends where the queue does; what was seen
 * can be dropped.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/lot.h"
#include "fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Longer than what is looked at at once, which is LOT_LENGTH_MAX. */
#define MESSAGE_MAX  80
#define LOOK_MAX     64
#define MESSAGES_MAX 12

/* What was sent: `end` is where the next one begins. */
static struct sent {
	size_t begin, end;
	int count;
} sent[MESSAGES_MAX];
static size_t sent_count;

static struct lot lot;
static int file; /* which lies there, again and again */

/* Few, mostly; all that fit; and one more, which the kernel refuses. */
static int descriptors_of(uint8_t byte)
{
	if (byte < 224)
		return byte % 4;
	return LOT_BATCH + 1 - (byte - 224) % 8;
}

static bool send_message(size_t length, int count)
{
	static unsigned char bytes[MESSAGE_MAX];
	struct iovec payload = { bytes, length };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE((LOT_BATCH + 1) * sizeof(int))];
	} rights;
	struct msghdr header = { .msg_iov = &payload, .msg_iovlen = 1 };
	size_t size = (size_t)count * sizeof(int);
	int *fds = (void *)CMSG_DATA(&rights.header);

	if (count > 0) {
		memset(&rights, 0, sizeof(rights));
		rights.header.cmsg_level = SOL_SOCKET;
		rights.header.cmsg_type = SCM_RIGHTS;
		rights.header.cmsg_len = CMSG_LEN(size);
		for (int i = 0; i < count; i++)
			fds[i] = file;
		header.msg_control = &rights;
		header.msg_controllen = CMSG_SPACE(size);
	}
	return sendmsg(lot.entrance, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* As far as the kernel takes it: descriptors in flight are limited. */
static void fill(const uint8_t *data, size_t size)
{
	size_t at = 0;

	sent_count = 0;
	for (size_t i = 0; i + 1 < size && sent_count < MESSAGES_MAX; i += 2) {
		size_t length = 1 + data[i] % MESSAGE_MAX;
		int count = descriptors_of(data[i + 1]);

		if (!send_message(length, count))
			continue;
		assert(count <= LOT_BATCH);
		sent[sent_count++] = (struct sent){ at, at + length, count };
		at += length;
	}
}

static size_t queued(void)
{
	int length = -1;

	assert(ioctl(lot.exit, SIOCINQ, &length) == 0 && length >= 0);
	return (size_t)length;
}

/*
 * As in unix_stream_read_generic(): those without descriptors are joined to
 * what follows, up to the first that has some.  It goes on to that one even if
 * there is no room for more bytes, and brings its descriptors: then the next
 * look does so, too.  Returns how many.
 */
static int expected_at(size_t offset, size_t *length)
{
	*length = 0;
	for (size_t i = 0; i < sent_count; i++) {
		size_t at = MAX(offset, sent[i].begin);

		if (at >= sent[i].end)
			continue;
		*length += MIN(sent[i].end - at, LOOK_MAX - *length);
		if (sent[i].count > 0)
			return sent[i].count;
	}
	return 0;
}

static int look(size_t offset, size_t *length)
{
	int fds[LOT_BATCH];
	bool lost = true;
	int count = lot_look(lot.exit, offset, fds, length, &lost);

	for (int i = 0; i < count; i++) {
		assert(fcntl(fds[i], F_GETFD) == FD_CLOEXEC);
		close(fds[i]);
	}
	assert(!lost);
	return count;
}

static void walk(size_t total)
{
	size_t offset = 0, length, expected;

	while (offset < total) {
		int count = expected_at(offset, &expected);

		assert(look(offset, &length) == count && length == expected);
		offset += length;
	}
	assert(look(offset, &length) == -EAGAIN && length == 0);
	assert(queued() == total);
}

/* Either way round, and not with another lot's. */
static void check_ends(void)
{
	struct lot other;

	assert(lot_is_pair((const int[]){ lot.entrance, lot.exit }));
	assert(lot_is_pair((const int[]){ lot.exit, lot.entrance }));
	lot_init(&other, NULL, 0);
	assert(lot_open(&other) == 0);
	assert(!lot_is_pair((const int[]){ other.entrance, lot.exit }));
	lot_deinit(&other);
}

/* Nobody lives: all that was added is dropped, and nothing is left. */
static void drop_all(size_t total)
{
	struct list_node nobody;
	size_t offset = 0, length;

	list_init(&nobody);
	while (offset < total) {
		int count = expected_at(offset, &length);

		assert(lot_add(&lot, length, (size_t)count, &nobody) == 0);
		offset += length;
	}
	assert(lot_renew(&lot) == 0);
	assert(queued() == 0);
}

static int lowest_free(void)
{
	int fd = dup(file);

	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t total;
	int before;

	file = eventfd(0, EFD_CLOEXEC);
	assert(file >= 0);
	lot_init(&lot, NULL, SIZE_MAX);
	assert(lot_open(&lot) == 0);
	before = lowest_free();
	fill(data, size);
	total = queued();
	check_ends();
	walk(total);
	walk(total);
	drop_all(total);
	assert(lowest_free() == before);
	lot_deinit(&lot);
	close(file);
	return 0;
}
