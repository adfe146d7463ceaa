/* SPDX-License-Identifier: MIT */
/*
 * Sockets off the data path: opening, binding, preparing, telling apart.
 */
#ifndef ECHOD_SOCKET_H
#define ECHOD_SOCKET_H

#include "common/address.h"

#include <stdbool.h>
#include <stdint.h>

/* How a socket is served, whatever its family. */
enum socket_kind {
	SOCKET_LISTENER,   /* stream or seqpacket, listening */
	SOCKET_CONNECTION, /* stream or seqpacket, connected */
	SOCKET_DATAGRAM,
};

/* What the daemon needs to know of a socket that it serves. */
struct socket_identity {
	enum socket_kind kind;
	int family;   /* AF_* */
	int type;     /* SOCK_* */
	int protocol; /* IPPROTO_*, 0 for families without */
	struct address local;
};

/*
 * Open, bind and (if a stream) listen; non-blocking, close-on-exec.  IPv6
 * sockets are IPv6-only.  With `shared`, other sockets of this process may bind
 * the same address (SO_REUSEPORT).  A file of a Unix socket on which nobody
 * listens any more is replaced.  Returns the descriptor, owned by the caller,
 * or -errno: EADDRINUSE, EACCES, EADDRNOTAVAIL, EAFNOSUPPORT, ...
 */
int socket_open(const struct endpoint *endpoint, bool shared) MUST_CHECK;

/*
 * Find out what a passed descriptor is.  0, or -errno with *reason set to a
 * static phrase that completes "descriptor 3 (NAME) ...": ENOTSOCK, EBADF,
 * EOPNOTSUPP, or ENOTCONN, also for a peer that has reset its connection.
 */
int socket_identify(int fd, struct socket_identity *identity,
		    const char **reason) MUST_CHECK;

/*
 * Set every option that echoing needs, and reset those that would harm, for a
 * passed socket keeps what an earlier owner set.  What a kernel or a family
 * does not have is left out.  A listener's options are inherited by the
 * connections that it accepts.
 */
void socket_prepare(int fd, const struct socket_identity *identity);

/*
 * Set what an accepted connection does not inherit.  Not needed for TCP proper,
 * which inherits everything.  `records`: it is a seqpacket.
 */
void socket_prepare_accepted(int fd, bool records);

/* Have the TTL or hop limit of each datagram said, or no longer. */
void socket_set_receive_ttl(int fd, bool on);

/*
 * Let whoever waits for the socket look at the device's queue for up to so many
 * µs (socket(7); needs CAP_NET_ADMIN to be raised).
 */
void socket_set_busy_poll(int fd, uint64_t usec);

/* Is it a connected Unix stream socket, such as an end of a pair? */
bool socket_is_unix_stream(int fd);

/* "tcp", "udp", "unix-seqpacket", "vsock", ... for logs. */
const char *socket_scheme(const struct socket_identity *identity);

/* Is it TCP proper, whose promises about short reads MPTCP does not make? */
bool socket_is_tcp(const struct socket_identity *identity);

/* The peer's address; length 0 if it has none or is gone. */
void socket_peer(int fd, struct address *peer);

/*
 * Whether close(2), also the kernel's when the process is killed, is to send a
 * reset and discard what is unsent (SO_LINGER, 0 s).  0 or -errno.
 */
int socket_set_abortive(int fd, bool abortive);

/* The same, and if it cannot be set, disconnect at once. */
void socket_reset_on_close(int fd);

/*
 * End a connection of which others have duplicates: with a FIN, or with a reset
 * that discards what is unsent; both ways are closed.  close(2) would do
 * nothing (epoll(7), tcp(7); connect(2) to AF_UNSPEC).
 */
void socket_shut_down(int fd);
void socket_disconnect(int fd);

/* What tells sockets apart, the same for all duplicates: 0 if unknown. */
uint64_t socket_cookie(int fd);

/* Bytes written that the peer's kernel has not acknowledged; 0 if unknown. */
unsigned int socket_unacknowledged(int fd);

/* Bytes (in all records) that can be received; 0 if unknown. */
unsigned int socket_unread(int fd);

/* Is its receive buffer, or a listener's for those who come, of some size? */
bool socket_is_roomy(int fd);

/*
 * Datagrams dropped so far because the receive queue was full; as many as
 * before if the kernel does not say.
 */
uint32_t socket_overflows(int fd, uint32_t before);

/* Is there something to accept or to receive? */
bool socket_is_pending(int fd);

/* Remove the file of a Unix socket, if that is what the address names. */
void socket_unlink(const struct address *address);

#endif
