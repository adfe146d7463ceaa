/* SPDX-License-Identifier: MIT */
/* The yardstick of UDP in batches: what is there, by two system calls. */
#include "plain.h"

#define BATCH	     64
#define DATAGRAM_MAX 65536

static struct mmsghdr messages[BATCH];
static struct iovec pieces[BATCH];
static struct sockaddr_in peers[BATCH];
static char buffers[BATCH][DATAGRAM_MAX];

static void prepare(int i)
{
	pieces[i].iov_base = buffers[i];
	pieces[i].iov_len = DATAGRAM_MAX;
	messages[i].msg_hdr = (struct msghdr){
		.msg_name = &peers[i],
		.msg_namelen = sizeof(peers[i]),
		.msg_iov = &pieces[i],
		.msg_iovlen = 1,
	};
}

int main(int argc, char *argv[])
{
	int fd = open_socket(SOCK_DGRAM, port_argument(argc, argv));

	for (int i = 0; i < BATCH; i++)
		prepare(i);
	for (;;) {
		int count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);

		for (int i = 0; i < count; i++)
			pieces[i].iov_len = messages[i].msg_len;
		if (count > 0)
			(void)sendmmsg(fd, messages, (unsigned)count, 0);
		for (int i = 0; i < count; i++)
			prepare(i);
	}
}
