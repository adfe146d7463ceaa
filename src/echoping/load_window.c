/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/load_window.h"

#include "echoping/message.h"
#include "echoping/report.h"

/* Late replies are told from duplicates for at least so many messages. */
#define RING_MIN 64

static uint32_t ring_length(uint32_t pipeline)
{
	uint32_t length = RING_MIN;

	while (length < 4 * pipeline)
		length *= 2;
	return length;
}

size_t load_window_size(uint32_t pipeline)
{
	return sizeof(struct load_window) +
	       ring_length(pipeline) * sizeof(struct load_sent);
}

void load_window_init(struct load_window *window, uint32_t pipeline)
{
	uint32_t length = ring_length(pipeline);

	*window = (struct load_window){ .mask = length - 1 };
	list_init(&window->waiting);
	for (uint32_t i = 0; i < length; i++) {
		window->ring[i] = (struct load_sent){ 0 };
		list_init(&window->ring[i].link);
	}
}

struct load_sent *load_window_add(struct load_window *window, uint64_t now,
				  uint64_t due)
{
	struct load_sent *sent;

	do
		sent = &window->ring[++window->newest & window->mask];
	while (sent->state == SENT_UNDER_WAY);
	sent->sequence = window->newest;
	sent->sent = now;
	sent->due = due;
	sent->counted = true;
	sent->state = SENT_UNDER_WAY;
	list_append(&window->waiting, &sent->link);
	window->under_way++;
	return sent;
}

static void settle(struct load_window *window, struct load_sent *sent)
{
	list_remove(&sent->link);
	window->under_way--;
}

void load_window_undo(struct load_window *window, struct load_sent *sent)
{
	settle(window, sent);
	sent->state = SENT_NEVER;
}

struct load_sent *load_window_oldest(struct load_window *window)
{
	if (list_is_empty(&window->waiting))
		return NULL;
	return container_of(window->waiting.next, struct load_sent, link);
}

void load_window_lose(struct load_window *window, struct load_sent *sent)
{
	settle(window, sent);
	sent->state = SENT_LOST;
	window->missing++;
}

void load_window_forget(struct load_window *window)
{
	for (uint32_t i = 0; i <= window->mask; i++)
		window->ring[i].counted = false;
}

/* An empty message has no number: it answers the oldest. */
static uint64_t sequence_of(struct load_window *window,
			    const unsigned char *bytes, size_t size)
{
	const struct load_sent *oldest = load_window_oldest(window);

	if (size == 0)
		return oldest ? oldest->sequence : window->newest;
	return message_sequence(bytes, size, window->newest);
}

static unsigned answer(struct load_window *window, struct load_sent *sent,
		       bool *first)
{
	unsigned fault = 0;

	*first = sent->state == SENT_UNDER_WAY;
	if (sent->state == SENT_ANSWERED)
		return FAULT_DUPLICATE;
	if (sent->state == SENT_LOST) {
		window->missing--;
		fault = FAULT_LATE;
	} else {
		settle(window, sent);
		fault = sent->sequence < window->highest ? FAULT_REORDERED : 0;
		window->highest = MAX(window->highest, sent->sequence);
	}
	sent->state = SENT_ANSWERED;
	return fault;
}

/* The places of what it may answer have been taken by others. */
static unsigned answer_forgotten(struct load_window *window)
{
	if (window->missing == 0)
		return FAULT_DUPLICATE;
	window->missing--;
	return FAULT_LATE;
}

unsigned load_window_judge(struct load_window *window,
			   const unsigned char *bytes, size_t size,
			   size_t expected, uint64_t nonce,
			   struct load_sent **sent, bool *first)
{
	uint64_t sequence = sequence_of(window, bytes, size);
	struct load_sent *found = &window->ring[sequence & window->mask];
	unsigned wrong = 0;

	*sent = NULL;
	*first = false;
	if (!message_is_ours(bytes, size, nonce))
		return FAULT_FOREIGN;
	if (sequence > window->newest || sequence == 0)
		return size < MESSAGE_HEADER_SIZE ? FAULT_FOREIGN
						  : FAULT_CORRUPT;
	if (size > expected ||
	    message_mismatch(bytes, size, sequence, nonce) < size)
		wrong = FAULT_CORRUPT;
	else if (size < expected)
		wrong = FAULT_TRUNCATED;
	if (found->sequence != sequence || found->state == SENT_NEVER)
		return wrong | answer_forgotten(window);
	*sent = found;
	return wrong | answer(window, found, first);
}
