/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/message.h"

#include "echoping/pattern.h"

#include <endian.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Successive bodies start so far apart: an odd number of cache lines. */
#define BODY_STRIDE 4799

static void write_header(unsigned char header[MESSAGE_HEADER_SIZE],
			 uint64_t sequence, uint64_t nonce)
{
	uint64_t words[2] = { htole64(sequence), htole64(nonce) };

	memcpy(header, words, MESSAGE_HEADER_SIZE);
}

static uint64_t body_position(uint64_t sequence)
{
	return sequence % PATTERN_PERIOD * BODY_STRIDE;
}

void message_write(unsigned char *bytes, size_t size, uint64_t sequence,
		   uint64_t nonce)
{
	unsigned char header[MESSAGE_HEADER_SIZE];
	uint64_t position = body_position(sequence);

	write_header(header, sequence, nonce);
	memcpy(bytes, header, MIN(size, sizeof(header)));
	for (size_t at = sizeof(header); at < size; at += PATTERN_SPAN)
		memcpy(bytes + at, pattern_at(position + at - sizeof(header)),
		       MIN(size - at, (size_t)PATTERN_SPAN));
}

uint64_t message_sequence(const unsigned char *bytes, size_t size,
			  uint64_t newest)
{
	size_t length = MIN(size, (size_t)MESSAGE_SEQUENCE_SIZE);
	uint64_t low = 0, turn;

	memcpy(&low, bytes, length);
	low = le64toh(low);
	if (length == MESSAGE_SEQUENCE_SIZE)
		return low;
	turn = UINT64_C(1) << (8 * length);
	low += newest & ~(turn - 1);
	return low > newest && low >= turn ? low - turn : low;
}

bool message_is_ours(const unsigned char *bytes, size_t size, uint64_t nonce)
{
	uint64_t word = htole64(nonce);

	if (size <= MESSAGE_SEQUENCE_SIZE)
		return true;
	return memcmp(bytes + MESSAGE_SEQUENCE_SIZE, &word,
		      MIN(size - MESSAGE_SEQUENCE_SIZE, sizeof(word))) == 0;
}

size_t message_mismatch(const unsigned char *bytes, size_t size,
			uint64_t sequence, uint64_t nonce)
{
	unsigned char header[MESSAGE_HEADER_SIZE];
	size_t length = MIN(size, sizeof(header));

	write_header(header, sequence, nonce);
	if (memcmp(bytes, header, length) == 0)
		return length + pattern_mismatch(body_position(sequence),
						 bytes + length, size - length);
	for (length = 0; bytes[length] == header[length]; length++)
		;
	return length;
}

bool message_has_body(const unsigned char *bytes, size_t size,
		      uint64_t sequence)
{
	size_t length = size - MESSAGE_HEADER_SIZE;

	return size > MESSAGE_HEADER_SIZE &&
	       pattern_mismatch(body_position(sequence),
				bytes + MESSAGE_HEADER_SIZE, length) == length;
}

uint64_t message_nonce(void)
{
	uint64_t nonce;
	struct timespec now;

	if (getrandom(&nonce, sizeof(nonce), GRND_NONBLOCK) == sizeof(nonce))
		return nonce;
	/* Early at boot: only other runs are to be told apart. */
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^
	       (uint64_t)getpid() << 20;
}
