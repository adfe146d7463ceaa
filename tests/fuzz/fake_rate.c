/* SPDX-License-Identifier: MIT */
/*
 * What --udp-rate promises, said once more, and without a table: each source
 * may send so many datagrams a second, and a burst at once; wider networks, 32
 * and 1024 times as many.  Whoever is within all three is answered; who is not
 * may be, now and then.
 */
#include "config.h"

#include "fuzz/fake_state.h"

#include "common/macros.h"

#include <string.h>

/* Of a datagram. */
#define PARTS 1024

/* One in four leaks: of so many far more than none, and far less than half. */
#define ENOUGH 256

#define LEVELS 3

static const unsigned shares[LEVELS] = { 1, 32, 1024 };

static struct {
	unsigned rate, burst;
	int family;
	uint64_t paid[LEVELS][FAKE_PEERS]; /* until when, in parts */
	uint64_t over, leaked;
} limit;

void fake_rate_set(const struct fake_datagrams *datagrams)
{
	memset(&limit, 0, sizeof(limit));
	limit.rate = datagrams->rate;
	limit.burst = datagrams->burst;
	limit.family = datagrams->family;
}

/* Of IPv4 each peer is a source, of IPv6 all are of one network. */
static uint64_t *paid_of(size_t level, unsigned peer)
{
	bool apart = level == 0 && limit.family == AF_INET;

	return &limit.paid[level][apart ? peer : 0];
}

static bool is_over(unsigned peer, uint64_t now)
{
	for (size_t i = 0; i < LEVELS; i++) {
		uint64_t paid = *paid_of(i, peer);
		uint64_t most = (uint64_t)limit.burst * PARTS;

		if (paid > now && paid - now > most - PARTS / shares[i])
			return true;
	}
	return false;
}

bool fake_rate_is_over(unsigned peer, unsigned datagrams)
{
	uint64_t now = fake_time() * limit.rate * PARTS / USEC_PER_SEC;

	if (limit.rate == 0 || limit.family == AF_UNIX)
		return false;
	if (is_over(peer, now)) {
		limit.over += datagrams;
		return true;
	}
	for (size_t i = 0; i < LEVELS; i++) {
		uint64_t *paid = paid_of(i, peer);

		*paid = MAX(*paid, now) +
			(uint64_t)datagrams * PARTS / shares[i];
	}
	return false;
}

void fake_rate_leaks(void)
{
	limit.leaked++;
}

void fake_rate_check(const struct fake_account *account, bool single)
{
	uint64_t known = account->limited + limit.leaked;

	/* Refused is who is over, and whoever is over is refused or leaks. */
	assert(known <= limit.over);
	assert(known + account->lost >= limit.over);
	if (!single || limit.over < ENOUGH)
		return;
	assert(account->limited >= limit.over / 2);
	assert(account->limited <= limit.over - limit.over / 16);
}
