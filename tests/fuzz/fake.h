/* SPDX-License-Identifier: MIT */
/*
 * A kernel of our own for the server's code, which is linked with -Wl,--wrap
 * for its system calls: sockets with queues, edge-triggered epoll(7), a clock
 * that stands still, and a limit on descriptors.  It is one process's, does
 * nothing by itself, and is the same each time.
 *
 * Descriptors from FAKE_FIRST on are its own; calls on all others go to the
 * real kernel.  What peers have sent is a pattern of which only positions are
 * kept: each byte that the server sends is compared at once, and may only be
 * the next that was received.  A call that a right server never makes, on a
 * descriptor that is not open, say, or a FIN that denies a loss, fails an
 * assertion.
 *
 * The edges are Linux's: something that arrives queues its socket, once;
 * epoll_wait(2) reports the whole of what holds by then, and unqueues it.  OUT
 * comes after a send that was refused or cut short, when a third is free.
 */
#ifndef ECHOD_TESTS_FUZZ_FAKE_H
#define ECHOD_TESTS_FUZZ_FAKE_H

#include "common/siphash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define FAKE_FIRST	 (1 << 20)
#define FAKE_DESCRIPTORS 64
#define FAKE_PEERS	 8

/* Forget everything; from now on calls without a descriptor come here. */
void fake_begin(void);

/* Do calls without a descriptor (clock, eventfd, malloc, ...) come here? */
void fake_enter(bool here);

/* Descriptors that are open; calls that were made since the program began. */
unsigned fake_open_count(void);
uint64_t fake_call_count(void);

/* How many may be open; beyond that it is EMFILE. */
void fake_limit(unsigned descriptors);
bool fake_is_full(void);

/* The clock, in µs: let time pass, and so much with each look at it. */
void fake_advance(uint64_t usec);
void fake_tick(uint64_t usec);
uint64_t fake_now(void);

/* --- What a call does --- */

enum fake_call {
	FAKE_ACCEPT,
	FAKE_RECEIVE,
	FAKE_SEND,
	FAKE_EPOLL_CTL, /* ADD: the others cannot fail */
	FAKE_EPOLL_WAIT,
	FAKE_MALLOC,
	FAKE_RECEIVE_MANY,
	FAKE_SEND_MANY,
	FAKE_SENDMSG,
	FAKE_CALLS
};

/*
 * After `skip` more of them let `times` calls fail, by that choice among what
 * Linux may do to them: an errno, or a short count where that proves nothing.
 */
void fake_fault(enum fake_call call, unsigned skip, unsigned times,
		unsigned choice);
void fake_fault_none(void);

/* Something that happens within the server's calls: before so many more. */
typedef void fake_act(unsigned peer, size_t size);
void fake_defer(unsigned calls, fake_act *act, unsigned peer, size_t size);
void fake_defer_none(void); /* let it happen now */

/*
 * Run the server: false if it was killed meanwhile, so many calls after
 * fake_kill().  Then bury it: its memory is freed, and its descriptors are
 * closed but for the listener and those that are parked.
 */
typedef void fake_life(void *context);
bool fake_survives(fake_life *life, void *context);
void fake_kill(unsigned calls);
void fake_kill_none(void);
void fake_bury(void);

/* Others have a duplicate of this connection's descriptor. */
void fake_park(int fd);

/* --- epoll --- */

/* At most so many events a call; queue one anew, with this beside it. */
void fake_batch(unsigned events);
void fake_spurious(int fd, uint32_t events);
void fake_rotate(void);

/* Did the last epoll_wait(2) find nothing and mean to wait? -1: for ever. */
bool fake_is_blocked(int *timeout);

/* Moves whenever anything does. */
uint64_t fake_progress(void);

/* --- Streams: a listener and up to FAKE_PEERS peers --- */

struct fake_streams {
	bool tcp;	     /* or Unix */
	bool lazy;	     /* peers acknowledge only when told to */
	size_t room_in;	     /* of each receive queue, */
	size_t room_out;     /* each send queue, */
	size_t room_peer;    /* and each peer's receive queue */
	bool lax;	     /* nobody's turns, waits and ends are judged */
	bool preserving;     /* nothing is received before it was sent back */
	unsigned most;	     /* connections at once, and */
	unsigned per_source; /* of one source; 0: any number */
	uint64_t patience;   /* no peer is ended that is idle for less, µs */
	uint64_t progress;   /* bytes that who holds something up takes */
	uint64_t progress_time; /* ... in so many µs; 0 bytes: none */
};
int fake_listen(const struct fake_streams *streams);

/* The server stops: from now on it may end whom it likes. */
void fake_stopping(void);

/* Peers; each does what it can now.  A peer that was ended can connect anew. */
void fake_connect(unsigned peer, size_t unused);
void fake_send(unsigned peer, size_t size);
void fake_urgent(unsigned peer, size_t unused);
void fake_receive(unsigned peer, size_t size);
void fake_acknowledge(unsigned peer, size_t unused);
void fake_finish(unsigned peer, size_t unused);
void fake_reset(unsigned peer, size_t unused);

/* The kernel gives it up: keepalive, or TCP_USER_TIMEOUT. */
void fake_vanish(unsigned peer, size_t unused);

/* Where it connects from. */
void fake_peer_name(unsigned peer, struct sockaddr *address, socklen_t *length);

/* Another process accepts one from the same listener, and ends it. */
void fake_steal(unsigned unused, size_t unused_too);

/* What refused sends for want of memory has gone: OUT, where it holds. */
void fake_relieve(void);

enum fake_end {
	FAKE_NOBODY,  /* never connected */
	FAKE_WAITING, /* for accept(2) */
	FAKE_SERVED,
	FAKE_FIN, /* ended by the server; all that it had sent will come */
	FAKE_RST, /* ... or not */
	FAKE_GONE /* the peer itself reset it */
};
struct fake_view {
	enum fake_end end;
	bool finished;	    /* by the peer */
	bool broken;	    /* reset by the peer */
	bool shut;	    /* a FIN was sent to it */
	int fd;		    /* of the server, or -1 */
	uint64_t sent;	    /* by the peer, */
	uint64_t taken;	    /* received by the server, */
	uint64_t echoed;    /* sent back by it, */
	uint64_t delivered; /* received by the peer */
	uint64_t idle;	    /* nothing was received or sent for so long, µs */
};
struct fake_view fake_look(unsigned peer);

/* Bytes that the server has sent on all streams; and its connections. */
uint64_t fake_echoed(void);
unsigned fake_served_count(void);

/* Newcomers that were too many of their source. */
unsigned fake_excess_count(void);

/* What it has received, and neither sent back nor left there; of how many. */
uint64_t fake_held(unsigned *holders);

/* --- Datagrams: one socket, and up to FAKE_PEERS peers --- */

enum fake_datagram_kind {
	FAKE_PLAIN,
	FAKE_EARLY, /* without control data; queued before it was asked for */
	FAKE_PORT_ZERO, /* these are not to be answered */
	FAKE_PORT_LOW,
	FAKE_GROUP,
	FAKE_UNNAMED,
	FAKE_LONG,
	FAKE_SOURCE, /* IPv6 only */
	FAKE_KINDS
};

struct fake_datagrams {
	int family;		/* AF_INET, AF_INET6 or AF_UNIX */
	bool trains;		/* UDP_GRO does something */
	unsigned room_in,	/* datagrams in the receive queue */
		room_out;	/* and in the send queue */
	unsigned rate, burst;	/* that a source may send; 0: any number */
	struct siphash_key key; /* of the dice that let pass who is over */
};
int fake_datagram_socket(const struct fake_datagrams *datagrams);

/* So many arrive, of that length; what there is no room for is lost. */
void fake_arrive(unsigned peer, enum fake_datagram_kind kind, size_t length,
		 unsigned count);

/* So many leave the send queue. */
void fake_leave(unsigned count);

/*
 * The server's account is ours: what it took, answered, refused, and refused
 * because there were too many.
 */
struct fake_account {
	uint64_t received, sent, refused, limited;
};
void fake_check_datagrams(const struct fake_account *account);
bool fake_datagrams_are_settled(void);

#endif
