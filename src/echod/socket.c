/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SO_BUF_LOCK /* Linux 5.14 */
#define SO_BUF_LOCK 72
#endif
#ifndef SOCK_RCVBUF_LOCK
#define SOCK_RCVBUF_LOCK 2
#endif
#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif

/* Room in a struct address for what the kernel returns. */
#define ADDRESS_CAPACITY                                                       \
	(sizeof(struct address) - offsetof(struct address, any))

/*
 * A peer that does not read then pins at most this much unsent data in the
 * kernel (and what is in flight), instead of the 3 to 4 MB of the default.
 */
#define NOTSENT_LOWAT (128 * 1024)

/*
 * A peer that vanished is found out after 10 min of silence and 8 probes 30 s
 * apart.  Not sooner: people measure idle timeouts of firewalls and NATs
 * against an echo service, and a keepalive would refresh what they measure.
 */
#define KEEPALIVE_IDLE_SEC     600
#define KEEPALIVE_INTERVAL_SEC 30
#define KEEPALIVE_PROBES       8

/*
 * Unacknowledged data, or a window kept at zero, for this long ends it.  Not
 * shorter than the probes take: it would overrule them (tcp(7)), and one lost
 * probe would end a connection that is merely idle.
 */
#define USER_TIMEOUT_MSEC                                                      \
	((KEEPALIVE_IDLE_SEC + KEEPALIVE_PROBES * KEEPALIVE_INTERVAL_SEC) *    \
	 1000)

/*
 * Room for a burst of the largest datagrams while echod is busy; the kernel
 * grants at most net.core.rmem_max, a .socket unit's ReceiveBuffer= more.
 */
#define RECEIVE_BUFFER (4 * 1024 * 1024)

/* Where TCP starts from, of which the kernel makes net.ipv4.tcp_rmem[1]. */
#define TCP_RECEIVE_BUFFER (64 * 1024)

static int protocol_of(enum transport transport)
{
	return transport == TRANSPORT_MPTCP ? IPPROTO_MPTCP : 0;
}

/* An option that this kernel or family may lack. */
static void set_option(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static int get_option(int fd, int level, int name, int fallback)
{
	socklen_t length = sizeof(fallback);
	int value;

	return getsockopt(fd, level, name, &value, &length) < 0 ? fallback
								: value;
}

/* A Unix socket's file outlives its socket; nobody answers there then. */
static bool unix_file_is_stale(const struct endpoint *endpoint)
{
	const struct sockaddr_un *un = &endpoint->address.un;
	struct stat status;
	bool stale;
	int fd;

	if (un->sun_family != AF_UNIX || un->sun_path[0] == '\0' ||
	    lstat(un->sun_path, &status) < 0 || !S_ISSOCK(status.st_mode))
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

/*
 * ReceiveBuffer= of a unit is for its datagram sockets, but reaches all of
 * them.  From a listener it would be inherited, and end TCP's own tuning.
 */
static void unlock_receive_buffer(int fd)
{
	int locks = get_option(fd, SOL_SOCKET, SO_BUF_LOCK, 0);

	if (!(locks & SOCK_RCVBUF_LOCK))
		return;
	set_option(fd, SOL_SOCKET, SO_RCVBUF, TCP_RECEIVE_BUFFER);
	set_option(fd, SOL_SOCKET, SO_BUF_LOCK, locks & ~SOCK_RCVBUF_LOCK);
}

void socket_prepare_accepted(int fd, bool records)
{
	/* Urgent bytes stay in the stream, at their place: Unix and MPTCP. */
	set_option(fd, SOL_SOCKET, SO_OOBINLINE, 1);
	/* MPTCP, whose listener also accepts plain TCP. */
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MSEC);
	set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOTSENT_LOWAT);
	/* Tells an empty record from the end: see stream.c. */
	set_option(fd, SOL_SOCKET, SO_PASSCRED, records);
}

static void prepare_stream(int fd, const struct socket_identity *identity)
{
	socket_prepare_accepted(fd, identity->type == SOCK_SEQPACKET);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	if (identity->family != AF_INET && identity->family != AF_INET6)
		return;
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_SEC);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SEC);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
	/* A connection that says nothing is one that can be measured, too. */
	if (identity->kind == SOCKET_LISTENER)
		set_option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 0);
	unlock_receive_buffer(fd);
}

/* Also for IPv6 sockets, which receive IPv4 too unless they are IPv6-only. */
static void prepare_ipv4_datagrams(int fd)
{
	set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
	set_option(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
	/* With it an ICMP error from one peer would fail a send to another. */
	set_option(fd, IPPROTO_IP, IP_RECVERR, 0);
	/* A forged "fragmentation needed" must not shrink what is sent. */
	set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
}

static void prepare_datagrams(int fd, const struct socket_identity *identity)
{
	/* Unless somebody chose a size, who may exceed the maximum. */
	if (!(get_option(fd, SOL_SOCKET, SO_BUF_LOCK, 0) & SOCK_RCVBUF_LOCK))
		set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	set_option(fd, SOL_SOCKET, SO_TIMESTAMP, 0);
	if (identity->family != AF_INET && identity->family != AF_INET6) {
		set_option(fd, SOL_SOCKET, SO_PASSCRED, 0);
		return;
	}
	if (identity->protocol == IPPROTO_UDP)
		set_option(fd, IPPROTO_UDP, UDP_SEGMENT, 0);
	prepare_ipv4_datagrams(fd);
	if (identity->family == AF_INET)
		return;
	set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
	set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 0);
	set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
}

void socket_prepare(int fd, const struct socket_identity *identity)
{
	int flags = fcntl(fd, F_GETFL);

	/* Shared with who passed the socket, and has no use for blocking. */
	if (flags >= 0 && !(flags & O_NONBLOCK))
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	if (identity->kind == SOCKET_DATAGRAM)
		prepare_datagrams(fd, identity);
	else
		prepare_stream(fd, identity);
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

void socket_reset_on_close(int fd)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
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

uint32_t socket_overflows(int fd)
{
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	socklen_t length = sizeof(memory);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length) < 0)
		return 0;
	return memory[SK_MEMINFO_DROPS];
}

bool socket_is_pending(int fd)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };

	return poll(&readable, 1, 0) > 0;
}
