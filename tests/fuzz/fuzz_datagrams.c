/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a schedule for a datagram socket: what arrives, what the calls
 * give, when there is room to send, in which order, and when.
 *
 * The first HEADER bytes say what is served; then follow steps of four bytes
 * each: what, who or which, how much or how many, and when or how long.
 */
#include "config.h"

#include "fuzz/echoer.h"
#include "fuzz/fake.h"
#include "fuzz/fuzz.h"

#define HEADER	  4
#define STEP	  4
#define STEPS_MAX 512

/* Short ones, those that are joined to trains, and the longest. */
static size_t length_of(uint8_t byte)
{
	if (byte < 64)
		return byte % 8U;
	if (byte < 192)
		return 16U * (byte % 4U) + 1;
	return byte < 224 ? 1472U + byte % 2U : 65507U - byte % 32U;
}

/* Within the server's calls: peers' first bytes say what. */
static void arrive(unsigned who, size_t how)
{
	fake_arrive(who, (enum fake_datagram_kind)((how >> 16) % FAKE_KINDS),
		    length_of((uint8_t)how), 1 + (how >> 8) % 16);
}

static void leave(unsigned who, size_t how)
{
	(void)who;
	fake_leave((unsigned)how);
}

/* Most are plain, as trains need some like each other. */
static void step_arrive(const uint8_t *step)
{
	unsigned who = step[1] % FAKE_PEERS, kind = step[1] >> 4;
	size_t how = step[2] | (size_t)(step[3] & 15) << 8 |
		     (size_t)(kind < 8 ? 0 : kind % 8U) << 16;

	if (step[3] & 128)
		fake_defer(step[3] >> 4 & 7U, arrive, who, how);
	else
		arrive(who, how);
}

static void step_leave(const uint8_t *step)
{
	if (step[3] & 128)
		fake_defer(step[3] & 7U, leave, 0, step[2] % 64U);
	else
		fake_leave(step[2] % 64U);
}

static void step_fault(const uint8_t *step)
{
	static const enum fake_call calls[] = {
		FAKE_RECEIVE_MANY, FAKE_SEND_MANY, FAKE_SENDMSG,
		FAKE_SEND_MANY,	   FAKE_EPOLL_CTL, FAKE_EPOLL_WAIT,
	};

	fake_fault(calls[step[1] % ARRAY_SIZE(calls)], step[3] & 15,
		   1 + (step[3] >> 4), step[2]);
}

static void step_once(struct echoer *echoer, const uint8_t *step)
{
	switch (step[0] >> 4) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		step_arrive(step);
		break;
	case 5:
	case 6:
		step_leave(step);
		break;
	case 7:
	case 8:
	case 9:
		echoer_turn(echoer);
		break;
	case 10:
	case 11:
		step_fault(step);
		break;
	case 12:
		fake_advance((uint64_t)1 << step[2] % 24);
		break;
	case 13:
		fake_spurious(echoer->fd, step[2] & (EPOLLIN | EPOLLOUT));
		break;
	case 14:
		echoer_request_any(echoer, step[2]);
		break;
	default:
		echoer_settle(echoer);
		break;
	}
}

static int set_kernel(struct echoer *echoer, const uint8_t *header)
{
	static const unsigned rates[] = { 1, 10, 1000, 7 };
	static const unsigned bursts[] = { 0, 1, 5, 100 };
	struct worker_policy *policy = &echoer->policy;
	static const int families[] = { AF_INET, AF_INET6, AF_UNIX, AF_INET };
	struct fake_datagrams datagrams = {
		.family = families[header[0] & 3],
		.trains = header[0] & 4,
		.room_in = 1 + header[1] % 128U,
		.room_out = 1 + header[2] % 64U,
		.key = { { header[0], header[3] } },
	};

	policy->udp_offload = header[0] & 8;
	if (header[3] & 3) {
		datagrams.rate = rates[header[3] >> 2 & 3];
		datagrams.burst = bursts[header[3] & 3];
		echoer_limit_datagrams(echoer, datagrams.rate, datagrams.burst,
				       &datagrams.key);
	}
	return fake_datagram_socket(&datagrams);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct echoer echoer;
	size_t count = size < HEADER
			       ? 0
			       : MIN((size - HEADER) / STEP, (size_t)STEPS_MAX);
	int fd;

	if (count == 0)
		return 0;
	echoer_init(&echoer);
	fd = set_kernel(&echoer, data);
	echoer_receive(&echoer, fd, (data[0] & 3) == 2);
	for (size_t i = 0; i < count; i++)
		step_once(&echoer, data + HEADER + i * STEP);
	echoer_end(&echoer, count);
	return 0;
}
