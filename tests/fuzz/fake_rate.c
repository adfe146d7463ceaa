/* SPDX-License-Identifier: MIT */
/*
 * What --udp-rate promises, said once more, and without a table: each source
 * may send so many datagrams a second, and a burst at once; wider networks, 32
 * and 1024 times as many.  Whoever is within all three is answered; of messages
 * that are not, one in four is, for which dice are thrown that are known here.
 */
#include "config.h"

#include "fuzz/fake_state.h"

#include "common/macros.h"

#include <string.h>

/* Of a datagram. */
#define PARTS 1024

#define LEAK	  4
#define KIND_DICE 0

/* Of so many that are over, far more than none leak, and far less than half. */
#define ENOUGH 256

#define LEVELS 3

static const unsigned shares[LEVELS] = { 1, 32, 1024 };

static struct {
	unsigned rate, burst;
	int family;
	struct siphash_key key;
	uint64_t paid[LEVELS][FAKE_PEERS]; /* until when, in parts */
	uint64_t over, leaked;		   /* messages */
	uint64_t refused;		   /* datagrams */
} limit;

void fake_rate_set(const struct fake_datagrams *datagrams)
{
	memset(&limit, 0, sizeof(limit));
	limit.rate = datagrams->rate;
	limit.burst = datagrams->burst;
	limit.family = datagrams->family;
	limit.key = datagrams->key;
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

static bool leaks(void)
{
	if (siphash(&limit.key, limit.over++, KIND_DICE) % LEAK != 0)
		return false;
	limit.leaked++;
	return true;
}

bool fake_rate_refuses(unsigned peer, unsigned datagrams)
{
	uint64_t now = fake_time() * limit.rate * PARTS / USEC_PER_SEC;

	if (limit.rate == 0 || limit.family == AF_UNIX)
		return false;
	if (is_over(peer, now)) {
		if (leaks())
			return false;
		limit.refused += datagrams;
		return true;
	}
	for (size_t i = 0; i < LEVELS; i++) {
		uint64_t *paid = paid_of(i, peer);

		*paid = MAX(*paid, now) +
			(uint64_t)datagrams * PARTS / shares[i];
	}
	return false;
}

void fake_rate_check(const struct fake_account *account)
{
	assert(account->limited == limit.refused);
	if (limit.over < ENOUGH)
		return;
	assert(limit.leaked >= limit.over / 16);
	assert(limit.leaked <= limit.over / 2);
}
