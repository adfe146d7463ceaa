/* SPDX-License-Identifier: MIT */
/*
 * What one probe or one datagram carries, so that its echo can be told from
 * all others and be checked to the last byte:
 *
 *   byte  0 ..  7   sequence number, little endian
 *   byte  8 .. 15   nonce, little endian: the run and the flow
 *   byte 16 ..      the pattern, from a position that the sequence chooses
 *
 * A shorter message carries as much of that as fits, the low bytes first; an
 * empty one carries nothing, and is taken for the oldest that is under way.
 */
#ifndef ECHOPING_MESSAGE_H
#define ECHOPING_MESSAGE_H

#include "common/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_SEQUENCE_SIZE 8
#define MESSAGE_HEADER_SIZE   16

/* Write the message with this number, `size` bytes. */
void message_write(unsigned char *bytes, size_t size, uint64_t sequence,
		   uint64_t nonce);

/*
 * The number that a reply of `size` bytes carries, completed from `newest`, the
 * number that was sent last: of those with the same low bytes the greatest that
 * is not above it (or, if there is none, what the bytes say).  That is `newest`
 * for an empty one, and for a whole sequence, 8 bytes, whatever it says: also
 * what was never sent.
 */
uint64_t message_sequence(const unsigned char *bytes, size_t size,
			  uint64_t newest);

/* Is the nonce, as far as there is room for one, this one? */
bool message_is_ours(const unsigned char *bytes, size_t size, uint64_t nonce);

/* The first byte that is not as it was sent; `size` if all are. */
size_t message_mismatch(const unsigned char *bytes, size_t size,
			uint64_t sequence, uint64_t nonce);

/* Is there a body, and is it whole, whatever the header is? */
bool message_has_body(const unsigned char *bytes, size_t size,
		      uint64_t sequence);

/* A nonce that no other run is likely to have. */
uint64_t message_nonce(void);

#endif
