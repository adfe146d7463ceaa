/* SPDX-License-Identifier: MIT */
/*
 * What is set on sockets, and why.
 */
#include "config.h"

#include "echod/socket_option.h"

#include "echod/socket.h"

#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#ifndef SO_BUF_LOCK /* Linux 5.14 */
#define SO_BUF_LOCK 72
#endif
#ifndef SOCK_RCVBUF_LOCK
#define SOCK_RCVBUF_LOCK 2
#endif

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
	/*
	 * What acknowledges is the echo, which is sent at once: an extra packet
	 * before it, as for the first bytes of a connection, says nothing more.
	 */
	set_option(fd, IPPROTO_TCP, TCP_QUICKACK, 0);
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
	/* A reply to a broadcast address is refused. */
	set_option(fd, SOL_SOCKET, SO_BROADCAST, 0);
	if (identity->family != AF_INET && identity->family != AF_INET6) {
		set_option(fd, SOL_SOCKET, SO_PASSCRED, 0);
		return;
	}
	if (identity->protocol == IPPROTO_UDP)
		set_option(fd, IPPROTO_UDP, UDP_SEGMENT, 0);
	prepare_ipv4_datagrams(fd);
	if (identity->family == AF_INET)
		return;
	/*
	 * With either the kernel would say of every address that it is ours:
	 * see foreigners.c.  Nobody needs them once it is bound.
	 */
	set_option(fd, IPPROTO_IPV6, IPV6_FREEBIND, 0);
	set_option(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 0);
	set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
	set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 0);
	set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
}

void socket_prepare(int fd, const struct socket_identity *identity)
{
	int flags = fcntl(fd, F_GETFL);

	/*
	 * They are shared with whoever passed the socket, who has no use for
	 * blocking; and all set, as -1, if they cannot be asked for.
	 */
	if (!(flags & O_NONBLOCK))
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	if (identity->kind == SOCKET_DATAGRAM)
		prepare_datagrams(fd, identity);
	else
		prepare_stream(fd, identity);
}

void socket_set_receive_ttl(int fd, bool on)
{
	set_option(fd, IPPROTO_IP, IP_RECVTTL, on);
	set_option(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, on);
}

void socket_set_busy_poll(int fd, uint64_t usec)
{
	set_option(fd, SOL_SOCKET, SO_BUSY_POLL,
		   (int)MIN(usec, (uint64_t)INT_MAX));
	set_option(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, usec > 0);
}
