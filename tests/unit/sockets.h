/* SPDX-License-Identifier: MIT */
/*
 * Sockets on loopback for the unit tests.
 *
 * Whatever the kernel refuses fails the running test, so that callers need not
 * look at results.  All descriptors are non-blocking and close-on-exec.  They
 * are the caller's, who may leave them to the end of the test: Check runs each
 * test in a process of its own.
 */
#ifndef ECHOD_TESTS_UNIT_SOCKETS_H
#define ECHOD_TESTS_UNIT_SOCKETS_H

#include "common/address.h"
#include "unit/await.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* The ends of a pair of stream sockets. */
enum {
	CLIENT,
	SERVER
};

/* Addresses: of a literal and a port, of a socket (getsockname(2)). */
struct address ipv4_address(const char *literal, uint16_t port);
struct address ipv6_address(const char *literal, uint16_t port);
struct address fd_address(int fd);

/* Is there ::1 here?  If not, says so on standard error: the test returns. */
bool ipv6_is_available(void);

/* As socket(2); the same bound, with the kernel's choice for port 0. */
int fd_open(int domain, int type);
int fd_bound(int type, const struct address *address);

void fd_set_option(int fd, int level, int name, int value);
int fd_option(int fd, int level, int name);

/* 127.0.0.1:port.  Connect returns when established, accept awaits one. */
int tcp_listener(uint16_t port);
int tcp_connect(int listener);
int tcp_accept(int listener); /* of any family */

/* Both ends of a connection, made by the functions above. */
void tcp_pair(int fds[2]);
void unix_pair(int type, int fds[2]);

/* The same with MPTCP, if there is any (if not, as for IPv6). */
bool mptcp_is_available(void);
int mptcp_listener(void);
int mptcp_connect(int listener);
void mptcp_pair(int fds[2]);

/*
 * udp_pair: two sockets on 127.0.0.1, connected to each other.  udp_refuser: a
 * bound socket whose port answers everyone with an ICMP error, because it is
 * connected elsewhere.
 */
int udp_socket(const struct address *address);
void udp_pair(int fds[2]);
int udp_refuser(void);

/* One datagram, or one piece of a stream: text without its NUL, taken whole. */
void send_text(int fd, const char *text);
void send_text_to(int fd, const char *text, const struct address *to);

/* One recv() after awaiting input; it must return exactly this text. */
void expect_text(int fd, const char *text);

/* Await input; receive it, from whom. */
struct address receive_from(int fd, void *buffer, size_t size, size_t *length);

/*
 * A stream of which every byte tells its position.  fill_send_buffer writes it
 * from `offset` on until the kernel takes no more, and returns how many bytes
 * it took.  read_stream reads and checks it to the end, and returns how many
 * bytes came; *error is 0 for a FIN, else the errno.
 */
uint8_t pattern_byte(size_t position);
size_t fill_send_buffer(int fd, size_t offset);
size_t read_stream(int fd, size_t offset, int *error);

/* Bytes not yet received; not yet acknowledged (TCP) or received (Unix). */
size_t fd_inq(int fd);
size_t fd_outq(int fd);
void await_inq(int fd, size_t bytes);

/* The part of TCP_INFO that matters here; states are those of netinet/tcp.h. */
struct tcp_progress {
	int state;
	uint64_t bytes_acked;
	uint64_t bytes_received;
};

struct tcp_progress tcp_progress(int fd);
int tcp_state(int fd);

/* Connections that wait to be accepted. */
size_t tcp_backlog(int listener);

/*
 * For tests that something does not come.  Once a thread stays on one CPU,
 * what it sends over loopback, or a wire between namespaces, is delivered in
 * the order of sending, whatever the sockets.  await_delivery() then returns
 * when all that was sent before has arrived, or has been dropped, and so have
 * the answers of the kernel itself (ICMP).
 */
void stay_on_one_cpu(void);
void await_delivery(void);

/* The lowest free descriptor: shows whether any was gained or lost. */
int lowest_free_fd(void);

#endif
