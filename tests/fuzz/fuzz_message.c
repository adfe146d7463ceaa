/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a reply.
 *
 * Of the input 8 bytes are the newest sequence number, 8 are the nonce, and one
 * tells whether the others are the reply, or what was changed in one that was
 * good.  What is found is compared with what would have been sent.
 */
#include "config.h"

#include "echoping/message.h"
#include "echoping/pattern.h"
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/* Exactly so large: who reads behind it is seen by sanitizers. */
static unsigned char *message_make(size_t size, uint64_t sequence,
				   uint64_t nonce)
{
	unsigned char *bytes = malloc(size > 0 ? size : 1);

	assert(bytes);
	message_write(bytes, size, sequence, nonce);
	return bytes;
}

static void check_sequence(const unsigned char *reply, size_t size,
			   uint64_t newest)
{
	uint64_t sequence = message_sequence(reply, size, newest);
	size_t length = MIN(size, (size_t)MESSAGE_SEQUENCE_SIZE);
	uint64_t last =
		length < 8 ? (UINT64_C(1) << (8 * length)) - 1 : UINT64_MAX;

	/* Its bytes, in the only place where they can be. */
	for (size_t i = 0; i < length; i++)
		assert((sequence >> (8 * i) & 0xff) == reply[i]);
	if (sequence <= newest)
		assert(newest - sequence <= last);
	else
		assert(sequence <= last);
}

static void check_reply(const unsigned char *reply, size_t size,
			uint64_t sequence, uint64_t nonce)
{
	unsigned char *sent = message_make(size, sequence, nonce);
	size_t nonce_size = MIN(MAX(size, 8), 16) - 8;
	size_t wrong = message_mismatch(reply, size, sequence, nonce);

	assert(wrong <= size);
	assert(memcmp(reply, sent, wrong) == 0);
	assert(wrong == size || reply[wrong] != sent[wrong]);
	if (size > 0)
		assert(message_is_ours(reply, size, nonce) ==
		       (memcmp(reply + MIN(size, 8), sent + MIN(size, 8),
			       nonce_size) == 0));
	free(sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fill none;
	uint64_t newest, nonce, sequence;
	unsigned char *reply;
	bool changes;

	if (size < 17)
		return 0;
	if (pattern_bytes[0] == 0)
		pattern_init(&none);
	memcpy(&newest, data, 8);
	memcpy(&nonce, data + 8, 8);
	changes = data[16] & 1;
	sequence = newest - (data[16] >> 1);
	data += 17;
	size -= 17;
	reply = message_make(size, sequence, nonce);
	for (size_t i = 0; i < size; i++)
		reply[i] = changes ? reply[i] ^ data[i] : data[i];
	check_sequence(reply, size, newest);
	check_reply(reply, size, sequence, nonce);
	check_reply(reply, size, message_sequence(reply, size, newest), nonce);
	free(reply);
	return 0;
}
