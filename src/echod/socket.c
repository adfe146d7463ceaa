/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/socket.h"

#include "echod/socket_option.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif

/* Room in a struct address for what the kernel returns. */
#define ADDRESS_CAPACITY                                                       \
	(sizeof(struct address) - offsetof(struct address, any))

/* Bytes; what TCP starts from is 128 KiB, unless somebody chose another size.
 */
#define ROOMY (64 * 1024)

static int protocol_of(enum transport transport)
{
	return transport == TRANSPORT_MPTCP ? IPPROTO_MPTCP : 0;
}

/* A Unix socket's file outlives its socket; nobody answers there then. */
static bool unix_file_is_stale(const struct endpoint *endpoint)
{
	const struct sockaddr_un *un = &endpoint->address.un;
	struct stat status;
	bool stale;
	int fd;

	/* An abstract name begins with the path's end, and names no file. */
	if (un->sun_family != AF_UNIX || lstat(un->sun_path, &status) < 0 ||
	    !S_ISSOCK(status.st_mode))
		return false;
	fd = socket(AF_UNIX,
		    transport_type(endpoint->transport) | SOCK_CLOEXEC |
			    SOCK_NONBLOCK,
		    0);
	if (fd < 0)
		return false;
	stale = connect(fd, &endpoint->address.any, endpoint->address.length) <
			0 &&
		errno == ECONNREFUSED;
	close(fd);
	return stale;
}

static int socket_bind(int fd, const struct endpoint *endpoint)
{
	const struct address *address = &endpoint->address;

	if (bind(fd, &address->any, address->length) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	if (!unix_file_is_stale(endpoint))
		return -EADDRINUSE;
	socket_unlink(&endpoint->address);
	return bind(fd, &address->any, address->length) < 0 ? -errno : 0;
}

static int socket_set_up(int fd, const struct endpoint *endpoint, bool shared)
{
	bool stream = transport_type(endpoint->transport) != SOCK_DGRAM;
	int family = endpoint->address.any.sa_family;
	int error;

	if (family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	/* For streams only: two datagram sockets would steal from each other.
	 */
	if (stream && family != AF_UNIX)
		set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (shared)
		set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	error = socket_bind(fd, endpoint);
	if (error == 0 && stream && listen(fd, SOMAXCONN) < 0)
		error = -errno;
	return error;
}

int socket_open(const struct endpoint *endpoint, bool shared)
{
	int type = transport_type(endpoint->transport);
	int fd = socket(endpoint->address.any.sa_family,
			type | SOCK_NONBLOCK | SOCK_CLOEXEC,
			protocol_of(endpoint->transport));
	int error;

	if (fd < 0)
		return -errno;
	error = socket_set_up(fd, endpoint, shared);
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

void socket_unlink(const struct address *address)
{
	const struct sockaddr_un *un = &address->un;

	/* A file that is gone already is as good. */
	if (address->length > offsetof(struct sockaddr_un, sun_path) &&
	    un->sun_family == AF_UNIX && un->sun_path[0] != '\0')
		(void)unlink(un->sun_path);
}

static bool is_datagram_protocol(const struct socket_identity *identity)
{
	switch (identity->family) {
	case AF_INET:
	case AF_INET6:
		/* Not ICMP: "ping sockets" are SOCK_DGRAM, too. */
		return identity->protocol == IPPROTO_UDP ||
		       identity->protocol == IPPROTO_UDPLITE;
	case AF_UNIX:
	case AF_VSOCK:
		return true;
	default:
		return false; /* netlink, packet, ... */
	}
}

static int socket_kind(int fd, struct socket_identity *identity,
		       const char **reason)
{
	struct address peer;

	if (identity->type == SOCK_DGRAM && is_datagram_protocol(identity)) {
		identity->kind = SOCKET_DATAGRAM;
		return 0;
	}
	*reason = "is a socket of a kind that cannot be echoed";
	if (identity->type != SOCK_STREAM && identity->type != SOCK_SEQPACKET)
		return -EOPNOTSUPP;
	if (get_option(fd, SOL_SOCKET, SO_ACCEPTCONN, 0)) {
		identity->kind = SOCKET_LISTENER;
		return 0;
	}
	*reason = "is a stream socket that is neither listening nor connected";
	socket_peer(fd, &peer);
	if (peer.length == 0)
		return -ENOTCONN;
	identity->kind = SOCKET_CONNECTION;
	return 0;
}

int socket_identify(int fd, struct socket_identity *identity,
		    const char **reason)
{
	struct address *local = &identity->local;

	local->length = ADDRESS_CAPACITY;
	if (getsockname(fd, &local->any, &local->length) < 0) {
		*reason = errno == ENOTSOCK ? "is not a socket" : "is not open";
		return -errno;
	}
	identity->family = local->any.sa_family;
	identity->type = get_option(fd, SOL_SOCKET, SO_TYPE, -1);
	identity->protocol = get_option(fd, SOL_SOCKET, SO_PROTOCOL, 0);
	return socket_kind(fd, identity, reason);
}

bool socket_is_tcp(const struct socket_identity *identity)
{
	return identity->protocol == IPPROTO_TCP &&
	       identity->type == SOCK_STREAM;
}

static const char *unix_scheme(int type)
{
	switch (type) {
	case SOCK_DGRAM:
		return transport_name(TRANSPORT_UNIX_DGRAM);
	case SOCK_SEQPACKET:
		return transport_name(TRANSPORT_UNIX_SEQPACKET);
	default:
		return transport_name(TRANSPORT_UNIX);
	}
}

const char *socket_scheme(const struct socket_identity *identity)
{
	if (identity->family == AF_UNIX)
		return unix_scheme(identity->type);
	if (identity->family == AF_VSOCK)
		return transport_name(TRANSPORT_VSOCK);
	switch (identity->protocol) {
	case IPPROTO_TCP:
		return transport_name(TRANSPORT_TCP);
	case IPPROTO_MPTCP:
		return transport_name(TRANSPORT_MPTCP);
	case IPPROTO_UDP:
		return transport_name(TRANSPORT_UDP);
	case IPPROTO_UDPLITE:
		return "udplite";
	case IPPROTO_SCTP:
		return "sctp";
	default:
		return "stream";
	}
}

void socket_peer(int fd, struct address *peer)
{
	peer->length = ADDRESS_CAPACITY;
	if (getpeername(fd, &peer->any, &peer->length) < 0)
		peer->length = 0;
}

int socket_set_abortive(int fd, bool abortive)
{
	struct linger reset = { .l_onoff = abortive, .l_linger = 0 };

	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0
		       ? -errno
		       : 0;
}

void socket_reset_on_close(int fd)
{
	if (socket_set_abortive(fd, true) < 0)
		socket_disconnect(fd);
}

bool socket_is_unix_stream(int fd)
{
	struct address peer = { .length = sizeof(peer.un) };

	return getpeername(fd, &peer.any, &peer.length) == 0 &&
	       get_option(fd, SOL_SOCKET, SO_DOMAIN, -1) == AF_UNIX &&
	       get_option(fd, SOL_SOCKET, SO_TYPE, -1) == SOCK_STREAM;
}

void socket_shut_down(int fd)
{
	(void)shutdown(fd, SHUT_RDWR);
}

void socket_disconnect(int fd)
{
	sa_family_t nobody = AF_UNSPEC;

	/* Too short for any address, which is all that the sandbox permits. */
	(void)connect(fd, (const struct sockaddr *)&nobody, sizeof(nobody));
}

uint64_t socket_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) < 0)
		return 0;
	return cookie;
}

unsigned int socket_unacknowledged(int fd)
{
	int count = 0;

	return ioctl(fd, SIOCOUTQ, &count) < 0 ? 0 : (unsigned int)count;
}

unsigned int socket_unread(int fd)
{
	int count = 0;

	return ioctl(fd, SIOCINQ, &count) < 0 ? 0 : (unsigned int)count;
}

bool socket_is_roomy(int fd)
{
	return get_option(fd, SOL_SOCKET, SO_RCVBUF, 0) >= ROOMY;
}

uint32_t socket_overflows(int fd, uint32_t before)
{
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	socklen_t length = sizeof(memory);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length) < 0)
		return before;
	return memory[SK_MEMINFO_DROPS];
}

bool socket_is_pending(int fd)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };

	return poll(&readable, 1, 0) > 0;
}
