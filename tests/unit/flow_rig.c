/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/flow_rig.h"

#include "echoping/message.h"
#include "echoping/pattern.h"
#include "echoping/stamp.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define REMEMBERED  64
#define TARGETS_MAX 8

struct told told[TOLD_MAX];
size_t told_count;

static void keep(const struct reply *reply, bool lost)
{
	ck_assert_uint_lt(told_count, TOLD_MAX);
	told[told_count++] = (struct told){ lost, *reply };
	/* Whoever tells of it may do anything to errno. */
	errno = EDOM;
}

static void keep_reply(const struct settings *settings UNUSED,
		       const struct reply *reply)
{
	keep(reply, false);
}

static void keep_lost(const struct settings *settings UNUSED,
		      const struct reply *probe)
{
	keep(probe, true);
}

const struct reporter flow_rig_reporter = {
	.reply = keep_reply,
	.lost = keep_lost,
};

const struct reply *told_last(void)
{
	ck_assert_uint_gt(told_count, 0);
	return &told[told_count - 1].reply;
}

void expect_reply(uint64_t sequence, unsigned faults)
{
	const struct reply *last = told_last();

	ck_assert(!told[told_count - 1].lost);
	ck_assert_uint_eq(last->faults, faults);
	if (!(faults & FAULT_FOREIGN))
		ck_assert_uint_eq(last->sequence, sequence);
}

void expect_lost(uint64_t sequence, const char *reason)
{
	const struct reply *last = told_last();

	ck_assert(told[told_count - 1].lost);
	ck_assert_uint_eq(last->sequence, sequence);
	ck_assert_pstr_eq(last->reason, reason);
}

void expect_tally(const struct flow *flow, uint64_t received, uint64_t lost)
{
	const struct tally *tally = &flow->tally;

	ck_assert_uint_eq(tally->received, received);
	ck_assert_uint_eq(tally->lost, lost);
	ck_assert_uint_eq(tally->sent, received + lost + flow->waiting);
	ck_assert_uint_eq(tally->rtt.total, received);
}

static void init(struct flow_rig *rig)
{
	*rig = (struct flow_rig){
		.settings = {
			.size = 64,
			.flows = 1,
			.interval = NSEC_PER_SEC,
			.timeout = 60 * NSEC_PER_SEC,
			.deadline = NSEC_INFINITY,
			.priority = -1,
			.tos = -1,
		},
	};
	pattern_init(&rig->settings.fill);
	rig->context = (struct flow_context){
		.settings = &rig->settings,
		.source = &rig->source,
		.reporter = &flow_rig_reporter,
		.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
		.message = malloc(MESSAGE_SIZE_MAX),
		.buffer = malloc(DATAGRAM_SIZE_MAX + 1),
		.buffer_size = DATAGRAM_SIZE_MAX + 1,
	};
	ck_assert_int_ge(rig->context.epoll_fd, 0);
	list_init(&rig->context.waiting);
}

static void init_flow(struct flow_rig *rig)
{
	ck_assert_int_eq(flow_init(&rig->flow, &rig->context, &rig->target, 0,
				   1, REMEMBERED),
			 0);
}

void flow_rig_init(struct flow_rig *rig, const char *target)
{
	const char *reason;

	init(rig);
	ck_assert_int_eq(
		target_resolve(&rig->target, target, &rig->settings, &reason),
		0);
	init_flow(rig);
}

void resolve_to(struct target *target, const struct settings *settings,
		const char *scheme, int fd)
{
	/* Targets keep what they are given. */
	static char texts[TARGETS_MAX][ADDRESS_TEXT_MAX + 16];
	static size_t count;
	struct address address = fd_address(fd);
	char text[ADDRESS_TEXT_MAX], *whole = texts[count++ % TARGETS_MAX];
	const char *reason;

	address_format(&address, text);
	(void)snprintf(whole, sizeof(texts[0]), "%s:%s", scheme, text);
	ck_assert_int_eq(target_resolve(target, whole, settings, &reason), 0);
}

void flow_rig_init_to(struct flow_rig *rig, const char *scheme, int fd)
{
	init(rig);
	resolve_to(&rig->target, &rig->settings, scheme, fd);
	init_flow(rig);
}

void flow_rig_deinit(struct flow_rig *rig)
{
	flow_deinit(&rig->flow);
	free(rig->context.message);
	free(rig->context.buffer);
	close(rig->context.epoll_fd);
}

static bool is_stamped(int from, int to)
{
	union {
		struct cmsghdr alignment;
		char bytes[STAMP_CONTROL_SIZE];
	} room;
	char byte;
	struct iovec payload = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &payload,
		.msg_iovlen = 1,
		.msg_control = &room,
		.msg_controllen = sizeof(room),
	};

	send_text(from, "?");
	await_readable(to);
	ck_assert_int_eq(recvmsg(to, &message, 0), 1);
	return stamp_received(&message) > 0;
}

void await_kernel_stamps(void)
{
	int fds[2];

	tcp_pair(fds);
	ck_assert(stamp_enable(fds[SERVER]));
	AWAIT(is_stamped(fds[CLIENT], fds[SERVER]));
}

void flow_rig_step(struct flow_rig *rig)
{
	struct epoll_event event;
	int count = epoll_wait(rig->context.epoll_fd, &event, 1, AWAIT_MSEC);

	ck_assert_msg(count == 1, "the flow awaits something in vain");
	flow_on_ready(event.data.ptr, event.events);
}

void flow_rig_message(const struct flow_rig *rig, uint64_t sequence,
		      unsigned char *bytes)
{
	message_write(bytes, rig->settings.size, sequence, rig->flow.nonce);
}

static void *echo(void *fd)
{
	unsigned char bytes[2048];
	struct pollfd poller = { *(int *)fd, POLLIN, 0 };

	for (;;) {
		struct address from = { .length = sizeof(from.in6) };
		ssize_t size;

		(void)poll(&poller, 1, -1);
		size = recvfrom(poller.fd, bytes, sizeof(bytes), 0, &from.any,
				&from.length);
		if (size >= 0)
			(void)sendto(poller.fd, bytes, (size_t)size, 0,
				     &from.any, from.length);
	}
	return NULL;
}

void begin_echoing(int fd)
{
	static int echoing;
	pthread_t thread;

	echoing = fd;
	ck_assert_int_eq(pthread_create(&thread, NULL, echo, &echoing), 0);
}

int tcp_full_listener(void)
{
	struct address address = ipv4_address("127.0.0.1", 0);
	int listener = fd_bound(SOCK_STREAM, &address);

	address = fd_address(listener);
	ck_assert_int_eq(listen(listener, 0), 0);
	for (size_t backlog = 0; backlog < 1; backlog = tcp_backlog(listener)) {
		int fd = fd_open(AF_INET, SOCK_STREAM);

		ck_assert(connect(fd, &address.any, address.length) == 0 ||
			  errno == EINPROGRESS);
		(void)await_events(fd, POLLOUT);
	}
	return listener;
}
