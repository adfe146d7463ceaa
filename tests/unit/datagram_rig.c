/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/datagram_rig.h"
#include "unit/harness.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct rig rig;
struct datagram datagram;
struct address server;

void datagram_rig_setup(void)
{
	rig_init(&rig);
}

void datagram_rig_teardown(void)
{
	if (datagram.worker)
		datagram_close(&datagram);
	rig_deinit(&rig);
}

void serve(int fd)
{
	struct socket_identity identity;
	const char *reason;

	ck_assert_int_eq(socket_identify(fd, &identity, &reason), 0);
	socket_prepare(fd, &identity);
	ck_assert_int_eq(datagram_open(&datagram, &rig.worker, fd, &identity),
			 0);
	server = identity.local;
}

void serve_address(struct address address)
{
	serve(udp_socket(&address));
}

int ipv4_client(void)
{
	struct address any_port = ipv4_address("127.0.0.1", 0);

	return udp_socket(&any_port);
}

int ipv6_client(void)
{
	struct address any_port = ipv6_address("::1", 0);

	return udp_socket(&any_port);
}

int unix_client(const char *name)
{
	struct address address = { .un = { .sun_family = AF_UNIX } };
	int fd = fd_open(AF_UNIX, SOCK_DGRAM);

	if (!name)
		return fd;
	(void)snprintf(address.un.sun_path + 1, 64, "echod-%d-%s", getpid(),
		       name);
	address.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				     1 + strlen(address.un.sun_path + 1));
	ck_assert_int_eq(bind(fd, &address.any, address.length), 0);
	return fd;
}

void expect_reply_from(int client, const struct address *from, const void *data,
		       size_t length)
{
	static unsigned char buffer[ASKED_MAX];
	struct address replier;
	size_t received;

	rig_await_readable(&rig, client);
	replier = receive_from(client, buffer, sizeof(buffer), &received);
	ck_assert_uint_eq(received, length);
	if (length > 0)
		ck_assert_mem_eq(buffer, data, length);
	ck_assert_uint_eq(replier.length, from->length);
	ck_assert_mem_eq(&replier.any, &from->any, from->length);
}

void ask(int client, const struct address *to, size_t length)
{
	static unsigned char data[ASKED_MAX];

	for (size_t i = 0; i < length; i++)
		data[i] = pattern_byte(i);
	ck_assert_int_eq(sendto(client, data, length, 0, &to->any, to->length),
			 (ssize_t)length);
	expect_reply_from(client, to, data, length);
}

void send_numbers(int client, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++)
		ck_assert_int_eq(sendto(client, &i, sizeof(i), 0, &server.any,
					server.length),
				 sizeof(i));
}

void expect_numbers(int client, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++)
		expect_reply_from(client, &server, &i, sizeof(i));
}

void expect_silence(int client)
{
	ck_assert_int_eq(events_now(client, POLLIN), 0);
}
