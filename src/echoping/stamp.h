/* SPDX-License-Identifier: MIT */
/*
 * When a packet left and came, as the kernel saw it (SO_TIMESTAMPING): at the
 * device, so that neither our waking up nor our system calls are measured.
 *
 * The times of sending come back through the socket's error queue, with the
 * number of the datagram or, on a stream, of its last byte.  ICMP errors come
 * the same way.  See Documentation/networking/timestamping.rst of Linux.
 *
 * Kernel timestamps are of CLOCK_REALTIME, which may be set in between: whoever
 * subtracts two of them has to see whether the result can be.
 */
#ifndef ECHOPING_STAMP_H
#define ECHOPING_STAMP_H

#include "common/address.h"

#include <stdbool.h>
#include <stdint.h>

/* Room for the control messages of one packet. */
#define STAMP_CONTROL_SIZE 256

/* What came out of the error queue. */
struct stamp_event {
	bool sent;	     /* it is a time of sending, else an error */
	uint32_t id;	     /* of what was sent: see above */
	uint64_t when;	     /* ns, CLOCK_REALTIME */
	int error;	     /* errno that an ICMP error stands for */
	size_t length;	     /* bytes of the datagram that caused the error */
	struct address from; /* who sent the ICMP error; length 0: this host */
};

/*
 * Ask for timestamps; numbers of what is sent start at 0 then, on a stream from
 * the present byte on, also if they were asked for before.  False if there are
 * none.
 */
bool stamp_enable(int fd);

/* Ask for ICMP errors (IP_RECVERR), if the family has them. */
void stamp_enable_errors(int fd, int family);

/* When the packet was received, ns CLOCK_REALTIME; 0 if that is not known. */
uint64_t stamp_received(struct msghdr *message);

/*
 * Take one event out of the error queue, with the begin of the datagram that
 * caused an error in buffer.  0, or -EAGAIN if there is none.
 */
int stamp_next(int fd, void *buffer, size_t size,
	       struct stamp_event *event) MUST_CHECK;

/* CLOCK_MONOTONIC and CLOCK_REALTIME, ns. */
uint64_t clock_now(void);
uint64_t clock_of_day(void);

#endif
