/* SPDX-License-Identifier: MIT */
/*
 * The kernel's times and errors: as it really tells them, and as it may.
 *
 * Link with -Wl,--wrap=recvmsg and setsockopt.
 */
#include "config.h"

#include "echoping/stamp.h"
#include "unit/flow_rig.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/sockets.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <string.h>
#include <time.h>

INJECTED(int, -1, setsockopt,
	 (int fd, int level, int name, const void *value, socklen_t length),
	 (fd, level, name, value, length))

/* What the next recvmsg() brings instead; NULL: the real one is called. */
typedef void crafter(struct msghdr *message);
static crafter *craft;
static struct fault recvmsg_fault;
WRAPPED(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags));

ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags)
{
	if (fault_strikes(&recvmsg_fault))
		return -1;
	if (!craft)
		return __real_recvmsg(fd, message, flags);
	ck_assert_int_eq(flags & MSG_ERRQUEUE, MSG_ERRQUEUE);
	ck_assert_int_eq(flags & MSG_DONTWAIT, MSG_DONTWAIT);
	craft(message);
	return 5;
}

/* An ICMP error as it is told: the address is behind the struct. */
struct told_error {
	struct sock_extended_err error;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} offender;
};

static struct scm_timestamping stamps = {
	{ { 12, 34 }, { 0, 0 }, { 56, 78 } }
};
static struct told_error told_error;
static size_t told_error_size;
static int error_level, error_type;

/* Append a control message; the last one is at `length`. */
static void put(struct msghdr *message, size_t *length, int level, int type,
		const void *data, size_t size)
{
	struct cmsghdr *control =
		(void *)((char *)message->msg_control + *length);

	control->cmsg_level = level;
	control->cmsg_type = type;
	control->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(control), data, size);
	*length += CMSG_SPACE(size);
	ck_assert_uint_le(*length, message->msg_controllen);
}

static void craft_both(struct msghdr *message)
{
	int other = 7;
	size_t length = 0;

	put(message, &length, SOL_SOCKET, SO_MARK, &other, sizeof(other));
	put(message, &length, SOL_SOCKET, SCM_TIMESTAMPING, &stamps,
	    sizeof(stamps));
	put(message, &length, error_level, error_type, &told_error,
	    told_error_size);
	message->msg_controllen = length;
}

static void craft_nothing(struct msghdr *message)
{
	message->msg_controllen = 0;
}

static struct stamp_event crafted(crafter *crafting)
{
	unsigned char buffer[16];
	struct stamp_event event;

	craft = crafting;
	ck_assert_int_eq(stamp_next(0, buffer, sizeof(buffer), &event), 0);
	return event;
}

static struct stamp_event event_of(uint8_t origin, const struct address *from,
				   int level, int type)
{
	told_error = (struct told_error){
		.error = { .ee_errno = EHOSTUNREACH,
			   .ee_origin = origin,
			   .ee_data = 4711 },
	};
	memcpy(&told_error.offender, &from->any, from->length);
	told_error_size = sizeof(told_error.error) + from->length;
	error_level = level;
	error_type = type;
	return crafted(craft_both);
}

START_TEST(reads_when_a_datagram_left)
{
	struct address nobody = { .length = sizeof(struct sockaddr_in) };
	struct stamp_event event = event_of(SO_EE_ORIGIN_TIMESTAMPING, &nobody,
					    IPPROTO_IP, IP_RECVERR);

	ck_assert(event.sent);
	ck_assert_uint_eq(event.id, 4711);
	ck_assert_uint_eq(event.when, UINT64_C(12000000034));
	event = event_of(SO_EE_ORIGIN_TIMESTAMPING, &nobody, IPPROTO_IPV6,
			 IPV6_RECVERR);
	ck_assert(event.sent);
	ck_assert_uint_eq(event.id, 4711);
}
END_TEST

START_TEST(reads_who_sent_an_error)
{
	struct address router = ipv4_address("127.0.0.3", 0);
	struct address router6 = ipv6_address("fd09::3", 0);
	struct stamp_event event =
		event_of(SO_EE_ORIGIN_ICMP, &router, IPPROTO_IP, IP_RECVERR);

	ck_assert(!event.sent);
	ck_assert_int_eq(event.error, EHOSTUNREACH);
	ck_assert_uint_eq(event.length, 5);
	ck_assert_uint_eq(event.from.length, router.length);
	ck_assert_mem_eq(&event.from.in, &router.in, sizeof(router.in));
	event = event_of(SO_EE_ORIGIN_ICMP6, &router6, IPPROTO_IPV6,
			 IPV6_RECVERR);
	ck_assert_int_eq(event.error, EHOSTUNREACH);
	ck_assert_uint_eq(event.from.length, router6.length);
	ck_assert_mem_eq(&event.from.in6, &router6.in6, sizeof(router6.in6));
}
END_TEST

START_TEST(knows_nobody_who_is_not_named)
{
	struct address nobody = { .length = sizeof(struct sockaddr_in),
				  .any.sa_family = AF_UNSPEC };
	struct address cut = ipv6_address("fd09::3", 0);
	struct stamp_event event =
		event_of(SO_EE_ORIGIN_LOCAL, &nobody, IPPROTO_IP, IP_RECVERR);

	ck_assert_int_eq(event.error, EHOSTUNREACH);
	ck_assert_uint_eq(event.from.length, 0);
	cut.length = sizeof(struct sockaddr_in);
	event = event_of(SO_EE_ORIGIN_ICMP6, &cut, IPPROTO_IPV6, IPV6_RECVERR);
	ck_assert_uint_eq(event.from.length, 0);
}
END_TEST

START_TEST(takes_nothing_else_for_an_error)
{
	struct address router = ipv4_address("127.0.0.3", 0);
	struct stamp_event event =
		event_of(SO_EE_ORIGIN_ICMP, &router, IPPROTO_IP, IP_TTL);

	ck_assert_int_eq(event.error, 0);
	ck_assert(!event.sent);
	event = crafted(craft_nothing);
	ck_assert_int_eq(event.error, 0);
	ck_assert_uint_eq(event.when, 0);
	ck_assert_uint_eq(event.length, 5);
}
END_TEST

START_TEST(ends_when_there_is_no_event)
{
	struct address any = ipv4_address("127.0.0.1", 0);
	unsigned char buffer[16];
	struct stamp_event event;

	ck_assert_int_eq(
		stamp_next(udp_socket(&any), buffer, sizeof(buffer), &event),
		-EAGAIN);
	ck_assert_int_eq(stamp_next(-1, buffer, sizeof(buffer), &event),
			 -EAGAIN);
	craft = craft_nothing;
	recvmsg_fault = (struct fault){ .times = 2, .error = EINTR };
	ck_assert_int_eq(stamp_next(0, buffer, sizeof(buffer), &event), 0);
}
END_TEST

/* The next event of a real socket, awaited. */
static struct stamp_event real_event(int fd)
{
	unsigned char buffer[16];
	struct stamp_event event;

	AWAIT(stamp_next(fd, buffer, sizeof(buffer), &event) == 0);
	return event;
}

START_TEST(counts_datagrams_from_when_it_is_asked)
{
	int fds[2];
	uint64_t before;

	udp_pair(fds);
	ck_assert(stamp_enable(fds[0]));
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 3; i++) {
			struct stamp_event event;

			before = clock_of_day();
			send_text(fds[0], "?");
			event = real_event(fds[0]);
			ck_assert(event.sent);
			ck_assert_uint_eq(event.id, i);
			ck_assert_uint_ge(event.when, before);
			ck_assert_uint_le(event.when, clock_of_day());
			ck_assert_uint_eq(event.length, 0);
		}
		ck_assert(stamp_enable(fds[0]));
	}
}
END_TEST

START_TEST(counts_bytes_of_a_stream)
{
	int fds[2];

	tcp_pair(fds);
	send_text(fds[CLIENT], "unseen");
	expect_text(fds[SERVER], "unseen");
	AWAIT(fd_outq(fds[CLIENT]) == 0);
	ck_assert(stamp_enable(fds[CLIENT]));
	send_text(fds[CLIENT], "12345678");
	ck_assert_uint_eq(real_event(fds[CLIENT]).id, 7);
	send_text(fds[CLIENT], "9");
	ck_assert_uint_eq(real_event(fds[CLIENT]).id, 8);
}
END_TEST

START_TEST(says_when_there_are_no_stamps)
{
	int fds[2];

	udp_pair(fds);
	for (unsigned call = 0; call < 2; call++) {
		setsockopt_fault = (struct fault){ .skip = call,
						   .times = 1,
						   .error = ENOPROTOOPT };
		ck_assert(!stamp_enable(fds[0]));
	}
	ck_assert(!stamp_enable(-1));
}
END_TEST

START_TEST(asks_for_errors_of_its_family_only)
{
	int fd = fd_open(AF_UNIX, SOCK_DGRAM);

	setsockopt_fault = (struct fault){ 0 };
	stamp_enable_errors(fd, AF_UNIX);
	ck_assert_uint_eq(setsockopt_fault.calls, 0);
	fd = fd_open(AF_INET, SOCK_DGRAM);
	stamp_enable_errors(fd, AF_INET);
	ck_assert_int_eq(fd_option(fd, IPPROTO_IP, IP_RECVERR), 1);
	if (!ipv6_is_available())
		return;
	fd = fd_open(AF_INET6, SOCK_DGRAM);
	stamp_enable_errors(fd, AF_INET6);
	ck_assert_int_eq(fd_option(fd, IPPROTO_IPV6, IPV6_RECVERR), 1);
}
END_TEST

static char received_room[STAMP_CONTROL_SIZE] __attribute__((aligned(8)));

START_TEST(reads_when_a_packet_came)
{
	struct msghdr message = { .msg_control = received_room,
				  .msg_controllen = sizeof(received_room) };
	int other = 7;
	size_t length = 0;

	put(&message, &length, SOL_SOCKET, SO_MARK, &other, sizeof(other));
	message.msg_controllen = length;
	ck_assert_uint_eq(stamp_received(&message), 0);
	message.msg_controllen = sizeof(received_room);
	put(&message, &length, SOL_SOCKET, SCM_TIMESTAMPING, &stamps,
	    sizeof(stamps));
	message.msg_controllen = length;
	ck_assert_uint_eq(stamp_received(&message), UINT64_C(12000000034));
	message.msg_controllen = 0;
	ck_assert_uint_eq(stamp_received(&message), 0);
}
END_TEST

START_TEST(clocks_are_in_nanoseconds)
{
	struct timespec real, monotonic;
	uint64_t of_day, now;

	ck_assert_int_eq(clock_gettime(CLOCK_REALTIME, &real), 0);
	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &monotonic), 0);
	of_day = clock_of_day();
	now = clock_now();
	ck_assert_uint_ge(of_day, (uint64_t)real.tv_sec * NSEC_PER_SEC +
					  (uint64_t)real.tv_nsec);
	ck_assert_uint_ge(now, (uint64_t)monotonic.tv_sec * NSEC_PER_SEC +
				       (uint64_t)monotonic.tv_nsec);
	ck_assert_uint_ge(clock_now(), now);
}
END_TEST

static Suite *stamp_suite(void)
{
	Suite *suite = suite_create("stamp");
	TCase *stamp = tcase_create("stamp");

	tcase_set_timeout(stamp, TEST_TIMEOUT_SEC);
	tcase_add_test(stamp, reads_when_a_datagram_left);
	tcase_add_test(stamp, reads_who_sent_an_error);
	tcase_add_test(stamp, knows_nobody_who_is_not_named);
	tcase_add_test(stamp, takes_nothing_else_for_an_error);
	tcase_add_test(stamp, ends_when_there_is_no_event);
	tcase_add_test(stamp, counts_datagrams_from_when_it_is_asked);
	tcase_add_test(stamp, counts_bytes_of_a_stream);
	tcase_add_test(stamp, says_when_there_are_no_stamps);
	tcase_add_test(stamp, asks_for_errors_of_its_family_only);
	tcase_add_test(stamp, reads_when_a_packet_came);
	tcase_add_test(stamp, clocks_are_in_nanoseconds);
	suite_add_tcase(suite, stamp);
	return suite;
}

int main(void)
{
	return harness_run(stamp_suite());
}
