/* SPDX-License-Identifier: MIT */
/*
 * What all checks have in common.  A check asks one target one thing, waits for
 * nothing longer than --timeout, and verifies every byte that comes back.
 * Private to conformance, as are the other conformance_*.h.
 */
#ifndef ECHOPING_CONFORMANCE_CHECK_H
#define ECHOPING_CONFORMANCE_CHECK_H

#include "echoping/report.h"

#include <stdbool.h>

enum verdict {
	VERDICT_OK,
	VERDICT_FAILED,
	VERDICT_NOT_APPLICABLE, /* cannot be seen from here, or not done here */
};
#define VERDICT_COUNT 3

#define CHECK_DETAIL_MAX 256

struct check {
	const struct target *target;
	const struct settings *settings;
	const struct source *source;
	uint64_t nonce;	   /* of the datagrams of this run */
	uint64_t sequence; /* of the datagram sent last */
	char detail[CHECK_DETAIL_MAX];
};

typedef enum verdict check_function(struct check *check);

/* The verdict, with what is to be said about it. */
enum verdict check_conclude(struct check *check, enum verdict verdict,
			    const char *format, ...) PRINTF_LIKE(3, 4);

#define CHECK_OK(check, ...) check_conclude(check, VERDICT_OK, __VA_ARGS__)
#define CHECK_FAILED(check, ...)                                               \
	check_conclude(check, VERDICT_FAILED, __VA_ARGS__)
#define CHECK_SKIPPED(check, ...)                                              \
	check_conclude(check, VERDICT_NOT_APPLICABLE, __VA_ARGS__)

/*
 * How long nothing must happen to be sure that nothing will: not a timeout, by
 * which a slow path would be judged, but long enough after a later question has
 * been answered.
 */
uint64_t check_grace(const struct check *check);

/* Does the service answer an ordinary message, rightly or not? */
bool check_is_answered(struct check *check);

/* Streams: conformance_check_stream.c, _end.c, _load.c, _tcp.c */
check_function check_long_messages, check_slow_reader, check_stream_bytes;
check_function check_fin_at_once, check_fin_then_read, check_fin_read_late,
	check_reset;
check_function check_never_reads, check_fairness;
check_function check_urgent, check_small_writes, check_small_replies;

/* Datagrams: conformance_check_datagram.c, _address.c, _port.c, _source.c */
check_function check_largest, check_empty, check_bursts, check_closed_port,
	check_datagram_bytes;
check_function check_reply_address, check_broadcast, check_multicast;
check_function check_port_0, check_low_port, check_own_port, check_high_ports;
check_function check_source_unspecified, check_source_mapped,
	check_source_compatible, check_source_own;

/* Unix sockets: conformance_check_unix.c */
check_function check_passed_descriptors, check_records, check_unix_datagrams;

#endif
