/* SPDX-License-Identifier: MIT */
/*
 * Counters.  One table names them all; STATUS=, SIGUSR1 and the summaries of
 * trouble in the log are made from it.
 *
 * Each thread owns one `struct stats` and is its only writer, so that counting
 * is a plain load and store; anyone may read, at any time, a value that was
 * true a moment ago.
 */
#ifndef ECHOD_STATS_H
#define ECHOD_STATS_H

#include "common/macros.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* X(NAME, is it trouble that the operator should hear of?, help) */
#define COUNTERS(X)                                                            \
	X(connections_accepted, false, "streams accepted or passed in")        \
	X(connections_closed, false, "streams ended, for whatever reason")     \
	X(connections_adopted, false, "streams taken over at a start")         \
	X(connections_idled, false, "streams ended by --idle-timeout")         \
	X(connections_evicted, true,                                           \
	  "idle streams ended to make room at --max-connections")              \
	X(connections_refused_source, true,                                    \
	  "newcomers reset at --max-connections-per-source")                   \
	X(connections_stalled, true,                                           \
	  "streams reset because they took less than --min-progress")          \
	X(connections_reset, true,                                             \
	  "streams reset by echod with bytes unread or unsent")                \
	X(accept_limited, true, "pauses at --max-connections")                 \
	X(accept_starved, true, "pauses for want of descriptors or memory")    \
	X(accept_failed, false, "connections that failed before acceptance")   \
	X(connections_unparked, true, "streams that could not be handed over") \
	X(parking_starved, true,                                               \
	  "waits to be parked for want of room in queues or of memory")        \
	X(bytes_received, false, "bytes received on streams")                  \
	X(bytes_sent, false, "bytes sent on streams")                          \
	X(buffer_limited, true, "waits of slow readers at --buffer-limit")     \
	X(datagrams_received, false, "datagrams received")                     \
	X(datagrams_sent, false, "datagrams echoed")                           \
	X(datagrams_refused_group, true,                                       \
	  "datagrams to a broadcast or multicast address")                     \
	X(datagrams_refused_source, true,                                      \
	  "datagrams from an address that no host has")                        \
	X(datagrams_refused_own, true,                                         \
	  "datagrams from the network with an address of ours as source")      \
	X(datagrams_refused_port, true,                                        \
	  "datagrams from a port of services, or one of ours")                 \
	X(datagrams_refused_ttl, true,                                         \
	  "datagrams whose TTL leaves none for a reply (--loop-ttl)")          \
	X(datagrams_refused_rate, true,                                        \
	  "datagrams from sources that send more than --udp-rate")             \
	X(datagrams_refused_unnamed, true,                                     \
	  "datagrams without an address to answer to")                         \
	X(datagrams_refused_long, true,                                        \
	  "datagrams longer than the receive buffer")                          \
	X(receive_starved, true,                                               \
	  "pauses because datagrams could not be received")                    \
	X(datagrams_unsent, true, "echoes that the kernel did not send")       \
	X(datagrams_overflowed, true,                                          \
	  "datagrams lost in a full receive queue before echod saw them")

enum counter {
#define X(name, trouble, help) COUNTER_##name,
	COUNTERS(X)
#undef X
	COUNTER_COUNT
};

struct counter_description {
	const char *name;
	bool trouble;
	const char *help;
};

extern const struct counter_description stats_table[COUNTER_COUNT];

struct stats {
	_Alignas(CACHE_LINE) atomic_uint_least64_t values[COUNTER_COUNT];
};

/* A moment's values of one or, summed up, several `struct stats`. */
struct stats_snapshot {
	uint64_t values[COUNTER_COUNT];
};

#define STATS_COUNT(stats, name, amount)                                       \
	stats_add((stats), COUNTER_##name, (amount))

/* For the owner only: not a read-modify-write, hence no locked instruction. */
static inline void stats_add(struct stats *stats, enum counter counter,
			     uint64_t amount)
{
	atomic_uint_least64_t *value = &stats->values[counter];

	atomic_store_explicit(
		value,
		atomic_load_explicit(value, memory_order_relaxed) + amount,
		memory_order_relaxed);
}

/* Add the present values to the snapshot. */
void stats_collect(const struct stats *stats, struct stats_snapshot *sum);

bool stats_differ(const struct stats_snapshot *a,
		  const struct stats_snapshot *b);

/* All datagrams that were received and deliberately not answered. */
uint64_t stats_refused(const struct stats_snapshot *snapshot);

#endif
