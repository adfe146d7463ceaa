/* SPDX-License-Identifier: MIT */
/*
 * What comes from the network with an address of ours is dropped, and what this
 * host sends to itself is not.
 *
 * Link with -Wl,--wrap=setsockopt.
 */
#include "config.h"

#include "echod/fence.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/namespace.h"
#include "unit/sockets.h"
#include "unit/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

INJECTED(int, -1, setsockopt,
	 (int fd, int level, int name, const void *value, socklen_t length),
	 (fd, level, name, value, length))

static struct address address_of(const char *literal, uint16_t port)
{
	return strchr(literal, ':') ? ipv6_address(literal, port)
				    : ipv4_address(literal, port);
}

static int open_wildcard(const char *literal)
{
	struct address any =
		address_of(strchr(literal, ':') ? "::" : "0.0.0.0", 0);

	return udp_socket(&any);
}

/* False where nobody may: in some containers. */
static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 && errno == EROFS) {
		(void)fprintf(stderr, "# not tested: %s is not ours\n", path);
		return false;
	}
	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(close(fd), 0);
	return true;
}

/* Let the kernel deliver by IPv4, too, what it drops by default. */
static bool believe_everything(void)
{
	static const char *const devices[] = { "all", "inside" };
	static const char *const settings[][2] = { { "accept_local", "1" },
						   { "route_localnet", "1" },
						   { "rp_filter", "0" } };
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(settings); j++) {
			snprintf(path, sizeof(path),
				 "/proc/sys/net/ipv4/conf/%s/%s", devices[i],
				 settings[j][0]);
			if (!write_file(path, settings[j][1]))
				return false;
		}
	}
	return true;
}

static const struct {
	const char *from;
	bool passes;
} forgeries[] = {
	{ INSIDE_IPV6, false },
	{ "fd09::2", true },
	/* Of the four words each differs once. */
	{ "fd09::ffff:1", true },
	{ "fd09::1:0:0:1", true },
	{ "fd09:0:1::1", true },
	{ "fd08::1", true },
	{ "::", true }, /* is the guard's affair, as what follows */
	{ "::ffff:127.0.0.1", true },
	{ "::127.0.0.1", true },
	{ INSIDE_IPV4, false },
	{ "127.0.0.1", false },
	{ "127.255.255.255", false },
	{ "126.255.255.255", true },
	{ "128.0.0.1", true },
	{ "10.9.8.2", true },
	{ "10.8.8.1", true },
};

static void deliver(const char *source, int fd)
{
	const char *inside = strchr(source, ':') ? INSIDE_IPV6 : INSIDE_IPV4;
	struct address name = fd_address(fd);
	struct address from = address_of(source, 4000);
	struct address to = address_of(inside, (uint16_t)address_port(&name));

	wire_deliver(&from, &to, "trust me");
	await_delivery();
}

START_TEST(what_comes_by_the_wire_is_not_from_us)
{
	const char *from = forgeries[_i].from;
	int fenced, open;

	if (!namespace_enter_with_wire() || !believe_everything())
		return;
	stay_on_one_cpu();
	open = open_wildcard(from);
	fenced = open_wildcard(from);
	ck_assert_int_eq(fence_begin(fenced), FENCE_STANDS);
	deliver(from, open);
	deliver(from, fenced);
	ck_assert_msg(events_now(open, POLLIN), "%s is not delivered", from);
	ck_assert_msg(!!events_now(fenced, POLLIN) == forgeries[_i].passes,
		      "%s", from);
}
END_TEST

static const struct {
	const char *from, *to;
} ways[] = {
	{ "127.0.0.1", "127.0.0.1" }, { "127.0.0.1", INSIDE_IPV4 },
	{ INSIDE_IPV4, INSIDE_IPV4 }, { INSIDE_IPV4, "127.0.0.1" },
	{ "127.0.0.1", "127.9.9.9" }, { "::1", "::1" },
	{ INSIDE_IPV6, INSIDE_IPV6 }, { "::1", INSIDE_IPV6 },
	{ INSIDE_IPV6, "::1" },
};

START_TEST(what_we_send_to_ourselves_passes)
{
	struct address from = address_of(ways[_i].from, 0), to;
	int fd;

	if (!namespace_enter_with_wire())
		return;
	fd = open_wildcard(ways[_i].from);
	ck_assert_int_eq(fence_begin(fd), FENCE_STANDS);
	to = fd_address(fd);
	to = address_of(ways[_i].to, (uint16_t)address_port(&to));
	send_text_to(udp_socket(&from), "it is us", &to);
	expect_text(fd, "it is us");
}
END_TEST

/* IPv4 on a socket for both. */
START_TEST(both_families_are_fenced_on_one_socket)
{
	struct address any = { .length = sizeof(any.in6),
			       .in6.sin6_family = AF_INET6 };
	int fd;

	if (!namespace_enter_with_wire() || !believe_everything())
		return;
	stay_on_one_cpu();
	fd = fd_open(AF_INET6, SOCK_DGRAM);
	fd_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	ck_assert_int_eq(bind(fd, &any.any, any.length), 0);
	ck_assert_int_eq(fence_begin(fd), FENCE_STANDS);
	deliver("127.0.0.1", fd);
	deliver(INSIDE_IPV4, fd);
	deliver(INSIDE_IPV6, fd);
	ck_assert_int_eq(events_now(fd, POLLIN), 0);
	deliver("10.9.8.2", fd);
	ck_assert_int_eq(events_now(fd, POLLIN), POLLIN);
}
END_TEST

START_TEST(what_waits_may_have_come_before)
{
	int fds[2];

	udp_pair(fds);
	send_text(fds[0], "early");
	await_readable(fds[1]);
	ck_assert_int_eq(fence_begin(fds[1]), FENCE_NEW);
}
END_TEST

/* It was put up by an earlier instance. */
START_TEST(a_fence_that_stands_is_known)
{
	int fds[2];

	udp_pair(fds);
	ck_assert_int_eq(fence_begin(fds[1]), FENCE_STANDS);
	send_text(fds[0], "late");
	await_readable(fds[1]);
	ck_assert_int_eq(fence_begin(fds[1]), FENCE_STANDS);
}
END_TEST

/* Of another length, or of the same. */
START_TEST(another_filter_is_none)
{
	struct sock_filter program[29];
	static const unsigned short lengths[] = { 1, 28, 29 };
	struct sock_fprog filter = { lengths[_i], program };
	int fds[2];

	for (size_t i = 0; i < ARRAY_SIZE(program); i++)
		program[i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
							  UINT32_MAX);
	udp_pair(fds);
	ck_assert_int_eq(setsockopt(fds[1], SOL_SOCKET, SO_ATTACH_FILTER,
				    &filter, sizeof(filter)),
			 0);
	send_text(fds[0], "passed another filter");
	await_readable(fds[1]);
	ck_assert_int_eq(fence_begin(fds[1]), FENCE_NEW);
	ck_assert_int_eq(fence_begin(fds[1]), FENCE_STANDS);
}
END_TEST

START_TEST(a_kernel_may_refuse_it)
{
	int fds[2];

	udp_pair(fds);
	setsockopt_fault = (struct fault){ .times = 1, .error = EPERM };
	ck_assert_int_eq(fence_begin(fds[1]), FENCE_NONE);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("fence");
	TCase *tcase = tcase_create("fence");

	tcase_set_timeout(tcase, TEST_TIMEOUT_SEC);
	tcase_add_loop_test(tcase, what_comes_by_the_wire_is_not_from_us, 0,
			    ARRAY_SIZE(forgeries));
	tcase_add_loop_test(tcase, what_we_send_to_ourselves_passes, 0,
			    ARRAY_SIZE(ways));
	tcase_add_test(tcase, both_families_are_fenced_on_one_socket);
	tcase_add_test(tcase, what_waits_may_have_come_before);
	tcase_add_test(tcase, a_fence_that_stands_is_known);
	tcase_add_loop_test(tcase, another_filter_is_none, 0, 3);
	tcase_add_test(tcase, a_kernel_may_refuse_it);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
