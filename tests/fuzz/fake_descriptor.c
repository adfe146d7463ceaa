/* SPDX-License-Identifier: MIT */
/*
 * The table of descriptors.  As in Linux a new one is the lowest that is free,
 * so that one which is used after it was closed soon is another's.
 */
#include "config.h"

#include "fuzz/fake_state.h"

static struct fake_file files[FAKE_DESCRIPTORS];
static unsigned opened, limit;

void fake_file_reset(void)
{
	for (unsigned i = 0; i < FAKE_DESCRIPTORS; i++) {
		files[i] = (struct fake_file){ .kind = FAKE_FREE };
		list_init(&files[i].queued);
	}
	opened = 0;
	limit = FAKE_DESCRIPTORS;
}

void fake_limit(unsigned descriptors)
{
	limit = descriptors;
}

bool fake_is_full(void)
{
	return opened >= limit || opened == FAKE_DESCRIPTORS;
}

unsigned fake_open_count(void)
{
	return opened;
}

int fake_file_number(const struct fake_file *file)
{
	return FAKE_FIRST + (int)(file - files);
}

int fake_file_open(enum fake_kind kind)
{
	struct fake_file *file = files;

	if (fake_is_full())
		return fake_fails(EMFILE);
	while (file->kind != FAKE_FREE)
		file++;
	file->kind = kind;
	file->stream = NULL;
	file->registered = false;
	opened++;
	fake_moved();
	return fake_file_number(file);
}

struct fake_file *fake_file_any(int fd)
{
	struct fake_file *file = &files[fd - FAKE_FIRST];

	assert(fd >= FAKE_FIRST && fd < FAKE_FIRST + FAKE_DESCRIPTORS);
	/* Used after it was closed? */
	assert(file->kind != FAKE_FREE);
	return file;
}

struct fake_file *fake_file_look(int fd)
{
	return &files[fd - FAKE_FIRST];
}

struct fake_file *fake_file(int fd, enum fake_kind kind)
{
	struct fake_file *file = fake_file_any(fd);

	assert(file->kind == kind);
	return file;
}

int fake_close(int fd)
{
	struct fake_file *file = fake_file_any(fd);

	if (file->kind == FAKE_STREAM)
		fake_stream_close(file);
	if (file->registered)
		fake_unregister(file);
	file->kind = FAKE_FREE;
	opened--;
	fake_moved();
	return 0;
}
