/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what an earlier instance left.
 *
 * The first byte of the input tells how many threads that instance had (bits 0
 * and 1), whether the others are all that it left, or what was changed in a
 * good record (2), which seal is missing, if any (3 and 4), and whether the
 * record is as long as the input instead of as it should be (6).
 */
#include "config.h"

#include "common/macros.h"
#include "echod/record.h"
#include "fuzz/fuzz.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE_MAX_LEFT 65536

static const int missing_seals[] = { 0, F_SEAL_SHRINK, F_SEAL_GROW,
				     F_SEAL_SEAL };

/* What was left: the memory is exactly so large. */
struct left {
	unsigned char *bytes;
	size_t size;
	int seals;
	struct record_head good; /* as it was before the changes */
};

static void left_make(struct left *left, unsigned how, const uint8_t *data,
		      size_t size)
{
	struct record record;

	assert(record_create(&record, (how & 3) + 1, NULL) == 0);
	left->good = *record.head;
	left->size = how & 0x40 ? size : record.size;
	left->seals = (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) &
		      ~missing_seals[how >> 3 & 3];
	left->bytes = calloc(left->size + 1, 1);
	assert(left->bytes);
	if (!(how & 4))
		memcpy(left->bytes, record.head, MIN(left->size, record.size));
	for (size_t i = 0; i < MIN(size, left->size); i++)
		left->bytes[i] ^= data[i];
	record_close(&record);
}

static int left_open(const struct left *left)
{
	int fd = memfd_create("left", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert(fd >= 0);
	assert(write(fd, left->bytes, left->size) == (ssize_t)left->size);
	assert(left->seals == 0 || fcntl(fd, F_ADD_SEALS, left->seals) == 0);
	return fd;
}

/* Nothing but generation, faults and counters can differ in a good one. */
static bool left_is_good(const struct left *left)
{
	size_t header = offsetof(struct record_head, threads);
	struct record_head head;

	if (left->size < sizeof(head) ||
	    left->seals != (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return false;
	memcpy(&head, left->bytes, sizeof(head));
	return memcmp(&head, &left->good, header) == 0 &&
	       head.counters == left->good.counters &&
	       head.names == left->good.names && head.threads > 0 &&
	       head.table == 0 && head.size == left->size &&
	       left->size - sizeof(head) == head.threads * sizeof(struct stats);
}

static void add_up(const struct left *left, struct stats_snapshot *sum)
{
	size_t offset = sizeof(struct record_head);

	for (; offset < left->size; offset += sizeof(struct stats)) {
		struct stats stats;

		memcpy(&stats, left->bytes + offset, sizeof(stats));
		stats_collect(&stats, sum);
	}
}

static void check_continued(struct record *record, const struct left *left)
{
	struct stats_snapshot expected = { 0 }, sum = { 0 }, nothing = { 0 };
	const uint64_t *faults = record->head->faults;
	struct record_head head;

	memcpy(&head, left->bytes, sizeof(head));
	add_up(left, &expected);
	stats_collect(record_stats(record, 0), &sum);
	assert(!stats_differ(&sum, &nothing) || head.generation != 0);
	if (head.generation == 0)
		return;
	assert(!stats_differ(&sum, &expected));
	assert(!stats_differ(&record->continued, &expected));
	assert(record->head->generation == head.generation + 1);
	assert(faults[0] == head.faulted_at);
	for (int i = 1; i < RECORD_FAULTS; i++)
		assert(faults[i] ==
		       (head.faulted_at == 0 ? 0 : head.faults[i - 1]));
}

static void check_untouched(struct record *record)
{
	struct stats_snapshot sum = { 0 }, nothing = { 0 };

	stats_collect(record_stats(record, 0), &sum);
	assert(!stats_differ(&sum, &nothing));
	assert(!stats_differ(&record->continued, &nothing));
	assert(record->head->generation == 1);
	assert(record->head->faults[0] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record record;
	struct left left;
	bool good;
	int fd;

	if (size == 0 || size > SIZE_MAX_LEFT)
		return 0;
	left_make(&left, data[0], data + 1, size - 1);
	fd = left_open(&left);
	good = left_is_good(&left);
	assert(record_create(&record, 1, NULL) == 0);
	/* Twice: the same record may have been left twice. */
	for (int i = 0; i < 2; i++) {
		assert(record_continue(&record, fd) == good);
		if (good)
			check_continued(&record, &left);
		else
			check_untouched(&record);
	}
	(void)record_is_poisoned(&record);
	record_absolve(&record);
	assert(!record_is_poisoned(&record));
	record_close(&record);
	close(fd);
	free(left.bytes);
	return 0;
}
