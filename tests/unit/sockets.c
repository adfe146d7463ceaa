/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/sockets.h"
#include "unit/harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h> /* the C library's tcp_info has no tcpi_bytes_acked */
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Fail the test unless the call succeeded. */
#define CALL(call) ck_assert_msg((call) >= 0, "%s: %s", #call, strerror(errno))

/* A prime, so that the pattern does not repeat with any buffer size. */
#define PATTERN_PERIOD 251

struct address ipv4_address(const char *literal, uint16_t port)
{
	struct address address = {
		.length = sizeof(address.in),
		.in = { .sin_family = AF_INET, .sin_port = htons(port) },
	};

	ck_assert_int_eq(inet_pton(AF_INET, literal, &address.in.sin_addr), 1);
	return address;
}

struct address ipv6_address(const char *literal, uint16_t port)
{
	struct address address = {
		.length = sizeof(address.in6),
		.in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) },
	};

	ck_assert_int_eq(inet_pton(AF_INET6, literal, &address.in6.sin6_addr),
			 1);
	return address;
}

struct address fd_address(int fd)
{
	struct address address = { .length = sizeof(struct sockaddr_un) };

	CALL(getsockname(fd, &address.any, &address.length));
	return address;
}

bool ipv6_is_available(void)
{
	struct address loopback = ipv6_address("::1", 0);
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool available = bind(fd, &loopback.any, loopback.length) == 0;

	if (!available)
		(void)fprintf(stderr, "# not tested: no IPv6 (%s)\n",
			      strerror(errno));
	if (fd >= 0)
		CALL(close(fd));
	return available;
}

int fd_open(int domain, int type)
{
	int fd = socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	CALL(fd);
	return fd;
}

int fd_bound(int type, const struct address *address)
{
	int fd = fd_open(address->any.sa_family, type);

	CALL(bind(fd, &address->any, address->length));
	return fd;
}

void fd_set_option(int fd, int level, int name, int value)
{
	CALL(setsockopt(fd, level, name, &value, sizeof(value)));
}

int fd_option(int fd, int level, int name)
{
	int value = 0;
	socklen_t length = sizeof(value);

	CALL(getsockopt(fd, level, name, &value, &length));
	return value;
}

static int stream_socket(int protocol)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			protocol);

	CALL(fd);
	return fd;
}

static int stream_listener(int protocol, uint16_t port)
{
	struct address address = ipv4_address("127.0.0.1", port);
	int fd = stream_socket(protocol);

	fd_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	CALL(bind(fd, &address.any, address.length));
	CALL(listen(fd, SOMAXCONN));
	return fd;
}

int tcp_listener(uint16_t port)
{
	return stream_listener(IPPROTO_TCP, port);
}

static int stream_connect(int protocol, int listener)
{
	struct address address = fd_address(listener);
	int fd = stream_socket(protocol);

	if (connect(fd, &address.any, address.length) < 0) {
		ck_assert_int_eq(errno, EINPROGRESS);
		await_events(fd, POLLOUT);
		ck_assert_int_eq(fd_option(fd, SOL_SOCKET, SO_ERROR), 0);
	}
	return fd;
}

int tcp_connect(int listener)
{
	return stream_connect(IPPROTO_TCP, listener);
}

int tcp_accept(int listener)
{
	int fd;

	await_readable(listener);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	CALL(fd);
	return fd;
}

void tcp_pair(int fds[2])
{
	int listener = tcp_listener(0);

	fds[CLIENT] = tcp_connect(listener);
	fds[SERVER] = tcp_accept(listener);
	CALL(close(listener));
}

bool mptcp_is_available(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);

	if (fd < 0)
		(void)fprintf(stderr, "# not tested: no MPTCP (%s)\n",
			      strerror(errno));
	else
		CALL(close(fd));
	return fd >= 0;
}

int mptcp_listener(void)
{
	return stream_listener(IPPROTO_MPTCP, 0);
}

int mptcp_connect(int listener)
{
	return stream_connect(IPPROTO_MPTCP, listener);
}

void mptcp_pair(int fds[2])
{
	int listener = mptcp_listener();

	fds[CLIENT] = mptcp_connect(listener);
	fds[SERVER] = tcp_accept(listener);
	CALL(close(listener));
}

void unix_pair(int type, int fds[2])
{
	CALL(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
}

int udp_socket(const struct address *address)
{
	return fd_bound(SOCK_DGRAM, address);
}

void udp_pair(int fds[2])
{
	struct address any_port = ipv4_address("127.0.0.1", 0);
	struct address names[2];

	for (int i = 0; i < 2; i++) {
		fds[i] = udp_socket(&any_port);
		names[i] = fd_address(fds[i]);
	}
	for (int i = 0; i < 2; i++)
		CALL(connect(fds[i], &names[!i].any, names[!i].length));
}

int udp_refuser(void)
{
	struct address any_port = ipv4_address("127.0.0.1", 0);
	struct address nobody = ipv4_address("127.0.0.2", 9);
	int fd = udp_socket(&any_port);

	CALL(connect(fd, &nobody.any, nobody.length));
	return fd;
}

void send_text(int fd, const char *text)
{
	ssize_t sent = send(fd, text, strlen(text), MSG_NOSIGNAL);

	CALL(sent);
	ck_assert_uint_eq((size_t)sent, strlen(text));
}

void send_text_to(int fd, const char *text, const struct address *to)
{
	ssize_t sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL, &to->any,
			      to->length);

	CALL(sent);
	ck_assert_uint_eq((size_t)sent, strlen(text));
}

void expect_text(int fd, const char *text)
{
	char buffer[256];
	ssize_t received;

	await_readable(fd);
	received = recv(fd, buffer, sizeof(buffer) - 1, 0);
	CALL(received);
	buffer[received] = '\0';
	ck_assert_str_eq(buffer, text);
}

struct address receive_from(int fd, void *buffer, size_t size, size_t *length)
{
	struct address from = { .length = sizeof(struct sockaddr_un) };
	ssize_t received;

	await_readable(fd);
	received = recvfrom(fd, buffer, size, 0, &from.any, &from.length);
	CALL(received);
	*length = (size_t)received;
	return from;
}

uint8_t pattern_byte(size_t position)
{
	return (uint8_t)(position % PATTERN_PERIOD);
}

size_t fill_send_buffer(int fd, size_t offset)
{
	uint8_t chunk[4096 + PATTERN_PERIOD];
	size_t total = 0;

	for (size_t i = 0; i < sizeof(chunk); i++)
		chunk[i] = pattern_byte(i);
	for (;;) {
		size_t phase = (offset + total) % PATTERN_PERIOD;
		ssize_t sent = send(fd, chunk + phase, 4096, MSG_NOSIGNAL);

		if (sent < 0)
			break;
		total += (size_t)sent;
	}
	ck_assert_int_eq(errno, EAGAIN);
	return total;
}

size_t read_stream(int fd, size_t offset, int *error)
{
	uint8_t chunk[4096];
	size_t total = 0;
	ssize_t received;

	do {
		await_readable(fd);
		received = recv(fd, chunk, sizeof(chunk), 0);
		for (ssize_t i = 0; i < received; i++)
			if (chunk[i] != pattern_byte(offset + total++))
				ck_abort_msg("byte %zu is wrong", total - 1);
	} while (received > 0);
	*error = received < 0 ? errno : 0;
	return total;
}

static size_t queue_size(int fd, unsigned long request)
{
	int bytes = 0;

	CALL(ioctl(fd, request, &bytes));
	return (size_t)bytes;
}

size_t fd_inq(int fd)
{
	return queue_size(fd, SIOCINQ);
}

size_t fd_outq(int fd)
{
	return queue_size(fd, SIOCOUTQ);
}

static struct tcp_info tcp_info(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	CALL(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length));
	return info;
}

struct tcp_progress tcp_progress(int fd)
{
	struct tcp_info info = tcp_info(fd);

	return (struct tcp_progress){
		.state = info.tcpi_state,
		.bytes_acked = info.tcpi_bytes_acked,
		.bytes_received = info.tcpi_bytes_received,
	};
}

int tcp_state(int fd)
{
	return tcp_info(fd).tcpi_state;
}

size_t tcp_backlog(int listener)
{
	/* Of a listener, TCP_INFO tells the accept queue in this field. */
	return tcp_info(listener).tcpi_unacked;
}

void await_inq(int fd, size_t bytes)
{
	AWAIT(fd_inq(fd) >= bytes);
}

void stay_on_one_cpu(void)
{
	cpu_set_t set;
	int cpu = sched_getcpu();

	CALL(cpu);
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	CALL(sched_setaffinity(0, sizeof(set), &set));
}

void await_delivery(void)
{
	int fds[2];

	udp_pair(fds);
	/* The answer to what was sent before queues behind the first. */
	for (int i = 0; i < 2; i++) {
		send_text(fds[0], "last");
		expect_text(fds[1], "last");
	}
	CALL(close(fds[0]));
	CALL(close(fds[1]));
}

int lowest_free_fd(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	CALL(fd);
	CALL(close(fd));
	return fd;
}
