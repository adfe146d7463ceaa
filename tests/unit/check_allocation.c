/* SPDX-License-Identifier: MIT */
/*
 * What is received, held and sent costs no allocation: a whole worker, whose
 * loop the test turns by hand, and every call of the allocator in the test's
 * hands.  Only accepting a connection takes memory.
 */
#include "config.h"

#include "echod/connection_state.h"
#include "echod/datagram.h"
#include "echod/listener.h"
#include "echod/socket.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/rig.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MESSAGES 1000
#define BURST	 50

static struct fault mmap_fault; /* also counts calls */
INJECTED(void *, NULL, malloc, (size_t size), (size))
INJECTED(void *, NULL, calloc, (size_t count, size_t size), (count, size))
INJECTED(void *, NULL, realloc, (void *memory, size_t size), (memory, size))
INJECTED(void *, NULL, reallocarray, (void *memory, size_t count, size_t size),
	 (memory, count, size))
INJECTED(void *, NULL, aligned_alloc, (size_t alignment, size_t size),
	 (alignment, size))
WRAPPED(void *, mmap,
	(void *address, size_t length, int protection, int flags, int fd,
	 off_t offset));
WRAPPED(void, free, (void *memory));
WRAPPED(ssize_t, call_send,
	(int fd, const void *bytes, size_t length, int flags));

static unsigned freed, sends;

void *__wrap_mmap(void *address, size_t length, int protection, int flags,
		  int fd, off_t offset)
{
	if (fault_strikes(&mmap_fault))
		return MAP_FAILED;
	return __real_mmap(address, length, protection, flags, fd, offset);
}

void __wrap_free(void *memory)
{
	freed++;
	__real_free(memory);
}

/* Every third takes one byte, every third nothing. */
ssize_t __wrap_call_send(int fd, const void *bytes, size_t length, int flags)
{
	switch (sends++ % 3) {
	case 1:
		return __real_call_send(fd, bytes, 1, flags);
	case 2:
		errno = EAGAIN;
		return -1;
	default:
		return __real_call_send(fd, bytes, length, flags);
	}
}

static struct rig rig;
static struct listener listener;
static struct datagram datagram;
static int listening, udp, allocations;

static int allocator_calls(void)
{
	return (int)(malloc_fault.calls + calloc_fault.calls +
		     realloc_fault.calls + reallocarray_fault.calls +
		     aligned_alloc_fault.calls + mmap_fault.calls + freed);
}

static void setup(void)
{
	struct address address = ipv4_address("127.0.0.1", 0);
	struct socket_identity identity;
	const char *reason;

	rig_init(&rig);
	listener.origin = (struct connection_origin){ .name = "tcp:test",
						      .tcp = true,
						      .sole = true };
	listening = tcp_listener(0);
	/* Or what is sent in pieces is held back for 40 ms: TCP_NODELAY. */
	ck_assert_int_eq(socket_identify(listening, &identity, &reason), 0);
	socket_prepare(listening, &identity);
	ck_assert_int_eq(
		listener_open(&listener, &rig.worker, listening, false), 0);
	udp = fd_bound(SOCK_DGRAM, &address);
	ck_assert_int_eq(socket_identify(udp, &identity, &reason), 0);
	socket_prepare(udp, &identity);
	ck_assert_int_eq(datagram_open(&datagram, &rig.worker, udp, &identity),
			 0);
}

static void teardown(void)
{
	worker_post(&rig.worker, WORKER_ABORT);
	RIG_AWAIT(&rig, rig.worker.reactor.stopping);
	rig_deinit(&rig);
}

/* Only what echod does is counted. */
static void turn(void)
{
	int before = allocator_calls();

	rig_turn(&rig);
	allocations += allocator_calls() - before;
}

/* What is held is sent on, though the kernel tells of no edge for it. */
static void turn_on(void)
{
	struct list_node *link;

	turn();
	list_for_each (link, &rig.worker.connections.entries) {
		struct idle_entry *entry =
			container_of(link, struct idle_entry, link);

		event_source_raise(&connection_of(entry)->source, EPOLLOUT);
	}
}

static int accepted(void)
{
	int client = tcp_connect(listening);

	RIG_AWAIT(&rig, tcp_backlog(listening) == 0);
	return client;
}

START_TEST(streams_are_echoed_and_held_without_allocation)
{
	int client = accepted();

	for (int i = 0; i < MESSAGES; i++) {
		send_text(client, "hello");
		AWAIT((turn_on(), fd_inq(client)) == 5);
		expect_text(client, "hello");
	}
	ck_assert_uint_gt(sends, 2 * MESSAGES);
	ck_assert_int_eq(allocations, 0);
}
END_TEST

START_TEST(bursts_of_datagrams_are_echoed_without_allocation)
{
	struct address address = fd_address(udp), own;
	int client;

	own = ipv4_address("127.0.0.1", 0);
	client = fd_bound(SOCK_DGRAM, &own);
	for (int i = 0; i < MESSAGES / BURST; i++) {
		for (int j = 0; j < BURST; j++)
			send_text_to(client, "hello", &address);
		for (int j = 0; j < BURST; j++) {
			AWAIT((turn(), events_now(client, POLLIN)) != 0);
			expect_text(client, "hello");
		}
	}
	ck_assert_uint_eq(RIG_COUNT(&rig, datagrams_sent), MESSAGES);
	ck_assert_int_eq(allocations, 0);
}
END_TEST

START_TEST(accepting_takes_memory)
{
	(void)tcp_connect(listening);
	AWAIT((turn(), tcp_backlog(listening)) == 0);
	ck_assert_int_gt(allocations, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("allocation");
	TCase *tcase = tcase_create("allocation");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, streams_are_echoed_and_held_without_allocation);
	tcase_add_test(tcase,
		       bursts_of_datagrams_are_echoed_without_allocation);
	tcase_add_test(tcase, accepting_takes_memory);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
