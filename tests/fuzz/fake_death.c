/* SPDX-License-Identifier: MIT */
/*
 * The server is killed, at any call, and what the kernel and the service
 * manager make of it: its memory is gone and its descriptors are closed, but
 * for the listener, which is passed on, and the connections that are parked, of
 * which others have duplicates.  Whoever comes next finds these.
 */
#include "config.h"

#include "fuzz/fake_state.h"

#include "common/macros.h"

#include <setjmp.h>

/* The server's at once: connections, buffers, batches. */
#define BLOCKS_MAX 64

static jmp_buf death;
static bool living, doomed;
static unsigned calls_left;

static void *blocks[BLOCKS_MAX];
static unsigned block_count;

/* The real ones: wrapped in fake_call.c, which tells of them here. */
void __real_free(void *block);

void fake_death_reset(void)
{
	living = doomed = false;
	block_count = 0;
}

void fake_kill(unsigned calls)
{
	doomed = true;
	calls_left = calls;
}

void fake_kill_none(void)
{
	doomed = false;
}

void fake_death_call(void)
{
	if (living && doomed && calls_left-- == 0)
		longjmp(death, 1);
}

bool fake_survives(fake_life *life, void *context)
{
	if (setjmp(death) != 0) {
		living = doomed = false;
		return false;
	}
	living = true;
	life(context);
	living = false;
	return true;
}

/* --- Memory --- */

void fake_death_allocated(void *block)
{
	assert(block_count < BLOCKS_MAX);
	blocks[block_count++] = block;
}

void fake_death_freed(const void *block)
{
	for (unsigned i = 0; i < block_count; i++)
		if (blocks[i] == block) {
			blocks[i] = blocks[--block_count];
			return;
		}
}

/* --- Descriptors --- */

static void leave(struct fake_stream *stream)
{
	stream->told = stream->served = stream->stuck = false;
	stream->rounds = stream->spans = 0;
	stream->active = stream->unread_since = fake_time();
}

void fake_bury(void)
{
	for (int fd = FAKE_FIRST; fd < FAKE_FIRST + FAKE_DESCRIPTORS; fd++) {
		struct fake_file *file = fake_file_look(fd);

		if (file->registered)
			fake_unregister(file);
		if (file->kind == FAKE_LISTENER || file->kind == FAKE_FREE)
			continue;
		if (file->stream && file->stream->parked) {
			leave(file->stream);
			continue;
		}
		if (file->stream)
			file->stream->struck = true;
		(void)fake_close(fd);
	}
	while (block_count > 0)
		__real_free(blocks[--block_count]);
}

void fake_park(int fd)
{
	fake_file(fd, FAKE_STREAM)->stream->parked = true;
}
