/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/limiter.h"

#include <endian.h>
#include <netinet/in.h>
#include <string.h>

/* Of the layout, the clock and the hash. */
#define LIMITER_VERSION 1

/* Of a datagram at the rate. */
#define UNITS 1024

#define TAG_SHIFT   40
#define MOMENT_MASK ((UINT64_C(1) << TAG_SHIFT) - 1)
#define TURN_SHIFT  (TAG_SHIFT - 1)

/* A message is of at most 64 KiB, and its datagrams of at least a byte. */
#define TRAIN_MAX 65536

/* Over the limit one message of so many is answered. */
#define LEAK 4

/*
 * What is hashed besides the network: family, bits of the network, half turn.
 * Or, to throw dice, besides a number.
 */
#define KIND_IPV4  1
#define KIND_IPV6  2
#define KIND_DICE  0
#define KIND_SHIFT 8

_Static_assert(sizeof(struct limiter_bucket) == CACHE_LINE &&
		       sizeof(struct limiter_known) == CACHE_LINE,
	       "an entry is found in one line of the cache");
_Static_assert((LIMITER_BURST_MAX + LIMITER_RATE_MAX + TRAIN_MAX) *
			       UINT64_C(1024) <
		       UINT64_C(1) << TURN_SHIFT,
	       "what is owed is less than half a turn of the clock");

static const struct {
	unsigned units;	     /* that a datagram adds */
	unsigned ipv4, ipv6; /* bits of the network, whole bytes */
} levels[LIMITER_LEVELS] = {
	{ UNITS, 32, 64 },
	{ UNITS / 32, 24, 48 },
	{ UNITS / 1024, 16, 32 },
};

/* An address: its first 64 bits in host byte order, or its 32 and zeros. */
struct source {
	uint64_t bits;
	uint64_t family; /* its kind; 0: it is not to be limited */
};

void limiter_init(struct limiter *limiter, struct limiter_table *table,
		  const struct limiter_rate *rate,
		  const struct siphash_key *key)
{
	uint64_t burst = (uint64_t)rate->burst * UNITS;

	*limiter = (struct limiter){
		.table = table,
		.rate = rate->rate,
		/* A second, by which the clocks of threads may differ. */
		.debt_max = burst + (rate->rate + TRAIN_MAX) * UINT64_C(1024),
	};
	/* There must be room for one datagram more. */
	for (size_t i = 0; i < LIMITER_LEVELS; i++)
		limiter->tolerated[i] = burst - levels[i].units;
	table->head = (struct limiter_head){
		.version = LIMITER_VERSION,
		.rate = *rate,
		.key = *key,
	};
}

/* Cut in two, as the product would not fit. */
static uint64_t units_of(const struct limiter *limiter, uint64_t usec)
{
	uint64_t per_second = limiter->rate * UNITS;

	return usec / USEC_PER_SEC * per_second +
	       usec % USEC_PER_SEC * per_second / USEC_PER_SEC;
}

/* What is owed to the end of this word's moment. */
static uint64_t debt_of(const struct limiter *limiter, uint64_t word,
			uint64_t now)
{
	uint64_t ahead = (word - now) & MOMENT_MASK;

	return ahead <= limiter->debt_max ? ahead : 0;
}

bool limiter_continue(struct limiter *limiter, const struct limiter_head *left)
{
	struct limiter_head *head = &limiter->table->head;

	if (left->version != head->version ||
	    left->rate.rate != head->rate.rate ||
	    left->rate.burst != head->rate.burst)
		return false;
	head->key = left->key;
	return true;
}

/* With all entries: those that are not used stay behind the others. */
static void bucket_take(struct limiter_bucket *bucket, const uint64_t *words)
{
	for (size_t i = 0; i < LIMITER_BUCKET_SIZE; i++)
		atomic_store_explicit(&bucket->entries[i], words[i],
				      memory_order_relaxed);
}

void limiter_take(struct limiter *limiter, size_t first, const uint64_t *words,
		  size_t count, uint64_t usec)
{
	uint64_t now = units_of(limiter, usec);

	for (size_t i = 0; i < count; i++, words += LIMITER_BUCKET_SIZE) {
		uint64_t debt = 0;

		for (size_t j = 0; j < LIMITER_BUCKET_SIZE; j++)
			debt |= debt_of(limiter, words[j], now);
		/* Of those without debts no memory is used. */
		if (debt > 0)
			bucket_take(&limiter->table->buckets[first + i], words);
	}
}

void limiter_judge_init(struct limiter_judge *judge, struct limiter *limiter)
{
	*judge = (struct limiter_judge){ .limiter = limiter };
}

static struct source source_of4(const void *address)
{
	uint32_t bits;

	memcpy(&bits, address, sizeof(bits));
	bits = ntohl(bits);
	return (struct source){
		.bits = (uint64_t)bits << 32,
		.family = bits >> 24 == IN_LOOPBACKNET ? 0 : KIND_IPV4,
	};
}

static struct source source_of6(const struct in6_addr *address)
{
	uint64_t bits;

	if (IN6_IS_ADDR_V4MAPPED(address))
		return source_of4(&address->s6_addr32[3]);
	memcpy(&bits, address, sizeof(bits));
	return (struct source){
		.bits = be64toh(bits),
		.family = IN6_IS_ADDR_LOOPBACK(address) ? 0 : KIND_IPV6,
	};
}

static struct source source_of(const struct sockaddr *peer)
{
	const void *any = peer;
	const struct sockaddr_in *in = any;
	const struct sockaddr_in6 *in6 = any;
	sa_family_t family;

	/* Copied, as whoever calls may know it as another type. */
	memcpy(&family, &peer->sa_family, sizeof(family));
	if (family == AF_INET)
		return source_of4(&in->sin_addr);
	if (family == AF_INET6)
		return source_of6(&in6->sin6_addr);
	return (struct source){ 0 };
}

static uint64_t entry_load(const atomic_uint_least64_t *entry)
{
	return atomic_load_explicit(entry, memory_order_relaxed);
}

/* An entry of its own has a tag: what was never used is nobody's. */
static void place_find(struct limiter_place *place,
		       const struct limiter *limiter, uint64_t network,
		       uint64_t kind)
{
	struct limiter_table *table = limiter->table;
	uint64_t hash = siphash(&table->head.key, network, kind);

	place->entry = table->buckets[hash % LIMITER_BUCKETS].entries;
	/* All three are on their way while the next is hashed. */
	__builtin_prefetch(place->entry, 1);
	place->tag = (hash | UINT64_C(1) << TAG_SHIFT) & ~MOMENT_MASK;
}

/* Of the networks that the last source was in, it is perhaps in some, too. */
static COLD void judge_learn(struct limiter_judge *judge,
			     struct limiter_known *known, uint64_t bits,
			     uint64_t kind)
{
	bool ipv4 = (kind & KIND_IPV4) != 0;
	/* A copy, as it may be the one that is forgotten. */
	struct limiter_known last = judge->known[judge->last];

	known->bits = bits;
	known->kind = kind;
	for (size_t i = 0; i < LIMITER_LEVELS; i++) {
		unsigned length = ipv4 ? levels[i].ipv4 : levels[i].ipv6;
		unsigned rest = 64 - length;

		if (last.kind == kind && (last.bits ^ bits) >> rest == 0)
			known->places[i] = last.places[i];
		else
			place_find(&known->places[i], judge->limiter,
				   bits >> rest << rest, kind | length);
	}
}

/*
 * Where a source is remembered: not keyed, for who chooses to be where another
 * one is only has both hashed more often.
 */
static size_t known_index(uint64_t bits)
{
	uint32_t mixed = (uint32_t)(bits ^ bits >> 32);

	mixed *= UINT32_C(2654435769); /* Knuth's multiplicative hashing */
	return mixed / (UINT32_MAX / LIMITER_KNOWN + 1);
}

static struct limiter_known *judge_look_up(struct limiter_judge *judge,
					   struct source source)
{
	size_t index = known_index(source.bits);
	struct limiter_known *known = &judge->known[index];
	uint64_t kind = judge->turn | source.family;

	if (known->bits != source.bits || known->kind != kind)
		judge_learn(judge, known, source.bits, kind);
	judge->last = index;
	return known;
}

/* All that its bucket has. */
static atomic_uint_least64_t *place_bucket(const struct limiter_place *place,
					   const struct limiter *limiter)
{
	struct limiter_bucket *buckets = limiter->table->buckets;
	size_t position = (size_t)(place->entry - buckets->entries);

	return buckets[position / LIMITER_BUCKET_SIZE].entries;
}

/*
 * It is not where it was last: find its entry, or else one that is free, or
 * that of who owes least.  Returns what is owed.
 */
static uint64_t place_search(struct limiter_place *place,
			     const struct limiter *limiter, uint64_t now)
{
	atomic_uint_least64_t *bucket = place_bucket(place, limiter);
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < LIMITER_BUCKET_SIZE; i++) {
		uint64_t word = entry_load(&bucket[i]);
		/* They are filled from the first on: the rest is free, too. */
		bool last = word == 0;
		uint64_t debt = last ? 0 : debt_of(limiter, word, now);

		if ((word & ~MOMENT_MASK) == place->tag) {
			place->entry = &bucket[i];
			return debt;
		}
		if (debt < least) {
			least = debt;
			place->entry = &bucket[i];
		}
		if (last)
			break;
	}
	return 0;
}

/* What the source owes here. */
static uint64_t place_debt(struct limiter_place *place,
			   const struct limiter *limiter, uint64_t now)
{
	uint64_t word = entry_load(place->entry);

	if ((word & ~MOMENT_MASK) == place->tag)
		return debt_of(limiter, word, now);
	return place_search(place, limiter, now);
}

static bool judge_leaks(struct limiter_judge *judge)
{
	const struct siphash_key *key = &judge->limiter->table->head.key;

	return siphash(key, judge->refusals++, KIND_DICE) % LEAK == 0;
}

static void judge_set_clock(struct limiter_judge *judge, uint64_t usec)
{
	judge->usec = usec;
	judge->now = units_of(judge->limiter, usec);
	judge->turn = judge->now >> TURN_SHIFT << KIND_SHIFT;
}

static APART bool judge_refuses(struct limiter_judge *judge,
				struct source source, unsigned datagrams)
{
	const struct limiter *limiter = judge->limiter;
	struct limiter_place *places = judge_look_up(judge, source)->places;
	uint64_t paid[LIMITER_LEVELS];

	for (size_t i = 0; i < LIMITER_LEVELS; i++) {
		uint64_t debt = place_debt(&places[i], limiter, judge->now);

		if (debt > limiter->tolerated[i])
			return !judge_leaks(judge);
		paid[i] = judge->now + debt +
			  (uint64_t)datagrams * levels[i].units;
	}
	for (size_t i = 0; i < LIMITER_LEVELS; i++)
		atomic_store_explicit(places[i].entry,
				      places[i].tag | (paid[i] & MOMENT_MASK),
				      memory_order_relaxed);
	return false;
}

bool limiter_refuses(struct limiter_judge *judge, const struct sockaddr *peer,
		     unsigned datagrams, uint64_t usec)
{
	struct source source;

	if (!judge->limiter)
		return false;
	source = source_of(peer);
	if (source.family == 0)
		return false;
	if (judge->usec != usec)
		judge_set_clock(judge, usec);
	return judge_refuses(judge, source, datagrams);
}
