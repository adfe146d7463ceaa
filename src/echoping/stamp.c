/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/stamp.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define STAMPS                                                                 \
	(SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_TX_SOFTWARE |         \
	 SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY)

static uint64_t nsec_of(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * UINT64_C(1000000000) +
	       (uint64_t)time->tv_nsec;
}

static uint64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return nsec_of(&now);
}

uint64_t clock_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_of_day(void)
{
	return read_clock(CLOCK_REALTIME);
}

static bool set_stamps(int fd, unsigned flags)
{
	return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags,
			  sizeof(flags)) == 0;
}

bool stamp_enable(int fd)
{
	/* The count starts when it is asked for while it was not. */
	return set_stamps(fd, STAMPS) &&
	       set_stamps(fd, STAMPS | SOF_TIMESTAMPING_OPT_ID);
}

void stamp_enable_errors(int fd, int family)
{
	int on = 1;

	if (family == AF_INET)
		(void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on,
				 sizeof(on));
}

/* Of the three only the first is of software. */
static uint64_t stamp_in(struct cmsghdr *control)
{
	struct scm_timestamping stamps;

	memcpy(&stamps, CMSG_DATA(control), sizeof(stamps));
	return nsec_of(&stamps.ts[0]);
}

uint64_t stamp_received(struct msghdr *message)
{
	struct cmsghdr *control;

	for (control = CMSG_FIRSTHDR(message); control;
	     control = CMSG_NXTHDR(message, control)) {
		if (control->cmsg_level == SOL_SOCKET &&
		    control->cmsg_type == SCM_TIMESTAMPING)
			return stamp_in(control);
	}
	return 0;
}

/* Who sent the ICMP error: its address is behind the struct. */
static void read_offender(const struct sock_extended_err *error, size_t size,
			  struct address *from)
{
	const struct sockaddr *offender = (const void *)(error + 1);
	size_t room = size - sizeof(*error);

	from->length = 0;
	if (offender->sa_family == AF_INET && room >= sizeof(from->in))
		from->length = sizeof(from->in);
	if (offender->sa_family == AF_INET6 && room >= sizeof(from->in6))
		from->length = sizeof(from->in6);
	memcpy(&from->any, offender, from->length);
}

static void read_error(struct cmsghdr *control, struct stamp_event *event)
{
	const struct sock_extended_err *error =
		(const void *)CMSG_DATA(control);

	if (error->ee_origin == SO_EE_ORIGIN_TIMESTAMPING) {
		event->sent = true;
		event->id = error->ee_data;
		return;
	}
	event->error = (int)error->ee_errno;
	read_offender(error, control->cmsg_len - CMSG_LEN(0), &event->from);
}

static void read_control(struct cmsghdr *control, struct stamp_event *event)
{
	if (control->cmsg_level == SOL_SOCKET &&
	    control->cmsg_type == SCM_TIMESTAMPING)
		event->when = stamp_in(control);
	if ((control->cmsg_level == IPPROTO_IP &&
	     control->cmsg_type == IP_RECVERR) ||
	    (control->cmsg_level == IPPROTO_IPV6 &&
	     control->cmsg_type == IPV6_RECVERR))
		read_error(control, event);
}

int stamp_next(int fd, void *buffer, size_t size, struct stamp_event *event)
{
	union {
		struct cmsghdr alignment;
		char bytes[STAMP_CONTROL_SIZE];
	} room;
	struct iovec payload = { buffer, size };
	struct msghdr message = {
		.msg_iov = &payload,
		.msg_iovlen = 1,
		.msg_control = &room,
		.msg_controllen = sizeof(room),
	};
	struct cmsghdr *control;
	ssize_t length;

	do
		length = recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
	while (length < 0 && errno == EINTR);
	/* Families without an error queue may answer in other ways. */
	if (length < 0)
		return -EAGAIN;
	*event = (struct stamp_event){ .length = (size_t)length };
	for (control = CMSG_FIRSTHDR(&message); control;
	     control = CMSG_NXTHDR(&message, control))
		read_control(control, event);
	return 0;
}
